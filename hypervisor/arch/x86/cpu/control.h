/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers of the CPUs as we want them while no guest's wishes count.
 */
#ifndef ARCH_X86_CPU_CONTROL_H
#define ARCH_X86_CPU_CONTROL_H

#include <asm/current.h>
#include <asm/system.h>

/* CR4 of every CPU; a guest's own bits come on top (pv/switch.c). */
extern unsigned long mmu_cr4;

/* CR4 of this CPU becomes this, if it is not already. */
static inline void cr4_load(unsigned long cr4)
{
    if (cpu_info()->cr4 == cr4)
        return;
    cpu_info()->cr4 = cr4;
    write_cr4(cr4);
}

/* Each CPU once, from traps_cpu_init: CR0, CR4, extended state, PAT, mitigations. */
void control_cpu_init(void);

#endif
