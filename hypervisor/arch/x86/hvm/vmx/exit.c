/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VT-x guest exits for: a table from exit reasons to the neutral handlers, behind short functions where the exit
 * qualification has to be taken apart. Source: Intel SDM vol. 3, 28.2, appendix C.
 */
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/vmx/vmx.h>

/* From enter.S. */
void vmx_exit(struct vcpu *v, struct cpu_user_regs *regs);

#define BLOCKED_SHADOW (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)

/* ---- instructions ---- */

static bool code64(void) { return vmread(VMCS_GUEST_RIGHTS + 2) & RIGHTS_L; }

static void retire(struct vcpu *v, struct cpu_user_regs *regs)
{
    regs->rip += vmread(VMCS_EXIT_INSN_LENGTH);
    if (unlikely(regs->rip >> 32) && !code64())
        regs->rip = (u32)regs->rip;
    vmx_set_shadow(v, 0);
    if (unlikely(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
        hvm_insn_stepped(v, regs);
}

static bool exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs) { return hvm_exit_hypercall(v, regs, code64()); }

/* ---- instructions with a qualification ---- */

/* Table 28-3. LMSW has its operand in the qualification, and cannot clear PE. */
static bool exit_control_register(struct vcpu *v, struct cpu_user_regs *regs)
{
    enum { MOV_TO, MOV_FROM, CLTS, LMSW };
    u64 what = vmread(VMCS_EXIT_QUALIFICATION), kind = what >> 4 & 3, cr0;

    if (kind <= MOV_FROM)
        return hvm_exit_cr(v, regs, what & 15, what >> 8 & 15, kind == MOV_TO);
    cr0 = hvm_get_cr(v, 0);
    if (!hvm_set_cr(v, 0, kind == CLTS ? cr0 & ~(u64)X86_CR0_TS : (cr0 & ~0xeUL) | (what >> 16 & 15)))
        return true;
    hvm_inject_exception(v, TRAP_GP, 0);
    return false;
}

/* The first use of a debug register: from here on they are in the CPU, and the instruction is executed there. */
static bool exit_debug_register(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    vmx_debug_load(v);
    return false;
}

/* Table 28-5. */
static bool exit_port(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    u64 what = vmread(VMCS_EXIT_QUALIFICATION);

    if (what & 0x10)
        hvm_emulate(v, NULL, 0);
    else
        hvm_port_insn(v, what >> 16, (what & 7) + 1, !(what & 8), vmread(VMCS_EXIT_INSN_LENGTH));
    return false;
}

/* ---- memory ---- */

/* Table 28-7. */
static bool exit_ept_violation(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    u64 what = vmread(VMCS_EXIT_QUALIFICATION);

    hvm_exit_nested_fault(v, vmread(VMCS_GUEST_PHYSICAL), (what & 2 ? PFEC_WRITE : 0) | (what & 4 ? PFEC_FETCH : 0),
                          NULL, 0);
    return false;
}

static bool exit_ept_misconfiguration(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    domain_crash(v->domain, "the nested tables are broken at %#lx", vmread(VMCS_GUEST_PHYSICAL));
    return false;
}

/* ---- events ---- */

/* DR6 does not change when #DB exits: the qualification has its new bits (table 28-1), and GD is ours to clear. */
static void debug_exception(struct vcpu *v, struct cpu_user_regs *regs)
{
    u64 causes = vmread(VMCS_EXIT_QUALIFICATION) & (0xf | DR6_ACCESS | HVM_DR6_STEP);

    if (causes == HVM_DR6_STEP && hvm_step_over(v, regs))
        return;
    hvm->set_dr(v, 6, (hvm->get_dr(v, 6) & ~0xfUL) | causes);
    vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~DR7_GD);
    hvm_inject_exception(v, TRAP_DB, 0);
}

/* The two that we watch go on to the guest; NMI and #MC went to our own handlers (vmx_exit). */
static bool exit_exception(struct vcpu *v, struct cpu_user_regs *regs)
{
    u8 vector = vmread(VMCS_EXIT_EVENT);

    if (vector == TRAP_NMI || vector == TRAP_MC)
        return false;
    /* VM entry demands that a single step that is held back be noted (27.3.1.5). */
    if (regs->rflags & X86_EFLAGS_TF && vmread(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED_SHADOW)
        vmwrite(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
    if (vector == TRAP_DB)
        debug_exception(v, regs);
    else
        hvm_inject_exception(v, vector, vmread(VMCS_EXIT_ERROR_CODE));
    return false;
}

/* Of either kind: what still cannot be delivered asks for its window again. */
static bool exit_window(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    vmx_close_windows(v);
    return false;
}

/* Table 28-2. An event that goes through a task gate is delivered by the switch. */
static bool exit_task_switch(struct vcpu *v, struct cpu_user_regs *regs)
{
    static const u8 reasons[] = {HVM_SWITCH_CALL, HVM_SWITCH_IRET, HVM_SWITCH_JMP, HVM_SWITCH_EVENT};
    u64 what = vmread(VMCS_EXIT_QUALIFICATION);
    enum hvm_switch_reason reason = reasons[what >> 30 & 3];
    u32 event = vmread(VMCS_IDT_EVENT);
    bool error = event & HVM_EVENT_INFO_VALID && event & HVM_EVENT_INFO_ERROR;

    if (reason == HVM_SWITCH_EVENT && hvm_event_by_software(event))
        reason = HVM_SWITCH_INT;
    hvm_task_switch(v, regs, what, reason, error, error ? vmread(VMCS_IDT_ERROR_CODE) : 0,
                    vmread(VMCS_EXIT_INSN_LENGTH));
    return false;
}

static bool exit_bad_state(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    domain_crash(v->domain, "vCPU %u: the CPU refuses its state (qualification %#lx)", v->id,
                 vmread(VMCS_EXIT_QUALIFICATION));
    arch_dump_guest(v);
    return false;
}

/* Undefined: guests have no VMX, no SMX and no MONITOR. */
static hvm_exit_handler_t *const handlers[VMEXIT_REASONS] = {
    [VMEXIT_EXCEPTION] = exit_exception,
    [VMEXIT_INTERRUPT] = hvm_exit_nothing,
    [VMEXIT_TRIPLE_FAULT] = hvm_exit_triple_fault,
    [VMEXIT_INTERRUPT_WINDOW] = exit_window,
    [VMEXIT_NMI_WINDOW] = exit_window,
    [VMEXIT_TASK_SWITCH] = exit_task_switch,
    [VMEXIT_CPUID] = hvm_exit_cpuid,
    [VMEXIT_GETSEC] = hvm_exit_undefined,
    [VMEXIT_HLT] = hvm_exit_hlt,
    [VMEXIT_INVD] = hvm_exit_wbinvd,
    [VMEXIT_RDPMC] = hvm_exit_rdpmc,
    [VMEXIT_RDTSC] = hvm_exit_rdtsc,
    [VMEXIT_VMCALL] = exit_hypercall,
    [VMEXIT_VMCLEAR... VMEXIT_VMXON] = hvm_exit_undefined,
    [VMEXIT_CR] = exit_control_register,
    [VMEXIT_DR] = exit_debug_register,
    [VMEXIT_IO] = exit_port,
    [VMEXIT_RDMSR] = hvm_exit_rdmsr,
    [VMEXIT_WRMSR] = hvm_exit_wrmsr,
    [VMEXIT_BAD_STATE] = exit_bad_state,
    [VMEXIT_MWAIT] = hvm_exit_undefined,
    [VMEXIT_MONITOR] = hvm_exit_undefined,
    [VMEXIT_PAUSE] = hvm_exit_pause,
    [VMEXIT_EPT_VIOLATION] = exit_ept_violation,
    [VMEXIT_EPT_MISCONFIGURATION] = exit_ept_misconfiguration,
    [VMEXIT_INVEPT] = hvm_exit_undefined,
    [VMEXIT_RDTSCP] = hvm_exit_rdtscp,
    [VMEXIT_INVVPID] = hvm_exit_undefined,
    [VMEXIT_WBINVD] = hvm_exit_wbinvd,
    [VMEXIT_XSETBV] = hvm_exit_xsetbv,
};

/* NMIs are off, interrupts too: our own handlers first, by the IDT, whose IRET lets NMIs in again. */
static void raise_own(void)
{
    u8 vector = vmread(VMCS_EXIT_EVENT);

    if (vector == TRAP_NMI)
        __asm__ __volatile__("int %0" ::"i"(TRAP_NMI) : "memory");
    else if (vector == TRAP_MC)
        __asm__ __volatile__("int %0" ::"i"(TRAP_MC) : "memory");
}

void vmx_exit(struct vcpu *v, struct cpu_user_regs *regs)
{
    u32 why = vmread(VMCS_EXIT_REASON), reason = why & 0xffff, interrupted = vmread(VMCS_IDT_EVENT);

    if (reason == VMEXIT_EXCEPTION)
        raise_own();
    irq_enable();
    v->arch.hvm.vmx->launched |= !(why & ENTRY_FAILED);
    if (unlikely(interrupted & HVM_EVENT_INFO_VALID))
        hvm_event_interrupted(v, interrupted, vmread(VMCS_IDT_ERROR_CODE));
    if (unlikely(reason >= VMEXIT_REASONS || !handlers[reason]))
        domain_crash(v->domain, "vCPU %u: exit for reason %u, which was not asked for", v->id, reason);
    else if (handlers[reason](v, regs))
        retire(v, regs);
}
