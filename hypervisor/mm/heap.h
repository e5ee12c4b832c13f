/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap: all free RAM in one buddy allocator per NUMA node, with accounting per domain, and
 * small objects on top. A frame that a domain gave back is scrubbed before anyone else gets it.
 */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include <mm/frame.h>

/* The NUMA node of a frame, 0 when there are none; given by the architecture. */
unsigned int numa_node_of(mfn_t mfn);

#define HEAP_MAX_ORDER 18 /* 1 GB */

/* flags of the allocation functions */
#define MEMF_BITS(n)     ((u32)(n) << 8) /* physical address below 1 << n; 0: anywhere */
#define MEMF_GET_BITS(f) (((f) >> 8) & 0xff)
#define MEMF_NODE(n)     (((u32)(n) + 1) << 16) /* on this node first */
#define MEMF_GET_NODE(f) ((((f) >> 16) - 1) & 0xff)
#define MEMF_EXACT_NODE  (1U << 0)
#define MEMF_NO_SCRUB    (1U << 1) /* the caller overwrites all of it (dom0 building) */
#define MEMF_NO_REFCOUNT (1U << 2) /* owned but not on the domain's list nor in its tot_pages */
#define MEMF_ZERO        (1U << 3) /* all bytes zero */

/* The order of the smallest block that has size bytes. */
static inline unsigned int size_order(size_t size) { return size > PAGE_SIZE ? fls64(size - 1) + 1 - PAGE_SHIFT : 0; }

/* Boot: gives [start, end) to the heap. */
void heap_add(mfn_t start, mfn_t end);

/* 1 << order frames, owned by nobody, contents undefined but nobody's secrets. NULL: none. Any
 * context that may take LOCK_HEAP; with interrupts on when guests run already (stale TLB entries of
 * former owners are flushed). */
struct frame *heap_alloc(unsigned int order, u32 flags);
void heap_free(struct frame *f, unsigned int order);

/* The hypervisor's own pages, zeroed, by direct map address; NULL: none. */
void *page_alloc(unsigned int order);
/* The same, not zeroed: what its last user left may be in it. For large buffers that are
 * overwritten anyway. */
void *page_alloc_raw(unsigned int order);
void page_free(void *va, unsigned int order);

/* Small objects up to a few pages, zeroed, 16-byte aligned; NULL: none. */
void *mem_alloc(size_t size);
void mem_free(void *p);
#define mem_alloc_object(type)       ((type *)mem_alloc(sizeof(type)))
#define mem_alloc_array(type, count) ((type *)mem_alloc(sizeof(type) * (count)))

/*
 * Frames for a guest: allocated, zero-filled unless MEMF_NO_SCRUB, with d as owner and FR_ALLOCATED
 * set (one reference each), put at the tail of d's list. NULL: d is dying or would pass
 * d->max_pages, or no memory.
 */
struct frame *domain_alloc_frames(struct domain *d, unsigned int order, u32 flags);
/*
 * d is promised frames up to a total of `pages` (XENMEM_claim_pages): what others ask for leaves
 * them alone. What it gets counts against the promise; 0 takes it back. 0; -EINVAL: has a claim, or
 * as many frames already, or may not have so many; -ENOMEM.
 */
int domain_claim(struct domain *d, unsigned long pages);
/* All that is promised. */
unsigned long heap_claimed_frames(void);
/* Makes d the owner of frames that nobody owns (a frame moved between domains). 0, -EINVAL dying,
 * -E2BIG over max_pages. */
int domain_assign_frames(struct domain *d, struct frame *f, unsigned int order, u32 flags);
/* Takes a frame with exactly the given references away from d without freeing it (exchange). 0 or
 * -EBUSY. */
int domain_steal_frame(struct domain *d, struct frame *f);

/* Free frames, scrubbed or not. */
unsigned long heap_free_frames(void);
unsigned long heap_own_frames(void); /* page_alloc and what is built on it */
/* node: 0..n-1; free and total of it. */
unsigned int heap_nr_nodes(void);
void heap_node_info(unsigned int node, unsigned long *total, unsigned long *free);

void heap_dump(void); /* debug key 'm' */

/* Idle loop: scrubs a bit of what was freed; true when there was something. */
bool heap_scrub_some(void);

/* The first frame of d's list goes to its end and is given; NULL: the list is empty. Under d->page_lock. */
struct frame *domain_rotate_frames(struct domain *d);

#endif
