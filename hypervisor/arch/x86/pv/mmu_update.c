/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_mmu_update and HYPERVISOR_update_va_mapping(_otherdomain): a guest changes entries of
 * its page tables, by machine address or by the virtual address that they map. The change itself is
 * mmu.c's, the rule types.c's. (ABI: xen/xen.h, "MMU_*", "UVMF_*".)
 */
#include <arch/arch.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/pv/mmu.h>

/* Requests copied in at once. */
#define BATCH 8

/*
 * A frame that is written to and is no level-1 table, held meanwhile: counted as what it is now, a
 * table of level 1..4 (level 1 by a race only), or level 0: an ordinary frame, counted as writable.
 * The next request is often for the same one.
 */
struct held {
    struct frame *f; /* NULL: none */
    unsigned int level;
};

static void held_put(struct held *h)
{
    if (h->f)
        pv_put_table(h->f);
    h->f = NULL;
}

/* 0; -EINVAL: not d's, or of a type that may not be written; -ERESTART. */
static int held_get(struct held *h, mfn_t mfn, const struct domain *d)
{
    struct frame *f;
    int rc;

    if (h->f == mfn_frame(mfn))
        return 0;
    held_put(h);
    f = mfn_get(mfn, d);
    if (!f)
        return -EINVAL;
    h->level = type_join_table(f);
    rc = h->level ? 0 : type_get(f, FT_WRITABLE, true);
    if (rc)
        frame_put(f);
    else
        h->f = f;
    return rc;
}

static int m2p_update(struct domain *fd, u64 ptr, u64 val)
{
    mfn_t mfn = paddr_to_mfn(ptr);
    struct frame *f = fd->is_hvm ? NULL : mfn_get(mfn, fd); /* that of an HVM domain is ours to keep */

    if (!f)
        return -EINVAL;
    arch_set_m2p(mfn, val);
    frame_put(f);
    return 0;
}

/* What is not a change of a level-1 entry: of the tables above, or of a frame that is no table
 * (yet). */
static __noinline int update_held(struct held *h, const struct owners *o, u64 ptr, u64 val, enum exchange how)
{
    u64 *p = paddr_to_virt(ptr);
    int rc = held_get(h, paddr_to_mfn(ptr), o->table);

    if (rc)
        return rc;
    if (h->level == 1)
        return l1_update(h->f, p, READ_ONCE(*p), val, o, how);
    if (!h->level) {
        WRITE_ONCE(*p, val);
        return 0;
    }
    if (o->frame != o->table && (val & PTE_P))
        return -EINVAL;
    return table_update(p, h->level, val, o->table, how);
}

static inline int update_one(struct held *h, const struct owners *o, u64 ptr, u64 val)
{
    unsigned int cmd = ptr & 7;
    enum exchange how = cmd == MMU_PT_UPDATE_PRESERVE_AD ? EXCHANGE_KEEP_AD : EXCHANGE_PLAIN;
    struct frame *f;

    ptr &= ~7UL;
    if (unlikely(cmd == MMU_MACHPHYS_UPDATE))
        return m2p_update(o->frame, ptr, val);
    if (unlikely(cmd > MMU_PT_UPDATE_NO_TRANSLATE))
        return -ENOSYS;
    f = l1_table(paddr_to_mfn(ptr), o->table);
    if (likely(f)) {
        u64 *p = paddr_to_virt(ptr);
        int rc = l1_update(f, p, READ_ONCE(*p), val, o, how);

        if (likely(rc != -EAGAIN))
            return rc;
    }
    return update_held(h, o, ptr, val, how);
}

/*
 * A present entry for a frame of an HVM domain names it by that domain's numbering. The frame may be gone from there
 * the next moment: the entry will be checked as any other, and it is fd's then or refused. 0; -EINVAL: there is none.
 */
static int foreign_translate(struct domain *fd, u64 *val)
{
    mfn_t mfn = *val & PTE_P ? p2m_own_mfn(fd, _gfn(mfn_x(pte_mfn(*val))), *val & PTE_RW) : INVALID_MFN;

    if (mfn_eq(mfn, INVALID_MFN))
        return *val & PTE_P ? -EINVAL : 0;
    *val = (*val & ~PTE_ADDR) | mfn_to_paddr(mfn);
    return 0;
}

static __noinline void requests_translate(struct domain *fd, struct mmu_update *req, unsigned int n)
{
    for (; n; n--, req++)
        if ((req->ptr & 7) != MMU_PT_UPDATE_NO_TRANSLATE && (req->ptr & 7) != MMU_MACHPHYS_UPDATE &&
            foreign_translate(fd, &req->val))
            req->ptr = 0; /* nobody's table */
}

static unsigned int update_some(struct held *h, const struct owners *o, const mmu_update_t __guest *reqs,
                                unsigned int count, long *rc)
{
    struct mmu_update req[BATCH];
    struct frame **pending = current->arch.puts_pending;
    unsigned int done = 0;

    *rc = 0;
    while (done < count) {
        unsigned int n = min(count - done, (unsigned int)BATCH);
        size_t left = raw_copy_from_guest(req, reqs + done, n * sizeof(req[0]));
        unsigned int good = n - DIV_ROUND_UP(left, sizeof(req[0]));

        if (unlikely(o->frame->is_hvm))
            requests_translate(o->frame, req, good);
        for (unsigned int i = 0; i < good; i++, done++) {
            *rc = update_one(h, o, req[i].ptr, req[i].val);
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

static unsigned int updates(const struct owners *o, const void __guest *reqs, unsigned int count, long *rc)
{
    struct held h = {};
    unsigned int done = update_some(&h, o, reqs, count, rc);

    held_put(&h);
    return done;
}

long do_mmu_update(void __guest *reqs, unsigned int count, unsigned int __guest *udone, unsigned int foreigndom)
{
    return requests_run(updates, reqs, sizeof(mmu_update_t), count, udone, foreigndom);
}

/* ---- by virtual address ---- */

static int uvm_flush(const struct domain *d, unsigned long va, unsigned long flags)
{
    unsigned long type = flags & UVMF_FLUSHTYPE_MASK, who = flags & ~UVMF_FLUSHTYPE_MASK;

    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG)
        return 0;
    return guest_flush(d,
                       who == UVMF_LOCAL ? FLUSH_LOCAL
                       : who == UVMF_ALL ? FLUSH_ALL
                                         : FLUSH_BITMAP,
                       (const void __guest *)who, type == UVMF_INVLPG, va);
}

static long update_va_mapping(unsigned long va, u64 val, unsigned long flags, struct domain *fd)
{
    struct owners o = {current->domain, fd};
    u64 *p = l1_find(current, va);
    struct frame *f = p ? l1_table(virt_to_mfn(p), o.table) : NULL;
    int rc;

    if (unlikely(!f))
        return -EINVAL;
    rc = l1_update(f, p, READ_ONCE(*p), val, &o, EXCHANGE_PLAIN);
    if (unlikely(rc))
        return rc == -EAGAIN ? -EINVAL : rc;
    return flags ? uvm_flush(o.table, va, flags) : 0;
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
    u64 entry = val;
    long rc;

    if (pv_finish_puts(current))
        return hypercall_again(4, va, val, flags, (unsigned long)domid);
    rc = fd_get(domid, &fd);
    if (rc)
        return rc;
    rc = fd->is_hvm ? foreign_translate(fd, &entry) : 0;
    if (!rc)
        rc = update_va_mapping(va, entry, flags, fd);
    fd_put(fd);
    return rc == -ERESTART ? hypercall_again(4, va, val, flags, (unsigned long)domid) : rc;
}
