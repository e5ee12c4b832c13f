/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical map of an HVM or PVH domain: which machine frame, and of what kind, is behind each guest frame. The
 * tables are the nested page tables that the CPU walks. p2m.c says by which rules; dirty memory is p2m_dirty.c.
 */
#ifndef ARCH_X86_MM_P2M_H
#define ARCH_X86_MM_P2M_H

#include <mm/frame.h>

/* What a guest frame is. Stands in bits 52..55 of the entries, which neither vendor's CPUs look at. */
enum p2m_type {
    P2M_NONE, /* nothing: accesses go to whoever emulates devices */
    P2M_RAM,
    P2M_RAM_RO,   /* writes are dropped */
    P2M_LOGDIRTY, /* RAM that was not written since it was looked at; the first write makes it P2M_RAM */
    P2M_MMIO_DM,  /* as P2M_NONE, by will of the device model: the frame behind it is kept */
    P2M_GRANT_RW, /* a frame that another domain granted */
    P2M_GRANT_RO,
    P2M_FOREIGN, /* another domain's frame */
    P2M_TYPES,
    P2M_TABLE = 15 /* in an entry: not a guest frame's, but a table of the next level */
};

/* Sets of types, a bit each: what may be read and written as memory, by the guest or by us for it. */
#define P2M_BIT(t)      (1U << P2M_##t)
#define P2M_WRITE_TYPES (P2M_BIT(RAM) | P2M_BIT(GRANT_RW) | P2M_BIT(FOREIGN)) /* P2M_LOGDIRTY: mark it first */
/* d's own memory */
#define P2M_OWN_TYPES  (P2M_BIT(RAM) | P2M_BIT(RAM_RO) | P2M_BIT(LOGDIRTY))
#define P2M_READ_TYPES (P2M_WRITE_TYPES | P2M_BIT(LOGDIRTY) | P2M_BIT(RAM_RO) | P2M_BIT(GRANT_RO))

/* How a vendor's entries say it. A/D bits are set in advance: the CPU never writes to our tables. */
struct p2m_format {
    u64 table;             /* bits of an entry that points at a table */
    u64 rights[P2M_TYPES]; /* of one that maps a frame of that type; 0: not present */
};
extern const struct p2m_format p2m_npt, p2m_ept;

/* Largest extents: orders of 4 kB, 2 MB and 1 GB. */
#define P2M_ORDER_2M 9
#define P2M_ORDER_1G 18

/*
 * Life. create: an empty map, d->arch.p2m; entries up to max_order (0, P2M_ORDER_*) as the CPU has them. 0 or -ENOMEM.
 * relinquish: all entries go, and what they hold; nothing can be put in any more. d's vCPUs never run again. 0 or
 * -ERESTART. free: the tables, after that.
 */
int p2m_create(struct domain *d, const struct p2m_format *format, unsigned int max_order);
int p2m_relinquish(struct domain *d);
void p2m_free(struct domain *d);

/* The root table: for nCR3 or EPTP. Never changes. */
mfn_t p2m_root(const struct domain *d);

/*
 * What is at gfn, at this moment; any context. *type always; *order (may be NULL): of the extent that gfn is in.
 * INVALID_MFN where there is no frame. The frame may go at any time: to use it, p2m_get_frame(), or mfn_get() on the
 * result if only frames of d's own count.
 */
mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);

/*
 * Where the memory at gpa is for us, up to the end of its page, if it is of one of the types (P2M_BIT); *type always.
 * NULL: it is not. Only while the current vCPU is d's, and until interrupts are on again: see p2m.c, 4.
 */
void *p2m_pointer(const struct domain *d, paddr_t gpa, unsigned int types, enum p2m_type *type);

/*
 * The frame at gfn with a reference; NULL: none that may be accessed so. write: as something to be written, by us on
 * the guest's behalf (P2M_RAM_RO and P2M_GRANT_RO are not; the frame counts as dirty). Frames of other domains
 * (grants) are given as well: the map's own entry keeps them as long as it stands. Interrupts on.
 */
struct frame *p2m_get_frame(struct domain *d, gfn_t gfn, bool write);

/*
 * The same without a reference, of d's own RAM only: what comes of it must be asked for with mfn_get(.., d).
 * INVALID_MFN. Any context that may take LOCK_P2M.
 */
mfn_t p2m_own_mfn(struct domain *d, gfn_t gfn, bool write);

/*
 * Puts 1 << order frames from mfn on at gfn, in the largest extents that fit. What the new entries hold is handed over:
 * a reference to each frame (RAM types, grants, P2M_FOREIGN) and for P2M_GRANT_RW and P2M_FOREIGN one as FT_WRITABLE;
 * P2M_NONE: nothing. What stood there goes, flushed. Interrupts on, no locks that are ever taken with
 * interrupts off. 0; -ENOMEM (the paging pool is used up), -EINVAL (gfn out of range, d is dying): what was handed over
 * is given back, part of the range may be changed.
 */
int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);

/*
 * Frames that left the map and may still be reached by CPUs that remember: collected, flushed together, given back by
 * p2m_settle(). A struct that was never used: {}.
 */
#define P2M_GONE_MAX 16
struct p2m_gone {
    bool release; /* d gives up its own frames among them: what nobody else holds is free then */
    unsigned int nr;
    struct p2m_run {
        u32 mfn;
        u8 order, type;
    } run[P2M_GONE_MAX];
};

/*
 * The same, but what stood there is only noted in gone; full: it is settled on the way. remove: nothing is at gfn
 * afterwards.
 */
int p2m_set_noflush(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type,
                    struct p2m_gone *gone);
int p2m_remove(struct domain *d, gfn_t gfn, unsigned int order, struct p2m_gone *gone);
void p2m_settle(struct domain *d, struct p2m_gone *gone);

/*
 * One frame changes from a type to another, with what it holds: both of RAM, RAM_RO, LOGDIRTY, MMIO_DM
 * (or from NONE to MMIO_DM and back, where there is no frame). -EBUSY: it is not of the old type; -ENOMEM; -EINVAL.
 * Flushed if rights were lost.
 */
int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to);

/* P2M_LOGDIRTY at gfn becomes P2M_RAM: all of a large extent, if the pool has no page left to split it. */
void p2m_mark_dirty(struct domain *d, gfn_t gfn);

/*
 * arch_grant_map: a granted frame comes to gfn, with what the caller holds of it; an error leaves that to the caller.
 * take: gfn becomes NONE if it is a grant's entry for mfn with these rights: true, and what it held is the caller's,
 * after a flush (arch_grant_unmap).
 */
int p2m_put_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly);
bool p2m_take_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly);

/*
 * No CPU remembers what was taken out of d's map before, and no access that began before is still under way
 * (hvm/guest_memory.c). Interrupts on, no lock that is ever taken with interrupts off.
 */
void p2m_flush(struct domain *d);

/*
 * The guest's access (PFEC_WRITE, PFEC_FETCH) to gpa was not allowed by the tables. RETRY: it is now; MMIO: devices (or
 * nobody) answer, writes to RAM_RO and GRANT_RO are dropped; VIOLATION: what no guest may do.
 */
enum p2m_fault { P2M_FAULT_RETRY, P2M_FAULT_MMIO, P2M_FAULT_VIOLATION };
enum p2m_fault p2m_fault(struct domain *d, paddr_t gpa, unsigned int access);

/* One past the highest guest frame that was ever put in. */
unsigned long p2m_max_gfn(const struct domain *d);

/* How many pages the tables may take; set: 0; -ENOMEM: more are in use already. */
unsigned long p2m_pool_limit(const struct domain *d);
int p2m_pool_set(struct domain *d, unsigned long limit);

/*
 * p2m_dirty.c: the n guest frames from `first` on. PEEK: which were written since they were last cleaned, a bit each;
 * CLEAN: the same, and from here on it is noticed when they are written, after a p2m_flush() by the caller; STOP:
 * writes are noticed no longer. bitmap: n bits, or NULL. 0; -ENOMEM (part is done).
 */
enum p2m_dirty_op { P2M_DIRTY_PEEK, P2M_DIRTY_CLEAN, P2M_DIRTY_STOP };
int p2m_dirty_scan(struct domain *d, gfn_t first, unsigned long n, enum p2m_dirty_op op, u8 *bitmap);

#endif
