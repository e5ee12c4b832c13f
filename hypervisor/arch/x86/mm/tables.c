/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling in our own page tables. The only writer of them besides boot/head.S.
 */
#include <arch/x86/mm/tables.h>
#include <asm/system.h>
#include <boot/memmap.h>
#include <mm/heap.h>

static bool use_heap;

void __init tables_use_heap(void) { use_heap = true; }

struct page_table *table_alloc(void)
{
    struct page_table *t;

    if (use_heap)
        return page_alloc(0);
    /* The boot's first tables reach 4 GB. */
    t = paddr_to_virt(memmap_alloc(PAGE_SIZE, PAGE_SIZE, 1UL << 32));
    memset(t, 0, PAGE_SIZE);
    return t;
}

static bool has_1gb_pages(void)
{
    static int known = -1;

    /* AMD APM vol. 3, Fn8000_0001_EDX[26] */
    if (known < 0)
        known = cpuid_count(0x80000001, 0).d >> 26 & 1;
    return known;
}

u64 *table_entry_make(struct page_table *t, unsigned int top, unsigned long va, unsigned int level, u64 flags)
{
    for (; top > level; top--) {
        u64 *e = &t->e[pt_index(va, top)];

        if (!(*e & PTE_P)) {
            struct page_table *below = table_alloc();

            if (!below)
                return NULL;
            *e = virt_to_paddr(below) | PTE_P | PTE_RW | PTE_A | (flags & PTE_US);
        }
        t = paddr_to_virt(*e & PTE_ADDR);
    }
    return &t->e[pt_index(va, level)];
}

u64 *table_entry(struct page_table *t, unsigned long va, unsigned int *level)
{
    for (*level = 4;; --*level) {
        u64 *e = &t->e[pt_index(va, *level)];

        if (*level == 1 || !(*e & PTE_P) || *e & PTE_PS)
            return e;
        t = paddr_to_virt(*e & PTE_ADDR);
    }
}

static unsigned int level_for(unsigned long va, paddr_t pa, u64 size)
{
    unsigned int level = has_1gb_pages() ? 3 : 2;

    while (level > 1 && ((va | pa) & (TABLE_SPAN(level) - 1) || size < TABLE_SPAN(level)))
        level--;
    return level;
}

int map_range(struct page_table *root, unsigned long va, paddr_t pa, u64 size, u64 flags)
{
    while (size) {
        unsigned int level = level_for(va, pa, size);
        u64 *e = table_entry_make(root, 4, va, level, flags);

        if (!e)
            return -ENOMEM;
        *e = pa | flags | (level > 1 ? PTE_PS : 0);
        va += TABLE_SPAN(level);
        pa += TABLE_SPAN(level);
        size -= TABLE_SPAN(level);
    }
    return 0;
}

void unmap_range(struct page_table *root, unsigned long va, u64 size)
{
    unsigned int level;

    for (unsigned long end = va + size; va < end; va = ROUNDDOWN(va, TABLE_SPAN(level)) + TABLE_SPAN(level))
        *table_entry(root, va, &level) = 0;
}
