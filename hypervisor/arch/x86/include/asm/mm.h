/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64: physical to virtual by the direct map.
 */
#ifndef ASM_MM_H
#define ASM_MM_H

#include <asm/layout.h>

/* struct frame of each frame, backed where there is RAM (mm/frame.h). */
#define frame_table ((struct frame *)FRAME_TABLE_START)

/* Any RAM address; RAM is mapped whole. */
static inline void *paddr_to_virt(paddr_t pa) { return (void *)(DIRECT_START + pa); }

/* Of the direct map or of the image. */
paddr_t image_paddr(const void *va);

static inline paddr_t virt_to_paddr(const void *va)
{
    unsigned long a = (unsigned long)va;

    return a >= DIRECT_START ? a - DIRECT_START : image_paddr(va);
}

#endif
