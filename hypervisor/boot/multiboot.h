/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Multiboot loader left, read into struct boot_info. The data is not trusted to be well
 * formed.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include <boot/boot.h>

/* What the loader leaves in EAX. */
#define MULTIBOOT1_BOOT_MAGIC 0x2badb002
#define MULTIBOOT2_BOOT_MAGIC 0x36d76289

/*
 * Physical memory as the parser sees it: the size bytes at pa, NULL when they cannot be read. Given
 * by boot/start.c (the first 4 GB) or by a unit test.
 */
const void *boot_memory(paddr_t pa, size_t size);

/*
 * Fills *out from the information at physical address info: ranges unsorted as the firmware gave
 * them (at most BOOT_MAX_RANGES), texts copied. NULL, or why it is unusable.
 */
const char *multiboot_parse(u32 magic, paddr_t info, struct boot_info *out);

#endif
