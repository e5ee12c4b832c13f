/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel file as distributions ship it, down to the ELF image inside: bzImage unwrapped, payload
 * decompressed. Reading the ELF itself is elf.h's business. Files are untrusted: every offset is
 * checked before it is used.
 */
#ifndef ORLOP_DOMAIN_IMAGE_H
#define ORLOP_DOMAIN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct image {
    uint8_t *data;
    size_t size;
    void *map;     /* the file mapping that data lies in; NULL: data is from malloc */
    size_t mapped; /* its bytes */
    /* A bit for each 4 kB of data that holds anything but zeros; NULL: not known. Lies in map. */
    const uint8_t *filled;
};

/* Map a whole file read-only. An empty file is an error. */
int image_open(const char *path, struct image *img, struct err **err);

/*
 * Open a kernel file and give the ELF image in it (bzImage of boot protocol 2.08 or later, or
 * plain or gzipped ELF). What is packed is unpacked once and kept (kernel_cache.h).
 */
int image_open_kernel(const char *path, struct image *img, struct err **err);

/* The part of image_open_kernel after the file is in memory: takes over `file`. For tests too. */
int image_unwrap(struct image *file, struct image *img, struct err **err);

void image_close(struct image *img);

/* Whether bytes [from, to) of the image are all zeros, as far as its map tells or by looking at them. */
bool image_is_zero(const struct image *img, uint64_t from, uint64_t to);

#endif
