/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the heap (mm/heap.c, slab.c, frame.c, domain_memory.c) only: what struct
 * frame's `heap` says.
 */
#ifndef MM_HEAP_INTERNAL_H
#define MM_HEAP_INTERNAL_H

#include <mm/heap.h>
#include <xen/xen.h>

/* struct frame.heap */
#define FH_FREE     0x01U /* first frame of a free block of f->order */
#define FH_DIRTY    0x02U /* free: a domain gave it back and it was not scrubbed yet */
#define FH_ZERO     0x04U /* free: all zero */
#define FH_OWN      0x08U /* first frame of a page_alloc() */
#define FH_SLAB     0x10U /* a page of small objects; f->order is their size class */
#define FH_LARGE    0x20U /* a mem_alloc() of whole pages; f->order says how many */
#define FH_UNLISTED 0x40U /* a domain's, but not on its list (MEMF_NO_REFCOUNT) */

/* Owner of frames that no guest may have. */
#define DOMID_OWN DOMID_INVALID

/* f leaves d's list and account. */
void domain_unlist_frame(struct domain *d, struct frame *f);

#endif
