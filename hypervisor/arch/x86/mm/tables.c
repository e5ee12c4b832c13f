/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling in our own page tables. The only writer of them besides boot/head.S.
 */
#include <arch/x86/mm/tables.h>
#include <asm/system.h>
#include <boot/memmap.h>
#include <lib/lib.h>
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

/* The entry for va in the table of `level`, tables above it made as needed; NULL: no memory. */
static u64 *entry_at(struct page_table *root, unsigned long va, unsigned int level, u64 flags)
{
    struct page_table *t = root;

    for (unsigned int l = 4; l > level; l--) {
        u64 *e = &t->e[pt_index(va, l)];

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

static unsigned int level_for(unsigned long va, paddr_t pa, u64 size)
{
    if (((va | pa) & ((1UL << 30) - 1)) == 0 && size >= 1UL << 30 && has_1gb_pages())
        return 3;
    if (((va | pa) & ((1UL << 21) - 1)) == 0 && size >= 1UL << 21)
        return 2;
    return 1;
}

int map_range(struct page_table *root, unsigned long va, paddr_t pa, u64 size, u64 flags)
{
    while (size) {
        unsigned int level = level_for(va, pa, size);
        u64 step = 1UL << (12 + 9 * (level - 1));
        u64 *e = entry_at(root, va, level, flags);

        if (!e)
            return -ENOMEM;
        *e = pa | flags | (level > 1 ? PTE_PS : 0);
        va += step;
        pa += step;
        size -= step;
    }
    return 0;
}

/* Bytes up to the next border of what one entry of the level maps. */
static u64 to_border(unsigned long va, unsigned int level)
{
    u64 span = 1UL << (12 + 9 * (level - 1));

    return span - (va & (span - 1));
}

void unmap_range(struct page_table *root, unsigned long va, u64 size)
{
    while (size) {
        struct page_table *t = root;
        unsigned int level = 4;
        u64 *e, step;

        for (;; level--) {
            e = &t->e[pt_index(va, level)];
            if (level == 1 || !(*e & PTE_P) || *e & PTE_PS)
                break;
            t = paddr_to_virt(*e & PTE_ADDR);
        }
        *e = 0;
        step = to_border(va, level);
        va += step;
        size -= step < size ? step : size;
    }
}
