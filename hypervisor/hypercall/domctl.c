/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_domctl (xen/domctl.h): what the toolstack does to domains. Here: creation and end,
 * pausing, limits, rights, vCPUs, and who may call. What only the architecture knows:
 * arch_do_domctl.
 *
 * One operation at a time: who finds the lock taken tries again later. Long ones give way through
 * hypercall_again.
 */
#include <core/rangeset.h>
#include <hypercall/control.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>

static DEFINE_SPINLOCK(domctl_lock, LOCK_DOMCTL);

#define MAX_VCPUS 8192

/* What a domain may ask for at its creation. */
#define CREATE_FLAGS                                                                                  \
    (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | \
     XEN_DOMCTL_CDF_xs_domain)

/* Bits beyond NR_CPUS are ignored. 0 or -EFAULT. */
static int bitmap_from_guest(struct cpumask *m, const struct xenctl_bitmap *b)
{
    unsigned int bits = min(b->nr_bits, (u32)NR_CPUS);

    cpumask_clear(m);
    if (copy_from_guest(m->bits, (const void __guest *)b->bitmap.p, DIV_ROUND_UP(bits, 8)))
        return -EFAULT;
    for (unsigned int bit = bits; bit < ROUNDUP(bits, 8U); bit++)
        cpumask_unset(m, bit);
    return 0;
}

int bitmap_to_guest(struct xenctl_bitmap *b, const struct cpumask *m, unsigned int nr_bits)
{
    unsigned int guest_bytes = DIV_ROUND_UP(b->nr_bits, 8U);
    unsigned int bytes = min(guest_bytes, (unsigned int)sizeof(*m));
    u8 __guest *dst = (u8 __guest *)b->bitmap.p;

    nr_bits = min(nr_bits, (unsigned int)NR_CPUS);
    bytes = min(bytes, DIV_ROUND_UP(nr_bits, 8U));
    if (copy_to_guest(dst, m->bits, bytes) || raw_clear_guest(dst + bytes, guest_bytes - bytes))
        return -EFAULT;
    return 0;
}

/* ---- create and destroy ---- */

/* The next id after the last one given, so that ids are not soon used again. DOMID_INVALID: all are
 * taken. */
static domid_t free_domain_id(void)
{
    static domid_t last;

    for (unsigned int tries = 1; tries < DOMID_FIRST_RESERVED; tries++) {
        if (++last >= DOMID_FIRST_RESERVED)
            last = 1;
        if (!domain_peek(last))
            return last;
    }
    return DOMID_INVALID;
}

static long create(struct xen_domctl *op)
{
    const struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain *d;

    if (op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED)
        op->domain = free_domain_id();
    if (op->domain == DOMID_INVALID)
        return -ENOMEM;
    if (domain_peek(op->domain))
        return -EEXIST;
    if (c->flags & ~CREATE_FLAGS || c->max_vcpus < 1 || c->max_vcpus > MAX_VCPUS || c->iommu_opts || c->vmtrace_size)
        return -EINVAL;
    return c->cpupool_id ? -ENOENT : domain_create(op->domain, c, false, &d);
}

static long max_vcpus(struct domain *d, unsigned int max)
{
    int rc = 0;

    if (d == current->domain || !max || max > d->max_vcpus)
        return -EINVAL;
    domain_pause(d);
    for (unsigned int i = 0; i < max && !rc; i++)
        if (!d->vcpu[i] && !vcpu_create(d, i))
            rc = -ENOMEM;
    domain_unpause(d);
    return rc;
}

static long max_mem(struct domain *d, u64 kb)
{
    spin_guard(&d->page_lock);
    d->max_pages = min(kb >> (PAGE_SHIFT - 10), (u64)~0U);
    return 0;
}

static long unpause(struct domain *d)
{
    if (!domain_vcpu(d, 0))
        return -EINVAL;
    d->created = true;
    return domain_unpause_by_controller(d);
}

/* ---- facts ---- */

static void vcpus_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    u32 flags = XEN_DOMINF_blocked;
    struct vcpu *v;

    for_each_vcpu (d, v) {
        info->cpu_time += vcpu_cpu_time(v);
        info->max_vcpu_id = v->id;
        if (READ_ONCE(v->pause_flags) & VPF_DOWN)
            continue;
        info->nr_online_vcpus++;
        if (!(READ_ONCE(v->pause_flags) & VPF_BLOCKED))
            flags &= ~XEN_DOMINF_blocked;
        if (READ_ONCE(v->is_running))
            flags |= XEN_DOMINF_running;
    }
    info->flags |= flags;
}

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    vcpus_info(d, info);
    info->flags |= (d->dying == DOMDYING_DEAD ? XEN_DOMINF_dying : 0) | (d->is_shut_down ? XEN_DOMINF_shutdown : 0) |
                   (d->controller_pauses ? XEN_DOMINF_paused : 0) |
                   (d->create_flags & XEN_DOMCTL_CDF_xs_domain ? XEN_DOMINF_xs_domain : 0) |
                   (d->is_hvm ? XEN_DOMINF_hvm_guest | XEN_DOMINF_hap : 0) |
                   d->shutdown_code << XEN_DOMINF_shutdownshift;
    info->tot_pages = d->tot_pages;
    info->max_pages = d->max_pages;
    info->shared_info_frame = mfn_x(virt_to_mfn(d->shared_info));
    info->ssidref = d->ssidref;
    memcpy(info->handle, d->handle, sizeof(d->handle));
    info->cpupool = d->cpupool;
    info->gpaddr_bits = arch_gpaddr_bits(d);
}

/* ---- rights ---- */

long control_right(struct rangeset *own, struct rangeset *r, u64 first, u64 nr, u64 limit, bool allow)
{
    u64 last = first + nr - 1;

    if (!nr || last < first || last > limit)
        return -EINVAL;
    if (!rangeset_contains(own, first, last))
        return -EPERM;
    return allow ? rangeset_add(r, first, last) : rangeset_remove(r, first, last);
}

/* ---- the scheduler's view ---- */

static long scheduler_op(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    unsigned int weight, cap;

    if (op->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    sched_get_params(d, &weight, &cap);
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = weight;
        op->u.credit2.cap = cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: /* weight 0 and cap ~0 leave it as it is */
        return sched_set_params(d, op->u.credit2.weight ?: weight,
                                op->u.credit2.cap == (u16)~0 ? cap : op->u.credit2.cap);
    default: return -EINVAL;
    }
}

/* A wish: memory comes from where there is some. */
static long set_node_affinity(const struct xenctl_bitmap *wish)
{
    struct cpumask nodes;
    int rc = bitmap_from_guest(&nodes, wish);

    return rc ? rc : cpumask_empty(&nodes) ? -EINVAL : 0;
}

static long get_node_affinity(struct xenctl_bitmap *b)
{
    struct cpumask nodes = {};

    for (unsigned int n = 0; n < heap_nr_nodes(); n++)
        cpumask_set(&nodes, n);
    return bitmap_to_guest(b, &nodes, heap_nr_nodes());
}

/* ---- vCPUs: context, affinity, what they are doing ---- */

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
            rc = vcpu_set_affinity(v, &m, soft);
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

static long domctl_vcpu_op(struct xen_domctl *op, struct domain *d)
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

/* ---- dispatch ---- */

static long domain_op(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_iomem_permission *mem = &op->u.iomem_permission;
    const struct xen_domctl_irq_permission *irq = &op->u.irq_permission;
    const struct domain *own = current->domain;

    switch (op->cmd) {
    case XEN_DOMCTL_createdomain: return create(op);
    case XEN_DOMCTL_destroydomain: return domain_kill(d);
    case XEN_DOMCTL_pausedomain:
        if (d == current->domain)
            return -EINVAL;
        domain_pause_by_controller(d);
        return 0;
    case XEN_DOMCTL_unpausedomain: return unpause(d);
    case XEN_DOMCTL_max_vcpus: return max_vcpus(d, op->u.max_vcpus.max);
    case XEN_DOMCTL_max_mem: return max_mem(d, op->u.max_mem.max_memkb);
    case XEN_DOMCTL_getdomaininfo:
        domain_info(d, &op->u.getdomaininfo);
        op->domain = d->id;
        return 0;
    case XEN_DOMCTL_setdomainhandle: memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle)); return 0;
    case XEN_DOMCTL_settimeoffset:
        d->time_offset_seconds = op->u.settimeoffset.time_offset_seconds;
        arch_update_wallclock(d);
        return 0;
    case XEN_DOMCTL_scheduler_op: return scheduler_op(d, &op->u.scheduler_op);
    case XEN_DOMCTL_iomem_permission:
        return control_right(own->iomem_caps, d->iomem_caps, mem->first_mfn, mem->nr_mfns, ~0UL >> PAGE_SHIFT,
                             mem->allow_access);
    case XEN_DOMCTL_irq_permission:
        return control_right(own->irq_caps, d->irq_caps, irq->pirq, 1, ~0U, irq->allow_access);
    case XEN_DOMCTL_setnodeaffinity: return set_node_affinity(&op->u.nodeaffinity.nodemap);
    case XEN_DOMCTL_getnodeaffinity: return get_node_affinity(&op->u.nodeaffinity.nodemap);
    default: return domctl_vcpu_op(op, d);
    }
}

/*
 * HYPERVISOR_domctl(op): 0 or what the operation gives; -EFAULT, -EACCES for another interface
 * version, -EPERM for a caller without privilege, -ESRCH for a domain that there is not, -ENOSYS.
 * op goes back to the caller when it ran.
 */
long do_domctl(void __guest *arg)
{
    struct xen_domctl op;
    domain_ref d = NULL;
    long rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!current->domain->is_privileged)
        return -EPERM;
    if (op.cmd == XEN_DOMCTL_getdomaininfo)
        d = domain_get_from(op.domain);
    else if (op.cmd != XEN_DOMCTL_createdomain)
        d = domain_get_by_id_or_self(op.domain);
    if (!d && op.cmd != XEN_DOMCTL_createdomain)
        return -ESRCH;
    if (!spin_trylock(&domctl_lock))
        return hypercall_again(1, (unsigned long)arg);
    rc = domain_op(&op, d);
    spin_unlock(&domctl_lock);
    if (rc == -ERESTART)
        return hypercall_again(1, (unsigned long)arg);
    return copy_to_guest(arg, &op, sizeof(op)) ? -EFAULT : rc;
}
