/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the guest came out: each exit code of AMD-V to the neutral handler that means the same (hvm/exit.c). AMD APM
 * vol. 2, 15.7 to 15.13 and appendix C.
 *
 * How long is the instruction that exited, on CPUs that do not say (15.7.1)? It is decoded, and its page remembered
 * with CR3: if the opcode that the next exit tells stands at RIP there, that is the answer. A guest that changes its
 * tables meanwhile can make nothing wrong but the length of its own instruction. A few pages are kept: code that exits,
 * and the handlers of what is delivered then.
 */
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/svm/svm.h>
#include <arch/x86/mm/p2m.h>
#include <sched/sched.h>

/* ---- instructions ---- */

static bool code64(const struct svm_vmcb *b) { return b->efer & EFER_LMA && b->segment[HVM_CS].attr & HVM_ATTR_L; }

static inline struct hvm_code *code_place(struct hvm_vcpu *h, u64 rip)
{
    return (void *)h->code + (rip / (PAGE_SIZE / sizeof(*h->code)) & sizeof(*h->code) * (HVM_CODE_PAGES - 1));
}

void svm_code_forget(struct vcpu *v)
{
    for (unsigned int n = 0; n < HVM_CODE_PAGES; n++)
        v->arch.hvm.code[n].cr3 = HVM_CODE_NONE;
}

/* 64-bit code only: RIP is the linear address. */
static void remember_page(struct vcpu *v, const struct svm_vmcb *b, u64 rip)
{
    struct hvm_code *c = code_place(&v->arch.hvm, rip);
    enum p2m_type type;
    paddr_t gpa;
    u32 error;
    mfn_t mfn;

    c->cr3 = HVM_CODE_NONE;
    if (!code64(b) || hvm_translate(v, rip, PFEC_FETCH | (b->cpl == 3 ? PFEC_USER : 0), &gpa, &error))
        return;
    mfn = p2m_lookup(v->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    if (type != P2M_RAM && type != P2M_LOGDIRTY)
        return;
    *c = (struct hvm_code){mfn_to_virt(mfn), rip & PAGE_MASK, b->cr3, 0};
}

/* 0: it cannot be read, or is none. */
static __noinline unsigned int decoded_length(struct vcpu *v, const struct cpu_user_regs *regs,
                                              const struct svm_vmcb *b)
{
    struct insn insn;

    remember_page(v, b, regs->rip);
    return hvm_decode(v, &insn) ? insn.length : 0;
}

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
    c = code_place(h, regs->rip);
    offset = regs->rip - c->address;
    if (likely(offset <= PAGE_SIZE - sizeof(u32) && c->cr3 == b->cr3 && b->segment[HVM_CS].attr & HVM_ATTR_L)) {
        irq_disable();
        known = !(READ_ONCE(h->work) & HVM_WORK_TLB) &&
                !((*(const u32 *)(c->page + offset) ^ opcode) & ((1U << n * 8) - 1));
        irq_enable();
        if (likely(known))
            return n;
    }
    return decoded_length(v, regs, b);
}

static __always_inline void retire(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b, unsigned int length)
{
    u64 rip = regs->rip + length;

    regs->rip = likely(b->segment[HVM_CS].attr & HVM_ATTR_L) ? rip : (u32)rip;
    b->shadow = 0;
    if (unlikely(regs->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)))
        hvm_insn_stepped(v, regs);
}

/* The vendor's part of an instruction of n bytes. Nothing happens if it cannot be read, as its page went away
 * meanwhile: the guest executes it again and finds out. */
static __always_inline bool exit_insn(struct vcpu *v, struct cpu_user_regs *regs, hvm_exit_handler_t *handle,
                                      u32 opcode, unsigned int n)
{
    struct svm_vmcb *b = vmcb_of(v);
    unsigned int length = insn_length(v, regs, b, opcode, n);

    if (likely(length) && handle(v, regs))
        retire(v, regs, b, length);
    return false;
}

/* Opcodes as they stand in memory. */
#define INSN_EXIT(name, handle, n, opcode)                              \
    static bool exit_##name(struct vcpu *v, struct cpu_user_regs *regs) \
    {                                                                   \
        return exit_insn(v, regs, handle, opcode, n);                   \
    }

static bool hypercall(struct vcpu *v, struct cpu_user_regs *regs)
{
    return hvm_exit_hypercall(v, regs, code64(vmcb_of(v)));
}

INSN_EXIT(cpuid, hvm_exit_cpuid, 2, 0xa20f)
INSN_EXIT(hlt, hvm_exit_hlt, 1, 0xf4)
INSN_EXIT(invd, hvm_exit_wbinvd, 2, 0x080f)
INSN_EXIT(wbinvd, hvm_exit_wbinvd, 2, 0x090f)
INSN_EXIT(rdpmc, hvm_exit_rdpmc, 2, 0x330f)
INSN_EXIT(rdtsc, hvm_exit_rdtsc, 2, 0x310f)
INSN_EXIT(rdtscp, hvm_exit_rdtscp, 3, 0xf9010f)
INSN_EXIT(rdmsr, hvm_exit_rdmsr, 2, 0x320f)
INSN_EXIT(wrmsr, hvm_exit_wrmsr, 2, 0x300f)
INSN_EXIT(xsetbv, hvm_exit_xsetbv, 3, 0xd1010f)
INSN_EXIT(vmmcall, hypercall, 3, 0xd9010f)

static bool exit_msr(struct vcpu *v, struct cpu_user_regs *regs)
{
    return vmcb_of(v)->exit_info1 ? exit_wrmsr(v, regs) : exit_rdmsr(v, regs);
}

/* ---- control and debug registers ---- */

#define INFO_MOV_CR (1UL << 63) /* decode assist: MOV, the general register is in bits 3:0 */

/* MOV; all else (LMSW, or behind odd prefixes) is the emulator's. */
static bool exit_cr(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct svm_vmcb *b = vmcb_of(v);
    bool write = b->exit_code >= EXIT_WRITE_CR(0);
    unsigned int n = b->exit_code & 15, gpr = b->exit_info1 & 15, length = 0;
    struct insn insn;

    if (svm_has(SVM_DECODE) && svm_has(SVM_NRIPS)) {
        length = b->exit_info1 & INFO_MOV_CR ? b->next_rip - regs->rip : 0;
    } else if (hvm_decode(v, &insn) && (insn.op == OP_READ_CR || insn.op == OP_WRITE_CR)) {
        length = insn.length;
        gpr = insn.rm;
    }
    if (!length)
        hvm_emulate(v, NULL, 0);
    else if (hvm_exit_cr(v, regs, n, gpr, write))
        retire(v, regs, b, length);
    return false;
}

/* The first use of a debug register since the vCPU came to this CPU: from now on they are its own. */
static bool exit_dr(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    svm_debug_load(v);
    return false;
}

/* ---- ports and memory ---- */

/* EXITINFO1 of IOIO (15.10.2). */
#define IOIO_IN     1
#define IOIO_STRING 4

static bool exit_ioio(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct svm_vmcb *b = vmcb_of(v);
    u32 info = b->exit_info1;

    if (info & IOIO_STRING)
        hvm_emulate(v, NULL, 0);
    else
        hvm_port_insn(v, info >> 16, info >> 4 & 7, !(info & IOIO_IN), b->exit_info2 - regs->rip);
    return false;
}

/* EXITINFO1 is the error code of a page fault (15.25.6). */
static void exit_npf(struct vcpu *v, const struct svm_vmcb *b)
{
    hvm_exit_nested_fault(v, b->exit_info2, b->exit_info1, b->insn, svm_has(SVM_DECODE) ? b->insn_count & 15 : 0);
}

/* ---- events ---- */

/* The step that was asked for to reach a moment when an NMI can be taken, or the guest's own. DR6 is right already
 * (15.12.2). */
static bool exit_db(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct svm_vmcb *b = vmcb_of(v);

    if (hvm_step_over(v, regs)) {
        b->dr6 &= ~(u64)HVM_DR6_STEP;
        if (!(b->dr6 & HVM_DR6_CAUSES))
            return false;
    }
    hvm_inject_exception(v, TRAP_DB, 0);
    return false;
}

static bool exit_ac(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    hvm_inject_exception(v, TRAP_AC, vmcb_of(v)->exit_info1);
    return false;
}

/* The machine's, not the guest's: our own handler has it as if it had come now. */
static bool exit_mc(struct vcpu *v __unused, struct cpu_user_regs *regs __unused)
{
    __asm__ __volatile__("int %0" ::"i"(TRAP_MC) : "memory");
    return false;
}

static bool exit_vintr(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    struct svm_vmcb *b = vmcb_of(v);

    b->vintr &= ~VINTR_WINDOW;
    b->clean &= ~CLEAN_VINTR;
    svm_intercept(b, EXIT_VINTR, false);
    hvm_set_work(v, HVM_WORK_EVENT);
    return false;
}

/* NMIs are free after this IRET, which is still to be carried out: one step. */
static bool exit_iret(struct vcpu *v, struct cpu_user_regs *regs __unused)
{
    svm_intercept(vmcb_of(v), EXIT_IRET, false);
    v->arch.hvm.svm.nmi_masked = false;
    if (v->nmi_pending)
        svm_vendor.request_window(v, HVM_WINDOW_NMI);
    return false;
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
    if (!(b->exit_int_info & HVM_EVENT_INFO_VALID))
        return HVM_SWITCH_CALL;
    return hvm_event_by_software(b->exit_int_info) ? HVM_SWITCH_INT : HVM_SWITCH_EVENT;
}

static bool exit_task_switch(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct svm_vmcb *b = vmcb_of(v);

    hvm_task_switch(v, regs, b->exit_info1, switch_reason(b), b->exit_info2 & SWITCH_HAS_ERROR, b->exit_info2, 0);
    return false;
}

/* Undefined: guests have no SVM, and no MONITOR. */
static hvm_exit_handler_t *const handlers[EXIT_NR] = {
    [EXIT_READ_CR(8)] = exit_cr,
    [EXIT_WRITE_CR(0)] = exit_cr,
    [EXIT_WRITE_CR(4)] = exit_cr,
    [EXIT_WRITE_CR(8)] = exit_cr,
    [EXIT_READ_DR(0)... EXIT_WRITE_DR(15)] = exit_dr,
    [EXIT_EXCEPTION(TRAP_DB)] = exit_db, /* these two can repeat within one instruction for ever */
    [EXIT_EXCEPTION(TRAP_AC)] = exit_ac,
    [EXIT_EXCEPTION(TRAP_MC)] = exit_mc,
    [EXIT_INTR] = hvm_exit_nothing,
    [EXIT_NMI] = hvm_exit_nothing,
    [EXIT_INIT] = hvm_exit_nothing,
    [EXIT_VINTR] = exit_vintr,
    [EXIT_RDTSC] = exit_rdtsc,
    [EXIT_RDPMC] = exit_rdpmc,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_IRET] = exit_iret,
    [EXIT_INVD] = exit_invd,
    [EXIT_PAUSE] = hvm_exit_pause,
    [EXIT_HLT] = exit_hlt,
    [EXIT_INVLPGA] = hvm_exit_undefined,
    [EXIT_IOIO] = exit_ioio,
    [EXIT_MSR] = exit_msr,
    [EXIT_TASK_SWITCH] = exit_task_switch,
    [EXIT_FERR] = hvm_exit_nothing,
    [EXIT_SHUTDOWN] = hvm_exit_triple_fault,
    [EXIT_VMRUN] = hvm_exit_undefined,
    [EXIT_VMMCALL] = exit_vmmcall,
    [EXIT_VMLOAD... EXIT_SKINIT] = hvm_exit_undefined,
    [EXIT_RDTSCP] = exit_rdtscp,
    [EXIT_WBINVD] = exit_wbinvd,
    [EXIT_MONITOR... EXIT_MWAIT_ARMED] = hvm_exit_undefined,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_RDPRU] = hvm_exit_undefined,
    [EXIT_INVLPGB] = hvm_exit_undefined,
    [EXIT_MCOMMIT] = hvm_exit_undefined,
};

/* Those that are asked for from time to time are not, yet. */
void svm_intercept_all(struct svm_vmcb *b)
{
    for (unsigned int code = 0; code < EXIT_NR; code++)
        svm_intercept(b, code, handlers[code] && code != EXIT_VINTR && code != EXIT_IRET);
}

static __always_inline void dispatch(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    if (likely(b->exit_code < EXIT_NR) && likely(handlers[b->exit_code]))
        handlers[b->exit_code](v, regs);
    else if (b->exit_code == EXIT_NPF)
        exit_npf(v, b);
    else
        domain_crash(v->domain, "VMEXIT %#lx, %#lx %#lx: not one that was asked for", (long)b->exit_code,
                     (long)b->exit_info1, (long)b->exit_info2);
}

static __noinline void exit_interrupted(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    svm_take_back(v);
    hvm_event_interrupted(v, b->exit_int_info, b->exit_int_info >> 32);
    dispatch(v, regs, b);
}

void svm_exit(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b)
{
    if (svm_forgets_irqs)
        __asm__ __volatile__("mov %0, %%cr8" ::"r"(0UL) : "memory");
    b->clean = svm_clean;
    if (unlikely(b->exit_int_info & HVM_EVENT_INFO_VALID))
        exit_interrupted(v, regs, b);
    else
        dispatch(v, regs, b);
}
