/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about the host that only x86 answers: topology, features, policies. From
 * hypercall/sysctl.c.
 */
#include <arch/arch.h>
#include <arch/x86/control/control.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <core/domain.h>
#include <hypercall/control.h>
#include <lib/lib.h>
#include <mm/guest_access.h>

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
    case XEN_SYSCTL_cpu_featureset_hvm_max: return -EOPNOTSUPP;
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
    switch (p->index) {
    case XEN_SYSCTL_cpu_policy_raw:
    case XEN_SYSCTL_cpu_policy_host: return policy_to_guest(&host_policy, &p->nr_leaves, &p->nr_msrs, &p->leaves);
    case XEN_SYSCTL_cpu_policy_pv_max: return policy_to_guest(&pv_max_policy, &p->nr_leaves, &p->nr_msrs, &p->leaves);
    case XEN_SYSCTL_cpu_policy_pv_default:
        return policy_to_guest(&pv_default_policy, &p->nr_leaves, &p->nr_msrs, &p->leaves);
    case XEN_SYSCTL_cpu_policy_hvm_max:
    case XEN_SYSCTL_cpu_policy_hvm_default: return -EOPNOTSUPP;
    default: return -EINVAL;
    }
}

static long pci_topology(struct xen_sysctl_pcitopoinfo *t)
{
    u32 node = 0;

    for (u32 i = 0; i < t->num_devs; i++)
        if (copy_to_guest((u32 __guest *)t->nodes.p + i, &node, sizeof(node)))
            return -EFAULT;
    return 0;
}

long arch_do_sysctl(struct xen_sysctl *op, bool *copyback)
{
    *copyback = true;
    switch (op->cmd) {
    case XEN_SYSCTL_cputopoinfo: return cpu_topology(&op->u.cputopoinfo);
    case XEN_SYSCTL_get_cpu_featureset: return featureset(&op->u.cpu_featureset);
    case XEN_SYSCTL_get_cpu_policy: return cpu_policy(&op->u.cpu_policy);
    case XEN_SYSCTL_get_cpu_levelling_caps: op->u.cpu_levelling_caps.caps = 0; return 0;
    case XEN_SYSCTL_pcitopoinfo: return pci_topology(&op->u.pcitopoinfo);
    case XEN_SYSCTL_get_pmstat: /* frequency and idle states stay with the firmware */ return -ENODEV;
    case XEN_SYSCTL_cpu_hotplug:
    case XEN_SYSCTL_page_offline_op: return -EOPNOTSUPP;
    default: *copyback = false; return -ENOSYS;
    }
}
