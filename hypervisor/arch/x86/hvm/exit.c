/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HVM guests exit for, whoever made their CPU: the vendors' exit stubs end here (hvm.h).
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <sched/sched.h>
#include <xen/hvm/params.h>

/* The usual end of an instruction that the guest may not execute so. */
static bool general_protection(struct vcpu *v)
{
    hvm_inject_exception(v, TRAP_GP, 0);
    return false;
}

bool hvm_code64(struct vcpu *v)
{
    struct hvm_segment cs;

    if (!hvm_long_mode(v))
        return false;
    hvm->get_segment(v, HVM_CS, &cs);
    return cs.attr & HVM_ATTR_L;
}

static u64 pair(u64 high, u64 low) { return (u32)low | high << 32; }

static void set_pair(struct cpu_user_regs *regs, u64 value)
{
    regs->rax = (u32)value;
    regs->rdx = value >> 32;
}

bool hvm_exit_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (unlikely(v->arch.hvm.misc_features & MISC_CPUID_FAULTING) && hvm->cpl(v))
        return general_protection(v);
    policy_cpuid(v, regs);
    return true;
}

/* With interrupts off nothing but an NMI would ever end it: the guest has switched this CPU off. */
static void cpu_off(struct vcpu *v)
{
    struct vcpu *other;

    set_bit(_VPF_DOWN, &v->pause_flags);
    vcpu_sleep_nosync(v);
    for_each_vcpu (v->domain, other)
        if (!test_bit(_VPF_DOWN, &other->pause_flags))
            return;
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

bool hvm_exit_hlt(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (regs->rflags & X86_EFLAGS_IF || v->nmi_pending)
        vcpu_block();
    else
        cpu_off(v);
    return true;
}

bool hvm_exit_rdmsr(struct vcpu *v, struct cpu_user_regs *regs)
{
    u64 value;

    if (hvm_msr_read(v, regs->rcx, &value))
        return general_protection(v);
    set_pair(regs, value);
    return true;
}

bool hvm_exit_wrmsr(struct vcpu *v, struct cpu_user_regs *regs)
{
    return !hvm_msr_write(v, regs->rcx, pair(regs->rdx, regs->rax)) || general_protection(v);
}

bool hvm_exit_xsetbv(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (hvm->cpl(v) || (u32)regs->rcx || fpu_set_xcr0(v, pair(regs->rdx, regs->rax)))
        return general_protection(v);
    return true;
}

bool hvm_exit_rdtsc(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (hvm_get_cr(v, 4) & X86_CR4_TSD && hvm->cpl(v))
        return general_protection(v);
    set_pair(regs, hvm_guest_tsc(v));
    return true;
}

bool hvm_exit_rdtscp(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!hvm_exit_rdtsc(v, regs))
        return false;
    regs->rcx = v->arch.tsc_aux;
    return true;
}

/* There are no performance counters. */
bool hvm_exit_rdpmc(struct vcpu *v, struct cpu_user_regs *regs __unused) { return general_protection(v); }

/* Memory of a guest is cached coherently, and it has no device that is not. */
bool hvm_exit_wbinvd(struct vcpu *v __unused, struct cpu_user_regs *regs __unused) { return true; }

bool hvm_exit_undefined(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    hvm_inject_exception(v, TRAP_UD, 0);
    return false;
}

bool hvm_exit_nothing(struct vcpu *v __unused, struct cpu_user_regs *regs __unused) { return false; }

/* It may be carried out twice: it does nothing. */
bool hvm_exit_pause(struct vcpu *v __unused, struct cpu_user_regs *regs __unused)
{
    vcpu_yield();
    return false;
}

bool hvm_exit_cr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int n, unsigned int gpr, bool write)
{
    u64 *reg = insn_reg(regs, gpr), value = hvm_code64(v) ? *reg : (u32)*reg;

    if (!write) {
        *reg = n == 8 ? vlapic_get_cr8(v) : hvm_get_cr(v, n);
        return true;
    }
    return !hvm_set_cr(v, n, value) || general_protection(v);
}

void hvm_exit_nested_fault(struct vcpu *v, paddr_t gpa, unsigned int access, const u8 *insn, unsigned int n)
{
    switch (p2m_fault(v->domain, gpa, access)) {
    case P2M_FAULT_RETRY: break;
    case P2M_FAULT_MMIO:
        if (v->arch.hvm.event.valid) /* an event's way into the guest leads through no memory: no instruction does it */
            hvm_inject_exception(v, TRAP_GP, 0);
        else
            hvm_emulate(v, insn, n);
        break;
    case P2M_FAULT_VIOLATION:
        domain_crash(v->domain, "access %#x to guest address %#lx, which nobody may access so", access, gpa);
    }
}

/* What a CPU that shuts itself down means to its domain is the toolstack's choice (HVM_PARAM_TRIPLE_FAULT_REASON). */
bool hvm_exit_triple_fault(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    struct domain *d = v->domain;
    u64 reason = d->arch.hvm->params[HVM_PARAM_TRIPLE_FAULT_REASON];

    log_info("d%dv%u: triple fault\n", d->id, v->id);
    arch_dump_guest(v);
    domain_shutdown(d, reason);
    return false;
}
