/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of HVM and PVH domains and their vCPUs, and the choice of the CPU's extension at boot. Configuration:
 * xen/domctl.h, xen/arch-x86/xen.h (xen_arch_domainconfig).
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/hvm.h>
#include <asm/phases.h>
#include <lib/lib.h>
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

int hvm_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    if (!hvm) {
        log_info("d%d: HVM and PVH guests are not possible on this machine\n", d->id);
        return -EOPNOTSUPP;
    }
    if (!(config->flags & XEN_DOMCTL_CDF_hap) || !emulation_known(config->arch.emulation_flags) ||
        config->arch.misc_flags & ~XEN_X86_MSR_RELAXED || config->max_vcpus > HVM_MAX_VCPUS)
        return -EINVAL;
    d->arch.hvm = mem_alloc_object(struct hvm_domain);
    if (!d->arch.hvm)
        return -ENOMEM;
    d->arch.hvm->emulation_flags = config->arch.emulation_flags;
    return 0;
}

void hvm_domain_free(struct domain *d)
{
    mem_free(d->arch.hvm);
    d->arch.hvm = NULL;
}

int hvm_vcpu_create(struct vcpu *v) { return hvm->vcpu_create(v); }

void hvm_vcpu_free(struct vcpu *v) { hvm->vcpu_free(v); }
