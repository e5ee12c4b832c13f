/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_memory_op: what a domain asks about its memory, and resources of other domains that
 * tools map. Reservations (ballooning, exchange) are memory_reservation.c; what only an
 * architecture knows (maps of the machine, the M2P) is behind arch_memory_op(). (ABI:
 * xen/memory.h.)
 */
#include <core/domain.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <xen/memory.h>

/* XENMEM_current_reservation, _maximum_reservation, _maximum_gpfn: one number of a domain. */
static long domain_number(unsigned int op, const domid_t __guest *arg)
{
    domain_ref d = NULL;
    domid_t id;
    int rc;

    if (copy_from_guest(&id, arg, sizeof(id)))
        return -EFAULT;
    rc = domain_get_target(id, &d);
    if (rc)
        return rc;
    return op == XENMEM_current_reservation   ? (long)d->tot_pages
           : op == XENMEM_maximum_reservation ? (long)d->max_pages
           : d->is_hvm                        ? (long)arch_physmap_max_gfn(d) - 1
                                              : (long)d->shared_info->arch.max_pfn - 1;
}

/* Populate on demand is for domains with translated memory. */
static long pod_target(const void __guest *arg)
{
    struct xen_pod_target target;
    domain_ref d = NULL;
    int rc;

    if (copy_from_guest(&target, arg, sizeof(target)))
        return -EFAULT;
    rc = domain_get_target(target.domid, &d);
    return rc ? rc : -EINVAL;
}

/* One frame of a resource of d. 0, -EINVAL, -ENOMEM ... */
static int resource_frame(struct domain *d, const struct xen_mem_acquire_resource *res, u64 frame, mfn_t *mfn)
{
    if (res->type != XENMEM_resource_grant_table)
        return arch_resource_frame(d, res->type, res->id, frame, mfn);
    if (res->id > XENMEM_resource_grant_table_id_status)
        return -EINVAL;
    return grant_table_frame(d, frame, res->id == XENMEM_resource_grant_table_id_status, mfn);
}

#define RESOURCE_FRAMES_MAX 64

/* How many frames it can have at most; 0: there is no such resource. */
static unsigned int resource_size(struct domain *d, const struct xen_mem_acquire_resource *res)
{
    return res->type == XENMEM_resource_grant_table
               ? grant_table_max_frames(d, res->id == XENMEM_resource_grant_table_id_status)
               : arch_resource_size(d, res->type);
}

/* Those that were asked for, into the caller's list. */
static long resource_frames(struct domain *d, const struct xen_mem_acquire_resource *res)
{
    if (res->nr_frames > RESOURCE_FRAMES_MAX)
        return -E2BIG;
    if (res->frame + res->nr_frames < res->frame)
        return -EINVAL;
    for (unsigned int i = 0; i < res->nr_frames; i++) {
        xen_pfn_t pfn;
        mfn_t mfn;
        int rc = resource_frame(d, res, res->frame + i, &mfn);

        if (rc)
            return rc;
        pfn = mfn_x(mfn);
        if (guest_write(res->frame_list, i, &pfn))
            return -EFAULT;
    }
    return 0;
}

static long acquire_resource(void __guest *arg)
{
    struct xen_mem_acquire_resource res;
    domain_ref d = NULL;

    if (copy_from_guest(&res, arg, sizeof(res)))
        return -EFAULT;
    if (res.pad)
        return -EINVAL;
    if (!current->domain->is_privileged)
        return -EPERM;
    d = domain_get_by_id(res.domid);
    if (!d)
        return -ESRCH;
    if (d == current->domain)
        return -EPERM; /* what is one's own is there already */
    if (!resource_size(d, &res))
        return -EOPNOTSUPP;
    if (res.nr_frames)
        return resource_frames(d, &res);
    if (res.frame_list.p)
        return -EINVAL;
    res.nr_frames = resource_size(d, &res);
    return copy_to_guest(arg, &res, sizeof(res));
}

long do_memory_op(unsigned long cmd, void __guest *arg)
{
    unsigned int op = cmd & MEMORY_OP_MASK;
    unsigned long start = cmd >> MEMORY_OP_SHIFT;

    if (start && op != XENMEM_increase_reservation && op != XENMEM_decrease_reservation &&
        op != XENMEM_populate_physmap && op != XENMEM_add_to_physmap && op != XENMEM_add_to_physmap_batch)
        return -EINVAL;
    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap: return memory_reservation(op, start, arg);
    case XENMEM_exchange: return memory_exchange(arg);
    case XENMEM_claim_pages: return memory_claim(arg);
    case XENMEM_maximum_ram_page: return max_frame;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn: return domain_number(op, arg);
    case XENMEM_get_pod_target:
    case XENMEM_set_pod_target: return pod_target(arg);
    case XENMEM_acquire_resource: return acquire_resource(arg);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages: return 0; /* no page is shared */
    case XENMEM_access_op:
    case XENMEM_get_vnumainfo:
    case XENMEM_reserved_device_memory_map:
    case XENMEM_machphys_compat_mfn_list: /* for 32-bit PV guests */
        return hypercall_unknown("memory_op", op, -EOPNOTSUPP);
    default: return arch_memory_op(cmd, arg);
    }
}
