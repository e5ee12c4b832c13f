/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine frames: who owns each, how many references there are, and what type a PV guest's frame
 * has.
 *
 * Every RAM frame has a struct frame in the frame table. `refs` counts why the frame may not be
 * given back, `type` counts why it may not become something else. The rule that isolation rests on
 * (design.md, section 3): a frame has one type at a time, the type changes only when its type count
 * is zero, and a table entry is validated before it takes effect. The rule's code is
 * arch/x86/pv/types.c; here stand the representation and the references. Freed frames go to the
 * heap (mm/heap.h).
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include <asm/mm.h>

struct domain;

/* 24 bytes a frame: 6 MB per GB of RAM. Frame numbers are 32 bits wide: 16 TB. */
struct frame {
    u64 type;  /* FT_*: changed by compare-and-exchange only */
    u32 refs;  /* FR_* flags and the count: changed by compare-and-exchange only */
    u16 owner; /* domain id, DOMID_* for our own; stable while refs > 0 */
    u8 order;  /* heap: order of the free block that starts here */
    u8 heap;   /* heap: FH_* state, guarded by the heap lock */
    u32 next;  /* links of the one list that the frame is on (free list or its domain's list), */
    u32 prev;  /* by frame number */
};
_Static_assert(sizeof(struct frame) == 24, "the frame table is budgeted at 24 bytes a frame");

#define FRAME_NIL 0xffffffffU

/* refs */
#define FR_ALLOCATED  (1U << 31) /* holds one reference of its own: dropped by whoever frees the frame */
#define FR_HYPERVISOR (1U << 30) /* ours, shared with the owner (shared_info, grant frames): never on its list */
#define FR_COUNT      ((1U << 26) - 1)

/* type: bits 63..60 the type, then flags, low 32 bits the count of uses as that type */
#define FT_SHIFT     60
#define FT_NONE      (0UL << FT_SHIFT)
#define FT_L1        (1UL << FT_SHIFT)
#define FT_L2        (2UL << FT_SHIFT)
#define FT_L3        (3UL << FT_SHIFT)
#define FT_L4        (4UL << FT_SHIFT)
#define FT_SEGDESC   (5UL << FT_SHIFT) /* holds descriptors: part of a GDT or LDT */
#define FT_SHARED    (6UL << FT_SHIFT) /* FR_HYPERVISOR frames that the guest may map writable */
#define FT_WRITABLE  (7UL << FT_SHIFT)
#define FT_MASK      (15UL << FT_SHIFT)
#define FT_PINNED    (1UL << 59) /* holds one count of its own */
#define FT_VALIDATED (1UL << 58) /* contents were checked for this type, stale TLB entries of the last one are gone */
#define FT_PARTIAL   (1UL << 57) /* (in)validation stopped half way; progress in bits 56..47 */
#define FT_FOREIGN                                                                 \
    (1UL << 46) /* others than its owner mapped it: their CPUs' TLBs count as well \
                 */
#define FT_LOCKED                                                                            \
    (1UL << 45) /* an entry of the table is being changed: its last use cannot end (held for \
                   short, spins) */
/* bits 44..32: when the last use ended, by the TLB clock (arch/x86/pv/types.c) */
#define FT_COUNT ((1UL << 32) - 1)

/* The table's address, where the architecture does not fix it (asm/mm.h). */
#ifndef frame_table
extern struct frame *const frame_table;
#endif
/* One past the highest RAM frame; by the architecture, as the map below. */
extern unsigned long max_frame;
/* How many RAM frames the machine has, ours included. */
extern unsigned long ram_frames;

static inline mfn_t frame_mfn(const struct frame *f) { return _mfn(f - frame_table); }

/* mfn must be below max_frame: ask mfn_valid() about numbers from outside. */
static inline struct frame *mfn_frame(mfn_t mfn) { return frame_table + mfn_x(mfn); }

/* Bit n: frame n is RAM and has a struct frame. [max_frame] bits. */
extern unsigned long *ram_map;

/* Is it RAM with a struct frame? */
static inline bool mfn_valid(mfn_t mfn) { return mfn_x(mfn) < max_frame && test_bit(mfn_x(mfn), ram_map); }

/* The frame's address in the direct map; any RAM frame, any context. */
static inline void *mfn_to_virt(mfn_t mfn) { return paddr_to_virt(mfn_to_paddr(mfn)); }

static inline mfn_t virt_to_mfn(const void *va) { return paddr_to_mfn(virt_to_paddr(va)); }

static inline struct frame *virt_frame(const void *va) { return mfn_frame(virt_to_mfn(va)); }

/* The owner of an allocated frame, NULL when it is none's. The domain lives while it owns frames. */
struct domain *frame_owner(const struct frame *f);

/*
 * frame_get: one reference, if the frame is allocated and owned by d. False otherwise, or when the
 * count is full. frame_put: drops one; the last one frees the frame (accounting, scrubbing). Any
 * context without LOCK_PAGES.
 */
bool frame_get(struct frame *f, const struct domain *d);
/* The same whoever owns it: for who finds out otherwise whether it was the frame meant. */
bool frame_get_any(struct frame *f);
void frame_put(struct frame *f);
/* mfn_valid and frame_get in one; NULL when refused. */
struct frame *mfn_get(mfn_t mfn, const struct domain *d);

/*
 * Drops the FR_ALLOCATED reference once (the owner gives the frame away: ballooning, destruction).
 * True when this caller was the one that dropped it. The caller holds a reference of its own.
 */
bool frame_release(struct frame *f);

/*
 * Type references (arch/x86/pv/types.c; arch/host links the same file). Caller holds a reference.
 * type: one of FT_L1..FT_WRITABLE. 0; -EINVAL when the frame is in use as something else or its
 * contents are not fit. Runs to the end however long it takes: for page tables see
 * arch/x86/pv/types.h. Interrupts on.
 */
int frame_get_type(struct frame *f, u64 type);
void frame_put_type(struct frame *f);

static inline bool frame_get_and_type(struct frame *f, const struct domain *d, u64 type)
{
    if (!frame_get(f, d))
        return false;
    if (frame_get_type(f, type) == 0)
        return true;
    frame_put(f);
    return false;
}

/* A frame of d that it may write to, with a reference as such; NULL: it is none. */
static inline struct frame *mfn_get_writable(mfn_t mfn, const struct domain *d)
{
    return mfn_valid(mfn) && frame_get_and_type(mfn_frame(mfn), d, FT_WRITABLE) ? mfn_frame(mfn) : NULL;
}

static inline void frame_put_and_type(struct frame *f)
{
    frame_put_type(f);
    frame_put(f);
}

/* Lists of frames: circular, linked by next and prev, known by the number of the first; FRAME_NIL: empty. */
void frame_list_add(u32 *first, struct frame *f);
void frame_list_add_tail(u32 *first, struct frame *f);
void frame_list_del(u32 *first, struct frame *f);

/*
 * Puts a hypervisor frame (from page_alloc) under d's name so that d may map it: FR_HYPERVISOR, one
 * reference held by us. writable: as FT_SHARED writable, else read-only.
 */
void frame_share(void *page, struct domain *d, bool writable);
/* Takes it back: drops our reference; the page is freed when the guest's last mapping is gone. */
void frame_unshare(void *page);

#endif
