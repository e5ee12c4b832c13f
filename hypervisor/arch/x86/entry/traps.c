/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions, seen from C: which handler a guest's exception goes to, what an NMI means, and what happens when the
 * hypervisor itself faults. Called by entry.S only. Guest handlers run on the guest's vCPU,
 * interrupts on, with the frame in guest_regs().
 */
#include <arch/arch.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <sched/sched.h>

/* Called from entry.S. */
void guest_debug(struct vcpu *v, struct cpu_user_regs *regs);
void guest_nmi(struct vcpu *v, struct cpu_user_regs *regs);
void guest_machine_check(struct vcpu *v, struct cpu_user_regs *regs);
void hypervisor_exception(struct cpu_user_regs *regs);
void hypervisor_page_fault(struct cpu_user_regs *regs, unsigned long cr2);
void double_fault(struct cpu_user_regs *regs) __noreturn;

typedef void (*guest_handler)(struct vcpu *v, struct cpu_user_regs *regs);

/* No decision to make: the guest's own handler gets it. */
static void forward(struct vcpu *v, struct cpu_user_regs *regs)
{
    pv_inject_trap(v, regs, regs->entry_vector, regs->error_code);
}

/* Indexed by vector; #PF, #DB, NMI, #DF and #MC have entries of their own in entry.S. */
extern const guest_handler guest_exception_table[32];
const guest_handler guest_exception_table[32] = {
    [TRAP_DE... TRAP_BR] = forward, [TRAP_UD] = pv_invalid_op,         [TRAP_NM] = pv_device_not_available,
    [9 ... TRAP_SS] = forward,      [TRAP_GP] = pv_general_protection, [15 ... TRAP_CP] = forward,
};

/* Intel SDM vol. 3, 17.3.1: DR6 is sticky, the guest's view gets the new bits. */
void guest_debug(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned long dr6;

    __asm__ __volatile__("mov %%db6, %0" : "=r"(dr6));
    __asm__ __volatile__("mov %0, %%db6" ::"r"(0xffff0ff0UL));
    irq_enable();
    v->arch.dr[6] |= dr6 & 0xe00f;
    pv_inject_trap(v, regs, TRAP_DB, 0);
}

/* ---- NMIs: of a CPU that panics, so that the others show what they were doing; or the machine's, for dom0 ---- */

static void nmi(struct cpu_user_regs *regs)
{
    smp_nmi(regs);
    if (dom0 && dom0->max_vcpus && dom0->vcpu[0])
        arch_vcpu_nmi(dom0->vcpu[0]);
}

void arch_vcpu_nmi(struct vcpu *v)
{
    v->nmi_pending = true;
    if (v->is_hvm)
        hvm_set_work(v, HVM_WORK_EVENT);
    else
        __atomic_fetch_or(&v->arch.pv.exit_work, EXIT_WORK_NMI, __ATOMIC_SEQ_CST);
    vcpu_unblock(v);
    vcpu_kick(v);
}

void guest_nmi(struct vcpu *v __unused, struct cpu_user_regs *regs) { nmi(regs); }

void guest_machine_check(struct vcpu *v __unused, struct cpu_user_regs *regs) { hypervisor_exception(regs); }

/* ---- instructions of ours that may fault, and where to go on then: EXTABLE (asm/asm.h) ---- */

struct ex_entry {
    s32 insn, fixup; /* relative to the field itself */
};

extern struct ex_entry __start_ex_table[], __stop_ex_table[];

extern const char iret_instruction[];

/* The table is short and looked at only after a fault, so it is searched from end to end. */
static bool fixup(struct cpu_user_regs *regs)
{
    const struct ex_entry *e = __start_ex_table;

    while (e < __stop_ex_table && (unsigned long)&e->insn + e->insn != regs->rip)
        e++;
    if (e == __stop_ex_table)
        return false;
    if (regs->rip == (unsigned long)iret_instruction)
        cpu_info()->scratch = (u64)regs->entry_vector << 32 | regs->error_code;
    regs->rip = (unsigned long)&e->fixup + e->fixup;
    return true;
}

/* A guest's MOV SS or POP SS can hold back a debug exception into our entry code: nothing of ours
 * asked for it. */
static bool debug_leftover(void)
{
    __asm__ __volatile__("mov %0, %%db6" ::"r"(0xffff0ff0UL));
    return true;
}

void hypervisor_exception(struct cpu_user_regs *regs)
{
    if (regs->entry_vector == TRAP_NMI) {
        nmi(regs);
        return;
    }
    if (regs->entry_vector == TRAP_DB && debug_leftover())
        return;
    if (regs->entry_vector != TRAP_MC && fixup(regs))
        return;
    panic_regs(regs, "exception %u in the hypervisor, error code %#x", regs->entry_vector, regs->error_code);
}

void hypervisor_page_fault(struct cpu_user_regs *regs, unsigned long cr2)
{
    struct vcpu *v = current;

    /* Loading a selector reads the guest's LDT, whose pages are mapped when first used. */
    if (cr2 >= PERDOMAIN_START && v && !v->is_idle && !v->is_hvm && pv_ldt_fault(v, cr2))
        return;
    if (fixup(regs))
        return;
    panic_regs(regs, "page fault in the hypervisor at %p, error code %#x", (void *)cr2, regs->error_code);
}

void double_fault(struct cpu_user_regs *regs) { panic_regs(regs, "double fault"); }
