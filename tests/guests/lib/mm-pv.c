/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a PV guest. The boot page tables map the image; they themselves are mapped read-only
 * behind it. The frame list is where the note INIT_P2M wants it, or wherever the start info says.
 */
#include "guest.h"

static uint8_t shared_info_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t *p2m;
static uint64_t spare_next;

uint64_t *kernel_l4;

void mm_init(void)
{
    p2m = (uint64_t *)guest.start->mfn_list;
    kernel_l4 = (uint64_t *)guest.start->pt_base;
    heap_init();
    spare_next = guest.start->nr_pages;
}

shared_info_t *map_shared_info(void)
{
    hc_update_va(shared_info_page, guest.start->shared_info | PTE_KRW, UVMF_INVLPG);
    return (shared_info_t *)shared_info_page;
}

uint64_t pfn_to_mfn(uint64_t pfn) { return p2m[pfn]; }

uint64_t mfn_to_pfn(uint64_t mfn) { return ((volatile uint64_t *)MACH2PHYS_VIRT_START)[mfn]; }

uint64_t spare_pfn(void) { return --spare_next; }

long pte_write(uint64_t maddr, uint64_t value)
{
    struct mmu_update update = {.ptr = maddr | MMU_NORMAL_PT_UPDATE, .val = value};

    return hc_mmu_update(&update, 1, NULL, DOMID_SELF);
}

long va_write(const void *va, uint64_t pte) { return hc_update_va(va, pte, UVM_FLUSH); }

long va_protect(const void *va, uint64_t flags) { return va_write(va, pte_make(virt_to_mfn(va), flags)); }

long mmuext(unsigned int cmd, uint64_t mfn)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long mmuext_linear(unsigned int cmd, uint64_t va)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.linear_addr = va};

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

void page_make_ro(void *page)
{
    if (va_protect(page, PTE_KRO))
        test_error("a page of the heap could not be made read-only");
}

void page_make_rw(void *page)
{
    if (va_protect(page, PTE_KRW))
        test_error("a page of the heap could not be made writable");
}

void map_page(uint64_t va, uint64_t mfn, uint64_t flags)
{
    for (unsigned int level = 4; level > 1; level--) {
        uint64_t *entry = pte_find(kernel_l4, va, level);

        if (*entry & PTE_P)
            continue;
        void *table = page_alloc();

        page_make_ro(table);
        if (pte_write(pte_maddr(entry), pte_make(virt_to_mfn(table), PTE_TABLE)))
            test_error("a page table was refused");
    }
    if (pte_write(pte_maddr(pte_find(kernel_l4, va, 1)), pte_make(mfn, flags)))
        test_error("a mapping was refused");
}

uint64_t user_l4_install(void)
{
    uint64_t *l4 = page_alloc();

    l4[0] = kernel_l4[0];
    page_make_ro(l4);
    if (mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)) || mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(l4)))
        test_error("a user page table was refused");
    return virt_to_mfn(l4);
}
