/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of an HVM guest: virtual is physical, from the entry's tables or without any, and a guest
 * frame is all that a guest knows of a frame.
 */
#include "guest.h"

static uint64_t spare_next;

void mm_init(void)
{
    const struct hvm_memmap_table_entry *map = pfn_to_virt(0) + guest.boot->memmap_paddr;

    heap_init();
    for (unsigned int i = 0; i < guest.boot->memmap_entries; i++)
        if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && map[i].addr < 1ul << 31)
            spare_next = (map[i].addr + map[i].size) >> PAGE_SHIFT;
}

uint64_t pfn_to_mfn(uint64_t pfn) { return pfn; }

uint64_t mfn_to_pfn(uint64_t mfn) { return mfn; }

uint64_t spare_pfn(void) { return --spare_next; }

#ifdef __x86_64__
void map_page(uint64_t va, uint64_t mfn, uint64_t flags)
{
    for (unsigned int level = 4; level > 1; level--) {
        uint64_t *entry = pte_find(kernel_l4, va, level);

        if (!(*entry & PTE_P))
            *entry = pte_make(virt_to_mfn(page_alloc()), PTE_TABLE);
        else if (*entry & PTE_PSE)
            test_error("a large page is in the way of a mapping");
    }
    *pte_find(kernel_l4, va, 1) = pte_make(mfn, flags);
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
#endif
