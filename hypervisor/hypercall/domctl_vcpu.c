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

/* The context is larger than a page: a buffer of its own, not the stack. */
#define CONTEXT_ORDER 1
_Static_assert(sizeof(vcpu_guest_context_t) <= PAGE_SIZE << CONTEXT_ORDER, "context does not fit");

static long set_context(struct domain *d, const struct xen_domctl_vcpucontext *c)
{
    struct vcpu *v = domain_vcpu(d, c->vcpu);
    vcpu_guest_context_t *context;
    long rc;

    if (d == current->domain || !v)
        return -EINVAL;
    if (!c->ctxt.p) {
        domain_pause(d);
        rc = arch_vcpu_reset(v);
        domain_unpause(d);
        return rc;
    }
    context = page_alloc(CONTEXT_ORDER);
    if (!context)
        return -ENOMEM;
    rc = guest_read(context, c->ctxt, 0);
    if (!rc) {
        domain_pause(d);
        rc = arch_set_guest_context(v, context);
        if (!rc && context->flags & VGCF_online)
            clear_bit(_VPF_DOWN, &v->pause_flags);
        domain_unpause(d);
    }
    page_free(context, CONTEXT_ORDER);
    return rc;
}

static long get_context(struct domain *d, struct xen_domctl_vcpucontext *c)
{
    struct vcpu *v = domain_vcpu(d, c->vcpu);
    vcpu_guest_context_t *context;
    long rc;

    if (d == current->domain || !v)
        return -EINVAL;
    if (!v->arch.initialised)
        return -ENODATA;
    context = page_alloc(CONTEXT_ORDER);
    if (!context)
        return -ENOMEM;
    vcpu_pause(v);
    arch_get_guest_context(v, context);
    vcpu_unpause(v);
    rc = guest_write(c->ctxt, 0, context);
    page_free(context, CONTEXT_ORDER);
    return rc;
}

static long vcpu_info_op(struct domain *d, struct xen_domctl_getvcpuinfo *info, bool *copyback)
{
    struct vcpu *v = domain_vcpu(d, info->vcpu);

    if (!v)
        return info->vcpu >= d->max_vcpus ? -EINVAL : -ESRCH;
    info->online = !test_bit(_VPF_DOWN, &v->pause_flags);
    info->blocked = test_bit(_VPF_BLOCKED, &v->pause_flags);
    info->running = READ_ONCE(v->is_running);
    info->cpu_time = vcpu_cpu_time(v);
    info->cpu = v->processor;
    *copyback = true;
    return 0;
}

#define AFFINITY_FLAGS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)

/* What is in effect goes back to the caller: within the CPUs that there are, the soft one within
 * the hard one. */
static long set_affinity(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
    struct cpumask m;
    int rc = 0;

    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = bitmap_from_guest(&m, &a->cpumap_hard);
        if (!rc)
            rc = vcpu_set_hard_affinity(v, &m);
        if (rc)
            return rc;
        m = cpumask_and(&v->hard_affinity, &cpu_online_map);
        rc = bitmap_to_guest(&a->cpumap_hard, &m, nr_cpu_ids);
    }
    if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT) {
        rc = bitmap_from_guest(&m, &a->cpumap_soft);
        if (!rc)
            rc = vcpu_set_soft_affinity(v, &m);
        if (rc)
            return rc;
        m = cpumask_and(&v->soft_affinity, &v->hard_affinity);
        m = cpumask_and(&m, &cpu_online_map);
        rc = bitmap_to_guest(&a->cpumap_soft, &m, nr_cpu_ids);
    }
    return rc;
}

static long affinity(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    int rc = 0;

    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) || a->flags & ~AFFINITY_FLAGS)
        return -EINVAL;
    if (!v)
        return a->vcpu >= d->max_vcpus ? -EINVAL : -ESRCH;
    if (op->cmd == XEN_DOMCTL_setvcpuaffinity)
        return set_affinity(v, a);
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = bitmap_to_guest(&a->cpumap_hard, &v->hard_affinity, nr_cpu_ids);
    if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT)
        rc = bitmap_to_guest(&a->cpumap_soft, &v->soft_affinity, nr_cpu_ids);
    return rc;
}

static long trigger(struct domain *d, const struct xen_domctl_sendtrigger *t)
{
    struct vcpu *v = domain_vcpu(d, t->vcpu);

    if (!v)
        return t->vcpu >= d->max_vcpus ? -EINVAL : -ESRCH;
    if (t->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -ENOSYS;
    arch_vcpu_nmi(v);
    return 0;
}

long domctl_vcpu_op(struct xen_domctl *op, struct domain *d, bool *copyback)
{
    switch (op->cmd) {
    case XEN_DOMCTL_setvcpucontext: return set_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpucontext: return get_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpuinfo: return vcpu_info_op(d, &op->u.getvcpuinfo, copyback);
    case XEN_DOMCTL_setvcpuaffinity:
    case XEN_DOMCTL_getvcpuaffinity: return affinity(op, d);
    case XEN_DOMCTL_sendtrigger: return trigger(d, &op->u.sendtrigger);
    default: return -ENOSYS;
    }
}
