/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that were unpacked before, by the content of the file that they were packed in: unpacking takes many
 * times as long as the rest of making a small guest. What cannot be kept or is not found costs that time and nothing
 * else: no failure here is one of the caller's. image.c calls in.
 */
#ifndef ORLOP_DOMAIN_KERNEL_CACHE_H
#define ORLOP_DOMAIN_KERNEL_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

#define KERNEL_CACHE_DIR "/var/cache/orlop"

struct kernel_cache {
    const char *dir; /* made when it is not there; used only while nobody else may write to it */
    uint64_t limit;  /* bytes on disk that all entries may take */
};

/* What the packed `file` unpacks to, when that is known: *img is for image_close. */
bool kernel_cache_find(const struct kernel_cache *c, const struct image *file, struct image *img);

/* Keep what was unpacked from `file`; the entries that were used the longest ago make room for it. */
void kernel_cache_keep(const struct kernel_cache *c, const struct image *file, const struct image *img);

#endif
