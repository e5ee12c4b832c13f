/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers of the CPUs (control.h).
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <asm/current.h>
#include <asm/system.h>
#include <asm/trapnr.h>

/* The types that the ABI promises PV guests (xen/arch-x86/xen.h, XEN_MSR_PAT): WB, WT, UC-, UC, WC,
 * WP, UC, UC. */
#define PAT_VALUE 0x050100070406UL

unsigned long mmu_cr4 __read_mostly;

void control_cpu_init(void)
{
    unsigned long cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE;

    if (cpu_has(SMEP))
        cr4 |= X86_CR4_SMEP;
    write_cr0((read_cr0() | X86_CR0_WP) & ~(u64)(X86_CR0_CD | X86_CR0_NW | X86_CR0_AM));
    write_cr4(cr4);
    fpu_cpu_init();
    mmu_cr4 = read_cr4();
    cpu_info()->cr4 = mmu_cr4;
    wrmsr(MSR_PAT, PAT_VALUE);
    spec_ctrl_cpu_init();
}
