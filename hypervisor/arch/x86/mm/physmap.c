/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HYPERVISOR_memory_op does to the physical map of an HVM domain: memory comes and goes (populate, decrease), and
 * pages that we share are put where the guest wants them (XENMEM_add_to_physmap and its kin). The neutral part is
 * hypercall/memory_reservation.c and memory_op.c; the map is p2m.c. (ABI: xen/memory.h, XENMAPSPACE_*.)
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/p2m.h>
#include <core/domain.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <xen/memory.h>

/* ---- memory comes and goes ---- */

/* d lets go of frames of its own that are in no map (any more). */
static void frames_release(struct domain *d, mfn_t mfn, unsigned long n)
{
    for (; n; n--, mfn = mfn_add(mfn, 1)) {
        struct frame *f = mfn_get(mfn, d);

        if (f) {
            frame_release(f);
            frame_put(f);
        }
    }
}

int arch_physmap_populate(struct domain *d, gfn_t gfn, struct frame *f, unsigned int order)
{
    mfn_t mfn = frame_mfn(f);
    int rc;

    for (unsigned long i = 0; i < 1UL << order; i++)
        BUG_ON(!frame_get_any(f + i)); /* the map's */
    rc = p2m_set(d, gfn, mfn, order, P2M_RAM);
    if (rc) {
        p2m_set(d, gfn, INVALID_MFN, order, P2M_NONE);
        frames_release(d, mfn, 1UL << order);
    }
    return rc;
}

/* Takes d's own memory of one extent out of the map. False: not all of it is. */
static bool extent_take(struct domain *d, unsigned long gfn, unsigned int order, struct p2m_gone *gone)
{
    for (unsigned long end = gfn + (1UL << order); gfn < end;) {
        enum p2m_type type;
        unsigned int whole;
        mfn_t mfn = p2m_lookup(d, _gfn(gfn), &type, &whole);

        if (mfn_eq(mfn, INVALID_MFN) || !(P2M_OWN_TYPES >> type & 1))
            return false;
        if (gfn & ((1UL << whole) - 1) || end - gfn < 1UL << whole)
            whole = 0;
        if (p2m_remove(d, _gfn(gfn), whole, gone))
            return false;
        gfn += 1UL << whole;
    }
    return true;
}

unsigned int arch_physmap_decrease(struct domain *d, const xen_pfn_t *gfns, unsigned int n, unsigned int order)
{
    struct p2m_gone gone = {.release = true};
    unsigned int done = 0;

    while (done < n && extent_take(d, gfns[done], order, &gone))
        done++;
    p2m_settle(d, &gone);
    if (done && d == current->domain)
        hvm_mapcache_invalidate(current);
    return done;
}

unsigned long arch_physmap_max_gfn(const struct domain *d) { return p2m_max_gfn(d); }

/* ---- resources ---- */

/* A page of slots for vCPUs, and one with a ring. */
unsigned int arch_resource_size(const struct domain *d, unsigned int type)
{
    return type == XENMEM_resource_ioreq_server && d->is_hvm ? 2 : 0;
}

int arch_resource_frame(struct domain *d, unsigned int type __unused, u32 id, u64 frame, mfn_t *mfn)
{
    return id >> 16 ? -EINVAL : ioreq_server_frame(d, id, frame, mfn);
}

/* ---- pages that are put somewhere ---- */

/* Where mfn, of d's own, is in the map; ~0: nowhere. */
static unsigned long page_place(struct domain *d, mfn_t mfn)
{
    unsigned long gfn = arch_get_m2p(mfn);
    enum p2m_type type;

    return mfn_eq(p2m_lookup(d, _gfn(gfn), &type, NULL), mfn) && P2M_OWN_TYPES >> type & 1 ? gfn : ~0UL;
}

static int page_remove(struct domain *d, unsigned long gfn) { return p2m_set(d, _gfn(gfn), INVALID_MFN, 0, P2M_NONE); }

void arch_physmap_forget(struct domain *d, mfn_t mfn)
{
    unsigned long gfn = page_place(d, mfn);

    if (gfn != ~0UL)
        page_remove(d, gfn);
}

/* mfn, of which the caller has a reference, comes to gfn, and only there. */
static int page_move(struct domain *d, mfn_t mfn, unsigned long gfn)
{
    struct p2m_gone gone = {.release = true};
    unsigned long old = page_place(d, mfn);
    int rc;

    if (old == gfn) {
        frame_put(mfn_frame(mfn));
        return 0;
    }
    rc = p2m_set_noflush(d, _gfn(gfn), mfn, 0, P2M_RAM, &gone);
    if (!rc && old != ~0UL)
        rc = page_remove(d, old);
    p2m_settle(d, &gone); /* what was at gfn could not be reached any more: d loses it */
    return rc;
}

/* A page that we share with d, or own memory of d's. */
static int page_add(struct domain *d, unsigned int space, unsigned long idx, unsigned long gfn)
{
    mfn_t mfn = INVALID_MFN;
    int rc = 0;

    switch (space) {
    case XENMAPSPACE_shared_info:
        if (d == current->domain)
            hvm_latch_width(current);
        if (!idx)
            mfn = virt_to_mfn(d->shared_info);
        break;
    case XENMAPSPACE_grant_table:
        rc = grant_table_frame(d, idx & ~(unsigned long)XENMAPIDX_grant_table_status,
                               idx & XENMAPIDX_grant_table_status, &mfn);
        break;
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range: mfn = p2m_own_mfn(d, _gfn(idx), false); break;
    case XENMAPSPACE_dev_mmio: return -EACCES;
    default: return -EINVAL;
    }
    if (rc)
        return rc;
    return mfn_get(mfn, d) ? page_move(d, mfn, gfn) : -EINVAL;
}

int physmap_relocate(struct domain *d, unsigned long from, unsigned long to)
{
    return page_add(d, XENMAPSPACE_gmfn, from, to);
}

/* A frame of another domain, which both are the caller's to manage. */
static int page_add_foreign(struct domain *d, domid_t id, unsigned long idx, unsigned long gfn)
{
    domain_ref fd = NULL;
    struct frame *f;

    if (!current->domain->is_privileged)
        return -EPERM;
    fd = domain_get_by_id(id);
    if (!fd)
        return -ESRCH;
    if (fd == d)
        return -EINVAL;
    f = mfn_get_writable(arch_gfn_to_mfn(fd, _gfn(idx)), fd);
    if (!f)
        return -EINVAL;
    __atomic_fetch_or(&f->type, FT_FOREIGN, __ATOMIC_SEQ_CST);
    return p2m_set(d, _gfn(gfn), frame_mfn(f), 0, P2M_FOREIGN);
}

/* The domain of an operation: -EACCES for one that has no physical map. */
static long physmap_target(domid_t id, struct domain **d)
{
    long rc = domain_get_target(id, d);

    return rc ? rc : (*d)->is_hvm ? 0 : -EACCES;
}

static long add_to_physmap(unsigned long start, const void __guest *arg)
{
    struct xen_add_to_physmap x;
    domain_ref d = NULL;
    unsigned long i, n;
    long rc;

    if (copy_from_guest(&x, arg, sizeof(x)))
        return -EFAULT;
    rc = physmap_target(x.domid, &d);
    if (rc)
        return rc;
    if (x.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS; /* in a batch only */
    n = x.space == XENMAPSPACE_gmfn_range ? x.size : 1;
    for (i = start; i < n && !rc; i++) {
        if (i > start && hypercall_preempt_check())
            return hypercall_again(2, XENMEM_add_to_physmap | i << MEMORY_OP_SHIFT, arg);
        rc = page_add(d, x.space, x.idx + i, x.gpfn + i);
    }
    return rc;
}

static long add_to_physmap_batch(unsigned long start, const void __guest *arg)
{
    struct xen_add_to_physmap_batch x;
    domain_ref d = NULL;
    long rc;

    if (copy_from_guest(&x, arg, sizeof(x)))
        return -EFAULT;
    if (x.space != XENMAPSPACE_gmfn_foreign && x.u.res0)
        return -EOPNOTSUPP;
    rc = physmap_target(x.domid, &d);
    if (rc)
        return rc;
    if (x.space == XENMAPSPACE_gmfn_range)
        return -EINVAL;
    for (unsigned long i = start; i < x.size; i++) {
        xen_ulong_t idx;
        xen_pfn_t gfn;
        int err;

        if (i > start && hypercall_preempt_check())
            return hypercall_again(2, XENMEM_add_to_physmap_batch | i << MEMORY_OP_SHIFT, arg);
        if (guest_read(&idx, x.idxs, i) || guest_read(&gfn, x.gpfns, i))
            return -EFAULT;
        err = x.space == XENMAPSPACE_gmfn_foreign ? page_add_foreign(d, x.u.foreign_domid, idx, gfn)
                                                  : page_add(d, x.space, idx, gfn);
        if (guest_write(x.errs, i, &err))
            return -EFAULT;
    }
    return 0;
}

static long remove_from_physmap(const void __guest *arg)
{
    struct xen_remove_from_physmap x;
    domain_ref d = NULL;
    enum p2m_type type;
    long rc;

    if (copy_from_guest(&x, arg, sizeof(x)))
        return -EFAULT;
    rc = physmap_target(x.domid, &d);
    if (rc)
        return rc;
    if (mfn_eq(p2m_lookup(d, _gfn(x.gpfn), &type, NULL), INVALID_MFN) ||
        !((P2M_OWN_TYPES | P2M_BIT(FOREIGN)) >> type & 1))
        return -ENOENT;
    return page_remove(d, x.gpfn);
}

long physmap_op(unsigned int op, unsigned long start, void __guest *arg)
{
    return op == XENMEM_add_to_physmap         ? add_to_physmap(start, arg)
           : op == XENMEM_add_to_physmap_batch ? add_to_physmap_batch(start, arg)
                                               : remove_from_physmap(arg);
}
