/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's memory map put in order, and memory taken from it before there is a heap.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <boot/boot.h>

/* r: each range of boot_info that is RAM, upwards. */
#define for_each_ram(r)                                                                         \
    for (struct mem_range *r = boot_info.range; r < boot_info.range + boot_info.nr_ranges; r++) \
        if (r->type != MEM_RAM) {                                                               \
        } else

/*
 * Puts nr ranges as the firmware gave them (any order, overlapping, overflowing) in order: out gets
 * them sorted, disjoint, merged, RAM cut to whole pages. Where ranges overlap the one that is least
 * usable wins. Returns their number or -E2BIG when more than max are needed.
 */
int memmap_sanitise(const struct mem_range *in, unsigned int nr, struct mem_range *out, unsigned int max);

/* From here on the RAM of boot_info, but the first page, is free to be taken. */
void memmap_start(void);
/* Marks [start, start + size) as not free. Panics when that makes too many pieces. */
void memmap_reserve(paddr_t start, u64 size);

/*
 * Takes size bytes of RAM (whole pages, aligned to align, a power of two) below limit, from the
 * top; never below 1 MB. Not zeroed. Panics when there is none. Until memmap_hand_over.
 */
paddr_t memmap_alloc(u64 size, u64 align, paddr_t limit);
/* The same from the bottom, below 640 kB, one page. */
paddr_t memmap_alloc_low_page(void);

/* Calls fn for each piece of RAM above 1 MB that is neither reserved nor taken, and takes it. */
void memmap_hand_over(void (*fn)(mfn_t start, mfn_t end));

/* Bytes of RAM; one past the highest RAM address; bytes taken by memmap_alloc. */
u64 memmap_ram(void);
paddr_t memmap_ram_end(void);
u64 memmap_taken(void);

#endif
