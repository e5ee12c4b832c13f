/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a VT-x guest: injection, windows, and the delivery that an exit interrupted. Source: Intel SDM vol.
 * 3, 25.8.3, 25.9.2 and 25.9.3, 27.6, 28.2.4.
 */
#include <arch/x86/hvm/vmx/vmx.h>
#include <lib/lib.h>

/* In real mode exceptions have no error code, and VM entry insists. */
void vmx_inject(struct vcpu *v, const struct hvm_event *e)
{
    bool error = e->has_error && vmread(VMCS_GUEST_CR0) & X86_CR0_PE;

    if (error)
        vmwrite(VMCS_ENTRY_ERROR_CODE, e->error);
    if (e->type >= HVM_EVENT_SOFT_INTERRUPT)
        vmwrite(VMCS_ENTRY_INSN_LENGTH, e->length);
    if (e->type == HVM_EVENT_NMI)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKED_BY_NMI);
    vmwrite(VMCS_ENTRY_EVENT,
            HVM_EVENT_INFO_VALID | (error ? HVM_EVENT_INFO_ERROR : 0) | (u32)e->type << 8 | e->vector);
    (void)v;
}

/* What was injected and not entered with. The neutral part, which comes next, delivers it. */
void vmx_take_back(struct vcpu *v)
{
    u32 info = vmread(VMCS_ENTRY_EVENT);

    if (!(info & HVM_EVENT_INFO_VALID))
        return;
    vmwrite(VMCS_ENTRY_EVENT, 0);
    v->arch.hvm.event = hvm_event_unpack(info, vmread(VMCS_ENTRY_ERROR_CODE));
    v->arch.hvm.event.length = vmread(VMCS_ENTRY_INSN_LENGTH);
}

_Static_assert(BLOCKED_BY_STI == HVM_SHADOW_STI && BLOCKED_BY_MOV_SS == HVM_SHADOW_MOV_SS, "HVM_SHADOW_*");

unsigned int vmx_get_shadow(struct vcpu *v)
{
    unsigned long flags = vmcs_begin(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    vmcs_end(v, flags);
    return (state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) | (state & BLOCKED_BY_NMI ? HVM_SHADOW_NMI : 0);
}

void vmx_set_shadow(struct vcpu *v, unsigned int shadow)
{
    unsigned long flags = vmcs_begin(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    if ((state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != shadow)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, (state & BLOCKED_BY_NMI) | shadow);
    vmcs_end(v, flags);
}

void vmx_set_primary(struct vcpu *v, u32 primary)
{
    if (v->arch.hvm.vmx->primary == primary)
        return;
    v->arch.hvm.vmx->primary = primary;
    vmwrite(VMCS_PRIMARY_CONTROLS, primary);
}

void vmx_request_window(struct vcpu *v, enum hvm_window w)
{
    vmx_set_primary(v, v->arch.hvm.vmx->primary | (w == HVM_WINDOW_NMI ? CPU1_NMI_WINDOW : CPU1_INTERRUPT_WINDOW));
}

void vmx_close_windows(struct vcpu *v)
{
    vmx_set_primary(v, v->arch.hvm.vmx->primary & ~(CPU1_NMI_WINDOW | CPU1_INTERRUPT_WINDOW));
    hvm_set_work(v, HVM_WORK_EVENT);
}
