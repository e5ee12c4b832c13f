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
    spec_ctrl_cpu_init();
}
