/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's own page tables over nested ones.
 *
 * Pages of 4 KB, 2 MB and 1 GB over memory in pieces; accessed and dirty bits; WP and NX; a changed entry seen after
 * INVLPG and after CR3; arguments of hypercalls across pages that lie anywhere, read-only, or not there: the
 * hypervisor walks these tables as the processor does.
 */
#include "lib/guest.h"

const char test_title[] = "paging";

#define AREA 0x4000000000ul

static uint64_t *page[2];

static void pte_set(uint64_t va, unsigned int level, uint64_t value)
{
    *pte_find(kernel_l4, va, level) = value;
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static void check_small(void)
{
    volatile uint64_t *va = (uint64_t *)AREA;
    uint64_t *pte;

    map_page(AREA, virt_to_mfn(page[0]), PTE_P | PTE_RW);
    pte = pte_find(kernel_l4, AREA, 1);
    check_eq(*pte & (PTE_A | PTE_D), 0);
    check_eq(*va, 0);
    check_eq(*pte & (PTE_A | PTE_D), PTE_A);
    *va = 5;
    check_eq(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    page[1][0] = 6;
    pte_set(AREA, 1, pte_make(virt_to_mfn(page[1]), PTE_KRW));
    check_eq(*va, 6);
    *pte = pte_make(virt_to_mfn(page[0]), PTE_KRW);
    write_cr3(read_cr3());
    check_eq(*va, 5);
    pte_set(AREA, 1, pte_make(virt_to_mfn(page[0]), PTE_KRO));
    check_eq(write_fault(va, 7), VEC_PF);
    write_cr0(read_cr0() & ~CR0_WP);
    check_eq(write_fault(va, 7), NO_FAULT);
    write_cr0(read_cr0() | CR0_WP);
    check_eq(write_fault(va, 8), VEC_PF);
    check_eq(*va, 7);
}

/* A large page over guest frames of which one is elsewhere and one nowhere. */
static void check_large(void)
{
    const uint64_t first = 0xc00; /* 12 MB */
    volatile uint32_t *va = (uint32_t *)(AREA + (1ul << 30));
    uint64_t *pte;

    map_page(AREA + (1ul << 30), virt_to_mfn(page[0]), PTE_KRW); /* makes the tables above */
    pte = pte_find(kernel_l4, (uint64_t)va, 2);
    *pte = pte_make(first, PTE_P | PTE_RW | PTE_PSE);
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
    for (unsigned int i = 0; i < 512; i++)
        va[i * 1024] = i;
    check_eq(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    for (unsigned int i = 0; i < 512; i++)
        check_eq(*(volatile uint32_t *)pfn_to_virt(first + i), i);
    check_eq(physmap_remove(first + 7), 0);
    check_eq(physmap_add(XENMAPSPACE_gmfn, first + 8, 0x80000), 0);
    check_eq(va[7 * 1024], 0xffffffff);
    check_eq(va[8 * 1024], 0xffffffff);
    check_eq(va[9 * 1024], 9);
    check_eq(*(volatile uint32_t *)pfn_to_virt(0x80000), 8);
    if (cpuid(0x80000001, 0).edx >> 26 & 1) {
        volatile uint32_t *huge = (uint32_t *)(AREA + (2ul << 30));

        map_page((uint64_t)huge, virt_to_mfn(page[0]), PTE_KRW);
        pte_set((uint64_t)huge, 3, pte_make(0, PTE_P | PTE_RW | PTE_PSE));
        check_eq(huge[(first + 9) * 1024], 9);
        check_eq(huge[(first + 7) * 1024], 0xffffffff);
    }
}

/* Answers and arguments over two pages that are not neighbours. */
static void check_arguments(void)
{
    const uint64_t at = AREA + (3ul << 30);
    xen_extraversion_t *text = (xen_extraversion_t *)(at + PAGE_SIZE - 2);
    static xen_extraversion_t want;

    check_eq(hc_xen_version(XENVER_extraversion, &want), 0);
    map_page(at, virt_to_mfn(page[0]), PTE_KRW);
    map_page(at + PAGE_SIZE, virt_to_mfn(page[1]), PTE_KRW);
    check_eq(hc_xen_version(XENVER_extraversion, text), 0);
    check(!memcmp(*text, want, 4));
    check(!memcmp((uint8_t *)page[0] + PAGE_SIZE - 2, want, 2));
    check(!memcmp(page[1], want + 2, 2));
    pte_set(at + PAGE_SIZE, 1, 0);
    check_eq(hc_xen_version(XENVER_extraversion, text), -XEN_EFAULT);
    pte_set(at + PAGE_SIZE, 1, pte_make(virt_to_mfn(page[1]), PTE_KRO));
    check_eq(hc_xen_version(XENVER_extraversion, text), -XEN_EFAULT);
    pte_set(at + PAGE_SIZE, 1, pte_make(virt_to_mfn(page[1]), PTE_P | PTE_RW | PTE_NX)); /* the kernel's: fine */
    check_eq(hc_xen_version(XENVER_extraversion, text), 0);
    check_eq(*pte_find(kernel_l4, at + PAGE_SIZE, 1) & (PTE_A | PTE_D), PTE_A | PTE_D);
    pte_set(at + PAGE_SIZE, 1, pte_make(0x80001, PTE_KRW)); /* nothing behind it */
    check_eq(hc_xen_version(XENVER_extraversion, text), -XEN_EFAULT);
    check_eq(hc_xen_version(XENVER_extraversion, AREA + (1ul << 30) + 9 * PAGE_SIZE - 3), -XEN_EFAULT);
}

void test_main(void)
{
    page[0] = page_alloc();
    page[1] = page_alloc();
    check_small();
    check_large();
    check_arguments();
}
