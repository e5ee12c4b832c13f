/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions, with REP. Each element is an instruction of its own: once it is done its registers stay. Source:
 * Intel SDM vol. 2, REP and the instructions themselves.
 */
#include <arch/x86/emulate/internal.h>

/* Elements that are given to ops->rep at once, at most. */
#define ROW_MOST 4096

enum { RCX = 1, RSI = 6, RDI = 7 };

static u64 index_of(const struct emulation *e, unsigned int reg)
{
    return *insn_reg(e->regs, reg) & mask_of(e->insn.ad_bytes);
}

static void advance(struct emulation *e, unsigned int reg, u64 by)
{
    u64 at = index_of(e, reg);

    insn_write_reg(e->regs, &e->insn, reg, e->insn.ad_bytes, e->regs->rflags & X86_EFLAGS_DF ? at - by : at + by);
}

static bool uses_source(unsigned int op) { return op == OP_MOVS || op == OP_CMPS || op == OP_LODS || op == OP_OUTS; }

static bool uses_destination(unsigned int op) { return op != OP_LODS && op != OP_OUTS; }

/* n elements are done. */
static void advance_both(struct emulation *e, u64 n, unsigned int bytes)
{
    if (uses_source(e->insn.op))
        advance(e, RSI, n * bytes);
    if (uses_destination(e->insn.op))
        advance(e, RDI, n * bytes);
}

static int input(struct emulation *e, unsigned int bytes)
{
    u64 linear;
    u32 val = 0;
    int rc = emu_linear(e, SEG_ES, index_of(e, RDI), bytes, true, &linear);

    /* What the device gives is lost if it cannot be stored: look first. */
    rc = rc ? rc : e->ops->read(e, linear, NULL, bytes, EMU_PROBE);
    rc = rc ? rc : e->ops->in(e, e->regs->rdx, bytes, &val);
    return rc ? rc : e->ops->write(e, linear, &val, bytes);
}

static int element(struct emulation *e, unsigned int bytes)
{
    const struct insn *i = &e->insn;
    u64 a = e->regs->rax & mask_of(bytes), b, flags = e->regs->rflags;
    int rc = EMU_DONE;

    if (i->op == OP_CMPS || i->op == OP_SCAS)
        rc = emu_read(e, SEG_ES, index_of(e, RDI), bytes, EMU_READ, &b);
    if (!rc && uses_source(i->op))
        rc = emu_read(e, i->seg, index_of(e, RSI), bytes, EMU_READ, &a);
    if (rc)
        return rc;
    switch (i->op) {
    case OP_MOVS:
    case OP_STOS: rc = emu_write(e, SEG_ES, index_of(e, RDI), bytes, a); break;
    case OP_LODS: insn_write_reg(e->regs, i, 0, bytes, a); break;
    case OP_CMPS:
    case OP_SCAS:
        insn_alu(OP_CMP, bytes, a, b, 0, &flags);
        emu_set_flags(e, flags);
        break;
    case OP_INS: rc = input(e, bytes); break;
    case OP_OUTS: rc = e->ops->out(e, e->regs->rdx, bytes, a); break;
    }
    if (!rc)
        advance_both(e, 1, bytes);
    return rc;
}

/* ---- rows of elements ---- */

/* n is made so small that the elements from reg on do not wrap around. False: they leave the segment, or lie where they
 * may not. *first: the linear address of the first. */
static bool row_of(struct emulation *e, enum insn_seg seg, unsigned int reg, unsigned int bytes, u64 *n, u64 *first)
{
    u64 at = index_of(e, reg), last = mask_of(e->insn.ad_bytes);
    bool down = e->regs->rflags & X86_EFLAGS_DF;
    u64 room = (down ? at : last - at) / bytes + down, low;

    *n = min(*n, room);
    low = down ? at - (*n - 1) * bytes : at;
    if (!*n || emu_linear(e, seg, low, *n * bytes, seg == SEG_ES, first))
        return false;
    *first += at - low;
    return true;
}

/* Many elements by the caller. EMU_UNHANDLEABLE: not so. */
static int row(struct emulation *e, unsigned int bytes, u64 *n)
{
    const struct insn *i = &e->insn;
    struct emu_rep rep = {i->op, bytes, e->regs->rflags & X86_EFLAGS_DF, e->regs->rdx, 0, 0, 0};

    if (!e->ops->rep || i->op == OP_CMPS || i->op == OP_SCAS || i->op == OP_LODS || e->regs->rflags & X86_EFLAGS_TF)
        return EMU_UNHANDLEABLE;
    *n = min(*n, (u64)ROW_MOST);
    rep.value = e->regs->rax & mask_of(bytes);
    if (uses_source(i->op) && !row_of(e, i->seg, RSI, bytes, n, &rep.src))
        return EMU_UNHANDLEABLE;
    if (uses_destination(i->op) && !row_of(e, SEG_ES, RDI, bytes, n, &rep.dst))
        return EMU_UNHANDLEABLE;
    return e->ops->rep(e, &rep, n);
}

static int repeat(struct emulation *e, unsigned int bytes)
{
    const struct insn *i = &e->insn;
    bool compares = i->op == OP_CMPS || i->op == OP_SCAS;
    u64 left, n, flags = e->regs->rflags;
    int rc;

    while ((left = index_of(e, RCX)) != 0) {
        n = left;
        rc = row(e, bytes, &n);
        if (rc == EMU_DONE) {
            advance_both(e, n, bytes);
        } else if (rc == EMU_UNHANDLEABLE) {
            n = 1;
            rc = element(e, bytes);
        }
        if (rc == EMU_EXCEPTION)
            emu_set_flags(e, flags); /* as before the first comparison (SDM vol. 2, REP) */
        if (rc)
            return rc;
        insn_write_reg(e->regs, i, RCX, i->ad_bytes, left - n);
        if (left == n || (compares && !(e->regs->rflags & FLAG_ZF) == (i->rep == 0xf3)))
            break;
        if (e->regs->rflags & X86_EFLAGS_TF || !e->ops->again || !e->ops->again(e)) {
            e->regs->rflags |= X86_EFLAGS_RF; /* the CPU, too: it goes on without meeting a breakpoint here again */
            return EMU_DONE;
        }
    }
    return emu_retire(e);
}

int emu_string(struct emulation *e)
{
    const struct insn *i = &e->insn;
    unsigned int bytes = i->op_bytes;
    int rc;

    if (i->op == OP_INS || i->op == OP_OUTS) {
        if (!e->ops->in)
            return EMU_UNHANDLEABLE;
        bytes = min(bytes, 4U);
        rc = emu_io_permitted(e, e->regs->rdx, bytes);
        if (rc)
            return rc;
    }
    if (i->rep)
        return repeat(e, bytes);
    rc = element(e, bytes);
    return rc ? rc : emu_retire(e);
}
