/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated machine's memory is one array, and the direct map is that array.
 */
#ifndef ASM_MM_H
#define ASM_MM_H

#include <asm/layout.h>

#ifndef SIM_FRAMES
#define SIM_FRAMES 1024UL
#endif

extern u8 sim_memory[SIM_FRAMES << 12];

static inline void *paddr_to_virt(paddr_t pa) { return sim_memory + pa; }

static inline paddr_t virt_to_paddr(const void *va) { return (paddr_t)((const u8 *)va - sim_memory); }

#endif
