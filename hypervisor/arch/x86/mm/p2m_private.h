/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to arch/x86/mm/p2m*.c: the map itself and its entries.
 */
#ifndef ARCH_X86_MM_P2M_PRIVATE_H
#define ARCH_X86_MM_P2M_PRIVATE_H

#include <arch/x86/mm/p2m.h>
#include <asm/paging.h>
#include <core/domain.h>

struct p2m {
    struct spinlock lock; /* who changes entries */
    const struct p2m_format *format;
    u64 *root;
    unsigned int top_leaf;               /* the highest level that may have frames: 1..3 */
    bool closed;                         /* its domain ends */
    unsigned long max_gfn;               /* one past the highest ever used */
    unsigned long pool_limit, pool_used; /* pages */
    unsigned long next;                  /* gfn: progress of p2m_relinquish */
};

#define P2M_LEVELS    4
#define P2M_GFN_LIMIT (1UL << 9 * P2M_LEVELS)

/* Guest frames under one entry of a table of the level. */
static inline unsigned long p2m_span(unsigned int level) { return 1UL << 9 * (level - 1); }

static inline enum p2m_type entry_type(u64 e) { return e >> 52 & 15; }

/* Is there a frame behind the entry? Machine frame 0 is nobody's. */
static inline bool entry_has_frame(u64 e) { return e & PTE_ADDR; }

/* The frame of gfn by an entry of the level. */
static inline mfn_t entry_mfn(u64 e, unsigned int level, unsigned long gfn)
{
    return entry_has_frame(e) ? _mfn((e & PTE_ADDR) >> PAGE_SHIFT | (gfn & (p2m_span(level) - 1))) : INVALID_MFN;
}

/* INVALID_MFN: no frame. */
static inline u64 entry_make(const struct p2m *p2m, mfn_t mfn, enum p2m_type type, unsigned int level)
{
    u64 rights = p2m->format->rights[type];

    if (mfn_eq(mfn, INVALID_MFN))
        return (u64)type << 52;
    return (u64)type << 52 | mfn_to_paddr(mfn) | rights | (rights && level > 1 ? PTE_PS : 0);
}

/* Locked. The same frame, as another type. */
static inline void entry_retype(const struct p2m *p2m, u64 *e, unsigned int level, enum p2m_type type)
{
    __atomic_store_n(e, entry_make(p2m, entry_mfn(*e, level, 0), type, level), __ATOMIC_SEQ_CST);
}

/* The entry for gfn that is no table, and its level. Any context, no lock. */
static __always_inline u64 p2m_entry_read(const struct p2m *p2m, unsigned long gfn, unsigned int *level)
{
    const u64 *t = p2m->root;

    *level = P2M_LEVELS;
    if (unlikely(gfn >= P2M_GFN_LIMIT))
        return 0;
    for (;; --*level) {
        u64 e = __atomic_load_n(&t[gfn >> 9 * (*level - 1) & 511], __ATOMIC_ACQUIRE);

        if (entry_type(e) != P2M_TABLE)
            return e;
        t = paddr_to_virt(e & PTE_ADDR);
    }
}

/*
 * Its place. *level: at most so high; becomes what it is. What is higher up is split, holes only if `make`: else a
 * higher one is given as it is. NULL: the pool is empty. Locked.
 */
u64 *p2m_entry_find(struct p2m *p2m, unsigned long gfn, unsigned int *level, bool make);

#endif
