/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_mca (xen/arch-x86/xen-mca.h), as far as dom0's log of machine checks needs it to
 * start: which CPUs there are. A machine check that happens ends the host (arch/x86/entry/traps.c), so
 * VIRQ_MCA never says that there is one to be fetched.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <xen/arch-x86/xen-mca.h>

static void cpu_describe(struct mcinfo_logical_cpu *c, unsigned int cpu)
{
    static const u8 vendors[] = {[CPU_VENDOR_INTEL] = 1, [CPU_VENDOR_AMD] = 2, [CPU_VENDOR_HYGON] = 16};
    u32 id = cpu_apic_id[cpu];

    memset(c, 0, sizeof(*c));
    c->mc_cpunr = cpu;
    c->mc_chipid = topology_package(id);
    c->mc_coreid = topology_core(id);
    c->mc_threadid = topology_thread(id);
    c->mc_apicid = id;
    c->mc_clusterid = ~0U;
    c->mc_cpuid_level = boot_cpu.max_leaf;
    c->mc_family = boot_cpu.family;
    c->mc_model = boot_cpu.model;
    c->mc_step = boot_cpu.stepping;
    c->mc_vendor = vendors[boot_cpu.vendor];
    memcpy(c->mc_vendorid, boot_cpu.vendor_name, sizeof(boot_cpu.vendor_name));
    memcpy(c->mc_brandid, boot_cpu.model_name, sizeof(boot_cpu.model_name));
    c->mc_cpu_caps[MC_CAPS_STD_EDX] = boot_cpu.features[0];
    c->mc_cpu_caps[MC_CAPS_STD_ECX] = boot_cpu.features[1];
    c->mc_cpu_caps[MC_CAPS_AMD_EDX] = boot_cpu.features[2];
    c->mc_cpu_caps[MC_CAPS_AMD_ECX] = boot_cpu.features[3];
    c->mc_cache_alignment = boot_cpu.cache_line;
}

/* Without a place to write to: only how many. */
static long physcpuinfo(struct xen_mc_physcpuinfo *p)
{
    struct mcinfo_logical_cpu c;
    unsigned int cpu;
    u32 n = 0;

    for_each_online_cpu (cpu) {
        if (p->info.p) {
            if (n == p->ncpus)
                break;
            cpu_describe(&c, cpu);
            if (guest_write(p->info, n, &c))
                return -EFAULT;
        }
        n++;
    }
    p->ncpus = n;
    return 0;
}

/* uop: struct xen_mc. -EFAULT; -EPERM for any but the hardware domain; -EACCES for another
 * interface version; -ENOSYS. */
long do_mca(void __guest *uop)
{
    struct xen_mc op;
    long rc;

    if (!current->domain->is_hardware)
        return -EPERM;
    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd != XEN_MC_physcpuinfo)
        return hypercall_unknown("mca", op.cmd, -EOPNOTSUPP);
    rc = physcpuinfo(&op.u.mc_physcpuinfo);
    if (rc == 0 && copy_to_guest(uop, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}
