/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions, seen from C: which handler a guest's exception goes to, and what happens when the
 * hypervisor itself faults. Called by entry.S only. Guest handlers run on the guest's vCPU,
 * interrupts on, with the frame in guest_regs().
 */
#include <arch/x86/entry/entry.h>
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <lib/lib.h>

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
    [9 ... TRAP_SS] = forward,      [TRAP_GP] = pv_general_protection, [15 ... 21] = forward,
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

void guest_nmi(struct vcpu *v __unused, struct cpu_user_regs *regs) { arch_nmi(regs); }

void guest_machine_check(struct vcpu *v __unused, struct cpu_user_regs *regs) { hypervisor_exception(regs); }

extern const char iret_instruction[];

static bool fixup(struct cpu_user_regs *regs)
{
    unsigned long to = extable_find(regs->rip);

    if (!to)
        return false;
    if (regs->rip == (unsigned long)iret_instruction)
        cpu_info()->scratch = (u64)regs->entry_vector << 32 | regs->error_code;
    regs->rip = to;
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
        arch_nmi(regs);
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
