/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypercalls on page tables share: whose tables and frames are meant, holding a table
 * while its entries change, finding the entry of an address, page-table roots of vCPUs, puts that
 * were interrupted. mmu.c unless said otherwise.
 */
#ifndef ARCH_X86_PV_MMU_H
#define ARCH_X86_PV_MMU_H

#include <arch/x86/pv/types.h>
#include <core/domain.h>
#include <lib/cpumask.h>

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

/*
 * The domain that a foreigndom argument names: the current one, another one (privileged callers),
 * or &domid_io or &domid_xen. Gives a reference unless it is the current or one of the pseudo
 * domains: fd_put(). 0, -ESRCH, -EPERM.
 */
int fd_get(unsigned int domid, struct domain **d);
void fd_put(struct domain *d);

/*
 * A table of d that entries are changed in. hold: counted as what it is now, level 1..4, or level
 * 0: an ordinary frame, counted as writable. 0 or -EINVAL (not d's, or of a type that may not be
 * written), -ERESTART. Holding the same one again costs nothing.
 */
struct table_hold {
    struct domain *d;
    unsigned long mfn; /* ~0: none held */
    struct frame *f;
    unsigned int level;
};
#define TABLE_HOLD(dom) ((struct table_hold){.d = (dom), .mfn = ~0UL})
int table_hold_slow(struct table_hold *h, unsigned long mfn);
void table_release(struct table_hold *h);

static inline int table_hold(struct table_hold *h, unsigned long mfn)
{
    return likely(h->mfn == mfn) ? 0 : table_hold_slow(h, mfn);
}

/*
 * Changes *p, an entry of the level-1 table f, which nobody needs to hold. keep_ad: A and D of the
 * old entry are kept. owner: the table's. fd: who must own the frame. 0; -EAGAIN: f is no such
 * table (any more); -EINVAL, -EPERM, -EBUSY, -ERESTART: nothing changed.
 */
int l1_update(struct frame *f, u64 *p, u64 new, struct domain *owner, struct domain *fd, bool keep_ad);
/* The same for an entry of a held table of level 2 to 4. */
int table_update(u64 *p, unsigned int level, u64 new, struct domain *owner, bool keep_ad);
/* Changes *p only if it still is `old`: false when it is not. Errors as above in *rc. */
bool l1_compare_update(u64 *p, u64 old, u64 new, struct domain *owner, int *rc);

/*
 * The level-1 entry that va has in v's kernel page tables: its table's frame and its index; false:
 * va has no level-1 table, or is ours. The tables may be changed by other vCPUs at any time: hold
 * the frame and look again before anything depends on it.
 */
bool l1_find(const struct vcpu *v, unsigned long va, unsigned long *table_mfn, unsigned int *index);
/* The entry itself, 0 when there is none. */
u64 l1_read(const struct vcpu *v, unsigned long va);

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

/* CPUs that may hold mappings of the vCPUs in the guest's bitmap. 0 or -EFAULT. */
int vcpus_to_cpus(const struct domain *d, const void __guest *bitmap, struct cpumask *m);

/*
 * roots.c: the current vCPU's kernel (user: its user mode's) root becomes mfn. The kernel's is
 * loaded at once. mfn 0: none (user only). 0, -EINVAL, -ERESTART.
 */
int pv_new_root(struct vcpu *v, unsigned long mfn, bool user);

#endif
