/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new guest's memory while it is being built: giving it frames, and writing into them. Addresses
 * are the guest's own, pseudo-physical or physical. The builders (build_pv.c, build_hvm.c) call in.
 */
#ifndef ORLOP_DOMAIN_GUEST_MEMORY_H
#define ORLOP_DOMAIN_GUEST_MEMORY_H

#include <stdint.h>

#include "elf.h"
#include "image.h"
#include "lib/hyp.h"

struct guest_memory {
    struct hyp *h;
    uint32_t domid;
    /* A PV guest's list of machine frames, filled here; NULL where guest frames are what one maps. */
    xen_pfn_t *p2m;
    bool zeroed; /* what was populated begins as zeros (hyp_zeroes_memory) */
};

/* Orders of 4 KB, 2 MB and 1 GB. */
enum { ORDER_4K = 0, ORDER_2M = 9, ORDER_1G = 18 };

/*
 * Populate frames [from, to) in extents of up to `order`, aligned to their size, smaller ones where
 * those are not to be had. Fails with what was asked for and what there was.
 */
int memory_populate(struct guest_memory *m, uint64_t from, uint64_t to, unsigned int order, struct err **err);

/* Map `pages` frames from `pfn` up; hyp_unmap with the same count. */
void *memory_map(struct guest_memory *m, uint64_t pfn, uint64_t pages, struct err **err);

/*
 * Write `size` bytes at `addr` and zeros from there to `end`. Bytes before `addr` in its first page
 * are left alone.
 */
int memory_put(struct guest_memory *m, uint64_t addr, const void *data, uint64_t size, uint64_t end, struct err **err);

/*
 * Copy the parts of an ELF image to their places. They must lie in populated memory that nothing was written to: zeros
 * are left out where they are there already.
 */
int memory_load_elf(struct guest_memory *m, struct elf_kernel *elf, const struct image *image, struct err **err);

#endif
