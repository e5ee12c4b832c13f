/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common ground of the hypercalls on page tables: domains that they name, tables held while
 * they change, the change of one entry, the way from an address to its entry. What an entry holds
 * is types.c's; the hypercalls are mmu_update.c, mmuext.c, grant_map.c, ptwr.c.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/mmu.h>
#include <arch/x86/pv/pv.h>
#include <lib/lib.h>
#include <mm/guest_access.h>

/* ---- interrupted puts ---- */

void pv_put_later(struct frame *f)
{
    struct frame **place = current->arch.puts_pending;

    while (*place)
        place++;
    BUG_ON(place >= current->arch.puts_pending + ARRAY_SIZE(current->arch.puts_pending));
    *place = f;
}

int pv_finish_puts_slow(struct vcpu *v)
{
    /* The first place is emptied last: it says whether there is anything. */
    for (unsigned int i = ARRAY_SIZE(v->arch.puts_pending); i--;) {
        struct frame *f = v->arch.puts_pending[i];

        if (!f)
            continue;
        if (type_put(f, true))
            return -ERESTART;
        v->arch.puts_pending[i] = NULL;
        frame_put(f);
    }
    return 0;
}

void pv_put_table(struct frame *f)
{
    if (unlikely(type_put(f, true)))
        pv_put_later(f);
    else
        frame_put(f);
}

/* ---- domains ---- */

int fd_get(unsigned int domid, struct domain **d)
{
    struct domain *self = current->domain;

    if (likely(domid == DOMID_SELF)) {
        *d = self;
        return 0;
    }
    if (domid == self->id)
        return -ESRCH; /* "foreign" is somebody else */
    if (domid == DOMID_IO)
        *d = &domid_io;
    else if (domid == DOMID_XEN)
        *d = &domid_xen;
    else
        *d = domain_get_by_id(domid);
    if (!*d)
        return -ESRCH;
    if (self->is_privileged)
        return 0;
    fd_put(*d);
    return -EPERM;
}

void fd_put(struct domain *d)
{
    if (unlikely(d != current->domain && d != &domid_io && d != &domid_xen))
        domain_put(d);
}

/* ---- tables ---- */

int table_hold_slow(struct table_hold *h, unsigned long mfn)
{
    struct frame *f;
    int rc;

    if (h->mfn != ~0UL)
        table_release(h);
    f = mfn_get(_mfn(mfn), h->d);
    if (!f)
        return -EINVAL;
    h->level = type_join_table(f);
    if (!h->level) {
        rc = type_get(f, FT_WRITABLE, true);
        if (rc) {
            frame_put(f);
            return rc;
        }
    }
    h->f = f;
    h->mfn = mfn;
    return 0;
}

void table_release(struct table_hold *h)
{
    if (h->mfn == ~0UL)
        return;
    pv_put_table(h->f);
    h->mfn = ~0UL;
}

static inline bool pte_cas(u64 *p, u64 *old, u64 next)
{
    return __atomic_compare_exchange_n(p, old, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The entry that was there is out by this exchange, so what it held is the caller's. */
static inline u64 pte_exchange(u64 *p, u64 next, bool keep_ad)
{
    u64 old;

    if (!keep_ad)
        return __atomic_exchange_n(p, next, __ATOMIC_SEQ_CST);
    old = READ_ONCE(*p);
    while (!pte_cas(p, &old, next | (old & (PTE_A | PTE_D))))
        ;
    return old;
}

/* A change that leaves what the entry holds as it is: true when it was one and is done. f is
 * locked. */
static inline bool l1_change_kept(u64 *p, u64 next, bool keep_ad)
{
    u64 old = READ_ONCE(*p);

    while (!((old ^ next) & PTE_KEPT_MASK))
        if (likely(pte_cas(p, &old, keep_ad ? next | (old & (PTE_A | PTE_D)) : next)))
            return true;
    return false;
}

int l1_update(struct frame *f, u64 *p, u64 next, struct domain *owner, struct domain *fd, bool keep_ad)
{
    u64 old = READ_ONCE(*p);
    int rc;

    if (likely(next & PTE_P)) {
        next = pte_adjust(next);
        if (!((old ^ next) & PTE_KEPT_MASK)) {
            bool done;

            if (unlikely(!l1_lock(f)))
                return -EAGAIN;
            done = f->owner == owner->id && l1_change_kept(p, next, keep_ad);
            l1_unlock(f);
            if (likely(done))
                return 0;
        }
        rc = pte_get(next, owner, fd, true);
        if (unlikely(rc)) {
            if (rc < 0)
                return rc;
            next &= ~PTE_RW;
        }
    } else if (unlikely(next && !pte_absent_ok(next, owner))) {
        return -EINVAL;
    }
    if (unlikely(!l1_lock(f)))
        goto no_table;
    if (unlikely(f->owner != owner->id)) {
        l1_unlock(f);
        goto no_table;
    }
    old = pte_exchange(p, next, keep_ad);
    l1_unlock(f);
    pte_put(old);
    return 0;

no_table:
    pte_put(next);
    return -EAGAIN;
}

bool l1_compare_update(u64 *p, u64 old, u64 next, struct domain *owner, int *rc)
{
    bool same;

    *rc = -EINVAL;
    if (next & PTE_P) {
        next = pte_adjust(next);
    } else if (next && !pte_absent_ok(next, owner)) {
        return true;
    }
    same = !((old ^ next) & PTE_KEPT_MASK);
    if (!same && (next & PTE_P)) {
        *rc = pte_get(next, owner, owner, true);
        if (*rc < 0)
            return true;
        if (*rc == PTE_GET_READONLY)
            next &= ~PTE_RW;
    }
    *rc = 0;
    if (pte_cas(p, &old, next)) {
        if (!same)
            pte_put(old);
        return true;
    }
    if (!same)
        pte_put(next);
    return false;
}

int table_update(u64 *p, unsigned int level, u64 next, struct domain *owner, bool keep_ad)
{
    unsigned int slot = ((unsigned long)p & ~PAGE_MASK) / sizeof(*p);
    u64 old = READ_ONCE(*p);
    int rc;

    if (level == 4 && slot >= HYPERVISOR_FIRST_SLOT && slot <= HYPERVISOR_LAST_SLOT)
        return -EINVAL;
    if (next & PTE_P) {
        if (next & TABLE_FORBIDDEN)
            return -EINVAL;
        next = pte_adjust(next);
        while (!((old ^ next) & (PTE_ADDR | PTE_P)))
            if (pte_cas(p, &old, keep_ad ? next | (old & (PTE_A | PTE_D)) : next))
                return 0;
        rc = table_entry_get(next, level, owner, true);
        if (rc)
            return rc;
    } else if (next && !pte_absent_ok(next, owner)) {
        return -EINVAL;
    }
    old = pte_exchange(p, next, keep_ad);
    if (old & PTE_P) {
        /* Guests expect that a whole table goes at once, and Xen does them the favour. */
        flush_tlb_local();
        pv_put_table(mfn_frame(pte_mfn(old)));
    }
    return 0;
}

/* ---- from an address to its entry ---- */

/* One level of the way: the table that the entry for va in *mfn leads to. */
static __always_inline bool table_step(unsigned long *mfn, unsigned long va, unsigned int level)
{
    u64 e;

    e = READ_ONCE(((u64 *)mfn_to_virt(_mfn(*mfn)))[pt_index(va, level)]);
    *mfn = mfn_x(pte_mfn(e));
    return (e & (PTE_P | PTE_PS)) == PTE_P;
}

bool l1_find(const struct vcpu *v, unsigned long va, unsigned long *table_mfn, unsigned int *index)
{
    unsigned long mfn = mfn_x(v->arch.guest_table);

    /*
     * The root is held, so it leads to a frame of RAM. From there on another vCPU may take tables
     * away meanwhile, and anything may stand in what was one: it must not lead us out of RAM.
     */
    if (unlikely(!guest_address_ok(va)) || unlikely(!table_step(&mfn, va, 4)) || unlikely(!table_step(&mfn, va, 3)) ||
        unlikely(!mfn_valid(_mfn(mfn))) || unlikely(!table_step(&mfn, va, 2)))
        return false;
    *table_mfn = mfn;
    *index = pt_index(va, 1);
    return true;
}

u64 l1_read(const struct vcpu *v, unsigned long va)
{
    unsigned long mfn;
    unsigned int index;

    if (!l1_find(v, va, &mfn, &index) || !mfn_valid(_mfn(mfn)))
        return 0;
    return READ_ONCE(((u64 *)mfn_to_virt(_mfn(mfn)))[index]);
}

int vcpus_to_cpus(const struct domain *d, const void __guest *bitmap, struct cpumask *m)
{
    cpumask_clear(m);
    for (unsigned int base = 0; base < d->max_vcpus; base += 64) {
        u64 word;

        if (copy_from_guest(&word, (const u64 __guest *)bitmap + base / 64, sizeof(word)))
            return -EFAULT;
        while (word) {
            unsigned int id = base + ffs64(word);

            word &= word - 1;
            if (id < d->max_vcpus && d->vcpu[id])
                cpumask_set(m, READ_ONCE(d->vcpu[id]->processor));
        }
    }
    *m = cpumask_and(m, &d->arch.dirty_cpus);
    return 0;
}

/* ---- the machine-to-physical table ---- */

void arch_set_m2p(mfn_t mfn, unsigned long gfn)
{
    if (mfn_valid(mfn))
        ((unsigned long *)M2P_RW_START)[mfn_x(mfn)] = gfn;
}

unsigned long arch_get_m2p(mfn_t mfn) { return mfn_valid(mfn) ? ((unsigned long *)M2P_RW_START)[mfn_x(mfn)] : ~0UL; }

mfn_t arch_gfn_to_mfn(struct domain *d, gfn_t gfn)
{
    (void)d;
    return _mfn(gfn_x(gfn));
}
