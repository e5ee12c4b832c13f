/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileged instructions of PV kernels, which run in ring 3 and so fault: control and debug
 * registers, MSRs, CPUID, ports, a few cache and TLB instructions. Decoded by emulate/decode.c,
 * carried out here; ports by io.c, MSRs by msr.c. String I/O is the emulator's.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/emulate/emulate.h>
#include <arch/x86/pv/mmu.h>
#include <asm/trapnr.h>

/* What became of the instruction. */
enum outcome {
    DONE,
    REFUSED /* the guest's #GP */,
    TRAPPED /* another trap was injected, rip is right */
};

/* Single-step bit of DR6 (SDM vol. 3, 17.2.3). */
#define DR6_SINGLE_STEP (1UL << 14)

/* Bits that are the guest's own to change. */
#define CR4_GUEST (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE)
/* Bits whose writes are accepted and without effect: whether they are on is our business. */
#define CR4_IGNORED (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_MCE | X86_CR4_UMIP)

static unsigned long guest_cr4(const struct vcpu *v)
{
    return (pv_real_cr4(v) & ~(u64)(X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_PCIDE | X86_CR4_OSXSAVE)) |
           (v->arch.pv.ctrlreg[4] & X86_CR4_OSXSAVE);
}

static int read_cr(struct vcpu *v, unsigned int cr, u64 *val)
{
    switch (cr) {
    case 0:
        *val = v->arch.pv.ctrlreg[0] | X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_ET | X86_CR0_NE | X86_CR0_MP;
        return 0;
    case 2: *val = v->info->arch.cr2; return 0;
    case 3: *val = mfn_to_paddr(v->arch.guest_table); return 0;
    case 4: *val = guest_cr4(v); return 0;
    default: return -EINVAL;
    }
}

static int write_cr(struct vcpu *v, unsigned int cr, u64 val)
{
    u64 old;

    switch (cr) {
    case 0: /* only TS may change */
        read_cr(v, 0, &old);
        if ((val ^ old) & ~(u64)X86_CR0_TS)
            return -EINVAL;
        return do_fpu_taskswitch(val & X86_CR0_TS);
    case 2: v->info->arch.cr2 = val; return 0;
    case 3: return pv_finish_puts(v) ? -ERESTART : pv_new_root(v, val >> PAGE_SHIFT, false);
    case 4:
        if ((val ^ guest_cr4(v)) & ~(u64)(CR4_GUEST | CR4_IGNORED))
            return -EINVAL;
        if (val & X86_CR4_OSXSAVE && !guest_cpu_has(v->domain, XSAVE))
            return -EINVAL;
        v->arch.pv.ctrlreg[4] = val & CR4_GUEST;
        cpu_info()->cr4 = pv_real_cr4(v);
        write_cr4(cpu_info()->cr4);
        return 0;
    default: return -EINVAL;
    }
}

static u64 edx_eax(const struct cpu_user_regs *regs) { return (u32)regs->rax | regs->rdx << 32; }

static void set_edx_eax(struct cpu_user_regs *regs, u64 val)
{
    regs->rax = (u32)val;
    regs->rdx = val >> 32;
}

static enum outcome mov_cr_dr(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *i)
{
    u64 *gpr = insn_reg(regs, i->rm), val;
    int rc;

    switch (i->op) {
    case OP_READ_CR:
        if (read_cr(v, i->reg, &val))
            return REFUSED;
        *gpr = val;
        return DONE;
    case OP_READ_DR: *gpr = do_get_debugreg(i->reg); return DONE;
    case OP_WRITE_CR:
        rc = write_cr(v, i->reg, *gpr);
        /* New page tables take long: the instruction is executed again when other work was done. */
        return rc == -ERESTART ? TRAPPED : rc ? REFUSED : DONE;
    default: return do_set_debugreg(i->reg, *gpr) ? REFUSED : DONE;
    }
}

static enum outcome read_tsc(struct vcpu *v, struct cpu_user_regs *regs, bool with_aux)
{
    if (!v->arch.pv.kernel_mode && v->arch.pv.ctrlreg[4] & X86_CR4_TSD)
        return REFUSED;
    set_edx_eax(regs, rdtsc());
    if (with_aux)
        regs->rcx = (u32)v->arch.tsc_aux;
    return DONE;
}

static enum outcome xsetbv(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!(v->arch.pv.ctrlreg[4] & X86_CR4_OSXSAVE)) {
        pv_inject_trap(v, regs, TRAP_UD, 0);
        return TRAPPED;
    }
    return (u32)regs->rcx || fpu_set_xcr0(v, edx_eax(regs)) ? REFUSED : DONE;
}

/* What only the guest's kernel may do. */
static enum outcome kernel_only(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *i)
{
    u64 val;

    if (!v->arch.pv.kernel_mode)
        return REFUSED;
    switch (i->op) {
    case OP_CLI: /* events are masked in vcpu_info; with I/O privilege the instructions do nothing */
    case OP_STI: return v->arch.pv.iopl >= 1 ? DONE : REFUSED;
    case OP_XSETBV: return xsetbv(v, regs);
    case OP_CLTS: do_fpu_taskswitch(0); return DONE;
    case OP_WBINVD:
        if (v->domain->is_hardware)
            __asm__ __volatile__("wbinvd" ::: "memory");
        return DONE;
    case OP_READ_CR:
    case OP_READ_DR:
    case OP_WRITE_CR:
    case OP_WRITE_DR: return mov_cr_dr(v, regs, i);
    case OP_WRMSR: return pv_msr_write(v, regs->rcx, edx_eax(regs)) ? REFUSED : DONE;
    case OP_RDMSR:
        if (pv_msr_read(v, regs->rcx, &val))
            return REFUSED;
        set_edx_eax(regs, val);
        return DONE;
    default: return REFUSED;
    }
}

/* ---- decoding ---- */

/* By the access rights of the selector: bit 21, the L bit. */
unsigned int pv_code_bytes(u16 cs)
{
    u32 rights = 0;

    if (cs == SEL_R3_CS64)
        return 8;
    __asm__("lar %1, %0" : "+r"(rights) : "r"((u32)cs) : "cc");
    return rights & 1 << 21 ? 8 : 4;
}

bool pv_fetch_insn(const struct cpu_user_regs *regs, struct insn *i)
{
    *i = (struct insn){};
    i->fetched = INSN_MAX - raw_copy_from_guest(i->bytes, (const void __guest *)regs->rip, INSN_MAX);
    return insn_decode(i, pv_code_bytes(regs->cs), regs) == INSN_OK && i->ad_bytes >= 4;
}

/* ---- ports ---- */

/* Bytes that IN, OUT, INS and OUTS move. */
static unsigned int io_size(const struct insn *i) { return min(i->op_bytes, (u8)4); }

static enum outcome in_out(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *i)
{
    unsigned int size = io_size(i);
    u16 port = i->opcode & 8 ? regs->rdx : (u8)i->imm;

    if (!pv_io_allowed(v, port, size))
        return REFUSED;
    if (i->op == OP_OUT)
        pv_io_write(v, port, size, regs->rax);
    else
        insn_write_reg(regs, i, 0, size, pv_io_read(v, port, size));
    return DONE;
}

/* ---- what the emulator reaches ---- */

static int page_fault(struct emulation *e, u64 at, u32 error)
{
    e->exception.cr2 = at;
    return emulate_raise(e, TRAP_PF, error | (current->arch.pv.kernel_mode ? 0 : PFEC_USER));
}

int pv_emulated_read(struct emulation *e, u64 linear, void *buf, unsigned int bytes, enum emu_access access __unused)
{
    size_t left = buf ? raw_copy_from_guest(buf, (const void __guest *)linear, bytes) : 0;

    return left ? page_fault(e, linear + bytes - left, 0) : EMU_DONE;
}

static int write_memory(struct emulation *e, u64 linear, const void *buf, unsigned int bytes)
{
    size_t left = raw_copy_to_guest((void __guest *)linear, buf, bytes);

    return left ? page_fault(e, linear + bytes - left, PFEC_WRITE) : EMU_DONE;
}

/* Those of 32-bit code, too, are taken for flat. */
void pv_emulated_segment(struct emulation *e __unused, enum insn_seg seg, struct hvm_segment *s)
{
    *s = (struct hvm_segment){.attr = HVM_ATTR_P | HVM_ATTR_S | HVM_ATTR_WRITE | HVM_ATTR_DB, .limit = ~0U};
    if (seg >= SEG_FS)
        s->base = rdmsr(seg == SEG_FS ? MSR_FS_BASE : MSR_GS_BASE);
}

static int port_in(struct emulation *e __unused, u16 port, unsigned int bytes, u32 *val)
{
    *val = pv_io_read(current, port, bytes);
    return EMU_DONE;
}

static int port_out(struct emulation *e __unused, u16 port, unsigned int bytes, u32 val)
{
    pv_io_write(current, port, bytes, val);
    return EMU_DONE;
}

static bool again(struct emulation *e __unused) { return !hypercall_preempt_check(); }

static const struct emulation_ops string_ops = {
    .read = pv_emulated_read,
    .write = write_memory,
    .segment = pv_emulated_segment,
    .in = port_in,
    .out = port_out,
    .again = again,
};

bool pv_emulate(struct vcpu *v, struct emulation *e)
{
    int rc = emulate_decoded(e);

    if (rc == EMU_DONE)
        pv_insn_retired(v, e->regs, 0);
    else if (rc == EMU_EXCEPTION && e->exception.vector == TRAP_PF)
        pv_inject_page_fault(v, e->regs, e->exception.cr2, e->exception.error);
    else
        return rc == EMU_RETRY;
    return true;
}

/* By the emulator, for which the guest has the right to all ports when it has it to this one. */
static enum outcome string_in_out(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *i)
{
    struct emulation e = {.ops = &string_ops, .regs = regs, .code_bytes = pv_code_bytes(regs->cs), .insn = *i};

    return pv_io_allowed(v, regs->rdx, io_size(i)) && pv_emulate(v, &e) ? TRAPPED : REFUSED;
}

static enum outcome privileged(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *i)
{
    switch (i->op) {
    case OP_IN:
    case OP_OUT: return in_out(v, regs, i);
    case OP_INS:
    case OP_OUTS: return string_in_out(v, regs, i);
    case OP_RDTSC: return read_tsc(v, regs, false);
    case OP_RDTSCP: return read_tsc(v, regs, true);
    case OP_CPUID:
        if (v->arch.pv.cpuid_faulting && !v->arch.pv.kernel_mode)
            return REFUSED;
        policy_cpuid(v, regs);
        return DONE;
    default: return kernel_only(v, regs, i);
    }
}

void pv_insn_retired(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    regs->rip += length;
    regs->rflags &= ~(u64)X86_EFLAGS_RF;
    if (likely(!(regs->rflags & X86_EFLAGS_TF)))
        return;
    v->arch.dr[6] |= DR6_SINGLE_STEP;
    pv_inject_trap(v, regs, TRAP_DB, 0);
}

bool pv_emulate_privileged(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct insn i;
    enum outcome o;

    if (!pv_fetch_insn(regs, &i) || i.lock)
        return false;
    o = privileged(v, regs, &i);
    if (o == DONE)
        pv_insn_retired(v, regs, i.length);
    return o != REFUSED;
}
