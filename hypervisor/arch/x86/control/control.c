/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operations that only x86 knows. On domains, under the domctl lock: ports, the hypercall page, CPUID policy,
 * the paging pool. On the host: topology, features, policies. From hypercall/domctl.c and hypercall/sysctl.c.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/save.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/pv/pv.h>
#include <core/domain.h>
#include <hypercall/control.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

/* ---- domains ---- */

static long hypercall_init(struct domain *d, u64 gmfn)
{
    struct frame *f;

    if (d->is_hvm)
        return hvm_hypercall_page(d, gmfn << PAGE_SHIFT) ? -EACCES : 0;
    f = mfn_get_writable(_mfn(gmfn), d);
    if (!f)
        return -EACCES;
    pv_hypercall_page_init(mfn_to_virt(frame_mfn(f)));
    frame_put_and_type(f);
    return 0;
}

/* PV guests read the machine's TSC; emulation and offsets of it are not for them here. */
static long set_tsc_info(struct domain *d, const struct xen_domctl_tsc_info *t)
{
    if (d == current->domain || t->tsc_mode > 2)
        return -EINVAL;
    if (d->is_hvm)
        hvm_set_tsc_info(d, t);
    else if (t->tsc_mode == 1)
        return -EOPNOTSUPP;
    d->arch.tsc_mode = t->tsc_mode;
    return 0;
}

/* A TSC that is the machine's, whichever that is, has no rate and no beginning. */
static long get_tsc_info(struct domain *d, struct xen_domctl_tsc_info *t)
{
    if (d == current->domain)
        return -EINVAL;
    *t = (struct xen_domctl_tsc_info){.tsc_mode = d->arch.tsc_mode, .incarnation = d->arch.tsc_incarnation};
    if (t->tsc_mode != 2)
        t->gtsc_khz = d->arch.tsc_khz;
    if (t->tsc_mode != 2 && d->is_hvm)
        t->elapsed_nsec = arch_read_clock() - d->arch.hvm->tsc_start;
    return 0;
}

/*
 * A policy in the ABI's form. *nr_leaves: room, then how many there are (with a NULL handle: the
 * most there can be). There are no MSRs in it: *nr_msrs becomes 0. 0, -ENOBUFS, -EFAULT.
 */
static long policy_to_guest(const struct cpu_policy *p, u32 *nr_leaves, u32 *nr_msrs,
                            const XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) * leaves)
{
    u32 room = *nr_leaves;

    *nr_leaves = leaves->p ? p->nr_leaves : POLICY_MAX_LEAVES;
    *nr_msrs = 0;
    if (!leaves->p)
        return 0;
    if (room < p->nr_leaves)
        return -ENOBUFS;
    return copy_to_guest((void __guest *)leaves->p, p->leaf, p->nr_leaves * sizeof(p->leaf[0]));
}

static long set_policy(struct domain *d, struct xen_domctl_cpu_policy *p)
{
    xen_cpuid_leaf_t *leaves;
    unsigned int bad = 0;
    long rc;

    if (d->created)
        return -EEXIST; /* the guest may have looked already */
    if (p->nr_leaves > POLICY_MAX_LEAVES || p->nr_msrs)
        return -E2BIG;
    leaves = mem_alloc_array(xen_cpuid_leaf_t, POLICY_MAX_LEAVES);
    if (!leaves)
        return -ENOMEM;
    rc = copy_from_guest(leaves, (const void __guest *)p->leaves.p, p->nr_leaves * sizeof(*leaves));
    if (!rc) {
        rc = policy_domain_set(d, leaves, p->nr_leaves, &bad);
        p->err_leaf = rc ? leaves[bad].leaf : ~0U;
        p->err_subleaf = rc ? leaves[bad].subleaf : ~0U;
        p->err_msr = ~0U;
    }
    mem_free(leaves);
    return rc;
}

unsigned int arch_gpaddr_bits(const struct domain *d __unused) { return boot_cpu.phys_bits; }

static long send_trigger(struct domain *d, const struct xen_domctl_sendtrigger *t)
{
    struct vcpu *v = domain_vcpu(d, t->vcpu);

    switch (t->trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        if (!v)
            return t->vcpu < d->max_vcpus ? -ESRCH : -EINVAL;
        arch_vcpu_nmi(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return d->is_hvm ? hvm_acpi_button(d, t->trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP) : -EINVAL;
    default: return -ENOSYS;
    }
}

/* The pages that the tables of a physical map come from. */
static long mempool(struct domain *d, struct xen_domctl_paging_mempool *m, bool set)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    if (set)
        return m->size & ~PAGE_MASK ? -EINVAL : p2m_pool_set(d, m->size >> PAGE_SHIFT);
    m->size = p2m_pool_limit(d) << PAGE_SHIFT;
    return 0;
}

long arch_do_domctl(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_ioport_permission *io = &op->u.ioport_permission;
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;

    switch (op->cmd) {
    case XEN_DOMCTL_ioport_permission:
        return control_right(current->domain->arch.ioport_caps, d->arch.ioport_caps, io->first_port, io->nr_ports,
                             0xffff, io->allow_access);
    case XEN_DOMCTL_hypercall_init: return hypercall_init(d, op->u.hypercall_init.gmfn);
    case XEN_DOMCTL_set_address_size: return op->u.address_size.size == 64 ? 0 : -EINVAL;
    case XEN_DOMCTL_get_address_size: op->u.address_size.size = 64; return 0;
    case XEN_DOMCTL_settscinfo: return set_tsc_info(d, &op->u.tsc_info);
    case XEN_DOMCTL_gettscinfo: return get_tsc_info(d, &op->u.tsc_info);
    case XEN_DOMCTL_gethvmcontext:
    case XEN_DOMCTL_gethvmcontext_partial:
    case XEN_DOMCTL_sethvmcontext: return hvm_context_op(d, op);
    case XEN_DOMCTL_get_cpu_policy: return policy_to_guest(d->arch.policy, &p->nr_leaves, &p->nr_msrs, &p->leaves);
    case XEN_DOMCTL_set_cpu_policy: return set_policy(d, p);
    case XEN_DOMCTL_sendtrigger: return send_trigger(d, &op->u.sendtrigger);
    case XEN_DOMCTL_memory_mapping: /* a PV guest maps devices by its own page tables; others would need passthrough */
        return d->is_hvm ? -EOPNOTSUPP : 0;
    case XEN_DOMCTL_get_paging_mempool_size: return mempool(d, &op->u.paging_mempool, false);
    case XEN_DOMCTL_set_paging_mempool_size: return mempool(d, &op->u.paging_mempool, true);
    default: return hypercall_unknown("domctl", op->cmd, -ENOSYS);
    }
}

/* ---- the host ---- */

static u32 core_of(unsigned int cpu) { return topology_core(cpu_apic_id[cpu]); }

static u32 package_of(unsigned int cpu) { return topology_package(cpu_apic_id[cpu]); }

/* Per core and per package as the first CPU's: machines are built of equal ones. */
static void count_topology(struct xen_sysctl_physinfo *p)
{
    unsigned int cpu, threads = 0, in_package = 0;

    for_each_online_cpu (cpu) {
        if (package_of(cpu) != package_of(0))
            continue;
        in_package++;
        if (core_of(cpu) == core_of(0))
            threads++;
    }
    p->threads_per_core = max(threads, 1U);
    p->cores_per_socket = max(in_package / p->threads_per_core, 1U);
}

void arch_physinfo(struct xen_sysctl_physinfo *p)
{
    count_topology(p);
    p->cpu_khz = cpu_khz;
    p->capabilities |= XEN_SYSCTL_PHYSCAP_pv;
    if (hvm)
        p->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    memcpy(p->hw_cap, boot_cpu.features, sizeof(p->hw_cap));
}

static long cpu_topology(struct xen_sysctl_cputopoinfo *t)
{
    unsigned int n = min(t->num_cpus, (u32)nr_cpu_ids);

    if (!t->cputopo.p) {
        t->num_cpus = nr_cpu_ids;
        return 0;
    }
    for (unsigned int cpu = 0; cpu < n; cpu++) {
        xen_sysctl_cputopo_t e = {XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID};

        if (cpumask_test(&cpu_online_map, cpu))
            e = (xen_sysctl_cputopo_t){core_of(cpu), package_of(cpu), numa_node_of_apic(cpu_apic_id[cpu])};
        if (guest_write(t->cputopo, cpu, &e))
            return -EFAULT;
    }
    t->num_cpus = n;
    return 0;
}

/* Feature words of a policy, in the order of xen/arch-x86/cpufeatureset.h. */
static long featureset(struct xen_sysctl_cpu_featureset *f)
{
    u32 words[CPU_FEATURE_WORDS] = {}, n = min(f->nr_features, (u32)CPU_FEATURE_WORDS);

    switch (f->index) {
    case XEN_SYSCTL_cpu_featureset_raw:
    case XEN_SYSCTL_cpu_featureset_host: memcpy(words, boot_cpu.features, sizeof(words)); break;
    case XEN_SYSCTL_cpu_featureset_pv: policy_features(&pv_default_policy, words); break;
    case XEN_SYSCTL_cpu_featureset_pv_max: policy_features(&pv_max_policy, words); break;
    case XEN_SYSCTL_cpu_featureset_hvm:
    case XEN_SYSCTL_cpu_featureset_hvm_max:
        if (!hvm)
            return -EOPNOTSUPP;
        policy_features(f->index == XEN_SYSCTL_cpu_featureset_hvm ? &hvm_default_policy : &hvm_max_policy, words);
        break;
    default: return -EINVAL;
    }
    if (!f->features.p) {
        f->nr_features = CPU_FEATURE_WORDS;
        return 0;
    }
    if (copy_to_guest((void __guest *)f->features.p, words, n * sizeof(u32)))
        return -EFAULT;
    f->nr_features = n;
    return n < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

static long cpu_policy(struct xen_sysctl_cpu_policy *p)
{
    static const struct cpu_policy *const policies[] = {
        [XEN_SYSCTL_cpu_policy_raw] = &host_policy,        [XEN_SYSCTL_cpu_policy_host] = &host_policy,
        [XEN_SYSCTL_cpu_policy_pv_max] = &pv_max_policy,   [XEN_SYSCTL_cpu_policy_pv_default] = &pv_default_policy,
        [XEN_SYSCTL_cpu_policy_hvm_max] = &hvm_max_policy, [XEN_SYSCTL_cpu_policy_hvm_default] = &hvm_default_policy,
    };

    if (p->index >= ARRAY_SIZE(policies))
        return -EINVAL;
    if (!hvm && (p->index == XEN_SYSCTL_cpu_policy_hvm_max || p->index == XEN_SYSCTL_cpu_policy_hvm_default))
        return -EOPNOTSUPP;
    return policy_to_guest(policies[p->index], &p->nr_leaves, &p->nr_msrs, &p->leaves);
}

long arch_do_sysctl(struct xen_sysctl *op)
{
    switch (op->cmd) {
    case XEN_SYSCTL_cputopoinfo: return cpu_topology(&op->u.cputopoinfo);
    case XEN_SYSCTL_get_cpu_featureset: return featureset(&op->u.cpu_featureset);
    case XEN_SYSCTL_get_cpu_policy: return cpu_policy(&op->u.cpu_policy);
    default: return hypercall_unknown("sysctl", op->cmd, -ENOSYS);
    }
}
