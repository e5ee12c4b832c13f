/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the guest came out: each exit code of AMD-V to the neutral handler that means the same (hvm/exit.c). AMD APM
 * vol. 2, 15.7 to 15.13 and appendix C.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/hvm/svm/svm.h>
#include <asm/trapnr.h>
#include <lib/lib.h>
#include <sched/sched.h>

typedef void (*exit_handler)(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b);

/* ---- instructions ---- */

/* Opcodes as they stand in memory, and their lengths. */
#define INSN_CPUID   0xa20f, 2
#define INSN_HLT     0xf4, 1
#define INSN_INVD    0x080f, 2
#define INSN_PAUSE   0x90, 1
#define INSN_RDMSR   0x320f, 2
#define INSN_RDPMC   0x330f, 2
#define INSN_RDTSC   0x310f, 2
#define INSN_RDTSCP  0xf9010f, 3
#define INSN_VMMCALL 0xd9010f, 3
#define INSN_WBINVD  0x090f, 2
#define INSN_WRMSR   0x300f, 2
#define INSN_XSETBV  0xd1010f, 3

/*
 * Length of the instruction that exited. Where the CPU does not tell, mostly a page that is remembered has the opcode
 * at RIP and all is said; 64-bit code, whose RIP is the linear address. Whoever takes the page from the domain makes
 * all its vCPUs forget it, then waits for an interrupt of ours (p2m_flush).
 */
static __always_inline unsigned int insn_length(struct vcpu *v, const struct cpu_user_regs *regs,
                                                const struct svm_vmcb *b, u32 opcode, unsigned int n)
{
    struct hvm_vcpu *h = &v->arch.hvm;
    const struct hvm_code *c;
    unsigned long offset;
    bool known;

    if (likely(svm_has(SVM_NRIPS)))
        return b->next_rip - regs->rip;
    c = svm_code_place(h, regs->rip);
    offset = regs->rip - c->address;
    if (likely(offset <= PAGE_SIZE - sizeof(u32) && c->cr3 == b->cr3 && b->segment[HVM_CS].attr & HVM_ATTR_L)) {
        irq_disable();
        known = svm_code_valid(h) && !((*(const u32 *)(c->page + offset) ^ opcode) & ((1U << n * 8) - 1));
        irq_enable();
        if (likely(known))
            return n;
    }
    return svm_fetch_length(v, regs);
}

static __always_inline void retire(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b, unsigned int length)
{
    u64 rip = regs->rip + length;

    regs->rip = likely(b->segment[HVM_CS].attr & HVM_ATTR_L) ? rip : (u32)rip;
    b->shadow = 0;
    if (unlikely(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
        hvm_insn_stepped(v, regs);
}

/* An instruction that a neutral handler carries out: true when it is done. If its length cannot be had (its page went
 * away meanwhile), the guest executes it again and finds out. */
#define INSN_EXIT(name, insn, action)                                                       \
    static void exit_##name(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b) \
    {                                                                                       \
        unsigned int length = insn_length(v, regs, b, insn);                                \
                                                                                            \
        if (likely(length) && action)                                                       \
            retire(v, regs, b, length);                                                     \
    }

INSN_EXIT(cpuid, INSN_CPUID, hvm_exit_cpuid(v, regs))
INSN_EXIT(hlt, INSN_HLT, hvm_exit_hlt(v, regs))
INSN_EXIT(invd, INSN_INVD, hvm_exit_wbinvd(v))
INSN_EXIT(wbinvd, INSN_WBINVD, hvm_exit_wbinvd(v))
INSN_EXIT(rdpmc, INSN_RDPMC, hvm_exit_rdpmc(v))
INSN_EXIT(rdtsc, INSN_RDTSC, hvm_exit_rdtsc(v, regs, false))
INSN_EXIT(rdtscp, INSN_RDTSCP, hvm_exit_rdtsc(v, regs, true))
INSN_EXIT(rdmsr, INSN_RDMSR, hvm_exit_rdmsr(v, regs))
INSN_EXIT(wrmsr, INSN_WRMSR, hvm_exit_wrmsr(v, regs))
INSN_EXIT(xsetbv, INSN_XSETBV, hvm_exit_xsetbv(v, regs))
INSN_EXIT(vmmcall, INSN_VMMCALL, hvm_exit_hypercall(v, regs, svm_code64(b)))

static void exit_msr(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    if (b->exit_info1)
        exit_wrmsr(v, regs, b);
    else
        exit_rdmsr(v, regs, b);
}

/* It may be carried out twice: it does nothing. */
static void exit_pause(struct vcpu *v __unused, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused)
{
    vcpu_yield();
}

/* Not for guests: they have no SVM, and no MONITOR. */
static void exit_undefined(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused)
{
    hvm_inject_exception(v, TRAP_UD, 0);
}

/* ---- control and debug registers ---- */

#define INFO_MOV_CR (1UL << 63) /* decode assist: MOV, the general register is in bits 3:0 */

/* MOV; all else (LMSW, or behind odd prefixes) is the emulator's. */
static void exit_cr(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    bool write = b->exit_code >= EXIT_WRITE_CR(0);
    unsigned int n = b->exit_code & 15, gpr = b->exit_info1 & 15, length;

    if (svm_has(SVM_DECODE) && svm_has(SVM_NRIPS))
        length = b->exit_info1 & INFO_MOV_CR ? b->next_rip - regs->rip : 0;
    else
        length = svm_fetch_mov_cr(v, &gpr);
    if (!length)
        hvm_emulate(v, NULL, 0);
    else if (hvm_exit_cr(v, regs, n, gpr, write))
        retire(v, regs, b, length);
}

/* ---- ports and memory ---- */

/* EXITINFO1 of IOIO (15.10.2). */
#define IOIO_IN     1
#define IOIO_STRING 4

static void exit_ioio(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    u32 info = b->exit_info1;

    if (info & IOIO_STRING)
        hvm_emulate(v, NULL, 0);
    else
        hvm_port_insn(v, info >> 16, info >> 4 & 7, !(info & IOIO_IN), b->exit_info2 - regs->rip);
}

/* EXITINFO1 is the error code of a page fault (15.25.6). */
static void exit_npf(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b)
{
    hvm_exit_nested_fault(v, b->exit_info2, b->exit_info1, b->insn, svm_has(SVM_DECODE) ? b->insn_count & 15 : 0);
}

/* ---- events ---- */

/* EXITINTINFO: INT n, INT3, INTO. */
static bool by_software(u64 e)
{
    return EVENT_TYPE(e) == HVM_EVENT_SOFT_INTERRUPT ||
           (EVENT_TYPE(e) == HVM_EVENT_EXCEPTION && ((u8)e == TRAP_BP || (u8)e == TRAP_OF));
}

/* Interrupts and NMIs of the machine have come to us when GIF was set. */
static void exit_nothing(struct vcpu *v __unused, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused) {}

/* The step that was asked for to reach a moment when an NMI can be taken, or the guest's own. DR6 is right already
 * (15.12.2). */
static void exit_db(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    if (hvm_step_over(v, regs)) {
        b->dr6 &= ~(u64)HVM_DR6_STEP;
        if (!(b->dr6 & HVM_DR6_CAUSES))
            return;
    }
    hvm_inject_exception(v, TRAP_DB, 0);
}

static void exit_ac(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b)
{
    hvm_inject_exception(v, TRAP_AC, b->exit_info1);
}

/* The machine's, not the guest's: our own handler has it as if it had come now. */
static void exit_mc(struct vcpu *v __unused, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused)
{
    __asm__ __volatile__("int $18" ::: "memory");
}

static void exit_vintr(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b)
{
    b->vintr &= ~VINTR_WINDOW;
    b->clean &= ~CLEAN_VINTR;
    svm_intercept(b, EXIT_VINTR, false);
    hvm_set_work(v, HVM_WORK_EVENT);
}

/* NMIs are free after this IRET, which is still to be carried out: one step. */
static void exit_iret(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b)
{
    svm_intercept(b, EXIT_IRET, false);
    v->arch.hvm.svm.nmi_masked = false;
    if (v->nmi_pending)
        svm_vendor.request_window(v, HVM_WINDOW_NMI);
}

/* EXITINFO2 (15.14.1). */
#define SWITCH_IRET      (1UL << 36)
#define SWITCH_JMP       (1UL << 38)
#define SWITCH_HAS_ERROR (1UL << 44)

static enum hvm_switch_reason switch_reason(const struct svm_vmcb *b)
{
    if (b->exit_info2 & SWITCH_IRET)
        return HVM_SWITCH_IRET;
    if (b->exit_info2 & SWITCH_JMP)
        return HVM_SWITCH_JMP;
    if (!(b->exit_int_info & EVENT_VALID))
        return HVM_SWITCH_CALL;
    return by_software(b->exit_int_info) ? HVM_SWITCH_INT : HVM_SWITCH_EVENT;
}

static void exit_task_switch(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    hvm_task_switch(v, regs, b->exit_info1, switch_reason(b), b->exit_info2 & SWITCH_HAS_ERROR, b->exit_info2, 0);
}

static void exit_shutdown(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused)
{
    hvm_exit_triple_fault(v);
}

/* The first use of a debug register since the vCPU came to this CPU: from now on they are its own. */
static void exit_dr(struct vcpu *v, struct cpu_user_regs *regs __unused, struct svm_vmcb *b __unused)
{
    svm_debug_load(v);
}

static const exit_handler handlers[EXIT_NR] = {
    [EXIT_READ_CR(8)] = exit_cr,
    [EXIT_WRITE_CR(0)] = exit_cr,
    [EXIT_WRITE_CR(4)] = exit_cr,
    [EXIT_WRITE_CR(8)] = exit_cr,
    [EXIT_READ_DR(0)... EXIT_WRITE_DR(15)] = exit_dr,
    [EXIT_EXCEPTION(TRAP_DB)] = exit_db,
    [EXIT_EXCEPTION(TRAP_AC)] = exit_ac,
    [EXIT_EXCEPTION(TRAP_MC)] = exit_mc,
    [EXIT_INTR] = exit_nothing,
    [EXIT_NMI] = exit_nothing,
    [EXIT_INIT] = exit_nothing,
    [EXIT_VINTR] = exit_vintr,
    [EXIT_RDTSC] = exit_rdtsc,
    [EXIT_RDPMC] = exit_rdpmc,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_IRET] = exit_iret,
    [EXIT_INVD] = exit_invd,
    [EXIT_PAUSE] = exit_pause,
    [EXIT_HLT] = exit_hlt,
    [EXIT_INVLPGA] = exit_undefined,
    [EXIT_IOIO] = exit_ioio,
    [EXIT_MSR] = exit_msr,
    [EXIT_TASK_SWITCH] = exit_task_switch,
    [EXIT_FERR] = exit_nothing,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_VMRUN] = exit_undefined,
    [EXIT_VMMCALL] = exit_vmmcall,
    [EXIT_VMLOAD... EXIT_SKINIT] = exit_undefined,
    [EXIT_RDTSCP] = exit_rdtscp,
    [EXIT_WBINVD] = exit_wbinvd,
    [EXIT_MONITOR] = exit_undefined,
    [EXIT_MWAIT] = exit_undefined,
    [EXIT_MWAIT_ARMED] = exit_undefined,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_RDPRU] = exit_undefined,
    [EXIT_INVLPGB] = exit_undefined,
    [EXIT_MCOMMIT] = exit_undefined,
};

static __always_inline void dispatch(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    if (likely(b->exit_code < EXIT_NR) && likely(handlers[b->exit_code]))
        handlers[b->exit_code](v, regs, b);
    else if (b->exit_code == EXIT_NPF)
        exit_npf(v, regs, b);
    else
        domain_crash(v->domain, "VMEXIT %#lx, %#lx %#lx: not one that was asked for", (long)b->exit_code,
                     (long)b->exit_info1, (long)b->exit_info2);
}

/* An event was on its way into the guest: it is delivered again, except the software's own, whose instruction is
 * executed again. */
static __noinline void exit_in_delivery(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    u64 e = b->exit_int_info;

    svm_take_back_interrupt(v);
    if (!by_software(e)) {
        v->arch.hvm.event = (struct hvm_event){.valid = true,
                                               .vector = e,
                                               .type = EVENT_TYPE(e),
                                               .has_error = e & EVENT_ERROR,
                                               .error = e & EVENT_ERROR ? e >> 32 : 0};
        hvm_set_work(v, HVM_WORK_EVENT);
    }
    dispatch(v, regs, b);
}

void svm_exit(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct svm_vmcb *b = v->arch.hvm.svm.vmcb;

    b->clean = svm_clean;
    if (unlikely(b->exit_int_info & EVENT_VALID))
        exit_in_delivery(v, regs, b);
    else
        dispatch(v, regs, b);
}
