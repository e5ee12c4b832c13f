/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit paging, with and without PAE.
 *
 * From protected mode without paging and back: tables of two levels with 4 MB and 4 KB pages, and tables of three
 * levels with 2 MB pages and NX. In each mode memory is where the tables say, page faults come with address and error
 * code, and what the hypervisor carries out (CPUID, a hypercall with a pointer, the local APIC's page) finds its
 * operands through the tables. TCG 7.2 sets the Accessed bit, reserved there, in the entries of the PAE top level: it
 * is cleared before each instruction that exits, with the tables' pages in the TLB already.
 */
#include "lib/guest.h"

const char test_title[] = "32-bit paging and PAE";

#define AREA 0x40000000u /* 1 GB: where tables say something of their own */

static uint32_t pd[1024] __attribute__((aligned(4096))), pt[1024] __attribute__((aligned(4096)));
static volatile uint64_t pdpt[4] __attribute__((aligned(4096)));
static uint64_t pae_pd[4][512] __attribute__((aligned(4096))), pae_pt[512] __attribute__((aligned(4096)));
static uint32_t *page;

static void check_common(void)
{
    volatile uint32_t *va = (uint32_t *)AREA;
    struct fault f;

    page[0] = 0x1234;
    check_eq(*va, 0x1234);
    *va = 0x5678;
    check_eq(page[0], 0x5678);
    f = FAULT_OF(try_write(va + 1024, 1)); /* read-only */
    check_eq(f.vector, VEC_PF);
    check_eq(f.error, 3);
    check_eq(f.cr2, AREA + PAGE_SIZE);
    f = FAULT_OF(try_read(va + 2048)); /* not there */
    check_eq(f.vector, VEC_PF);
    check_eq(f.error, 0);
    check_eq(f.cr2, AREA + 2 * PAGE_SIZE);
}

static void check_two_levels(void)
{
    static xen_extraversion_t want;

    hc_xen_version(XENVER_extraversion, &want);
    for (unsigned int i = 0; i < 1024; i++)
        pd[i] = i << 22 | PTE_P | PTE_RW | PTE_US | PTE_PSE;
    pd[AREA >> 22] = (uint32_t)pt | PTE_P | PTE_RW | PTE_US;
    pt[0] = (uint32_t)page | PTE_P | PTE_RW;
    pt[1] = (uint32_t)page | PTE_P;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3((unsigned long)pd);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    check_common();
    check(cpuid(xen_leaf(), 0).ebx != 0);
    memset(page, 0, 64);
    check_eq(hc_xen_version(XENVER_extraversion, AREA), 0);
    check(!memcmp(page, want, 4));
    check_eq(hc_xen_version(XENVER_extraversion, AREA + PAGE_SIZE), -XEN_EFAULT);
    check_eq(hc_xen_version(XENVER_extraversion, AREA + 2 * PAGE_SIZE), -XEN_EFAULT);
    lapic_write(LAPIC_TPR, 0x30);
    check_eq(lapic_read(LAPIC_TPR), 0x30);
    lapic_write(LAPIC_TPR, 0);
    check_eq(rdmsr(MSR_EFER), 0);
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr4(read_cr4() & ~CR4_PSE);
}

static inline void pdpt_clean(void)
{
    for (unsigned int i = 0; i < 4; i++)
        pdpt[i] = (uint32_t)pae_pd[i] | PTE_P;
}

static uint32_t saved[4];

/* CPUID twice: the first to have everything in the TLB on the way. */
static bool pae_cpuid(void)
{
    uint32_t eax, ebx, ecx, edx;

    for (unsigned int i = 0; i < 2; i++) {
        pdpt_clean();
        __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "0"(0x40000000) : "memory");
    }
    return ebx == 0x566e6558;
}

static void check_pae(void)
{
    const unsigned long cr0 = read_cr0();
    struct fault f;

    for (unsigned int i = 0; i < 2048; i++)
        pae_pd[i / 512][i % 512] = (uint64_t)i << 21 | PTE_P | PTE_RW | PTE_US | PTE_PSE;
    pae_pd[AREA >> 30][0] = (uint32_t)pae_pt | PTE_P | PTE_RW | PTE_US;
    pae_pt[0] = (uint32_t)page | PTE_P | PTE_RW;
    pae_pt[1] = (uint32_t)page | PTE_P;
    pdpt_clean();
    wrmsr(MSR_EFER, EFER_NXE);
    check_eq(rdmsr(MSR_EFER), EFER_NXE);
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3((unsigned long)pdpt);
    write_cr0(cr0 | CR0_PG | CR0_WP);
    saved[0] = *(volatile uint32_t *)AREA;
    page[0] = 0x1234;
    saved[1] = *(volatile uint32_t *)AREA;
    f = FAULT_OF(try_write((uint32_t *)(AREA + PAGE_SIZE), 1));
    saved[2] = pae_cpuid();
    pdpt_clean();
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
    write_cr4(read_cr4() & ~CR4_PAE);
    check_eq(saved[0], page[0] == 0x1234 ? saved[0] : 0);
    check_eq(saved[1], 0x1234);
    check_eq(f.vector, VEC_PF);
    check_eq(f.error, 3);
    check_eq(f.cr2, AREA + PAGE_SIZE);
    check_eq(saved[2], true);
    wrmsr(MSR_EFER, 0);
}

void test_main(void)
{
    page = page_alloc();
    check_two_levels();
    check_pae();
    check_eq(read_cr0() & CR0_PG, 0);
}
