/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operations on vCPUs: context, affinity, what they are doing.
 */
#include <arch/arch.h>
#include <hypercall/control.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>

/* No context: the vCPU is as new. */
static long set_context(struct domain *d, const struct xen_domctl_vcpucontext *c)
{
    struct vcpu *v = domain_vcpu(d, c->vcpu);
    vcpu_guest_context_t *context;
    long rc = 0;

    if (d == current->domain || !v || d->is_hvm)
        return -EINVAL;
    /* Larger than what a stack should hold. */
    context = mem_alloc_object(vcpu_guest_context_t);
    if (!context)
        return -ENOMEM;
    if (c->ctxt.p)
        rc = guest_read(context, c->ctxt, 0);
    domain_pause(d);
    if (!rc)
        rc = c->ctxt.p ? arch_set_guest_context(v, context) : arch_vcpu_reset(v);
    if (!rc && context->flags & VGCF_online)
        clear_bit(_VPF_DOWN, &v->pause_flags);
    domain_unpause(d);
    mem_free(context);
    return rc;
}

static long vcpu_info_op(struct vcpu *v, struct xen_domctl_getvcpuinfo *info)
{
    info->online = !test_bit(_VPF_DOWN, &v->pause_flags);
    info->blocked = test_bit(_VPF_BLOCKED, &v->pause_flags);
    info->running = READ_ONCE(v->is_running);
    info->cpu_time = vcpu_cpu_time(v);
    info->cpu = v->processor;
    return 0;
}

/* One of a vCPU's two sets. What is in effect goes back to the caller who set it: within the CPUs that there are, the
 * soft one within the hard one. */
static int affinity_one(struct vcpu *v, bool set, bool soft, struct xenctl_bitmap *map)
{
    struct cpumask m = soft ? v->soft_affinity : v->hard_affinity;
    int rc;

    if (set) {
        rc = bitmap_from_guest(&m, map);
        if (!rc)
            rc = soft ? vcpu_set_soft_affinity(v, &m) : vcpu_set_hard_affinity(v, &m);
        if (rc)
            return rc;
        m = cpumask_and(&v->hard_affinity, &cpu_online_map);
        if (soft)
            m = cpumask_and(&m, &v->soft_affinity);
    }
    return bitmap_to_guest(map, &m, nr_cpu_ids);
}

static long affinity(struct vcpu *v, struct xen_domctl_vcpuaffinity *a, bool set)
{
    int rc = 0;

    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = affinity_one(v, set, false, &a->cpumap_hard);
    if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT)
        rc = affinity_one(v, set, true, &a->cpumap_soft);
    return rc;
}

#define AFFINITY_BOTH (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)

long domctl_vcpu_op(struct xen_domctl *op, struct domain *d)
{
    u32 flags = op->u.vcpuaffinity.flags, id;
    struct vcpu *v;

    switch (op->cmd) {
    case XEN_DOMCTL_setvcpucontext: return set_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpuinfo: id = op->u.getvcpuinfo.vcpu; break;
    case XEN_DOMCTL_setvcpuaffinity:
    case XEN_DOMCTL_getvcpuaffinity:
        if (!(flags & AFFINITY_BOTH) || flags & ~(AFFINITY_BOTH | XEN_VCPUAFFINITY_FORCE))
            return -EINVAL;
        id = op->u.vcpuaffinity.vcpu;
        break;
    default: return arch_do_domctl(op, d);
    }
    v = domain_vcpu(d, id);
    if (!v)
        return id >= d->max_vcpus ? -EINVAL : -ESRCH;
    return op->cmd == XEN_DOMCTL_getvcpuinfo ? vcpu_info_op(v, &op->u.getvcpuinfo)
                                             : affinity(v, &op->u.vcpuaffinity, op->cmd == XEN_DOMCTL_setvcpuaffinity);
}
