/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers of HVM guests, as far as the CPU does not switch them by itself. Kept: what a guest may set
 * and nobody acts upon (MTRRs: nested paging does not look at them). The local APIC's are the platform's. What is in
 * neither list is a #GP. Numbers: Intel SDM vol. 4; AMD APM vol. 2, appendix A; xen/arch-x86/cpuid.h (0x40000000).
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>

#define MSR_TSC_ADJUST     0x3b
#define MSR_MTRR_CAP       0xfe
#define MSR_MCG_CTL        0x17b
#define MSR_DEBUGCTL       0x1d9
#define MSR_MTRR_VAR       0x200
#define MSR_MTRR_FIX64K    0x250
#define MSR_MTRR_FIX16K    0x258
#define MSR_MTRR_FIX4K     0x268
#define MSR_MC0_CTL2       0x280
#define MSR_MTRR_DEF       0x2ff
#define MSR_MC0_CTL        0x400 /* STATUS, ADDR, MISC, the next bank */
#define MSR_NB_CFG         0xc001001f
#define MSR_K8_INT_PENDING 0xc0010055
#define MSR_DE_CFG         0xc0011029

#define HWCR_TSC_CONSTANT (1UL << 24)
#define DE_CFG_LFENCE     2 /* LFENCE waits for what stands before it */

const u32 hvm_direct_msrs[HVM_DIRECT_MSRS] = {MSR_FS_BASE,      MSR_GS_BASE,     MSR_KERNEL_GS_BASE, MSR_STAR,
                                              MSR_LSTAR,        MSR_CSTAR,       MSR_SFMASK,         MSR_SYSENTER_CS,
                                              MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};

static bool vendor_is_amd(void) { return boot_cpu.vendor != CPU_VENDOR_INTEL; }

/* Registers that hold what the guest wrote. NULL: none of these. */
static u64 *kept(struct vcpu *v, u32 msr)
{
    struct hvm_vcpu *h = &v->arch.hvm;

    switch (msr) {
    case MSR_MTRR_VAR ... MSR_MTRR_VAR + 15: return &h->mtrr.msr_mtrr_var[msr - MSR_MTRR_VAR];
    case MSR_MTRR_FIX64K: return &h->mtrr.msr_mtrr_fixed[0];
    case MSR_MTRR_FIX16K ... MSR_MTRR_FIX16K + 1: return &h->mtrr.msr_mtrr_fixed[1 + msr - MSR_MTRR_FIX16K];
    case MSR_MTRR_FIX4K ... MSR_MTRR_FIX4K + 7: return &h->mtrr.msr_mtrr_fixed[3 + msr - MSR_MTRR_FIX4K];
    case MSR_MTRR_DEF: return &h->mtrr.msr_mtrr_def_type;
    case MSR_DEBUGCTL: return &h->debugctl;
    case MSR_MISC_FEATURES: return &h->misc_features;
    case MSR_MCG_STATUS: return &h->mcg_status;
    case MSR_MISC_ENABLE: return vendor_is_amd() ? NULL : &h->misc_enable;
    default: return NULL;
    }
}

/* Machine checks are the host's: a guest's banks, as many as it is told of, have nothing to tell (SDM vol. 3, 16.3). */
static bool is_bank(u32 msr)
{
    return (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * HVM_MCA_BANKS_MOST) ||
           (msr >= MSR_MC0_CTL2 && msr < MSR_MC0_CTL2 + HVM_MCA_BANKS_MOST);
}

/* Of those that it has been told of? */
static bool is_own_bank(const struct vcpu *v, u32 msr)
{
    return msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * v->arch.hvm.mcg_cap;
}

/* Those that software that knows a CPU of this vendor reads without asking first. */
static int read_facts(u32 msr, u64 *value)
{
    *value = 0;
    switch (msr) {
    case MSR_UCODE_REV:
    case MSR_MCG_CTL:
    case MSR_HYPERCALL_PAGE: return 0;
    case MSR_PLATFORM_INFO: *value = PLATFORM_CPUID_FAULTING; return 0;
    case MSR_PLATFORM_ID: return vendor_is_amd() ? -EINVAL : 0;
    case MSR_K8_HWCR: *value = HWCR_TSC_CONSTANT; return vendor_is_amd() ? 0 : -EINVAL;
    case MSR_DE_CFG: *value = DE_CFG_LFENCE; return vendor_is_amd() ? 0 : -EINVAL;
    case MSR_K8_SYSCFG:
    case MSR_NB_CFG:
    case MSR_K8_INT_PENDING: return vendor_is_amd() ? 0 : -EINVAL;
    default: return -EINVAL;
    }
}

static bool has_spec_ctrl(const struct domain *d) { return guest_cpu_has(d, IBRSB) || guest_cpu_has(d, IBRS); }

int hvm_msr_read(struct vcpu *v, u32 msr, u64 *value)
{
    const u64 *place;

    switch (msr) {
    case MSR_EFER: *value = v->arch.hvm.efer; return 0;
    case MSR_TSC: *value = hvm_guest_tsc(v); return 0;
    case MSR_PAT: *value = v->arch.hvm.mtrr.msr_pat_cr; return 0;
    case MSR_MCG_CAP: *value = v->arch.hvm.mcg_cap; return 0;
    case MSR_TSC_AUX: *value = v->arch.tsc_aux; return guest_cpu_has(v->domain, RDTSCP) ? 0 : -EINVAL;
    case MSR_TSC_ADJUST: *value = v->arch.hvm.tsc_adjust; return 0;
    case MSR_MTRR_CAP: *value = HVM_MTRR_CAP; return guest_cpu_has(v->domain, MTRR) ? 0 : -EINVAL;
    case MSR_SPEC_CTRL: *value = v->arch.hvm.spec_ctrl; return has_spec_ctrl(v->domain) ? 0 : -EINVAL;
    case MSR_APIC_BASE:
    case MSR_TSC_DEADLINE:
    case MSR_X2APIC ... MSR_X2APIC + 0xff: return vlapic_read_msr(v, msr, value);
    }
    if (is_bank(msr)) {
        *value = is_own_bank(v, msr) && msr % 4 == 0 ? ~0UL : 0;
        return 0;
    }
    place = kept(v, msr);
    if (place)
        *value = *place;
    return place || hvm->get_msr(v, msr, value) ? 0 : read_facts(msr, value);
}

/* ---- writes ---- */

/* Each byte a memory type: 0, 1, 4, 5, 6 and, for a PAT, 7. */
static bool types_valid(u64 value, unsigned int last)
{
    for (; value; value >>= 8)
        if ((value & 0xff) > last || (value & 0xfe) == 2)
            return false;
    return true;
}

static int set_pat(struct vcpu *v, u64 value)
{
    if (!types_valid(value, 7))
        return -EINVAL;
    v->arch.hvm.mtrr.msr_pat_cr = value;
    hvm->set_msr(v, MSR_PAT, value);
    return 0;
}

#define MTRR_DEF_BITS 0xcffUL
#define MTRR_VALID    (1UL << 11)
#define DEBUGCTL_BITS 3UL /* last branch, single step by branches */

static bool kept_valid(u32 msr, u64 value)
{
    u64 address = ((1UL << boot_cpu.phys_bits) - 1) & PAGE_MASK;

    switch (msr) {
    case MSR_MTRR_VAR ... MSR_MTRR_VAR + 15:
        return !(value & ~(address | (msr & 1 ? MTRR_VALID : 0xffUL))) && (msr & 1 || types_valid(value & 0xff, 6));
    case MSR_MTRR_FIX64K ... MSR_MTRR_FIX4K + 7: return types_valid(value, 6);
    case MSR_MTRR_DEF: return !(value & ~MTRR_DEF_BITS) && types_valid(value & 0xff, 6);
    case MSR_DEBUGCTL: return !(value & ~DEBUGCTL_BITS);
    case MSR_MISC_FEATURES: return !(value & ~MISC_CPUID_FAULTING);
    default: return true;
    }
}

static int move_tsc(struct vcpu *v, u64 delta)
{
    v->arch.hvm.tsc_offset += delta;
    v->arch.hvm.tsc_adjust += delta;
    hvm->update_tsc(v);
    arch_update_vcpu_time(v);
    return 0;
}

static int set_tsc_aux(struct vcpu *v, u64 value)
{
    if (value >> 32 || !guest_cpu_has(v->domain, RDTSCP))
        return -EINVAL;
    v->arch.tsc_aux = value;
    wrmsr(MSR_TSC_AUX, value);
    return 0;
}

static int set_spec_ctrl(struct vcpu *v, u64 value)
{
    if (!has_spec_ctrl(v->domain) || value & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
        return -EINVAL;
    v->arch.hvm.spec_ctrl = value;
    if (v == current)
        spec_ctrl_hvm_load(v);
    return 0;
}

static int set_pred_cmd(const struct vcpu *v, u64 value)
{
    if (!(guest_cpu_has(v->domain, IBRSB) || guest_cpu_has(v->domain, IBPB)) || value & ~1UL)
        return -EINVAL;
    wrmsr(MSR_PRED_CMD, value);
    return 0;
}

/* What may be written without any effect: the value that is there already, or anything (AMD's own all are such, and
 * banks that the guest has not). */
static int write_facts(struct vcpu *v, u32 msr, u64 value)
{
    u64 now;

    if (hvm_msr_read(v, msr, &now))
        return -EINVAL;
    if (now == value || msr == MSR_UCODE_REV || msr == MSR_MCG_CAP || msr == MSR_MCG_CTL || msr >= MSR_K8_SYSCFG)
        return 0;
    return is_bank(msr) && (!is_own_bank(v, msr) || msr % 4 == 0) ? 0 : -EINVAL;
}

int hvm_msr_write(struct vcpu *v, u32 msr, u64 value)
{
    u64 *place;

    switch (msr) {
    case MSR_EFER: return hvm_set_efer(v, value);
    case MSR_TSC: return move_tsc(v, value - hvm_guest_tsc(v));
    case MSR_TSC_ADJUST: return move_tsc(v, value - v->arch.hvm.tsc_adjust);
    case MSR_PAT: return set_pat(v, value);
    case MSR_TSC_AUX: return set_tsc_aux(v, value);
    case MSR_SPEC_CTRL: return set_spec_ctrl(v, value);
    case MSR_PRED_CMD: return set_pred_cmd(v, value);
    case MSR_HYPERCALL_PAGE: /* page 0 of one: CPUID 0x40000002 */
        hvm_latch_width(v);
        return value & ~PAGE_MASK || hvm_hypercall_page(v->domain, value) ? -EINVAL : 0;
    case MSR_APIC_BASE:
    case MSR_TSC_DEADLINE:
    case MSR_X2APIC ... MSR_X2APIC + 0xff: return vlapic_write_msr(v, msr, value);
    }
    place = kept(v, msr);
    if (!place)
        return hvm->set_msr(v, msr, value) ? 0 : write_facts(v, msr, value);
    if (!kept_valid(msr, value))
        return -EINVAL;
    *place = value;
    return 0;
}
