/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common ground of the hypercalls on page tables: domains that they name, their arrays of
 * requests, the change of one entry, the way from an address to its entry, flushes. What an entry holds
 * is types.c's; the hypercalls are mmu_update.c, mmuext.c, grant_map.c, ptwr.c.
 */
#include <arch/arch.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/mmu.h>

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
    *d = domid == DOMID_IO ? &domid_io : domid == DOMID_XEN ? &domid_xen : domain_get_by_id(domid);
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

int owners_get(struct owners *o, unsigned int foreigndom)
{
    int rc;

    if (foreigndom >> 16) {
        rc = fd_get((foreigndom >> 16) - 1, &o->table);
        if (rc)
            return rc;
        if (o->table == &domid_io || o->table == &domid_xen || o->table->is_hvm) {
            fd_put(o->table);
            return -EINVAL;
        }
    }
    rc = fd_get(foreigndom & 0xffff, &o->frame);
    if (rc)
        fd_put(o->table);
    return rc;
}

/* ---- entries ---- */

static inline bool pte_cas(u64 *p, u64 *old, u64 next)
{
    return __atomic_compare_exchange_n(p, old, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline u64 kept_ad(u64 old, enum exchange how) { return how == EXCHANGE_KEEP_AD ? old & (PTE_A | PTE_D) : 0; }

/* The entry that was there, *old, is out by this exchange, so what it held is the caller's. False:
 * it is not *old any more. */
static inline bool pte_exchange(u64 *p, u64 *old, u64 next, enum exchange how)
{
    if (likely(how == EXCHANGE_PLAIN)) {
        *old = __atomic_exchange_n(p, next, __ATOMIC_SEQ_CST);
        return true;
    }
    while (!pte_cas(p, old, next | kept_ad(*old, how)))
        if (how == EXCHANGE_IF_SAME)
            return false;
    return true;
}

/* A change outside of `held`, the bits that say what the entry holds: true when it was one and is
 * done. */
static inline bool pte_change_kept(u64 *p, u64 old, u64 next, u64 held, enum exchange how)
{
    while (!((old ^ next) & held)) {
        if (likely(pte_cas(p, &old, next | kept_ad(old, how))))
            return true;
        if (how == EXCHANGE_IF_SAME)
            return false;
    }
    return false;
}

int l1_update(struct frame *f, u64 *p, u64 old, u64 next, const struct owners *o, enum exchange how)
{
    struct domain *owner = o->table;
    bool done;

    if (likely(next & PTE_P)) {
        int rc;

        next = pte_adjust(next);
        if (!((old ^ next) & PTE_KEPT_MASK)) {
            if (unlikely(!l1_lock_of(f, owner)))
                return -EAGAIN;
            done = pte_change_kept(p, old, next, PTE_KEPT_MASK, how);
            l1_unlock(f);
            if (likely(done))
                return 0;
        }
        rc = pte_get(next, owner, o->frame, true);
        if (unlikely(rc < 0))
            return rc;
        if (unlikely(rc == PTE_GET_READONLY))
            next &= ~PTE_RW;
    } else if (unlikely(next && !pte_absent_ok(next, owner))) {
        return -EINVAL;
    }
    if (likely(l1_lock_of(f, owner))) {
        done = pte_exchange(p, &old, next, how);
        l1_unlock(f);
        pte_put(likely(done) ? old : next);
        return done ? 0 : -EAGAIN;
    }
    pte_put(next);
    return -EAGAIN;
}

int table_update(u64 *p, unsigned int level, u64 next, struct domain *owner, enum exchange how)
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
        if (pte_change_kept(p, old, next, PTE_ADDR | PTE_P, how)) {
            if (level == 4)
                root_changed(owner);
            return 0;
        }
        rc = table_entry_get(next, level, owner, true);
        if (rc)
            return rc;
    } else if (next && !pte_absent_ok(next, owner)) {
        return -EINVAL;
    }
    pte_exchange(p, &old, next, how);
    if (level == 4)
        root_changed(owner);
    if (old & PTE_P) {
        /* Guests expect that a whole table goes at once, and Xen does them the favour. */
        flush_tlb_local();
        pv_put_table(mfn_frame(pte_mfn(old)));
    }
    return 0;
}

/* ---- from an address to its entry ---- */

/* One level of the way: the table that the entry for va in *mfn leads to. */
static __always_inline bool table_step(mfn_t *mfn, unsigned long va, unsigned int level)
{
    u64 e = READ_ONCE(((u64 *)mfn_to_virt(*mfn))[pt_index(va, level)]);

    *mfn = pte_mfn(e);
    return (e & (PTE_P | PTE_PS)) == PTE_P;
}

u64 *l1_find(const struct vcpu *v, unsigned long va)
{
    mfn_t mfn = v->arch.guest_table;

    /*
     * The root is held, so it leads to a frame of RAM. From there on another vCPU may take tables
     * away meanwhile, and anything may stand in what was one: it must not lead us out of RAM.
     */
    if (unlikely(!guest_address_ok(va)) || unlikely(!table_step(&mfn, va, 4)) || unlikely(!table_step(&mfn, va, 3)) ||
        unlikely(!mfn_valid(mfn)) || unlikely(!table_step(&mfn, va, 2)) || unlikely(!mfn_valid(mfn)))
        return NULL;
    return (u64 *)mfn_to_virt(mfn) + pt_index(va, 1);
}

/* ---- flushes ---- */

/* CPUs that may hold mappings of the vCPUs in the guest's bitmap. 0 or -EFAULT. */
static int vcpus_to_cpus(const struct domain *d, const void __guest *bitmap, struct cpumask *m)
{
    cpumask_clear(m);
    for (unsigned int base = 0; base < d->max_vcpus; base += 64) {
        u64 word;

        if (copy_from_guest(&word, (const u64 __guest *)bitmap + base / 64, sizeof(word)))
            return -EFAULT;
        for (; word; word &= word - 1) {
            unsigned int id = base + ffs64(word);

            if (id < d->max_vcpus && d->vcpu[id])
                cpumask_set(m, READ_ONCE(d->vcpu[id]->processor));
        }
    }
    *m = cpumask_and(m, &d->arch.dirty_cpus);
    return 0;
}

int guest_flush_remote(const struct domain *d, enum flush_who who, const void __guest *bitmap, bool one,
                       unsigned long va)
{
    struct cpumask m = d->arch.dirty_cpus;

    if (who == FLUSH_BITMAP && vcpus_to_cpus(d, bitmap, &m))
        return -EFAULT;
    if (one)
        flush_tlb_one_mask(&m, va);
    else
        flush_tlb_mask(&m);
    return 0;
}

/* ---- the machine-to-physical table ---- */

void arch_set_m2p(mfn_t mfn, unsigned long gfn)
{
    if (mfn_valid(mfn))
        ((unsigned long *)M2P_RW_START)[mfn_x(mfn)] = gfn;
}

unsigned long arch_get_m2p(mfn_t mfn) { return mfn_valid(mfn) ? ((unsigned long *)M2P_RW_START)[mfn_x(mfn)] : ~0UL; }
