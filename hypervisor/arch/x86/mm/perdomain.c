/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slot 260, which differs from domain to domain: the tables behind the GDT and LDT windows of its
 * vCPUs. What is in the windows is arch/x86/pv's.
 */
#include <asm/paging.h>
#include <core/domain.h>
#include <lib/lib.h>
#include <mm/heap.h>

#define WINDOW_PAGES (1U << (GDT_LDT_WINDOW_SHIFT - PAGE_SHIFT))

int perdomain_create(struct domain *d)
{
    d->arch.perdomain_l3 = page_alloc(0);
    return d->arch.perdomain_l3 ? 0 : -ENOMEM;
}

/* The table behind entry e, made if there is none; NULL: no memory. */
static struct page_table *table_below(u64 *e)
{
    struct page_table *t;

    if (*e & PTE_P)
        return paddr_to_virt(*e & PTE_ADDR);
    t = page_alloc(0);
    if (t)
        *e = virt_to_paddr(t) | PTE_P | PTE_RW | PTE_A;
    return t;
}

u64 *perdomain_ptes(struct domain *d, unsigned int vcpu_id)
{
    unsigned long va = GDT_WINDOW((unsigned long)vcpu_id);
    struct page_table *l2, *l1;

    l2 = table_below(&d->arch.perdomain_l3->e[pt_index(va, 3)]);
    l1 = l2 ? table_below(&l2->e[pt_index(va, 2)]) : NULL;
    return l1 ? &l1->e[pt_index(va, 1)] : NULL;
}

static void free_below(u64 e, unsigned int level)
{
    struct page_table *t = paddr_to_virt(e & PTE_ADDR);

    if (level > 1)
        for (unsigned int i = 0; i < 512; i++)
            if (t->e[i] & PTE_P)
                free_below(t->e[i], level - 1);
    page_free(t, 0);
}

void perdomain_free(struct domain *d)
{
    if (d->arch.perdomain_l3)
        free_below(virt_to_paddr(d->arch.perdomain_l3), 3);
    d->arch.perdomain_l3 = NULL;
}
_Static_assert(WINDOW_PAGES == 32 && 512 % WINDOW_PAGES == 0, "a window lies in one table");
