/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers of HVM guests and EFER: which values there may be, and what a change takes with it. AMD APM vol. 2,
 * 3.1 and 14.6 (long mode); Intel SDM vol. 3, 2.5 and 9.8.5.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>

#define CR0_DEFINED                                                                                          \
    (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
     X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define X86_CR4_VME 0x1
#define X86_CR4_PVI 0x2
#define X86_CR4_PCE 0x100
#define X86_CR4_PKE 0x400000
#define EFER_FFXSE  (1UL << 14)

/* CR4 bits that come with a feature; the rest every CPU has. */
static const struct {
    u32 bits;
    u16 feature;
} cr4_features[] = {
    {X86_CR4_VME | X86_CR4_PVI, XEN_X86_FEATURE_VME},
    {X86_CR4_TSD, XEN_X86_FEATURE_TSC},
    {X86_CR4_DE, XEN_X86_FEATURE_DE},
    {X86_CR4_PSE, XEN_X86_FEATURE_PSE},
    {X86_CR4_PAE, XEN_X86_FEATURE_PAE},
    {X86_CR4_MCE, XEN_X86_FEATURE_MCE},
    {X86_CR4_PGE, XEN_X86_FEATURE_PGE},
    {X86_CR4_OSFXSR, XEN_X86_FEATURE_FXSR},
    {X86_CR4_OSXMMEXCPT, XEN_X86_FEATURE_SSE},
    {X86_CR4_UMIP, XEN_X86_FEATURE_UMIP},
    {X86_CR4_FSGSBASE, XEN_X86_FEATURE_FSGSBASE},
    {X86_CR4_PCIDE, XEN_X86_FEATURE_PCID},
    {X86_CR4_OSXSAVE, XEN_X86_FEATURE_XSAVE},
    {X86_CR4_SMEP, XEN_X86_FEATURE_SMEP},
    {X86_CR4_SMAP, XEN_X86_FEATURE_SMAP},
    {X86_CR4_PKE, XEN_X86_FEATURE_PKU},
};

static u64 cr4_allowed(const struct domain *d)
{
    u64 allowed = X86_CR4_PCE;

    for (unsigned int i = 0; i < ARRAY_SIZE(cr4_features); i++)
        if (policy_has(d, cr4_features[i].feature))
            allowed |= cr4_features[i].bits;
    return allowed;
}

static u64 efer_allowed(const struct domain *d)
{
    return EFER_SCE | (guest_cpu_has(d, NX) ? EFER_NX : 0) | (guest_cpu_has(d, LM) ? EFER_LME | EFER_LMA : 0) |
           (guest_cpu_has(d, FFXSR) ? EFER_FFXSE : 0);
}

bool hvm_crs_valid(const struct vcpu *v, u64 cr0, u64 cr4, u64 efer)
{
    if (cr0 >> 32 || (cr0 & X86_CR0_PG && !(cr0 & X86_CR0_PE)) || (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD)) ||
        cr4 & ~cr4_allowed(v->domain) || efer & ~efer_allowed(v->domain))
        return false;
    if (efer & EFER_LME && cr0 & X86_CR0_PG && !(cr4 & X86_CR4_PAE))
        return false;
    return !(cr4 & X86_CR4_PCIDE) || (efer & EFER_LMA && cr0 & X86_CR0_PG);
}

/* Paging on or off with EFER.LME set is long mode on or off (AMD APM vol. 2, 14.6.1 and 14.7). */
static int set_cr0(struct vcpu *v, u64 value)
{
    u64 old = hvm_get_cr(v, 0), efer = v->arch.hvm.efer;
    bool toggles = efer & EFER_LME && (old ^ value) & X86_CR0_PG;
    struct hvm_segment cs;

    if (toggles) {
        hvm->get_segment(v, HVM_CS, &cs);
        if (cs.attr & HVM_ATTR_L)
            return -EINVAL;
        efer ^= EFER_LMA;
    }
    if (!hvm_crs_valid(v, value, hvm_get_cr(v, 4), efer))
        return -EINVAL;
    if (toggles) {
        v->arch.hvm.efer = efer;
        hvm->update_efer(v);
    }
    hvm->set_cr(v, 0, (value & CR0_DEFINED) | X86_CR0_ET);
    return 0;
}

#define CR3_NO_FLUSH (1UL << 63)
#define CR3_PCID     0xfffUL

static int set_cr3(struct vcpu *v, u64 value)
{
    if (hvm_get_cr(v, 4) & X86_CR4_PCIDE)
        value &= ~CR3_NO_FLUSH;
    if (hvm_long_mode(v) && value >> boot_cpu.phys_bits)
        return -EINVAL;
    hvm->set_cr(v, 3, value);
    return 0;
}

static int set_cr4(struct vcpu *v, u64 value)
{
    u64 old = hvm_get_cr(v, 4);

    if (!hvm_crs_valid(v, hvm_get_cr(v, 0), value, v->arch.hvm.efer))
        return -EINVAL;
    if (value & ~old & X86_CR4_PCIDE && hvm_get_cr(v, 3) & CR3_PCID)
        return -EINVAL;
    hvm->set_cr(v, 4, value);
    return 0;
}

int hvm_set_cr(struct vcpu *v, unsigned int n, u64 value)
{
    switch (n) {
    case 0: return set_cr0(v, value);
    case 2: hvm->set_cr(v, 2, value); return 0;
    case 3: return set_cr3(v, value);
    case 4: return set_cr4(v, value);
    case 8:
        if (value > 15)
            return -EINVAL;
        vlapic_set_cr8(v, value);
        return 0;
    default: return -EINVAL;
    }
}

/* LMA follows from the rest; what is written there does not count. */
int hvm_set_efer(struct vcpu *v, u64 value)
{
    u64 old = v->arch.hvm.efer;

    if (value == old)
        return 0;
    if (value & ~efer_allowed(v->domain) || ((old ^ value) & EFER_LME && hvm_get_cr(v, 0) & X86_CR0_PG))
        return -EINVAL;
    value = (value & ~(u64)EFER_LMA) | (old & EFER_LMA);
    v->arch.hvm.efer = value;
    hvm->update_efer(v);
    return 0;
}
