/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HVM vCPU is told: exceptions, NMIs, interrupts and upcalls, in that order (AMD APM vol. 2, 8.5), the waking
 * of one that waits for any of them, and single steps.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/platform/platform.h>
#include <sched/sched.h>

/* ---- exceptions ---- */

/* AMD APM vol. 2, table 8-4. */
#define CONTRIBUTORY (1U << TRAP_DE | 1U << TRAP_TS | 1U << TRAP_NP | 1U << TRAP_SS | 1U << TRAP_GP)

static bool is_contributory(unsigned int vector) { return CONTRIBUTORY >> vector & 1; }

void hvm_inject_exception(struct vcpu *v, unsigned int vector, u32 error_code)
{
    struct hvm_event *e = &v->arch.hvm.event;

    if (e->valid && e->type == HVM_EVENT_EXCEPTION) {
        if (e->vector == TRAP_DF) {
            hvm_exit_triple_fault(v, guest_regs());
            return;
        }
        if ((is_contributory(e->vector) && is_contributory(vector)) ||
            (e->vector == TRAP_PF && (vector == TRAP_PF || is_contributory(vector)))) {
            vector = TRAP_DF;
            error_code = 0;
        }
    }
    *e = (struct hvm_event){.valid = true,
                            .vector = vector,
                            .type = HVM_EVENT_EXCEPTION,
                            .has_error = TRAP_HAVE_ERROR_CODE >> vector & 1 && hvm_get_cr(v, 0) & X86_CR0_PE,
                            .error = error_code};
    hvm_set_work(v, HVM_WORK_EXCEPTION);
}

void hvm_inject_page_fault(struct vcpu *v, u64 cr2, u32 error_code)
{
    hvm->set_cr(v, 2, cr2);
    hvm_inject_exception(v, TRAP_PF, error_code);
}

struct hvm_event hvm_event_unpack(u32 info, u32 error)
{
    bool has_error = info & HVM_EVENT_INFO_ERROR;

    return (struct hvm_event){.valid = true,
                              .vector = info,
                              .type = HVM_EVENT_INFO_TYPE(info),
                              .has_error = has_error,
                              .error = has_error ? error : 0};
}

u32 hvm_event_pack(const struct hvm_event *e)
{
    return e->vector | (u32)e->type << 8 | (e->has_error ? HVM_EVENT_INFO_ERROR : 0) | HVM_EVENT_INFO_VALID;
}

/* AMD-V calls INT3 and INTO exceptions like any other. */
bool hvm_event_by_software(u32 info)
{
    unsigned int type = HVM_EVENT_INFO_TYPE(info), vector = (u8)info;

    return type >= HVM_EVENT_SOFT_INTERRUPT ||
           (type == HVM_EVENT_EXCEPTION && (vector == TRAP_BP || vector == TRAP_OF));
}

void hvm_event_interrupted(struct vcpu *v, u32 info, u32 error)
{
    if (hvm_event_by_software(info))
        return;
    v->arch.hvm.event = hvm_event_unpack(info, error);
    hvm_set_work(v, HVM_WORK_EVENT);
}

/* ---- single steps ---- */

void hvm_insn_stepped(struct vcpu *v, struct cpu_user_regs *regs)
{
    regs->rflags &= ~(u64)X86_EFLAGS_RF;
    if (!(regs->rflags & X86_EFLAGS_TF) || hvm_step_over(v, regs))
        return;
    hvm->set_dr(v, 6, hvm->get_dr(v, 6) | HVM_DR6_STEP);
    hvm_inject_exception(v, TRAP_DB, 0);
}

void hvm_insn_retired(struct vcpu *v, unsigned int length)
{
    struct cpu_user_regs *regs = guest_regs();

    regs->rip += length;
    if (!hvm_code64(v))
        regs->rip = (u32)regs->rip;
    hvm->set_shadow(v, 0);
    if (unlikely(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
        hvm_insn_stepped(v, regs);
}

/* A guest that steps itself gets there by its own traps. */
void hvm_step(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();

    if (regs->rflags & X86_EFLAGS_TF)
        return;
    v->arch.hvm.step = true;
    regs->rflags |= X86_EFLAGS_TF;
}

bool hvm_step_over(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!v->arch.hvm.step)
        return false;
    v->arch.hvm.step = false;
    regs->rflags &= ~(u64)X86_EFLAGS_TF;
    hvm_set_work(v, HVM_WORK_EVENT);
    return true;
}

/* ---- delivery ---- */

/* Takes what comes first of all that can be delivered now, a delivery that was cut short before all: true if it was the
 * upcall. */
static bool deliver_one(struct vcpu *v)
{
    struct hvm_vcpu *h = &v->arch.hvm;
    struct hvm_event e = {.valid = true};
    struct hvm_interrupt i = {};
    unsigned int shadow;

    if (h->event.valid) {
        h->event.valid = false;
        hvm->inject(v, &h->event);
        return h->event.type == HVM_EVENT_INTERRUPT && h->event.vector == v->domain->arch.hvm->callback_vector;
    }
    shadow = hvm->get_shadow(v);
    if (v->nmi_pending && !shadow) {
        v->nmi_pending = false;
        e.type = HVM_EVENT_NMI;
        e.vector = TRAP_NMI;
    } else if (guest_regs()->rflags & X86_EFLAGS_IF && !(shadow & ~HVM_SHADOW_NMI) && platform_interrupt(v, true, &i)) {
        platform_interrupt_ack(v, &i);
        e.type = HVM_EVENT_INTERRUPT;
        e.vector = i.vector;
    } else {
        return false;
    }
    hvm->inject(v, &e);
    return i.source == HVM_INTERRUPT_UPCALL && e.type == HVM_EVENT_INTERRUPT;
}

/*
 * What cannot be delivered now makes the guest exit when it can. An upcall is told once, until the guest has looked;
 * one that comes second, behind an exception, must not be forgotten: nobody tells it again.
 */
static void deliver(struct vcpu *v)
{
    struct hvm_interrupt i;
    bool upcall = deliver_one(v);

    if (v->nmi_pending)
        hvm->request_window(v, HVM_WINDOW_NMI);
    if (platform_interrupt(v, !upcall, &i))
        hvm->request_window(v, HVM_WINDOW_INTERRUPT);
}

void hvm_entry_work(struct vcpu *v, u8 work)
{
    if (work & HVM_WORK_RESET)
        platform_vcpu_entry(v);
    if (work & HVM_WORK_IO && !hvm_io_resume(v)) {
        hvm_set_work(v, work & (HVM_WORK_IO | HVM_WORK_EVENT | HVM_WORK_EXCEPTION));
        return;
    }
    if (work == HVM_WORK_EXCEPTION)
        deliver_one(v);
    else
        deliver(v);
}

/* ---- waiting ---- */

void hvm_wake(struct vcpu *v)
{
    hvm_set_work(v, HVM_WORK_EVENT);
    vcpu_unblock(v);
    vcpu_kick(v);
}

void arch_events_pending(struct vcpu *v)
{
    hvm_set_work(v, HVM_WORK_EVENT);
    platform_events_pending(v);
}

bool arch_event_pending(struct vcpu *v)
{
    const struct cpu_user_regs *regs = v == current ? guest_regs() : &v->arch.regs;
    struct hvm_interrupt i;

    return v->arch.hvm.event.valid || v->nmi_pending || READ_ONCE(v->arch.hvm.work) & HVM_WORK_RESET ||
           (regs->rflags & X86_EFLAGS_IF && platform_interrupt(v, true, &i));
}
