/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers as PV guests see them. Few exist: segment bases, the syscall switch,
 * what describes the CPU. Everything else is a #GP, as on a CPU without it; dom0 may read the
 * machine's temperature and power registers. Numbers: Intel SDM vol. 4; AMD APM vol. 2, appendix A.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/pv/pv.h>
#include <asm/percpu.h>
#include <asm/trapnr.h>
#include <core/domain.h>

/* The type of each page attribute that a PV guest's PTE bits select: fixed (ABI: XENFEAT, as Linux
 * expects it of Xen). */
#define PV_PAT 0x050100070406UL

#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_BSP    (1UL << 8)

/* dom0's tools ask the CPU itself what the machine is. */
bool pv_cpuid_faults(const struct domain *d) { return boot_cpu.cpuid_faulting && !d->is_hardware; }

static DEFINE_PER_CPU(bool, cpuid_faulting);

void pv_load_cpuid_faulting(const struct vcpu *v)
{
    bool on = pv_cpuid_faults(v->domain);

    if (likely(this_cpu(cpuid_faulting) == on))
        return;
    this_cpu(cpuid_faulting) = on;
    wrmsr(MSR_MISC_FEATURES, (rdmsr(MSR_MISC_FEATURES) & ~MISC_CPUID_FAULTING) | (on ? MISC_CPUID_FAULTING : 0));
}

int pv_msr_read(struct vcpu *v, u32 msr, u64 *val)
{
    *val = 0;
    switch (msr) {
    case MSR_EFER: /* SVM is not the guest's */
        *val = rdmsr(MSR_EFER) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
        return 0;
    case MSR_TSC: *val = rdtsc(); return 0;
    case MSR_HYPERCALL_PAGE: /* written by guests that ask for one at run time: not by PV kernels */ return 0;
    case MSR_TSC_AUX: *val = v->arch.tsc_aux; return guest_cpu_has(v->domain, RDTSCP) ? 0 : -EINVAL;
    case MSR_PAT: *val = PV_PAT; return 0;
    case MSR_APIC_BASE: *val = 0xfee00000 | APIC_BASE_ENABLE | (v->id ? 0 : APIC_BASE_BSP); return 0;
    case MSR_MISC_ENABLE: return rdmsr_safe(msr, val) ? 0 : -EINVAL;
    case MSR_PLATFORM_INFO:
        *val = pv_cpuid_faults(v->domain) ? PLATFORM_CPUID_FAULTING : 0;
        return boot_cpu.vendor == CPU_VENDOR_INTEL ? 0 : -EINVAL;
    case MSR_MISC_FEATURES:
        *val = v->arch.pv.cpuid_faulting ? MISC_CPUID_FAULTING : 0;
        return boot_cpu.vendor == CPU_VENDOR_INTEL ? 0 : -EINVAL;
    case MSR_MCG_CAP: /* no banks: machine checks are the host's */
    case MSR_MCG_STATUS: return 0;
    case MSR_K8_HWCR: /* TscFreqSel: the TSC runs at a constant rate */
        *val = boot_cpu.vendor == CPU_VENDOR_INTEL ? 0 : 1UL << 24;
        return boot_cpu.vendor == CPU_VENDOR_INTEL ? -EINVAL : 0;
    case MSR_FS_BASE:
    case MSR_GS_BASE: *val = rdmsr(msr); return 0;
    case MSR_KERNEL_GS_BASE: *val = rdmsr(v->arch.pv.kernel_mode ? MSR_KERNEL_GS_BASE : MSR_GS_BASE); return 0;
    /* Facts of the machine that its administrator's kernel may read: microcode, temperature,
     * frequency limits. */
    case MSR_UCODE_REV:
        if (!v->domain->is_hardware)
            return 0;
        fallthrough;
    case MSR_PLATFORM_ID:
    case MSR_K8_SYSCFG:
    case 0x198: /* IA32_PERF_STATUS */
    case 0x19c: /* IA32_THERM_STATUS */
    case 0x1a2: /* TEMPERATURE_TARGET */
    case 0x1b1: /* IA32_PACKAGE_THERM_STATUS */ return v->domain->is_hardware && rdmsr_safe(msr, val) ? 0 : -EINVAL;
    default: return -EINVAL;
    }
}

int pv_msr_write(struct vcpu *v, u32 msr, u64 val)
{
    u64 now;

    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE: return pv_set_base(v, msr, val);
    case MSR_TSC_AUX:
        if (!guest_cpu_has(v->domain, RDTSCP) || val >> 32)
            return -EINVAL;
        v->arch.tsc_aux = val;
        wrmsr(MSR_TSC_AUX, val);
        return 0;
    case MSR_UCODE_REV: /* the write that asks for the revision; the revision itself is read-only */
        return boot_cpu.vendor == CPU_VENDOR_INTEL && !val ? 0 : -EINVAL;
    case MSR_MISC_FEATURES:
        if (boot_cpu.vendor != CPU_VENDOR_INTEL || val & ~(pv_cpuid_faults(v->domain) ? MISC_CPUID_FAULTING : 0))
            return -EINVAL;
        v->arch.pv.cpuid_faulting = val;
        return 0;
    case MSR_MCG_STATUS: return val ? -EINVAL : 0;
    case MSR_EFER:
    case MSR_PAT:
    case MSR_APIC_BASE:
    case MSR_MISC_ENABLE: /* what it is already may be written */
        return pv_msr_read(v, msr, &now) || now != val ? -EINVAL : 0;
    default: return -EINVAL;
    }
}
