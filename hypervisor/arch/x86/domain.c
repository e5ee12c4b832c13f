/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86's part of a domain's and vCPU's life (the arch_* functions of arch/arch.h): what PV and HVM have in common, and
 * who does the rest.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/pv/pv.h>
#include <asm/irq.h>
#include <core/domain.h>
#include <core/rangeset.h>
#include <xen/domctl.h>

int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    d->arch.tsc_khz = cpu_khz;
    d->arch.ioport_caps = rangeset_new();
    if (!d->arch.ioport_caps)
        return -ENOMEM;
    return (d->is_hvm ? hvm_domain_create(d, config) : pv_domain_create(d, config))
               ?: policy_domain_init(d)
               ?: pirq_domain_init(d);
}

void arch_domain_free(struct domain *d)
{
    memory_map_free(d);
    pirq_domain_free(d);
    policy_domain_free(d);
    if (d->is_hvm)
        hvm_domain_free(d);
    else
        pv_domain_free(d);
    rangeset_free(d->arch.ioport_caps);
}

int arch_vcpu_create(struct vcpu *v)
{
    int rc;

    v->arch.guest_table = v->arch.guest_table_user = INVALID_MFN;
    if (v->is_idle)
        return 0;
    v->arch.dr[6] = 0xffff0ff0;
    v->arch.dr[7] = 0x400;
    rc = fpu_vcpu_create(v) ?: v->is_hvm ? hvm_vcpu_create(v) : pv_vcpu_create(v);
    if (rc)
        arch_vcpu_free(v);
    return rc;
}

void arch_vcpu_free(struct vcpu *v)
{
    if (v->is_hvm)
        hvm_vcpu_free(v);
    else
        pv_vcpu_free(v);
    fpu_vcpu_free(v);
}

bool arch_vcpu_initialised(const struct vcpu *v) { return v->arch.initialised; }

int arch_set_guest_context(struct vcpu *v, const void *context)
{
    return v->is_hvm ? hvm_set_context(v, context) : pv_set_guest_context(v, context);
}

int arch_vcpu_reset(struct vcpu *v)
{
    if (v->is_hvm) {
        v->arch.initialised = false;
        return 0;
    }
    return pv_vcpu_reset(v);
}

void arch_shared_info_init(struct domain *d)
{
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    arch_update_wallclock(d);
}

void arch_vcpu_info_init(struct vcpu *v)
{
    if (v->id < XEN_LEGACY_MAX_VCPUS)
        v->info->evtchn_upcall_mask = 1;
}

/* Addresses of an HVM guest's kernel are read through its tables of the moment: if they lack the area, nothing is
 * written. */
bool arch_runstate_deferred(struct vcpu *v)
{
    if (v->is_hvm || v->arch.pv.kernel_mode)
        return false;
    v->arch.pv.runstate_pending = true;
    return true;
}

/* ---- memory ---- */

void arch_flush_domain_tlb(struct domain *d)
{
    struct cpumask m = d->arch.dirty_cpus;

    if (unlikely(d->is_hvm))
        p2m_flush(d);
    else
        flush_tlb_mask(&m);
}

mfn_t arch_gfn_to_mfn(struct domain *d, gfn_t gfn)
{
    return unlikely(d->is_hvm) ? p2m_own_mfn(d, gfn, true) : _mfn(gfn_x(gfn));
}
