/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a 64-bit PV guest's kernel is entered: exceptions, events, system calls of its user programs,
 * the failsafe callback. Each puts a frame on the guest kernel's stack and changes guest_regs, so
 * that the return path lands in the handler. This is a hot path.
 *
 * The frame (ABI: arch-x86/xen-x86_64.h), from the lowest address:
 *      rcx, r11, [ds, es, fs, gs,] [error code,] rip, cs | upcall mask << 32, rflags, rsp, ss
 */
#include <arch/x86/pv/mode.h>
#include <arch/x86/pv/pv.h>
#include <asm/asm.h>
#include <asm/trapnr.h>
#include <sched/sched.h>
#include <xen/callback.h>

/* Flags that a handler does not start with. */
#define CLEARED_FLAGS (X86_EFLAGS_AC | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT | X86_EFLAGS_TF)

/* Stores to the guest's stack; a fault there goes to `fault`. */
/* With a label in an operand, which the formatter would split. */
/* clang-format off */
#define PUT(p, value)                                                                              \
    __asm__ goto("1: mov %0, %1\n\t" EXTABLE(1b, %l2)::"r"((u64)(value)), "m"(*(p))                \
                 : "memory"                                                                        \
                 : fault)
/* clang-format on */

static u64 saved_flags(const struct vcpu *v, const struct cpu_user_regs *regs, u8 mask)
{
    u64 flags = regs->rflags & ~(u64)(X86_EFLAGS_IF | X86_EFLAGS_IOPL);

    if (!mask)
        flags |= X86_EFLAGS_IF;
    if (v->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        flags |= (u64)v->arch.pv.iopl << 12;
    return flags;
}

/*
 * Where the frame ends, 16-byte aligned: on the kernel's current stack, or, from user mode, on the
 * one it named for that (and in its page tables). The frame's CS says kernel mode by a cleared RPL.
 * False: not in the guest's space.
 */
static __always_inline bool frame_top(struct vcpu *v, struct cpu_user_regs *regs, u64 **top)
{
    unsigned long sp;

    if (v->arch.pv.kernel_mode) {
        sp = regs->rsp;
        regs->cs &= ~3;
    } else {
        pv_toggle_mode(v);
        sp = v->arch.pv.kernel_sp;
    }
    sp &= ~15UL;
    /* The frame is smaller than a page: one look at its top tells that none of it is ours. */
    *top = (u64 *)sp;
    return guest_address_ok(sp) && guest_address_ok(sp - PAGE_SIZE);
}

/* The guest cannot be told: that is its end. */
static __noinline void no_way_in(struct vcpu *v, unsigned long rip)
{
    const struct cpu_user_regs *regs = guest_regs();

    domain_crash(v->domain, "vCPU%u: no way into its kernel (handler %#lx for %u, from %#lx)", v->id, rip,
                 regs->entry_vector & 0xff, (unsigned long)regs->rip);
}

enum { WITH_ERROR_CODE = 1, MASKS_EVENTS = 2, WITH_SELECTORS = 4 };

static __always_inline void bounce(struct vcpu *v, struct cpu_user_regs *regs, unsigned long rip, unsigned int how,
                                   u32 error_code)
{
    u8 mask = v->info->evtchn_upcall_mask;
    u64 *sp;

    if (unlikely(!frame_top(v, regs, &sp) || !rip))
        goto fault;
    PUT(sp - 1, regs->ss);
    PUT(sp - 2, regs->rsp);
    PUT(sp - 3, saved_flags(v, regs, mask));
    PUT(sp - 4, regs->cs | (u64)mask << 32);
    PUT(sp - 5, regs->rip);
    sp -= 5;
    if (how & WITH_ERROR_CODE) {
        sp--;
        PUT(sp, error_code);
    }
    if (how & WITH_SELECTORS) {
        PUT(sp - 1, regs->gs);
        PUT(sp - 2, regs->fs);
        PUT(sp - 3, regs->es);
        PUT(sp - 4, regs->ds);
        sp -= 4;
    }
    PUT(sp - 1, regs->r11);
    PUT(sp - 2, regs->rcx);
    if (how & MASKS_EVENTS)
        v->info->evtchn_upcall_mask = 1;
    regs->entry_vector |= TRAP_SYSCALL;
    regs->rflags &= ~(u64)CLEARED_FLAGS;
    regs->rsp = (u64)(sp - 2);
    regs->ss = SEL_R3_DS;
    regs->cs = SEL_R3_CS64;
    regs->rip = rip;
    return;
fault:
    no_way_in(v, rip);
}

static __always_inline void bounce_to(struct vcpu *v, struct cpu_user_regs *regs, unsigned int type, unsigned int how)
{
    const struct pv_callback *to = &v->arch.pv.callback[type];

    bounce(v, regs, to->address, to->masks_events ? how | MASKS_EVENTS : how, 0);
}

static __always_inline void inject_trap(struct vcpu *v, struct cpu_user_regs *regs, unsigned int vector, u32 error_code)
{
    const struct trap_info *ti = &v->arch.pv.traps[vector];
    unsigned int how = ti->flags & 4 ? MASKS_EVENTS : 0;

    if (TRAP_HAVE_ERROR_CODE >> vector & 1 && vector < 32)
        bounce(v, regs, ti->address, how | WITH_ERROR_CODE, error_code);
    else
        bounce(v, regs, ti->address, how, 0);
}

void pv_inject_trap(struct vcpu *v, struct cpu_user_regs *regs, unsigned int vector, u32 error_code)
{
    inject_trap(v, regs, vector, error_code);
}

void pv_inject_page_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2, u32 error_code)
{
    if (v->arch.pv.kernel_mode)
        error_code &= ~PFEC_USER;
    v->info->arch.cr2 = cr2;
    inject_trap(v, regs, TRAP_PF, error_code);
}

void pv_user_syscall(struct vcpu *v, struct cpu_user_regs *regs) { bounce_to(v, regs, CALLBACKTYPE_syscall, 0); }

/* Without a callback the instruction is an invalid one; the frame's RIP is the instruction itself. */
void pv_user_syscall32(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (v->arch.pv.callback[CALLBACKTYPE_syscall32].address) {
        bounce_to(v, regs, CALLBACKTYPE_syscall32, 0);
    } else {
        regs->rip -= 2;
        pv_inject_trap(v, regs, TRAP_UD, 0);
    }
}

void pv_user_sysenter(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (v->arch.pv.callback[CALLBACKTYPE_sysenter].address)
        bounce_to(v, regs, CALLBACKTYPE_sysenter, 0);
    else
        pv_inject_trap(v, regs, TRAP_GP, 0);
}

/* The gate is open to ring 3; whether the guest's is, its trap table says. */
void pv_int80(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct trap_info *ti = &v->arch.pv.traps[0x80];

    if (!ti->address || (!v->arch.pv.kernel_mode && TI_GET_DPL(ti) < 3)) {
        regs->rip -= 2;
        pv_inject_trap(v, regs, TRAP_GP, 0x80 << 3 | 2);
        return;
    }
    bounce(v, regs, ti->address, ti->flags & 4 ? MASKS_EVENTS : 0, 0);
}

void pv_deliver_events(struct vcpu *v, struct cpu_user_regs *regs)
{
    bounce(v, regs, v->arch.pv.callback[CALLBACKTYPE_event].address, MASKS_EVENTS, 0);
}

/* IRET refused the frame that the guest's kernel made: the fault is its program's. */
void pv_iret_failed(struct vcpu *v, struct cpu_user_regs *regs)
{
    pv_inject_trap(v, regs, regs->entry_vector, regs->error_code);
}

/* Rare things between the last look at events and the guest. Runs with interrupts off. */
void pv_exit_work(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct trap_info *nmi = &v->arch.pv.traps[TRAP_NMI];
    u8 work = __atomic_fetch_and(&v->arch.pv.exit_work, 0, __ATOMIC_SEQ_CST);

    if (work & EXIT_WORK_RUNSTATE) {
        v->arch.pv.runstate_pending = false;
        vcpu_runstate_publish(v);
    }
    /* The guest's selectors go along, so that its kernel can tell what was wrong. */
    if (work & EXIT_WORK_FAILSAFE)
        bounce_to(v, regs, CALLBACKTYPE_failsafe, WITH_SELECTORS);
    if (!(work & EXIT_WORK_NMI) || v->arch.pv.nmi_masked || !nmi->address)
        return;
    v->arch.pv.nmi_masked = true;
    v->nmi_pending = false;
    bounce(v, regs, nmi->address, MASKS_EVENTS, 0);
}
