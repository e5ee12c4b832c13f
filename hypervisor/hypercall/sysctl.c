/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_sysctl (xen/sysctl.h): what the toolstack asks of the host. Topology, features and
 * policies of CPUs are the architecture's: arch_do_sysctl.
 */
#include <core/console.h>
#include <hypercall/control.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>

static long read_console(struct xen_sysctl_readconsole *c)
{
    char chunk[256];
    u32 pos = c->incremental ? c->index : 0, done = 0;
    size_t n;

    while (done < c->count && (n = console_ring_read(&pos, chunk, min(c->count - done, (u32)sizeof(chunk))))) {
        if (copy_to_guest((char __guest *)c->buffer.p + done, chunk, n))
            return -EFAULT;
        done += n;
    }
    if (c->clear)
        console_ring_clear();
    c->count = done;
    c->index = pos;
    return 0;
}

static long domain_info_list(struct xen_sysctl_getdomaininfolist *l)
{
    struct xen_domctl_getdomaininfo info;
    unsigned int n, next = l->first_domain;

    for (n = 0; n < l->max_domains; n++) {
        domain_ref d = domain_get_from(next);

        if (!d)
            break;
        domain_info(d, &info);
        next = d->id + 1;
        if (guest_write(l->buffer, n, &info))
            return -EFAULT;
    }
    l->num_domains = n;
    return 0;
}

static long debug_keys(const struct xen_sysctl_debug_keys *k)
{
    char c;

    for (u32 i = 0; i < k->nr_keys; i++) {
        if (copy_from_guest(&c, (const char __guest *)k->keys.p + i, 1))
            return -EFAULT;
        key_handle(c);
    }
    return 0;
}

static long numa_info(struct xen_sysctl_numainfo *n)
{
    unsigned int nodes = heap_nr_nodes(), max = min(n->num_nodes, nodes);

    if (!n->meminfo.p && !n->distance.p) {
        n->num_nodes = nodes;
        return 0;
    }
    for (unsigned int i = 0; i < max; i++) {
        xen_sysctl_meminfo_t mem;
        unsigned long total, free;

        heap_node_info(i, &total, &free);
        mem.memsize = (u64)total << PAGE_SHIFT;
        mem.memfree = (u64)free << PAGE_SHIFT;
        if (n->meminfo.p && guest_write(n->meminfo, i, &mem))
            return -EFAULT;
        for (unsigned int j = 0; n->distance.p && j < max; j++) {
            u32 distance = i == j ? 10 : 20; /* ACPI: local, and the usual remote value */

            if (copy_to_guest((u32 __guest *)n->distance.p + i * nodes + j, &distance, sizeof(distance)))
                return -EFAULT;
        }
    }
    n->num_nodes = max;
    return 0;
}

/* One pool with all CPUs: it can be looked at, not changed. */
static long cpupool(struct xen_sysctl_cpupool_op *p)
{
    struct domain *d;
    struct cpumask none = {};

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        if (p->cpupool_id != 0)
            return -ENOENT;
        p->sched_id = XEN_SCHEDULER_CREDIT2;
        p->n_dom = 0;
        spin_lock(&domlist_lock);
        list_for_each (d, &domain_list, link)
            p->n_dom++;
        spin_unlock(&domlist_lock);
        return bitmap_to_guest(&p->cpumap, &cpu_online_map, nr_cpu_ids);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return bitmap_to_guest(&p->cpumap, &none, nr_cpu_ids);
    default: return -EOPNOTSUPP;
    }
}

/* The one parameter of the scheduler's own, the time that a vCPU runs at least: there is no such limit. */
static long scheduler_params(struct xen_sysctl_scheduler_op *op)
{
    u32 *limit = &op->u.sched_credit2.ratelimit_us;

    if (op->cpupool_id)
        return -ESRCH;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo)
        return *limit ? -EOPNOTSUPP : 0;
    *limit = 0;
    return op->cmd == XEN_SYSCTL_SCHEDOP_getinfo ? 0 : -EINVAL;
}

static long phys_info(struct xen_sysctl_physinfo *p)
{
    *p = (struct xen_sysctl_physinfo){
        .nr_cpus = cpumask_weight(&cpu_online_map),
        .max_cpu_id = nr_cpu_ids - 1,
        .nr_nodes = heap_nr_nodes(),
        .max_node_id = heap_nr_nodes() - 1,
        .total_pages = ram_frames,
        .free_pages = heap_free_frames(), /* also those to be scrubbed; scrub_pages is added by who asks */
        .outstanding_pages = heap_claimed_frames(),
        .max_mfn = max_frame - 1,
        .capabilities = XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2,
    };
    arch_physinfo(p);
    return 0;
}

static long sysctl_op(struct xen_sysctl *op)
{
    switch (op->cmd) {
    case XEN_SYSCTL_readconsole: return read_console(&op->u.readconsole);
    case XEN_SYSCTL_physinfo: return phys_info(&op->u.physinfo);
    case XEN_SYSCTL_sched_id: op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2; return 0;
    case XEN_SYSCTL_getdomaininfolist: return domain_info_list(&op->u.getdomaininfolist);
    case XEN_SYSCTL_debug_keys: return debug_keys(&op->u.debug_keys);
    case XEN_SYSCTL_numainfo: return numa_info(&op->u.numainfo);
    case XEN_SYSCTL_scheduler_op: return scheduler_params(&op->u.scheduler_op);
    case XEN_SYSCTL_cpupool_op: return cpupool(&op->u.cpupool_op);
    default: return arch_do_sysctl(op);
    }
}

/* HYPERVISOR_sysctl(op): 0 or what the operation gives; -EFAULT, -EACCES for another interface
 * version, -EPERM, -ENOSYS. op goes back to the caller when it ran. */
long do_sysctl(void __guest *arg)
{
    struct xen_sysctl op;
    long rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!current->domain->is_privileged)
        return -EPERM;
    rc = sysctl_op(&op);
    return copy_to_guest(arg, &op, sizeof(op)) ? -EFAULT : rc;
}
