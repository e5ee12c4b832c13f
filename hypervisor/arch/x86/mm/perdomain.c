/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slot 260, which differs from domain to domain: the tables behind the GDT and LDT windows of its
 * vCPUs. What is in the windows is arch/x86/pv's.
 */
#include <arch/x86/mm/tables.h>
#include <core/domain.h>
#include <mm/heap.h>

#define WINDOW_PAGES (1U << (GDT_LDT_WINDOW_SHIFT - PAGE_SHIFT))

int perdomain_create(struct domain *d)
{
    d->arch.perdomain_l3 = page_alloc(0);
    return d->arch.perdomain_l3 ? 0 : -ENOMEM;
}

u64 *perdomain_ptes(struct domain *d, unsigned int vcpu_id)
{
    return table_entry_make(d->arch.perdomain_l3, 3, GDT_WINDOW((unsigned long)vcpu_id), 1, 0);
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
