/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression of kernel payloads by their magic bytes, through the libraries of the
 * distribution. image.c calls in.
 */
#ifndef ORLOP_DOMAIN_INFLATE_H
#define ORLOP_DOMAIN_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* No kernel unpacks to more than this; a payload that claims to is refused. */
#define INFLATE_MAX (1ul << 30)

/* Name of the format that `in` begins with, or NULL when it is none that is known. */
const char *inflate_format(const uint8_t *in, size_t len);

/*
 * Decompress `in`. *out is from malloc, *out_len its length. Bytes behind the compressed stream
 * are ignored (the kernel's build appends the unpacked size there). `hint` is the expected size, 0
 * when unknown: only a first guess for the buffer.
 */
int inflate_any(const uint8_t *in, size_t len, size_t hint, uint8_t **out, size_t *out_len, struct err **err);

#endif
