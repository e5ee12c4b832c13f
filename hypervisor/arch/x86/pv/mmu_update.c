/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_mmu_update and HYPERVISOR_update_va_mapping(_otherdomain): a guest changes entries of
 * its page tables, by machine address or by the virtual address that they map. The change itself is
 * mmu.c's, the rule types.c's. (ABI: xen/xen.h, "MMU_*", "UVMF_*".)
 */
#include <arch/arch.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/mmu.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>

/* In the count of a continued call: *done counts already. */
#define COUNT_CONTINUED (1U << 31)

/* Requests copied in at once. */
#define BATCH 8

/* Whose tables, whose frames. */
struct owners {
    struct table_hold table;
    struct domain *fd;
};

static int owners_get(struct owners *o, unsigned int foreigndom)
{
    struct domain *d = current->domain;
    int rc;

    if (unlikely(foreigndom >> 16)) {
        rc = fd_get((foreigndom >> 16) - 1, &d);
        if (rc)
            return rc;
        if (d == &domid_io || d == &domid_xen)
            return -EINVAL;
    }
    o->table = TABLE_HOLD(d);
    rc = fd_get(foreigndom & 0xffff, &o->fd);
    if (rc)
        fd_put(d);
    return rc;
}

static void owners_put(struct owners *o)
{
    table_release(&o->table);
    fd_put(o->table.d);
    fd_put(o->fd);
}

static int m2p_update(struct domain *fd, u64 ptr, u64 val)
{
    mfn_t mfn = paddr_to_mfn(ptr);
    struct frame *f = mfn_get(mfn, fd);

    if (!f)
        return -EINVAL;
    arch_set_m2p(mfn, val);
    frame_put(f);
    return 0;
}

/* What is not a change of a level-1 entry: of the tables above, or of a frame that is no table
 * (yet). */
static __noinline int update_held(struct owners *o, u64 ptr, u64 val, bool keep_ad)
{
    u64 *p = paddr_to_virt(ptr);
    int rc = table_hold(&o->table, ptr >> PAGE_SHIFT);

    if (rc)
        return rc;
    if (o->table.level == 1)
        return l1_update(o->table.f, p, val, o->table.d, o->fd, keep_ad);
    if (!o->table.level) {
        WRITE_ONCE(*p, val);
        return 0;
    }
    if (o->fd != o->table.d && (val & PTE_P))
        return -EINVAL;
    return table_update(p, o->table.level, val, o->table.d, keep_ad);
}

static inline int update_one(struct owners *o, u64 ptr, u64 val)
{
    unsigned int cmd = ptr & 7;
    bool keep_ad = cmd == MMU_PT_UPDATE_PRESERVE_AD;
    struct frame *f;

    ptr &= ~7UL;
    if (unlikely(cmd == MMU_MACHPHYS_UPDATE))
        return m2p_update(o->fd, ptr, val);
    if (unlikely(cmd > MMU_PT_UPDATE_NO_TRANSLATE))
        return -ENOSYS;
    if (unlikely(!mfn_valid(paddr_to_mfn(ptr))))
        return -EINVAL;
    f = mfn_frame(paddr_to_mfn(ptr));
    if (likely((READ_ONCE(f->type) & FT_MASK) == FT_L1 && f->owner == o->table.d->id)) {
        int rc = l1_update(f, paddr_to_virt(ptr), val, o->table.d, o->fd, keep_ad);

        if (likely(rc != -EAGAIN))
            return rc;
    }
    return update_held(o, ptr, val, keep_ad);
}

/* Does requests until one fails, all are done or it is time to give way. Returns how many are done;
 * *rc 0 or the error. */
static unsigned int update_some(struct owners *o, const mmu_update_t __guest *reqs, unsigned int count, long *rc)
{
    struct mmu_update req[BATCH];
    struct frame **pending = current->arch.puts_pending;
    unsigned int done = 0;

    *rc = 0;
    while (done < count) {
        unsigned int n = min(count - done, (unsigned int)BATCH);
        size_t left = raw_copy_from_guest(req, reqs + done, n * sizeof(req[0]));
        unsigned int good = n - DIV_ROUND_UP(left, sizeof(req[0]));

        for (unsigned int i = 0; i < good; i++, done++) {
            *rc = update_one(o, req[i].ptr, req[i].val);
            if (unlikely(*rc))
                return done;
            if (unlikely(*pending)) {
                *rc = -ERESTART;
                return done + 1;
            }
        }
        if (unlikely(left)) {
            *rc = -EFAULT;
            return done;
        }
        if (done < count && hypercall_preempt_check()) {
            *rc = -ERESTART;
            return done;
        }
    }
    return done;
}

long do_mmu_update(void __guest *reqs, unsigned int count, unsigned int __guest *udone, unsigned int foreigndom)
{
    const mmu_update_t __guest *req = reqs;
    unsigned int done, before = 0;
    struct owners o;
    long rc;

    if (unlikely(pv_finish_puts(current)))
        return hypercall_again(4, reqs, (unsigned long)count, udone, (unsigned long)foreigndom);
    if (unlikely(count & COUNT_CONTINUED)) {
        count &= ~COUNT_CONTINUED;
        if (udone && copy_from_guest(&before, udone, sizeof(before)))
            return -EFAULT;
    }
    rc = owners_get(&o, foreigndom);
    if (unlikely(rc))
        return rc;
    done = update_some(&o, req, count, &rc);
    owners_put(&o);

    before += done;
    if (udone)
        (void)raw_copy_to_guest(udone, &before, sizeof(before)); /* what was done is done */
    if (unlikely(rc == -ERESTART)) {
        if (done == count)
            return 0; /* only a put is left, for the next time */
        return hypercall_again(4, req + done, (unsigned long)((count - done) | COUNT_CONTINUED), udone,
                               (unsigned long)foreigndom);
    }
    return rc;
}

/* ---- by virtual address ---- */

static int uvm_flush(struct domain *d, unsigned long va, unsigned long flags)
{
    unsigned long type = flags & UVMF_FLUSHTYPE_MASK, who = flags & ~UVMF_FLUSHTYPE_MASK;
    struct cpumask m;
    int rc = 0;

    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG)
        return 0;
    if (who == UVMF_LOCAL || (who == UVMF_ALL && cpus_only_self(&d->arch.dirty_cpus))) {
        if (type == UVMF_INVLPG)
            flush_tlb_one_local(va);
        else
            flush_tlb_local();
        return 0;
    }
    if (who == UVMF_ALL)
        m = d->arch.dirty_cpus;
    else
        rc = vcpus_to_cpus(d, (const void __guest *)who, &m);
    if (rc)
        return rc;
    if (type == UVMF_INVLPG)
        flush_tlb_one_mask(&m, va);
    else
        flush_tlb_mask(&m);
    return 0;
}

static long update_va_mapping(unsigned long va, u64 val, unsigned long flags, struct domain *fd)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    unsigned long mfn;
    unsigned int index;
    struct frame *f;
    int rc;

    if (unlikely(!l1_find(v, va, &mfn, &index) || !mfn_valid(_mfn(mfn))))
        return -EINVAL;
    f = mfn_frame(_mfn(mfn));
    if (unlikely((READ_ONCE(f->type) & FT_MASK) != FT_L1 || f->owner != d->id))
        return -EINVAL;
    rc = l1_update(f, (u64 *)mfn_to_virt(_mfn(mfn)) + index, val, d, fd, false);
    if (unlikely(rc))
        return rc == -EAGAIN ? -EINVAL : rc;
    return flags ? uvm_flush(d, va, flags) : 0;
}

long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags)
{
    long rc;

    if (unlikely(pv_finish_puts(current)))
        return hypercall_again(3, va, val, flags);
    rc = update_va_mapping(va, val, flags, current->domain);
    return unlikely(rc == -ERESTART) ? hypercall_again(3, va, val, flags) : rc;
}

long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, u16 domid)
{
    struct domain *fd;
    long rc;

    if (pv_finish_puts(current))
        return hypercall_again(4, va, val, flags, (unsigned long)domid);
    rc = fd_get(domid, &fd);
    if (rc)
        return rc;
    rc = update_va_mapping(va, val, flags, fd);
    fd_put(fd);
    return rc == -ERESTART ? hypercall_again(4, va, val, flags, (unsigned long)domid) : rc;
}
