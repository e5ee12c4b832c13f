/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operations on the memory of domains, x86's part: the pool that the tables of a physical map come from, and
 * devices' memory in a map. Under the domctl lock, from arch_do_domctl. (ABI: xen/domctl.h.)
 */
#include <arch/x86/mm/p2m_private.h>
#include <arch/x86/pv/types.h>
#include <core/rangeset.h>
#include <hypercall/hypercall.h>
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

static long shadow_op(struct domain *d, struct xen_domctl_shadow_op *s)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION: s->mb = d->arch.p2m->pool_limit >> MB_SHIFT; return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION: return p2m_pool_set(d, (unsigned long)s->mb << MB_SHIFT);
    default: return hypercall_unknown("shadow_op", s->op, -EOPNOTSUPP); /* dirty memory: device models ask by dm_op */
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

long memory_domctl(struct xen_domctl *op, struct domain *d)
{
    switch (op->cmd) {
    case XEN_DOMCTL_get_paging_mempool_size: return mempool(d, &op->u.paging_mempool, false);
    case XEN_DOMCTL_set_paging_mempool_size: return mempool(d, &op->u.paging_mempool, true);
    case XEN_DOMCTL_shadow_op: return shadow_op(d, &op->u.shadow_op);
    case XEN_DOMCTL_memory_mapping: return memory_mapping(d, &op->u.memory_mapping);
    default: return hypercall_unknown("domctl", op->cmd, -ENOSYS);
    }
}
