/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: the machine's memory is one array, and the direct map is that array.
 */
#ifndef ASM_MM_H
#define ASM_MM_H

#define HOST_FRAMES 16384UL /* 64 MB */

extern u8 host_memory[HOST_FRAMES << 12];

static inline void *paddr_to_virt(paddr_t pa) { return host_memory + pa; }

static inline paddr_t virt_to_paddr(const void *va) { return (paddr_t)((const u8 *)va - host_memory); }

#endif
