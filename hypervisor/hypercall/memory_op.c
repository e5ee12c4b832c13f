/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_memory_op: what a domain asks about its memory, and resources of other domains that
 * tools map. Reservations (ballooning, exchange) are memory_reservation.c; what only an
 * architecture knows (maps of the machine, the M2P) is behind arch_memory_op(). (ABI:
 * xen/memory.h.)
 */
#include <arch/arch.h>
#include <core/domain.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <hypercall/memory_op.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <xen/memory.h>

int memory_op_domain(domid_t id, struct domain **d)
{
    *d = domain_get_by_id_or_self(id);
    if (!*d)
        return -ESRCH;
    if (*d == current->domain || current->domain->is_privileged)
        return 0;
    domain_put(*d);
    return -EPERM;
}

/* XENMEM_current_reservation, _maximum_reservation, _maximum_gpfn: one number of a domain. */
static long domain_number(unsigned int op, const domid_t __guest *arg)
{
    struct domain *d;
    domid_t id;
    long rc;

    if (copy_from_guest(&id, arg, sizeof(id)))
        return -EFAULT;
    rc = memory_op_domain(id, &d);
    if (rc)
        return rc;
    switch (op) {
    case XENMEM_current_reservation: rc = d->tot_pages; break;
    case XENMEM_maximum_reservation: rc = d->max_pages; break;
    default: rc = d->shared_info->arch.max_pfn - 1; break;
    }
    domain_put(d);
    return rc;
}

static long pod_target(const void __guest *arg)
{
    struct xen_pod_target target;
    struct domain *d;
    long rc;

    if (copy_from_guest(&target, arg, sizeof(target)))
        return -EFAULT;
    rc = memory_op_domain(target.domid, &d);
    if (rc)
        return rc;
    domain_put(d);
    return -EINVAL; /* populate on demand is for domains with translated memory */
}

/* Operations that are not there: the argument is looked at first, as on Xen. */
static long known_absent(unsigned int op, const void __guest *arg, size_t size)
{
    u8 copy[sizeof(struct xen_vnuma_topology_info) + sizeof(struct xen_mem_access_op)];

    return copy_from_guest(copy, arg, size) ? -EFAULT : hypercall_unknown("memory_op", op, -EOPNOTSUPP);
}

/* Regions that devices need mapped one to one: there are none without an IOMMU. */
static long reserved_device_memory(void __guest *arg)
{
    struct xen_reserved_device_memory_map map;

    if (copy_from_guest(&map, arg, sizeof(map)))
        return -EFAULT;
    if (map.flags & ~XENMEM_RDM_ALL)
        return -EINVAL;
    map.nr_entries = 0;
    return copy_to_guest(arg, &map, sizeof(map));
}

/* Frames of d's grant table into the caller's list. */
static long grant_resource(struct domain *d, const struct xen_mem_acquire_resource *res)
{
    bool status = res->id == XENMEM_resource_grant_table_id_status;

    if (res->id > XENMEM_resource_grant_table_id_status || res->frame + res->nr_frames < res->frame)
        return -EINVAL;
    for (unsigned int i = 0; i < res->nr_frames; i++) {
        xen_pfn_t pfn;
        mfn_t mfn;
        int rc = grant_table_frame(d, res->frame + i, status, &mfn);

        if (rc)
            return rc;
        pfn = mfn_x(mfn);
        if (guest_write(res->frame_list, i, &pfn))
            return -EFAULT;
    }
    return 0;
}

#define RESOURCE_FRAMES_MAX 64

static long acquire_resource(const void __guest *arg)
{
    struct xen_mem_acquire_resource res;
    struct domain *d;
    long rc;

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
        rc = -EPERM; /* what is one's own is there already */
    else if (res.type != XENMEM_resource_grant_table || !res.nr_frames)
        rc = -EOPNOTSUPP;
    else if (res.nr_frames > RESOURCE_FRAMES_MAX)
        rc = -E2BIG;
    else
        rc = grant_resource(d, &res);
    domain_put(d);
    return rc;
}

long do_memory_op(unsigned long cmd, void __guest *arg)
{
    unsigned int op = cmd & MEMORY_OP_MASK;
    unsigned long start = cmd >> MEMORY_OP_SHIFT;

    if (start && op != XENMEM_increase_reservation && op != XENMEM_decrease_reservation &&
        op != XENMEM_populate_physmap)
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
    case XENMEM_reserved_device_memory_map: return reserved_device_memory(arg);
    case XENMEM_acquire_resource: return acquire_resource(arg);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages: return 0; /* no page is shared */
    case XENMEM_access_op: return known_absent(op, arg, sizeof(struct xen_mem_access_op));
    case XENMEM_get_vnumainfo: return known_absent(op, arg, sizeof(struct xen_vnuma_topology_info));
    case XENMEM_machphys_compat_mfn_list: /* for 32-bit PV guests */
        return hypercall_unknown("memory_op", op, -EOPNOTSUPP);
    default: return arch_memory_op(cmd, arg);
    }
}
