/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of a PV guest that may be ours to solve: page faults on tables that we keep read-only,
 * privileged instructions, and instructions that ask for emulation by a prefix. What is not ours
 * goes on to the guest.
 */
#include <arch/x86/cpu/policy.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>

/* Present and written to: perhaps one of the kernel's own page tables. */
static __noinline void write_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2, u32 code)
{
    if (!v->arch.pv.kernel_mode || !pv_ptwr_fault(regs, cr2))
        pv_inject_page_fault(v, regs, cr2, code);
}

/* In our part of the address space. */
static __noinline void hole_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2, u32 code)
{
    unsigned long in_ldt = cr2 - LDT_WINDOW((unsigned long)v->id);

    if (!(code & PFEC_USER) && in_ldt < 16 * PAGE_SIZE) {
        if (pv_ldt_fault(v, cr2))
            return;
        /* The guest knows the place by the address that it gave us. */
        cr2 = v->arch.pv.ldt_base + in_ldt;
    }
    pv_inject_page_fault(v, regs, cr2, code);
}

void guest_page_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2)
{
    u32 code = regs->error_code;

    if (unlikely(cpu_info()->spec_ctrl_flags & SCF_XPTI) && isolate_stale(v))
        return;
    if (unlikely(!guest_address_ok(cr2)))
        hole_fault(v, regs, cr2, code);
    else if ((code & (PFEC_PRESENT | PFEC_WRITE | PFEC_RSVD | PFEC_FETCH)) == (PFEC_PRESENT | PFEC_WRITE))
        write_fault(v, regs, cr2, code);
    else
        pv_inject_page_fault(v, regs, cr2, code);
}

/* INT n: the IDT's gates are ours, whether the guest's program may use its own, its trap table
 * says. */
static bool software_interrupt(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned int vector = regs->error_code >> 3 & 0xff;
    const struct trap_info *ti = &v->arch.pv.traps[vector];

    if (TI_GET_DPL(ti) < (v->arch.pv.kernel_mode ? 1 : 3) || !ti->address)
        return false;
    regs->rip += 2;
    pv_inject_trap(v, regs, vector, 0);
    return true;
}

#define GP_EXTERNAL 1
#define GP_IDT      2

void pv_general_protection(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (regs->error_code & GP_EXTERNAL)
        panic_regs(regs, "#GP while delivering an external interrupt to a guest");
    if (regs->error_code & GP_IDT && software_interrupt(v, regs))
        return;
    if (!regs->error_code && pv_emulate_privileged(v, regs))
        return;
    pv_inject_trap(v, regs, TRAP_GP, regs->error_code);
}

/*
 * "ud2; .ascii "xen"; cpuid": CPUID as we show it, for CPUs that cannot be told to fault it (ABI:
 * XEN_EMULATE_PREFIX, arch-x86/xen.h). Anything else is the guest's own.
 */
void pv_invalid_op(struct vcpu *v, struct cpu_user_regs *regs)
{
    static const u8 forced[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    u8 insn[sizeof(forced)];

    if (raw_copy_from_guest(insn, (const void __guest *)regs->rip, sizeof(insn)) ||
        memcmp(insn, forced, sizeof(forced))) {
        pv_inject_trap(v, regs, TRAP_UD, 0);
        return;
    }
    policy_cpuid(v, regs);
    regs->rip += sizeof(forced);
}

/* The guest set its CR0.TS: it hears of the first use once and finds the FPU usable (ABI:
 * fpu_taskswitch). */
void pv_device_not_available(struct vcpu *v, struct cpu_user_regs *regs)
{
    do_fpu_taskswitch(0);
    pv_inject_trap(v, regs, TRAP_NM, 0);
}
