/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a test guest, what all types have: the heap, which lies in the image's bss and is mapped
 * from the start, and the walk over the guest's own page tables.
 */
#include "guest.h"

#define HEAP_PAGES 768

static uint8_t heap[HEAP_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static void *free_list[HEAP_PAGES];
static unsigned int free_count;

void heap_init(void)
{
    for (unsigned int i = 0; i < HEAP_PAGES; i++)
        free_list[free_count++] = heap[HEAP_PAGES - 1 - i];
}

void *page_alloc(void)
{
    if (!free_count)
        test_error("out of heap pages");
    return memset(free_list[--free_count], 0, PAGE_SIZE);
}

void page_free(void *page) { free_list[free_count++] = page; }

uint64_t virt_to_mfn(const void *va) { return pfn_to_mfn(virt_to_pfn(va)); }

void *mfn_to_virt(uint64_t mfn) { return pfn_to_virt(mfn_to_pfn(mfn)); }

#ifdef __x86_64__
static unsigned int pt_index(uint64_t va, unsigned int level) { return va >> (PAGE_SHIFT + 9 * (level - 1)) & 511; }

uint64_t *pte_find(uint64_t *l4, uint64_t va, unsigned int level)
{
    uint64_t *table = l4;

    for (unsigned int at = 4; at > level; at--) {
        uint64_t pte = table[pt_index(va, at)];

        if (!(pte & PTE_P))
            return NULL;
        table = mfn_to_virt(PTE_MFN(pte));
    }
    return &table[pt_index(va, level)];
}

uint64_t pte_maddr(const uint64_t *pte) { return virt_to_mfn(pte) << PAGE_SHIFT | ((uint64_t)pte & (PAGE_SIZE - 1)); }

uint64_t *pte_of(const void *va) { return pte_find(kernel_l4, (uint64_t)va, 1); }
#endif
