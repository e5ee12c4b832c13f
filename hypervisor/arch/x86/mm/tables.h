/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to arch/x86/mm/: entries of the hypervisor's own page tables.
 */
#ifndef ARCH_X86_MM_TABLES_H
#define ARCH_X86_MM_TABLES_H

#include <asm/paging.h>

/* Bounds in the image, from the link script; page aligned. */
extern char __image_start[], __init_text_end[], __init_end[], __text_start[], __text_entry_end[], __text_end[],
    __rodata_start[], __rodata_end[], __data_start[], __ro_after_init_end[], __bss_start[], __init_bss_end[],
    __percpu_start[], __percpu_end[], __bss_end[];

/* A zeroed table: from the boot's memory until tables_use_heap(), from the heap afterwards. NULL:
 * none left. */
struct page_table *table_alloc(void);
void tables_use_heap(void);

/* Bytes that one entry of a table of the level maps. */
#define TABLE_SPAN(level) (PAGE_SIZE << 9 * ((level)-1))

/* The entry for va in the table of `level` below t, which is one of level `top`; tables between are
 * made as needed, for users if flags say so. NULL: no memory. */
u64 *table_entry_make(struct page_table *t, unsigned int top, unsigned long va, unsigned int level, u64 flags);
/* The entry below the root t that maps va, or that says that nothing does, and its level. */
u64 *table_entry(struct page_table *t, unsigned long va, unsigned int *level);

/*
 * Maps [va, va + size) to pa in root's tables with flags (MAP_*), by the largest pages that fit:
 * level 3 at most where the CPU knows them. Page aligned. Overwrites what is there, must not cut
 * larger pages. 0 or -ENOMEM. One CPU, or callers that keep their ranges apart and hold a lock.
 */
int map_range(struct page_table *root, unsigned long va, paddr_t pa, u64 size, u64 flags);
/* Takes pages away; the tables stay. No TLB is flushed. */
void unmap_range(struct page_table *root, unsigned long va, u64 size);

/* Where the image lies in memory. */
extern paddr_t image_start_paddr;

#endif
