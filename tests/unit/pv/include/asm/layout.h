/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's address space, but for the machine-to-physical table, which is an array here.
 */
#ifndef SIM_ASM_LAYOUT_H
#define SIM_ASM_LAYOUT_H

#include_next <asm/layout.h>

extern unsigned long sim_m2p[];
#undef M2P_RW_START
#define M2P_RW_START ((unsigned long)sim_m2p)

#endif
