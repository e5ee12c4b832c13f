/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bit of a C library that the decoders of boot/decompress.c need. For them only.
 */
#ifndef BOOT_DECOMPRESS_LIBC_H
#define BOOT_DECOMPRESS_LIBC_H

#include <lib/types.h>

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);

/* Around a call of a decoder: the thread area that stack protectors read. */
void decompress_libc_enter(void);
void decompress_libc_leave(void);

#endif
