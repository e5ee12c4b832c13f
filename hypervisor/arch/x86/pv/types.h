/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page types of PV guests and what page-table entries hold: what the other files of the PV memory
 * management (mmu*.c, descriptor.c, grant_map.c ...) call. The rule itself and the argument for it
 * stand at the head of types.c.
 */
#ifndef ARCH_X86_PV_TYPES_H
#define ARCH_X86_PV_TYPES_H

#include <asm/paging.h>
#include <mm/frame.h>

#define FT_LEVEL(level)   ((u64)(level) << FT_SHIFT)
#define FT_PROGRESS_SHIFT 47
#define FT_PROGRESS       (0x3ffUL << FT_PROGRESS_SHIFT)
#define FT_STAMP_SHIFT    32
#define FT_STAMP          (0x1fffUL << FT_STAMP_SHIFT)

/* 1..4 when x is a page table's type word, else 0. */
static inline unsigned int type_level(u64 x)
{
    unsigned int t = x >> FT_SHIFT;

    return t <= 4 ? t : 0;
}

/*
 * frame_get_type and frame_put_type that give way: both may stop with -ERESTART when `preemptible`
 * and the vCPU has something else to do. A get that stopped gave nothing; a put that stopped gave
 * back nothing: the caller still holds its count and its reference and calls again (pv_put_later()
 * keeps it for later). Interrupts on; the caller holds a reference.
 */
int type_get_slow(struct frame *f, u64 type, bool preemptible);
int type_put_slow(struct frame *f, bool preemptible);

static inline bool type_cas(struct frame *f, u64 *old, u64 new)
{
    return __atomic_compare_exchange_n(&f->type, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The short way: the frame has the type already, and has been checked. */
static inline int type_get(struct frame *f, u64 type, bool preemptible)
{
    u64 x = READ_ONCE(f->type);

    while (likely((x & (FT_MASK | FT_VALIDATED)) == (type | FT_VALIDATED) && (u32)x < (u32)FT_COUNT))
        if (likely(type_cas(f, &x, x + 1)))
            return 0;
    return type_get_slow(f, type, preemptible);
}

/* The short way: it is not the last one. */
static inline int type_put(struct frame *f, bool preemptible)
{
    u64 x = READ_ONCE(f->type);

    while (likely((x & FT_VALIDATED) && (u32)x > 1))
        if (likely(type_cas(f, &x, x - 1)))
            return 0;
    return type_put_slow(f, preemptible);
}

/* mfn_get and type_get in one: *out then has both. 0, -EINVAL, -ERESTART. */
static inline int frame_take(mfn_t mfn, const struct domain *d, u64 type, bool preemptible, struct frame **out)
{
    int rc;

    *out = mfn_get(mfn, d);
    if (!*out)
        return -EINVAL;
    rc = type_get(*out, type, preemptible);
    if (rc)
        frame_put(*out);
    return rc;
}

/* One more count if f is a validated page table now: its level; 0: it is none. The caller holds a
 * reference. */
static inline unsigned int type_join_table(struct frame *f)
{
    u64 x = READ_ONCE(f->type);

    while (type_level(x) && (x & FT_VALIDATED) && (u32)x < (u32)FT_COUNT)
        if (likely(type_cas(f, &x, x + 1)))
            return type_level(x);
    return 0;
}

/*
 * The cheapest hold of a level-1 table: it stays one, and its frame its owner's, until the unlock.
 * False: it is none. Nothing that could give up a table's last use may be done meanwhile.
 */
static inline bool l1_lock(struct frame *f)
{
    u64 x = READ_ONCE(f->type);

    while ((x & (FT_MASK | FT_VALIDATED)) == (FT_L1 | FT_VALIDATED)) {
        if (unlikely(x & FT_LOCKED))
            x = READ_ONCE(f->type);
        else if (likely(type_cas(f, &x, x | FT_LOCKED)))
            return true;
    }
    return false;
}

static inline void l1_unlock(struct frame *f) { __atomic_and_fetch(&f->type, ~FT_LOCKED, __ATOMIC_RELEASE); }

/*
 * Entries. An entry that is in force (in a validated table) holds: level 1, RAM: a reference, and
 * when writable a count as FT_WRITABLE (or FT_SHARED); level 1, I/O: nothing; levels 2..4: a
 * reference and a count of the table below.
 */
#define PTE_KEPT_MASK \
    (PTE_ADDR | PTE_P | PTE_RW | PTE_PWT | PTE_PCD | PTE_PAT) /* other bits of level 1 may change freely */

/* Machine frames that are devices or the firmware's, not RAM that somebody owns: the first megabyte
 * counts as such. */
static inline bool mfn_is_io(mfn_t mfn) { return mfn_x(mfn) < 0x100 || !mfn_valid(mfn); }

static inline mfn_t pte_mfn(u64 e) { return paddr_to_mfn(e & PTE_ADDR); }

/*
 * Takes what a present level-1 entry holds. table_owner: whose table it goes into; fd: who must own
 * the frame (table_owner's privileges hold for I/O; &domid_io, &domid_xen: only such). 0;
 * PTE_GET_READONLY: without PTE_RW it is in order, and holds nothing; -EPERM: I/O that fd has no
 * right to; -EBUSY: not fd's frame, or it may not be written; -EINVAL: caching that the owner has
 * no say in; -ERESTART.
 */
#define PTE_GET_READONLY 1
int pte_get(u64 e, struct domain *table_owner, struct domain *fd, bool preemptible);
/* Gives back what a level-1 entry held; not present: nothing. */
void pte_put(u64 e);
/* The same for an entry of a table of `level` 2..4; -ERESTART as type_get. */
int table_entry_get(u64 e, unsigned int level, struct domain *owner, bool preemptible);

/*
 * Bits that are refused in an entry of levels 2 to 4: no large pages, no choice of caching for the
 * walk. In level 1 none is: what the CPU does not know faults.
 */
#define TABLE_FORBIDDEN (PTE_PS | PTE_G | PTE_PWT | PTE_PCD)
/* What we make of a guest's present entry: everything of a guest is for ring 3, nothing global. */
static inline u64 pte_adjust(u64 e) { return (e | PTE_US) & ~PTE_G; }

/* Not present and not zero: refused where the CPU would read through it (L1TF). */
bool pte_absent_ok(u64 e, const struct domain *d);

extern unsigned long iomem_readonly;

/* Stand for the owners DOMID_IO and DOMID_XEN where a domain is asked for; only their id counts. */
extern struct domain domid_io, domid_xen;

/* Pins: a count that the guest holds by MMUEXT_PIN. -EINVAL: pinned already, or no such table;
 * -ERESTART. */
int table_pin(mfn_t mfn, const struct domain *d, u64 type, bool preemptible);
/* Takes the pin's mark away: true when it was there, and its count and reference are the caller's
 * to put now. */
bool table_unpin_mark(struct frame *f);
/* Puts the mark back: the caller's count and reference are the pin's again. */
void table_pin_mark(struct frame *f);
/* A dead domain's frame whose check was given up half way: gives back what its entries hold. 0 or
 * -ERESTART. */
int type_forget(struct frame *f);

#endif
