/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operations on the memory of domains, x86's part: the pool that the tables of a physical map come from, which
 * memory was written, devices' memory in a map, what kind of frames a domain has. Under the domctl lock, from
 * arch_do_domctl. (ABI: xen/domctl.h.)
 */
#include <arch/x86/mm/p2m_private.h>
#include <arch/x86/pv/types.h>
#include <core/continuation.h>
#include <core/rangeset.h>
#include <mm/guest_access.h>
#include <xen/domctl.h>

/* ---- the paging pool ---- */

#define MB_SHIFT (20 - PAGE_SHIFT)

static long mempool(struct domain *d, struct xen_domctl_paging_mempool *m, bool set)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    if (set)
        return m->size & ~PAGE_MASK ? -EINVAL : p2m_pool_set(d, m->size >> PAGE_SHIFT);
    m->size = d->arch.p2m->pool_limit << PAGE_SHIFT;
    return 0;
}

/* ---- dirty memory ---- */

/* One piece of the bitmap: level-2 extents lie within. */
#define SCAN_FRAMES 4096UL

static int scan_piece(struct domain *d, struct xen_domctl_shadow_op *s, enum p2m_dirty_op op, unsigned long pages)
{
    unsigned long first = d->arch.p2m->scan_next, n = min(SCAN_FRAMES, pages - first);
    bool wanted = (op == P2M_DIRTY_PEEK || op == P2M_DIRTY_CLEAN) && s->dirty_bitmap.p;
    u8 bitmap[SCAN_FRAMES / 8];
    int rc = p2m_dirty_scan(d, _gfn(first), n, op, bitmap);

    for (unsigned int i = 0; i < DIV_ROUND_UP(n, 8); i++)
        d->arch.p2m->scan_dirty += popcount64(bitmap[i]);
    if (!rc && wanted && copy_to_guest((u8 __guest *)s->dirty_bitmap.p + first / 8, bitmap, DIV_ROUND_UP(n, 8)))
        rc = -EFAULT;
    d->arch.p2m->scan_next += n;
    return rc;
}

/* Over all of d's memory, or as much as there is room for: 0, -ERESTART, -ENOMEM, -EFAULT. */
static long scan(struct domain *d, struct xen_domctl_shadow_op *s, enum p2m_dirty_op op, unsigned long pages)
{
    struct p2m *p2m = d->arch.p2m;
    int rc = 0;

    while (!rc && p2m->scan_next < pages) {
        if (p2m->scan_next && hypercall_preempt_check())
            return -ERESTART;
        rc = scan_piece(d, s, op, pages);
    }
    if (op != P2M_DIRTY_PEEK)
        p2m_flush(d);
    s->stats = (struct xen_domctl_shadow_op_stats){.dirty_count = p2m->scan_dirty};
    p2m->scan_next = p2m->scan_dirty = 0;
    return rc;
}

static long log_dirty(struct domain *d, struct xen_domctl_shadow_op *s)
{
    static const enum p2m_dirty_op ops[] = {
        [XEN_DOMCTL_SHADOW_OP_OFF] = P2M_DIRTY_STOP,
        [XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY] = P2M_DIRTY_CLEAN,
        [XEN_DOMCTL_SHADOW_OP_CLEAN] = P2M_DIRTY_CLEAN,
        [XEN_DOMCTL_SHADOW_OP_PEEK] = P2M_DIRTY_PEEK,
    };
    bool on = s->op == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, off = s->op == XEN_DOMCTL_SHADOW_OP_OFF;
    unsigned long pages = p2m_max_gfn(d);
    struct xen_domctl_shadow_op unused = {};
    long rc;

    if (on ? d->arch.p2m->logging : !off && !d->arch.p2m->logging)
        return -EINVAL;
    if (on || off) {
        rc = scan(d, &unused, ops[s->op], pages);
        if (!rc)
            d->arch.p2m->logging = on;
        return rc;
    }
    s->pages = min(s->pages, pages);
    return scan(d, s, ops[s->op], s->pages);
}

static long shadow_op(struct domain *d, struct xen_domctl_shadow_op *s)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION: s->mb = d->arch.p2m->pool_limit >> MB_SHIFT; return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION: return p2m_pool_set(d, (unsigned long)s->mb << MB_SHIFT);
    case XEN_DOMCTL_SHADOW_OP_OFF:
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK: return log_dirty(d, s);
    default: return -EINVAL; /* there are no other modes */
    }
}

/* ---- devices' memory ---- */

/* Frames of a device in d's map: both the caller and d must have the right to them, and they must be no RAM. */
static long memory_mapping(struct domain *d, const struct xen_domctl_memory_mapping *m)
{
    u64 last = m->first_mfn + m->nr_mfns - 1;
    unsigned long n = min(m->nr_mfns, 512UL), i;
    int rc = 0;

    if (!m->nr_mfns || last < m->first_mfn || last >> (52 - PAGE_SHIFT) || m->first_gfn + m->nr_mfns < m->first_gfn)
        return -EINVAL;
    if (!rangeset_contains(current->domain->iomem_caps, m->first_mfn, last) ||
        !rangeset_contains(d->iomem_caps, m->first_mfn, last))
        return -EPERM;
    if (!d->is_hvm)
        return 0;
    for (i = 0; i < n && !rc; i++) {
        mfn_t mfn = _mfn(m->first_mfn + i);
        struct p2m_gone gone = {};
        enum p2m_type type;

        if (m->add_mapping)
            rc = !mfn_is_io(mfn) || (iomem_readonly && rangeset_contains(iomem_readonly, mfn_x(mfn), mfn_x(mfn)))
                     ? -EPERM
                     : p2m_set(d, _gfn(m->first_gfn + i), mfn, 0, P2M_MMIO_DIRECT);
        else if (mfn_eq(p2m_lookup(d, _gfn(m->first_gfn + i), &type, NULL), mfn) && type == P2M_MMIO_DIRECT)
            rc = p2m_remove(d, _gfn(m->first_gfn + i), 0, &gone);
        p2m_settle(d, &gone);
    }
    return rc ? rc : n < m->nr_mfns ? (long)n : 0;
}

/* ---- kinds of frames ---- */

static u64 frame_info(struct domain *d, u64 gfn)
{
    u64 x, info = XEN_DOMCTL_PFINFO_XTAB;
    struct frame *f = mfn_get(d->is_hvm ? p2m_own_mfn(d, _gfn(gfn), false) : _mfn(gfn), d);

    if (!f)
        return info;
    x = READ_ONCE(f->type);
    info = type_level(x) && x & FT_COUNT ? (u64)type_level(x) * XEN_DOMCTL_PFINFO_L1TAB : 0;
    if (info && x & FT_PINNED)
        info |= XEN_DOMCTL_PFINFO_LPINTAB;
    frame_put(f);
    return info;
}

static long page_frame_info(struct domain *d, struct xen_domctl_getpageframeinfo3 *p)
{
    if (p->num > 1024)
        return -E2BIG;
    for (u64 i = 0; i < p->num; i++) {
        xen_pfn_t gfn;

        if (guest_read(&gfn, p->array, i))
            return -EFAULT;
        gfn = frame_info(d, gfn);
        if (guest_write(p->array, i, &gfn))
            return -EFAULT;
    }
    return 0;
}

long memory_domctl(struct xen_domctl *op, struct domain *d)
{
    switch (op->cmd) {
    case XEN_DOMCTL_get_paging_mempool_size: return mempool(d, &op->u.paging_mempool, false);
    case XEN_DOMCTL_set_paging_mempool_size: return mempool(d, &op->u.paging_mempool, true);
    case XEN_DOMCTL_shadow_op: return shadow_op(d, &op->u.shadow_op);
    case XEN_DOMCTL_memory_mapping: return memory_mapping(d, &op->u.memory_mapping);
    case XEN_DOMCTL_getpageframeinfo3: return page_frame_info(d, &op->u.getpageframeinfo3);
    default: return hypercall_unknown("domctl", op->cmd, -ENOSYS);
    }
}
