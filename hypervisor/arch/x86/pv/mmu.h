/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypercalls on page tables share: whose tables and frames are meant, holding a table
 * while its entries change, finding the entry of an address, page-table roots of vCPUs, puts that
 * were interrupted, flushes. mmu.c unless said otherwise.
 */
#ifndef ARCH_X86_PV_MMU_H
#define ARCH_X86_PV_MMU_H

#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/pv.h>
#include <arch/x86/pv/types.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <lib/cpumask.h>
#include <mm/guest_access.h>

/*
 * A count of type_put() that was interrupted (-ERESTART): finished by the vCPU's next operation on
 * page tables. Two places are enough: an operation gives up at most the table that an entry named
 * and the table that it changed.
 */
void pv_put_later(struct frame *f);
/* Finishes them. 0 or -ERESTART. v is current or does not run. */
int pv_finish_puts_slow(struct vcpu *v);
static inline int pv_finish_puts(struct vcpu *v)
{
    return likely(!v->arch.puts_pending[0]) ? 0 : pv_finish_puts_slow(v);
}
/* type_put and frame_put, later if it takes long. */
void pv_put_table(struct frame *f);

/* Whose tables are changed, and who must own the frames that entries get. */
struct owners {
    struct domain *table, *frame;
};

/*
 * The domain that a foreigndom argument names: the current one, another one (privileged callers),
 * or &domid_io or &domid_xen. Gives a reference unless it is the current or one of the pseudo
 * domains: fd_put(). 0, -ESRCH, -EPERM.
 */
int fd_get(unsigned int domid, struct domain **d);
void fd_put(struct domain *d);

/* The same for both, with references (fd_put) when it is not DOMID_SELF; xen/xen.h, "MMU_*". */
int owners_get(struct owners *o, unsigned int foreigndom);

/* In the count of a continued call: *udone counts already. */
#define COUNT_CONTINUED (1U << 31)

/*
 * A hypercall with an array of requests, which `some` does until one fails, all are done or it is
 * time to give way: it returns how many are done, in *rc 0, the error or -ERESTART. foreigndom says
 * what they are done to. How many are done goes to *udone, after an error too: Linux (xen_remap_pfn) adds up what it
 * finds there, and runs past its arrays if a domain that is gone leaves it as it was.
 */
typedef unsigned int requests_fn(const struct owners *o, const void __guest *reqs, unsigned int count, long *rc);
static __always_inline long requests_run(requests_fn *some, void __guest *reqs, size_t size, unsigned int count,
                                         unsigned int __guest *udone, unsigned int foreigndom)
{
    struct vcpu *v = current;
    struct owners o = {v->domain, v->domain};
    unsigned int done = 0, before = 0;
    long rc;

    if (unlikely(pv_finish_puts(v)))
        return hypercall_again(4, reqs, (unsigned long)count, udone, (unsigned long)foreigndom);
    if (unlikely(count & COUNT_CONTINUED)) {
        count &= ~COUNT_CONTINUED;
        if (udone && copy_from_guest(&before, udone, sizeof(before)))
            return -EFAULT;
    }
    rc = likely(foreigndom == DOMID_SELF) ? 0 : owners_get(&o, foreigndom);
    if (likely(!rc)) {
        done = some(&o, reqs, count, &rc);
        if (unlikely(foreigndom != DOMID_SELF)) {
            fd_put(o.table);
            fd_put(o.frame);
        }
    }
    before += done;
    if (udone)
        (void)raw_copy_to_guest(udone, &before, sizeof(before)); /* what was done is done */
    if (likely(rc != -ERESTART))
        return rc;
    if (done == count)
        return 0; /* only a put is left, for the next time */
    return hypercall_again(4, (char __guest *)reqs + done * size, (unsigned long)((count - done) | COUNT_CONTINUED),
                           udone, (unsigned long)foreigndom);
}

/* The frame, if it is a level-1 table of d now; NULL: it is none. */
static inline struct frame *l1_table(mfn_t mfn, const struct domain *d)
{
    struct frame *f = mfn_frame(mfn);

    return likely(mfn_valid(mfn) && (READ_ONCE(f->type) & FT_MASK) == FT_L1 && f->owner == d->id) ? f : NULL;
}

/* l1_lock, if f is d's. */
static inline bool l1_lock_of(struct frame *f, const struct domain *d)
{
    if (unlikely(!l1_lock(f)))
        return false;
    if (likely(f->owner == d->id))
        return true;
    l1_unlock(f);
    return false;
}

/* How an entry is exchanged. */
enum exchange {
    EXCHANGE_PLAIN,
    EXCHANGE_KEEP_AD, /* accessed and dirty of the old entry are kept */
    EXCHANGE_IF_SAME  /* only if it is still as it was looked at */
};

/*
 * Changes *p, an entry of the level-1 table f, which nobody needs to hold; old: as the caller saw it.
 * 0; -EAGAIN: f is no such table (any more), or the entry changed meanwhile (EXCHANGE_IF_SAME);
 * -EINVAL, -EPERM, -EBUSY, -ERESTART: nothing changed.
 */
int l1_update(struct frame *f, u64 *p, u64 old, u64 next, const struct owners *o, enum exchange how);
/* The same for an entry of a table of level 2 to 4, a count of which the caller has. */
int table_update(u64 *p, unsigned int level, u64 next, struct domain *owner, enum exchange how);

/*
 * The place of the level-1 entry that va has in v's kernel page tables; NULL: va has no level-1
 * table, or is ours. The tables may be changed by other vCPUs at any time: lock the table and look
 * again before anything depends on it.
 */
u64 *l1_find(const struct vcpu *v, unsigned long va);
/* The entry itself, 0 when there is none. */
static inline u64 l1_read(const struct vcpu *v, unsigned long va)
{
    const u64 *p = l1_find(v, va);

    return p ? READ_ONCE(*p) : 0;
}

/* Is nobody in m but this CPU? Then a flush needs no help. */
static inline bool cpus_only_self(const struct cpumask *m)
{
    unsigned int self = smp_processor_id();
    unsigned long others = m->bits[BIT_WORD(self)] & ~BIT_MASK(self);

    for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
        if (i != BIT_WORD(self))
            others |= m->bits[i];
    return !others;
}

/*
 * Flushes what the TLBs may know of d's tables, all of it or (one) what they know of va: on this CPU,
 * on all that d runs on, or on those of the vCPUs in the guest's bitmap. 0 or -EFAULT.
 */
enum flush_who { FLUSH_LOCAL, FLUSH_ALL, FLUSH_BITMAP };
int guest_flush_remote(const struct domain *d, enum flush_who who, const void __guest *bitmap, bool one,
                       unsigned long va);
static inline int guest_flush(const struct domain *d, enum flush_who who, const void __guest *bitmap, bool one,
                              unsigned long va)
{
    if (one && unlikely(!guest_address_ok(va)))
        return 0;
    if (who == FLUSH_BITMAP || (who == FLUSH_ALL && !cpus_only_self(&d->arch.dirty_cpus)))
        return guest_flush_remote(d, who, bitmap, one, va);
    if (one)
        flush_tlb_one_local(va);
    else
        flush_tlb_local();
    return 0;
}

/*
 * roots.c: the current vCPU's kernel (user: its user mode's) root becomes mfn. The kernel's is
 * loaded at once. mfn 0: none (user only). 0, -EINVAL, -ERESTART.
 */
int pv_new_root(struct vcpu *v, unsigned long mfn, bool user);

#endif
