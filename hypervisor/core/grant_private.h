/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the grant tables share. A table has two sides: what its domain grants (entries
 * that the guest writes, and for each an `active` entry of ours with what is in use), and what its
 * domain has mapped of others (the maptrack: handles).
 *
 * Locks. table->lock: the granting side: entries, active entries, version, growth. Of two domains
 * only the granting one's is ever held. A maptrack entry is claimed by its flags, with
 * compare-and-exchange; the list of free ones has a lock of its own.
 */
#ifndef CORE_GRANT_PRIVATE_H
#define CORE_GRANT_PRIVATE_H

#include <core/continuation.h>
#include <core/domain.h>
#include <core/grant.h>
#include <mm/guest_access.h>

/* An entry of the guest's that is in use; no pins: not in use, the rest means nothing. */
struct active {
    u32 frame;            /* machine frame number */
    domid_t domid;        /* who uses it */
    u16 start, length;    /* the part of the frame that is granted; length 0: all */
    u16 readers, writers; /* pins */
    u16 pad;
};
_Static_assert(sizeof(struct active) == 16, "256 a page");

#define V1_PER_FRAME     (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define V2_PER_FRAME     (PAGE_SIZE / sizeof(union grant_entry_v2))
#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define ACTIVE_PER_PAGE  (PAGE_SIZE / sizeof(struct active))
/* For the version with more entries. */
#define ACTIVE_PAGES (V1_PER_FRAME / ACTIVE_PER_PAGE)

/* A handle: a mapping that a domain holds. */
struct maptrack {
    u32 ref;
    domid_t domid; /* who granted it */
    u16 flags;     /* MT_*; 0: free */
    u32 frame;
    u32 next; /* on the free list */
};
_Static_assert(sizeof(struct maptrack) == 16, "256 a page");

#define MT_HOST        GNTMAP_host_map   /* in the page tables */
#define MT_DEVICE      GNTMAP_device_map /* for devices */
#define MT_READONLY    GNTMAP_readonly
#define MT_PTE         GNTMAP_contains_pte
#define MT_HOST_GOES   0x100 /* being unmapped: TLBs may still know it */
#define MT_DEVICE_GOES 0x200
#define MT_LIVE        (MT_HOST | MT_DEVICE | MT_HOST_GOES | MT_DEVICE_GOES)

#define MAPTRACK_PER_PAGE (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_END      0xffffffffU

struct grant_table {
    struct spinlock lock;
    unsigned int version, max_version;
    unsigned int nr_frames, max_frames;
    unsigned int nr_status;
    void **shared;          /* [max_frames] pages shared with the guest */
    void **status;          /* [max_frames], as many as needed; version 2 only */
    struct active **active; /* [max_frames * ACTIVE_PAGES] */

    struct spinlock maptrack_lock; /* the list of free handles, and growth */
    u32 free_handle;               /* MAPTRACK_END: none */
    unsigned int nr_maptrack;      /* pages */
    unsigned int max_maptrack;
    struct maptrack **maptrack; /* [max_maptrack], from the first mapping on */
    u32 release_next;           /* progress of grant_domain_release_mappings */
};

static inline unsigned int refs_of(const struct grant_table *gt)
{
    return gt->nr_frames * (gt->version == 1 ? V1_PER_FRAME : V2_PER_FRAME);
}

static inline struct active *active_of(struct grant_table *gt, u32 ref)
{
    return gt->active[ref / ACTIVE_PER_PAGE] + ref % ACTIVE_PER_PAGE;
}

static inline struct grant_entry_v1 *entry_v1(struct grant_table *gt, u32 ref)
{
    return (struct grant_entry_v1 *)gt->shared[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}

static inline union grant_entry_v2 *entry_v2(struct grant_table *gt, u32 ref)
{
    return (union grant_entry_v2 *)gt->shared[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}

static inline grant_status_t *status_of(struct grant_table *gt, u32 ref)
{
    return (grant_status_t *)gt->status[ref / STATUS_PER_FRAME] + ref % STATUS_PER_FRAME;
}

/* ---- use of an entry (core/grant.c) ---- */

/*
 * Pins entry ref of rd for domain `user`: the guest's flags say that it is in use, the frame has
 * one reference more, and one as writable if `write`. copy: parts of a page are good enough.
 * GNTST_okay and *out as it is now, or GNTST_*. Takes rd's lock.
 */
int grant_pin(struct domain *rd, u32 ref, domid_t user, bool write, bool copy, struct active *out);
/* A reference to a frame of d, and one as writable if `write`. GNTST_*. */
static inline int grant_frame_hold(struct domain *d, u64 frame, bool write)
{
    struct frame *f = mfn_get(_mfn(frame), d);

    if (unlikely(!f))
        return GNTST_bad_page;
    if (!write || !frame_get_type(f, FT_WRITABLE))
        return GNTST_okay;
    frame_put(f);
    return GNTST_general_error;
}

/* Undoes grant_pin but for the references to the frame. Takes rd's lock. */
void grant_unpin(struct domain *rd, u32 ref, bool write);
static inline void grant_frame_put(u32 frame, bool write)
{
    if (write)
        frame_put_and_type(mfn_frame(_mfn(frame)));
    else
        frame_put(mfn_frame(_mfn(frame)));
}

/* The domain that the last of a row of operations named; most rows name one only. Starts as
 * {DOMID_INVALID, NULL}. */
struct grant_peer {
    domid_t id;
    struct domain *d; /* with a reference, unless it is the current one */
};
#define GRANT_PEER_NONE     \
    {                       \
        DOMID_INVALID, NULL \
    }

struct domain *grant_peer_find(struct grant_peer *p, domid_t id);

/* NULL: no such domain. */
static inline struct domain *grant_peer_get(struct grant_peer *p, domid_t id)
{
    return likely(p->id == id) ? p->d : grant_peer_find(p, id);
}

static inline void grant_peer_put(struct grant_peer *p)
{
    if (p->d && p->d != current->domain)
        domain_put(p->d);
}

/* ---- operations, in their files ---- */

#define GRANT_ROW 16 /* operations that are copied, flushed and finished together */

/*
 * Runs `count` operations of `size` bytes, GRANT_ROW at a time: row(ops, n, state) does n of them and leaves the status
 * of each in the operation; what the guest may look at stands from byte `answer` on. 0, -EFAULT, or a continuation.
 */
static __always_inline long grant_rows(unsigned int cmd, void __guest *uop, unsigned int count, size_t size,
                                       size_t answer, void (*row)(void *ops, unsigned int n, void *state), void *state)
{
    u64 ops[GRANT_ROW * sizeof(struct gnttab_copy) / sizeof(u64)]; /* the largest */
    unsigned int n;

    for (; count; count -= n, uop += n * size) {
        n = min(count, (unsigned int)GRANT_ROW);
        if (n == 1 ? copy_from_guest(ops, uop, size) : copy_from_guest(ops, uop, n * size))
            return -EFAULT;
        row(ops, n, state);
        if (n == 1 ? copy_to_guest(uop + answer, (char *)ops + answer, size - answer)
                   : copy_to_guest(uop, ops, n * size))
            return -EFAULT;
        if (count > n && hypercall_preempt_check())
            return hypercall_again(3, (unsigned long)cmd, uop + n * size, (unsigned long)(count - n));
    }
    return 0;
}

long grant_op_map(void __guest *uop, unsigned int count);
long grant_op_unmap(void __guest *uop, unsigned int count);
long grant_op_copy(void __guest *uop, unsigned int count);

#endif
