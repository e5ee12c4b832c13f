/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls by which a PV guest says where its kernel is to be entered (bounce.c uses it) and how
 * a handler ends: trap table, callbacks, stack, IRET.
 */
#include <arch/x86/pv/mode.h>
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <xen/callback.h>
#include <xen/nmi.h>

/*
 * HYPERVISOR_set_trap_table(const struct trap_info traps[]): until an entry with address 0; NULL
 * clears all. 0, -EFAULT, -EINVAL for an address that is not canonical.
 */
long do_set_trap_table(const void __guest *traps)
{
    struct trap_info *table = current->arch.pv.traps, ti;
    const struct trap_info __guest *src = traps;

    if (!traps) {
        memset(table, 0, 256 * sizeof(*table));
        return 0;
    }
    for (unsigned int i = 0;; i++) {
        if (i && hypercall_preempt_check())
            return hypercall_again(1, (unsigned long)(src + i));
        if (copy_from_guest(&ti, src + i, sizeof(ti)))
            return -EFAULT;
        if (!ti.address)
            return 0;
        if (!address_canonical(ti.address))
            return -EINVAL;
        table[ti.vector] = ti;
    }
}

/* A handler runs in ring 3: at an address of ours it faults like any other program. Only SYSRET's
 * trap matters. */
static long callback_set(struct vcpu *v, unsigned int type, unsigned long address, bool mask)
{
    struct pv_vcpu *pv = &v->arch.pv;

    if (!address_canonical(address))
        return -EINVAL;
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter: pv->callback[type] = (struct pv_callback){address, mask}; return 0;
    case CALLBACKTYPE_nmi:
        if (v->id)
            return -EINVAL;
        pv->traps[TRAP_NMI] = (struct trap_info){.vector = TRAP_NMI, .address = address};
        return 0;
    default: return -ENOSYS;
    }
}

/* HYPERVISOR_set_callbacks(event, failsafe, syscall): 0 or -EINVAL. */
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
    struct pv_callback *callback = current->arch.pv.callback;

    if (!address_canonical(event) || !address_canonical(failsafe) || !address_canonical(syscall))
        return -EINVAL;
    callback[CALLBACKTYPE_event].address = event;
    callback[CALLBACKTYPE_failsafe].address = failsafe;
    callback[CALLBACKTYPE_syscall].address = syscall;
    return 0;
}

/* HYPERVISOR_callback_op (callback.h): 0, -EFAULT, -EINVAL, -ENOSYS for a type that this CPU or
 * mode does not have. */
long do_callback_op(int cmd, const void __guest *arg)
{
    struct callback_register reg;
    struct callback_unregister unreg;

    switch (cmd) {
    case CALLBACKOP_register:
        if (copy_from_guest(&reg, arg, sizeof(reg)))
            return -EFAULT;
        return callback_set(current, reg.type, reg.address, reg.flags & CALLBACKF_mask_events);
    case CALLBACKOP_unregister:
        if (copy_from_guest(&unreg, arg, sizeof(unreg)))
            return -EFAULT;
        /* A kernel is nothing without the first three. */
        return unreg.type <= CALLBACKTYPE_syscall ? -EINVAL : callback_set(current, unreg.type, 0, false);
    default: return -ENOSYS;
    }
}

/* HYPERVISOR_nmi_op (nmi.h): vCPU0's NMI handler. */
long do_nmi_op(unsigned int cmd, void __guest *arg)
{
    struct xennmi_callback cb;

    switch (cmd) {
    case XENNMI_register_callback:
        if (copy_from_guest(&cb, arg, sizeof(cb)))
            return -EFAULT;
        return callback_set(current, CALLBACKTYPE_nmi, cb.handler_address, false);
    case XENNMI_unregister_callback: return callback_set(current, CALLBACKTYPE_nmi, 0, false);
    default: return -ENOSYS;
    }
}

/* HYPERVISOR_stack_switch(ss, sp): the stack on which the kernel is entered from user mode, with our
 * SS. 0. */
long do_stack_switch(unsigned long ss, unsigned long sp)
{
    (void)ss;
    current->arch.pv.kernel_sp = sp;
    return 0;
}

/* Not the guest's to set. */
#define HIDDEN_FLAGS (X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP)

/*
 * HYPERVISOR_iret: the frame that the guest built on its stack (struct iret_context) becomes its
 * registers. RAX comes back through the return value. A frame that cannot be read crashes the
 * domain; one that IRET refuses is a fault of the guest's program.
 */
long do_iret(void)
{
    struct cpu_user_regs *regs = guest_regs();
    struct vcpu *v = current;
    struct iret_context frame;

    if (unlikely(copy_from_guest(&frame, (const void __guest *)regs->rsp, sizeof(frame)))) {
        domain_crash(v->domain, "vCPU%u: IRET frame at %#lx cannot be read", v->id, (unsigned long)regs->rsp);
        return 0;
    }
    if ((frame.cs & 3) == 3) {
        if (unlikely(mfn_eq(v->arch.guest_table_user, INVALID_MFN))) {
            domain_crash(v->domain, "vCPU%u: return to user mode without user page tables", v->id);
            return 0;
        }
        pv_toggle_mode(v);
    }
    if (v->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        v->arch.pv.iopl = frame.rflags >> 12 & 3;
    regs->rip = frame.rip;
    regs->cs = pv_fix_selector(frame.cs);
    regs->rflags = (frame.rflags & ~(u64)HIDDEN_FLAGS) | X86_EFLAGS_IF;
    regs->rsp = frame.rsp;
    regs->ss = pv_fix_selector(frame.ss);
    if (!(frame.flags & VGCF_in_syscall)) {
        regs->entry_vector &= ~TRAP_SYSCALL;
        regs->r11 = frame.r11;
        regs->rcx = frame.rcx;
    }
    v->arch.pv.nmi_masked = false;
    v->info->evtchn_upcall_mask = !(frame.rflags & X86_EFLAGS_IF);
    return frame.rax;
}
