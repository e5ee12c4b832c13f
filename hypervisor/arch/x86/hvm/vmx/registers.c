/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's registers in the VMCS, as hvm/vendor.h gives and takes them. Sources: Intel SDM vol. 3, 25.3, 25.6.6
 * (masks and shadows of CR0 and CR4), 27.3.1 (what VM entry demands), 27.3.2.4 (PDPTEs).
 *
 * CR0 and CR4: the guest may run with other values than it sees, those that VT-x demands (NE, VMXE). Bits that are ours
 * it reads from the shadow, and a write that changes one exits.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/vmx/vmx.h>
#include <asm/system.h>
#include <lib/lib.h>
#include <arch/x86/hvm/guest_memory.h>

/* Place in the VMCS of each segment's fields; GDTR and IDTR have limit and base only. */
static const u8 vmcs_segment[] = {
    [HVM_ES] = 0, [HVM_CS] = 1,   [HVM_SS] = 2, [HVM_DS] = 3,   [HVM_FS] = 4,
    [HVM_GS] = 5, [HVM_LDTR] = 6, [HVM_TR] = 7, [HVM_GDTR] = 8, [HVM_IDTR] = 9,
};

static bool is_table(enum hvm_segment_name n) { return n == HVM_GDTR || n == HVM_IDTR; }

void vmx_get_segment(struct vcpu *v, enum hvm_segment_name n, struct hvm_segment *s)
{
    unsigned long flags = vmcs_begin(v);
    u32 i = vmcs_segment[n] * 2;

    *s = (struct hvm_segment){.limit = vmread(VMCS_GUEST_LIMIT + i), .base = vmread(VMCS_GUEST_BASE + i)};
    if (!is_table(n)) {
        s->sel = vmread(VMCS_GUEST_SEL + i);
        s->attr = vmx_attr(n, vmread(VMCS_GUEST_RIGHTS + i));
    }
    vmcs_end(v, flags);
}

void vmx_set_segment(struct vcpu *v, enum hvm_segment_name n, const struct hvm_segment *s)
{
    unsigned long flags = vmcs_begin(v);
    u32 i = vmcs_segment[n] * 2;

    vmwrite(VMCS_GUEST_LIMIT + i, s->limit);
    vmwrite(VMCS_GUEST_BASE + i, s->base);
    if (!is_table(n)) {
        vmwrite(VMCS_GUEST_SEL + i, s->sel);
        vmwrite(VMCS_GUEST_RIGHTS + i, vmx_rights(n, s->attr));
    }
    vmcs_end(v, flags);
}

/* The DPL of SS is it, also where SS is null (SDM vol. 3, 25.4.1). */
unsigned int vmx_cpl(struct vcpu *v)
{
    struct hvm_segment ss;

    vmx_get_segment(v, HVM_SS, &ss);
    return (ss.attr & HVM_ATTR_DPL) >> 5;
}

/* ---- control registers ---- */

static u64 seen(u32 field, u32 shadow, u64 host_owned)
{
    return (vmread(field) & ~host_owned) | (vmread(shadow) & host_owned);
}

static u64 get_cr(struct vcpu *v, unsigned int n)
{
    switch (n) {
    case 0: return seen(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, VMX_CR0_HOST_OWNED);
    case 2: return v->arch.hvm.vmx->cr2;
    case 3: return vmread(VMCS_GUEST_CR3);
    default: return seen(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, VMX_CR4_HOST_OWNED);
    }
}

u64 vmx_get_cr(struct vcpu *v, unsigned int n)
{
    unsigned long flags = vmcs_begin(v);
    u64 value = get_cr(v, n);

    vmcs_end(v, flags);
    return value;
}

/* With PAE paging the four entries that CR3 points at are registers; the CPU loads them itself except after an exit.
 * Bad ones, which it would refuse, are not present. */
void vmx_load_pdptes(struct vcpu *v)
{
    u64 reserved = 0x1e6 | ~((1UL << boot_cpu.phys_bits) - 1), entry[4] = {};

    v->arch.hvm.vmx->pdptes_stale = false;
    if (!(get_cr(v, 0) & X86_CR0_PG) || !(get_cr(v, 4) & X86_CR4_PAE) || v->arch.hvm.efer & EFER_LMA)
        return;
    if (hvm_copy_from_phys(v->domain, entry, vmread(VMCS_GUEST_CR3) & 0xffffffe0, sizeof(entry)))
        memset(entry, 0, sizeof(entry));
    for (unsigned int i = 0; i < ARRAY_SIZE(entry); i++)
        vmwrite(VMCS_GUEST_PDPTE + 2 * i, entry[i] & 1 && !(entry[i] & reserved) ? entry[i] : 0);
}

/* Translations by the old values are void before the guest goes on. */
static void paging_changed(struct vcpu *v)
{
    v->arch.hvm.vmx->pdptes_stale = true;
    hvm_set_work(v, HVM_WORK_TLB);
}

void vmx_set_cr(struct vcpu *v, unsigned int n, u64 value)
{
    unsigned long flags = vmcs_begin(v);

    switch (n) {
    case 0:
        vmwrite(VMCS_GUEST_CR0, (value | X86_CR0_NE) & ~(u64)(X86_CR0_CD | X86_CR0_NW));
        vmwrite(VMCS_CR0_SHADOW, value);
        break;
    case 2: v->arch.hvm.vmx->cr2 = value; break;
    case 3: vmwrite(VMCS_GUEST_CR3, value); break;
    default:
        vmwrite(VMCS_GUEST_CR4, value | X86_CR4_VMXE);
        vmwrite(VMCS_CR4_SHADOW, value);
        break;
    }
    if (n != 2)
        paging_changed(v);
    vmcs_end(v, flags);
}

void vmx_update_efer(struct vcpu *v)
{
    unsigned long flags = vmcs_begin(v);
    u64 efer = v->arch.hvm.efer;

    vmwrite(VMCS_GUEST_EFER, efer);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_controls.entry | (efer & EFER_LMA ? ENTRY_LONG_MODE : 0));
    paging_changed(v);
    vmcs_end(v, flags);
}

u64 vmx_get_dr(struct vcpu *v, unsigned int n)
{
    unsigned long flags = vmcs_begin(v);
    u64 value = v->arch.dr[6];

    if (n == 7)
        value = vmread(VMCS_GUEST_DR7);
    else if (v == current && vmx_has_debug(v))
        __asm__ __volatile__("mov %%db6, %0" : "=r"(value));
    vmcs_end(v, flags);
    return value;
}

void vmx_set_dr(struct vcpu *v, unsigned int n, u64 value)
{
    unsigned long flags = vmcs_begin(v);

    v->arch.dr[n] = value;
    if (n == 7)
        vmwrite(VMCS_GUEST_DR7, value);
    else if (v == current && vmx_has_debug(v))
        __asm__ __volatile__("mov %0, %%db6" ::"r"(value));
    vmcs_end(v, flags);
}

/* ---- model-specific registers ---- */

static const struct {
    u32 msr, field;
} vmcs_msr[] = {
    {MSR_FS_BASE, VMCS_GUEST_BASE + 2 * 4},      {MSR_GS_BASE, VMCS_GUEST_BASE + 2 * 5},
    {MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS},   {MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP},
    {MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP}, {MSR_PAT, VMCS_GUEST_PAT},
};

bool vmx_get_msr(struct vcpu *v, u32 msr, u64 *value)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(vmcs_msr); i++)
        if (vmcs_msr[i].msr == msr) {
            unsigned long flags = vmcs_begin(v);

            *value = vmread(vmcs_msr[i].field);
            vmcs_end(v, flags);
            return true;
        }
    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++)
        if (vmx_switched_msr[i] == msr) {
            *value = v == current ? rdmsr(msr) : v->arch.hvm.vmx->msr[i];
            return true;
        }
    return false;
}

bool vmx_set_msr(struct vcpu *v, u32 msr, u64 value)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(vmcs_msr); i++)
        if (vmcs_msr[i].msr == msr) {
            unsigned long flags = vmcs_begin(v);

            vmwrite(vmcs_msr[i].field, value);
            vmcs_end(v, flags);
            return true;
        }
    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++)
        if (vmx_switched_msr[i] == msr) {
            v->arch.hvm.vmx->msr[i] = value;
            if (v == current)
                wrmsr(msr, value);
            return true;
        }
    return false;
}

void vmx_update_tsc(struct vcpu *v)
{
    u64 scale = v->domain->arch.hvm->tsc_scale; /* 32.32 */
    bool scales = vmx_controls.secondary & CPU2_TSC_SCALING, exits = v->arch.hvm.rdtsc_exits || (scale && !scales);
    unsigned long flags = vmcs_begin(v);

    vmwrite(VMCS_TSC_OFFSET, v->arch.hvm.tsc_offset);
    if (scales)
        vmwrite(VMCS_TSC_MULTIPLIER, scale ? scale << 16 : TSC_MULTIPLIER_ONE);
    vmx_set_primary(v, (v->arch.hvm.vmx->primary & ~CPU1_RDTSC) | (exits ? CPU1_RDTSC : 0));
    vmcs_end(v, flags);
}
