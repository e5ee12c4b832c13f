/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers of the CPUs as we want them while no guest's wishes count.
 */
#ifndef ARCH_X86_CPU_CONTROL_H
#define ARCH_X86_CPU_CONTROL_H

/* CR4 of every CPU; a guest's own bits come on top (pv/switch.c). */
extern unsigned long mmu_cr4;

/* Each CPU once, from traps_cpu_init: CR0, CR4, extended state, PAT, mitigations. */
void control_cpu_init(void);

#endif
