/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of HVM and PVH domains and their vCPUs, and the choice of the CPU's extension at boot. Configuration:
 * xen/domctl.h, xen/arch-x86/xen.h (xen_arch_domainconfig).
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <asm/phases.h>
#include <mm/heap.h>
#include <xen/domctl.h>

const struct hvm_vendor *hvm __read_mostly;

#define HVM_MAX_VCPUS 128 /* the local APIC's id is twice the vCPU's number, and has 8 bits */

/* PVH has a local APIC, HVM the whole platform; XENFEAT_hvm_pirqs is not given to either. */
static bool emulation_known(u32 flags)
{
    flags &= ~XEN_X86_EMU_USE_PIRQ;
    return flags == XEN_X86_EMU_LAPIC || flags == (XEN_X86_EMU_ALL & ~(XEN_X86_EMU_VPCI | XEN_X86_EMU_USE_PIRQ));
}

void __init hvm_init(void)
{
    bool vtx = boot_cpu.vendor == CPU_VENDOR_INTEL || cpu_has(VMX);
    const char *why = vtx ? vmx_probe() : svm_probe();

    if (!why) {
        hvm = vtx ? &vmx_vendor : &svm_vendor;
        hvm_cpu_up();
    }
    if (hvm)
        log_info("HVM and PVH guests by %s\n", hvm->name);
    else
        log_info("no HVM or PVH guests: %s\n", why ?: "the extension cannot be switched on");
}

/* A CPU that cannot do what the others can ends it for all: vCPUs go anywhere. */
void hvm_cpu_up(void)
{
    int rc = hvm ? hvm->cpu_up() : 0;

    if (!rc)
        return;
    log_error("CPU%u: %s cannot be switched on (%d): no HVM or PVH guests\n", smp_processor_id(), hvm->name, rc);
    hvm = NULL;
}

bool arch_has_hvm(void) { return hvm; }

int hvm_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    if (!hvm) {
        log_info("d%d: HVM and PVH guests are not possible on this machine\n", d->id);
        return -EOPNOTSUPP;
    }
    if (!(config->flags & XEN_DOMCTL_CDF_hap) || config->arch.emulation_flags & ~XEN_X86_EMU_ALL ||
        config->arch.misc_flags & ~XEN_X86_MSR_RELAXED || config->max_vcpus > HVM_MAX_VCPUS)
        return -EINVAL;
    if (!emulation_known(config->arch.emulation_flags))
        return -EOPNOTSUPP;
    d->arch.hvm = mem_alloc_object(struct hvm_domain);
    if (!d->arch.hvm)
        return -ENOMEM;
    d->arch.hvm->emulation_flags = config->arch.emulation_flags;
    d->arch.hvm->tsc_offset = -rdtsc();
    d->arch.hvm->tsc_start = arch_read_clock();
    d->arch.tsc_incarnation = 1;
    hvm_params_init(d);
    return p2m_create(d, hvm->p2m_format, hvm->p2m_order())
               ?: platform_domain_create(d, config->arch.emulation_flags) ?: ioreq_domain_create(d);
}

void hvm_domain_free(struct domain *d)
{
    if (!d->arch.hvm)
        return;
    ioreq_domain_free(d);
    platform_domain_free(d);
    p2m_free(d);
    mem_free(d->arch.hvm);
    d->arch.hvm = NULL;
}

int hvm_vcpu_create(struct vcpu *v)
{
    int rc = platform_vcpu_create(v) ?: hvm_io_vcpu_create(v) ?: hvm->vcpu_create(v);

    if (rc)
        return rc;
    v->arch.hvm.kept[0].va = v->arch.hvm.kept[1].va = HVM_KEEP_NONE;
    v->arch.hvm.mcg_cap = HVM_MCA_BANKS;
    v->arch.hvm.tsc_offset = v->domain->arch.hvm->tsc_offset;
    hvm->update_tsc(v);
    hvm_vcpu_reset_init(v);
    return 0;
}

void hvm_vcpu_free(struct vcpu *v)
{
    hvm->vcpu_free(v);
    hvm_io_vcpu_free(v);
    platform_vcpu_free(v);
}
