/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmu_update and update_va_mapping in all their forms, and the machine-to-phys table.
 *
 * Entries of each level are set, changed, cleared and kept; the accessed and dirty bits survive
 * where asked for; batches report how far they came; the flush flags of update_va_mapping are taken
 * and take effect; wrong commands, frames, domains and addresses get the errors that Xen 4.17
 * gives.
 */
#include "lib/guest.h"

const char test_title[] = "mmu_update and update_va_mapping";

/* Whether a user bit and a global bit stand in an L1 entry is up to the hypervisor. */
#define FLAGS(pte) ((pte)&0xfff & ~(PTE_US | PTE_G))

#define AREA 0x10000000ul /* nothing is mapped in slot 0 of the L4 table at first */

static uint64_t frame[2];

static long update(uint64_t ptr, uint64_t val, unsigned int *done, domid_t dom)
{
    struct mmu_update u = {.ptr = ptr, .val = val};

    return hc_mmu_update(&u, 1, done, dom);
}

static void check_l1(void)
{
    uint64_t *pte;
    unsigned int done = 77;

    map_page(AREA, frame[0], PTE_KRW);
    pte = pte_find(kernel_l4, AREA, 1);
    check_eq(*(uint64_t *)AREA, 0x1111);
    check_eq(update(pte_maddr(pte), pte_make(frame[1], PTE_KRW), &done, DOMID_SELF), 0);
    check_eq(done, 1);
    check_eq(mmuext_linear(MMUEXT_INVLPG_LOCAL, AREA), 0);
    check_eq(*(uint64_t *)AREA, 0x2222);
    check_eq(FLAGS(*pte), FLAGS(PTE_KRW));
    check_eq(update(pte_maddr(pte), 0, NULL, DOMID_SELF), 0);
    check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    check_eq(read_fault(AREA), VEC_PF);
    check_eq(last_fault.cr2, AREA);
    check_eq(*pte, 0);
    /* what is not present may hold anything */
    check_eq(update(pte_maddr(pte), 0xfffffffffffffffe, NULL, DOMID_SELF), 0);
    check_eq(*pte, 0xfffffffffffffffe);
    check_eq(update(pte_maddr(pte), 0, NULL, DOMID_SELF), 0);
}

static void check_preserve(void)
{
    uint64_t *pte = pte_find(kernel_l4, AREA, 1);
    uint64_t at = pte_maddr(pte);

    check_eq(pte_write(at, pte_make(frame[0], PTE_P | PTE_RW | PTE_US)), 0);
    check_eq(*pte & (PTE_A | PTE_D), 0);
    *(volatile uint64_t *)AREA = 0x1111;
    check_eq(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    check_eq(update(at | MMU_PT_UPDATE_PRESERVE_AD, pte_make(frame[0], PTE_P | PTE_US), NULL, DOMID_SELF), 0);
    check_eq(FLAGS(*pte), PTE_P | PTE_A | PTE_D);
    check_eq(update(at | MMU_PT_UPDATE_PRESERVE_AD, pte_make(frame[1], PTE_P | PTE_US), NULL, DOMID_SELF), 0);
    check_eq(FLAGS(*pte), PTE_P | PTE_A | PTE_D);
    check_eq(update(at | MMU_PT_UPDATE_NO_TRANSLATE, pte_make(frame[0], PTE_KRW), NULL, DOMID_SELF), 0);
    check_eq(PTE_MFN(*pte), frame[0]);
    check_eq(update(at, 0, NULL, DOMID_SELF), 0);
}

/* The caching and software bits that an L1 entry may carry. */
static void check_flags(void)
{
    uint64_t *pte = pte_find(kernel_l4, AREA, 1), at = pte_maddr(pte);
    long caching = guest.is_dom0 ? 0 : -XEN_EINVAL;

    for (unsigned int bits = 0; bits < 8; bits++) {
        uint64_t avail = (uint64_t)bits << 9;

        check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | avail)), 0);
        check_eq(FLAGS(*pte), FLAGS(PTE_KRW | avail));
    }
    /* without devices a domain has no say in caching */
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | PTE_PCD)), caching);
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | PTE_PCD | PTE_PWT)), caching);
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | PTE_PSE)), caching); /* PAT bit */
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | PTE_G)), 0);
    check_eq(pte_write(at, pte_make(frame[0], PTE_P | PTE_RW | PTE_A | PTE_D)), 0);
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | PTE_NX)), 0);
    check_eq(*pte >> 63, 1);
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | 1ul << 52)), 0);
    check_eq(pte_write(at, pte_make(frame[0], PTE_KRW | 0x7fful << 52)), 0);
    check_eq(*pte >> 52, 0x7ff);
    check_eq(pte_write(at, 0), 0);
}

static void check_upper(void)
{
    uint64_t *l2e = pte_find(kernel_l4, AREA, 2), old = *l2e, at = pte_maddr(l2e);
    uint64_t *l3e = pte_find(kernel_l4, AREA, 3), old3 = *l3e;
    uint64_t *l4e = pte_find(kernel_l4, AREA, 4), old4 = *l4e;

    check_eq(pte_write(at, old & ~PTE_RW), 0);
    check_eq(pte_write(at, old), 0);
    check_eq(pte_write(at, 0), 0);
    check_eq(read_fault(AREA), VEC_PF);
    check_eq(pte_write(at, old), 0);
    check_eq(pte_write(pte_maddr(l3e), 0), 0);
    check_eq(pte_write(pte_maddr(l3e), old3), 0);
    check_eq(pte_write(pte_maddr(l4e), 0), 0);
    check_eq(pte_write(pte_maddr(l4e), old4), 0);
    check_eq(pte_write(at, old | PTE_PSE), -XEN_EINVAL);
    check_eq(pte_write(pte_maddr(l3e), old3 | PTE_PSE), -XEN_EINVAL);
    check_eq(pte_write(pte_maddr(l4e), old4 | PTE_PSE), -XEN_EINVAL);
    check_eq(pte_write(at, old | PTE_G), -XEN_EINVAL);
    check_eq(pte_write(at, pte_make(frame[0], PTE_TABLE)), -XEN_EINVAL); /* mapped writable */
    check_eq(pte_write(at, old), 0);
}

static void check_batch(void)
{
    uint64_t at = pte_maddr(pte_find(kernel_l4, AREA, 1));
    static struct mmu_update list[64];
    unsigned int done = 77;

    for (unsigned int i = 0; i < 64; i++) {
        list[i].ptr = at + i * 8;
        list[i].val = pte_make(frame[i & 1], PTE_KRW);
    }
    check_eq(hc_mmu_update(list, 64, &done, DOMID_SELF), 0);
    check_eq(done, 64);
    check_eq(*(uint64_t *)(AREA + 63 * PAGE_SIZE), 0x2222);
    list[10].val = pte_make(0xffffffff, PTE_KRW);
    done = 77;
    check_eq(hc_mmu_update(list, 64, &done, DOMID_SELF), -XEN_EPERM);
    check_eq(done, 10);
    for (unsigned int i = 0; i < 64; i++)
        list[i].val = 0;
    check_eq(hc_mmu_update(list, 64, NULL, DOMID_SELF), 0);
    check_eq(hc_mmu_update(list, 0, &done, DOMID_SELF), 0);
    check_eq(done, 0);
}

static void check_m2p(void)
{
    uint64_t pfn = mfn_to_pfn(frame[0]);

    check_eq(pfn_to_mfn(pfn), frame[0]);
    check_eq(update(frame[0] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0x1234567, NULL, DOMID_SELF), 0);
    check_eq(mfn_to_pfn(frame[0]), 0x1234567);
    check_eq(update(frame[0] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn, NULL, DOMID_SELF), 0);
    check_eq(update(0xfffff000ul | MMU_MACHPHYS_UPDATE, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    check_eq(write_fault(MACH2PHYS_VIRT_START, 1), VEC_PF);
    check_eq(read_fault(HYPERVISOR_VIRT_END - 4096), VEC_PF);
    check_eq(read_fault(HYPERVISOR_VIRT_START + (1ul << 39)), VEC_PF);
}

static void check_errors(void)
{
    uint64_t at = pte_maddr(pte_find(kernel_l4, AREA, 1));
    struct mmu_update u = {.ptr = at, .val = 0};
    unsigned int done = 77;

    check_eq(update(at | 3, 0, NULL, DOMID_SELF), 0);
    check_eq(update(at + 4, 0, NULL, DOMID_SELF), -XEN_ENOSYS);
    check_eq(update(at, pte_make(frame[0], PTE_KRW), NULL, 0x1234), -XEN_ESRCH);
    check_eq(update(at, pte_make(frame[0], PTE_KRW), NULL, DOMID_XEN), guest.is_dom0 ? -XEN_EBUSY : -XEN_EPERM);
    check_eq(update(at, pte_make(0xfee00, PTE_KRW), NULL, DOMID_SELF), -XEN_EPERM);
    check_eq(update(frame[0] << PAGE_SHIFT | 64, 0, NULL, DOMID_SELF), 0); /* a plain writable page */
    check_eq(update(0xfffffffffffff000, 0, NULL, DOMID_SELF), -XEN_EINVAL);
    check_eq(hc_mmu_update(8, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    check_eq(hc_mmu_update(&u, 1, 8, DOMID_SELF), 0);
    check_eq(hc_mmu_update(&u, 1, &done, (uint64_t)0x1234 << 16 | DOMID_SELF), -XEN_ESRCH);
    /* Linux adds up what it finds here, also after an error: a count that is not told makes it run past its arrays. */
    done = 77;
    check_eq(hc_mmu_update(&u, 1, &done, 0x1234), -XEN_ESRCH);
    check_eq(done, 0);
}

static void check_va(void)
{
    static const unsigned int flags[] = {UVMF_NONE, UVMF_INVLPG | UVMF_LOCAL, UVMF_INVLPG | UVMF_ALL,
                                         UVMF_TLB_FLUSH | UVMF_LOCAL, UVMF_TLB_FLUSH | UVMF_ALL};
    unsigned long mask = 1;

    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        check_eq(hc_update_va(AREA, pte_make(frame[i & 1], PTE_KRW), flags[i]), 0);
        if (flags[i])
            check_eq(*(volatile uint64_t *)AREA, i & 1 ? 0x2222 : 0x1111);
    }
    check_eq(hc_update_va(AREA, 0, (unsigned long)&mask | UVMF_INVLPG), 0);
    check_eq(hc_update_va(AREA, 0, (unsigned long)&mask | UVMF_TLB_FLUSH), 0);
    check_eq(hc_update_va(AREA, 0, 3), 0); /* no such flush: none */
    check_eq(hc_update_va(AREA, 0, 8 | UVMF_INVLPG), -XEN_EFAULT);
    check_eq(hc_update_va(0x700000000000, 0, UVM_FLUSH), -XEN_EINVAL);
    check_eq(hc_update_va(0x800000000000, 0, UVM_FLUSH), -XEN_EINVAL);
    check_eq(hc_update_va(HYPERVISOR_VIRT_START, 0, UVM_FLUSH), -XEN_EINVAL);
    check_eq(hc_update_va(HYPERVISOR_VIRT_END - PAGE_SIZE, 0, UVM_FLUSH), -XEN_EINVAL);
    check_eq(hc_update_va(AREA + 5, pte_make(frame[1], PTE_KRW), UVM_FLUSH), 0);
    check_eq(*(volatile uint64_t *)AREA, 0x2222);
    check_eq(hc_update_va_other(AREA, 0, UVM_FLUSH, 0x1234), -XEN_ESRCH);
    check_eq(hc_update_va_other(AREA, 0, UVM_FLUSH, DOMID_SELF), 0);
}

void test_main(void)
{
    for (unsigned int i = 0; i < 2; i++) {
        uint64_t *page = page_alloc();

        *page = i ? 0x2222 : 0x1111;
        frame[i] = virt_to_mfn(page);
    }
    check_l1();
    check_preserve();
    check_flags();
    check_upper();
    check_batch();
    check_m2p();
    check_errors();
    check_va();
}
