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
    u64 info;

    mmu_cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
              (cpu_has(SMEP) ? X86_CR4_SMEP : 0) | (boot_cpu.xcr0_mask ? X86_CR4_OSXSAVE : 0) |
              (mmu_cr4 & X86_CR4_VMXE);
    write_cr0((read_cr0() | X86_CR0_WP | X86_CR0_MP | X86_CR0_NE) &
              ~(u64)(X86_CR0_CD | X86_CR0_NW | X86_CR0_AM | X86_CR0_EM | X86_CR0_TS));
    write_cr4(mmu_cr4);
    fpu_cpu_init();
    cpu_info()->cr4 = mmu_cr4;
    wrmsr(MSR_PAT, PAT_VALUE);
    if (boot_cpu.vendor == CPU_VENDOR_INTEL && rdmsr_safe(MSR_PLATFORM_INFO, &info))
        boot_cpu.cpuid_faulting = info & PLATFORM_CPUID_FAULTING;
    spec_ctrl_cpu_init();
}
