/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions with ordinary operands: moves, arithmetic, exchanges, the stack and jumps through memory. Memory is
 * written before any register changes, so that a fault or EMU_RETRY leaves nothing half done.
 */
#include <arch/x86/emulate/internal.h>

/* The register that an operand names. */
static unsigned int operand_reg(const struct insn *i, enum insn_operand o)
{
    return o == O_E   ? i->rm
           : o == O_G ? i->reg
           : o == O_S ? i->reg & 7
           : o == O_Z ? (i->opcode & 7) | (i->rex & 1) << 3
                      : 0;
}

/* The operand of `bytes`, zero-extended. */
int emu_value(struct emulation *e, enum insn_operand o, unsigned int bytes, enum emu_access access, u64 *val)
{
    const struct insn *i = &e->insn;
    struct hvm_segment s;
    unsigned int n = operand_reg(i, o);

    if (emu_in_memory(i, o))
        return emu_read(e, i->seg, i->ea, bytes, access, val);
    switch (o) {
    case O_NONE: *val = 0; break;
    case O_I: *val = i->imm; break;
    case O_EA: *val = i->ea; break;
    case O_ONE: *val = 1; break;
    case O_CL: *val = (u8)e->regs->rcx; break;
    case O_S:
        if (n > SEG_GS)
            return emulate_raise(e, TRAP_UD, 0);
        e->ops->segment(e, n, &s);
        *val = s.sel;
        break;
    default: *val = bytes == 1 ? *insn_reg8(e->regs, i, n) : *insn_reg(e->regs, n); break;
    }
    *val &= mask_of(bytes);
    return EMU_DONE;
}

static void set_register(struct emulation *e, enum insn_operand o, unsigned int bytes, u64 val)
{
    insn_write_reg(e->regs, &e->insn, operand_reg(&e->insn, o), bytes, val);
}

/* To memory: `old` is what was there, for those that read it. */
static int write_back(struct emulation *e, unsigned int bytes, u64 old, u64 val)
{
    const struct insn *i = &e->insn;

    if (i->lock || i->op == OP_XCHG)
        return emu_write_locked(e, i->seg, i->ea, bytes, old, val);
    return emu_write(e, i->seg, i->ea, bytes, val);
}

/* ---- two operands ---- */

/* Bytes of the source, where they are not those of the destination. */
static unsigned int source_bytes(const struct insn *i)
{
    switch (i->op) {
    case OP_MOVZX:
    case OP_MOVSX: return i->opcode & 1 ? 2 : 1;
    case OP_MOVSXD: return min(i->op_bytes, (u8)4);
    default: return i->op_bytes;
    }
}

/* The bit number in a register reaches beyond the operand that the address names. */
static u64 bit_operand(struct insn *i, u64 nr)
{
    unsigned int bits = i->op_bytes * 8;

    if (i->src == O_G && emu_in_memory(i, i->dst)) {
        i->ea += (sign_extend(nr, i->op_bytes) - (s64)(nr & (bits - 1))) / 8;
        i->ea &= mask_of(i->ad_bytes);
    }
    return nr & (bits - 1);
}

/* What the destination becomes. */
static u64 result(struct emulation *e, u64 old, u64 src, u64 *flags)
{
    const struct insn *i = &e->insn;

    switch (i->op) {
    case OP_MOV:
    case OP_MOVZX:
    case OP_MOVNTI:
    case OP_XCHG: return src;
    case OP_MOVSX:
    case OP_MOVSXD: return sign_extend(src, source_bytes(i));
    case OP_MOVBE: return __builtin_bswap64(src) >> (64 - 8 * i->op_bytes);
    case OP_BSWAP: return i->op_bytes == 8 ? __builtin_bswap64(old) : __builtin_bswap32(old); /* of 16 bits: 0 */
    case OP_CMOV: return insn_condition(i->opcode, *flags) ? src : old;
    case OP_SET: return insn_condition(i->opcode, *flags);
    case OP_IMUL3: return insn_alu(OP_IMUL2, i->op_bytes, src, i->imm & mask_of(i->op_bytes), 0, flags);
    case OP_XADD: return insn_alu(OP_ADD, i->op_bytes, old, src, 0, flags);
    case OP_CMPXCHG:
        insn_alu(OP_CMP, i->op_bytes, e->regs->rax & mask_of(i->op_bytes), old, 0, flags);
        return *flags & FLAG_ZF ? src : old;
    default: return insn_alu(i->op, i->op_bytes, old, src, *insn_reg(e->regs, i->reg), flags);
    }
}

/* The other register that an exchange writes, before the destination if that is a register, too. */
static void set_second(struct emulation *e, u64 old, u64 flags)
{
    const struct insn *i = &e->insn;

    if (i->op == OP_XCHG || i->op == OP_XADD)
        set_register(e, i->src, i->op_bytes, old);
    else if (i->op == OP_CMPXCHG && !(flags & FLAG_ZF))
        set_register(e, O_A, i->op_bytes, old);
}

/* Is the destination not written after all? */
static bool keeps(const struct insn *i, u64 src, u64 flags)
{
    return (i->op == OP_CMPXCHG && !(flags & FLAG_ZF)) || ((i->op == OP_BSF || i->op == OP_BSR) && !src) ||
           !(insn_op_flags[i->op] & OPF_WRITE);
}

int emu_general(struct emulation *e)
{
    struct insn *i = &e->insn;
    unsigned int what = insn_op_flags[i->op], bytes = i->op_bytes;
    u64 old = 0, src, new, flags = e->regs->rflags;
    bool memory = emu_in_memory(i, i->dst), keep;
    int rc;

    if (i->src == O_S && memory)
        bytes = 2;
    rc = emu_value(e, i->src, source_bytes(i), EMU_READ, &src);
    if (rc)
        return rc;
    if (i->op >= OP_BT && i->op <= OP_BTC)
        src = bit_operand(i, src);
    if (what & OPF_READ)
        rc = emu_value(e, i->dst, bytes, what & OPF_WRITE ? EMU_MODIFY : EMU_READ, &old);
    if (rc)
        return rc;
    new = result(e, old, src, &flags) & mask_of(bytes);
    keep = keeps(i, src, flags);
    if (memory && !keep)
        rc = write_back(e, bytes, old, new);
    if (rc)
        return rc;
    set_second(e, old, flags);
    if (!memory && !keep)
        set_register(e, i->dst, bytes, new);
    emu_set_flags(e, flags);
    return EMU_DONE;
}

/* ---- others ---- */

/* CMPXCHG8B, CMPXCHG16B: RDX:RAX against memory, RCX:RBX to it. */
int emu_cmpxchg8b(struct emulation *e)
{
    const struct insn *i = &e->insn;
    unsigned int half = i->rex & 8 ? 8 : 4;
    struct cpu_user_regs *r = e->regs;
    u64 linear, old[2], new[2] = {r->rbx, r->rcx};
    int rc = emu_linear(e, i->seg, i->ea, 2 * half, true, &linear);

    if (half == 8 && linear & 15) /* before the segment is looked at */
        return emulate_raise(e, TRAP_GP, 0);
    if (rc)
        return rc;
    rc = e->ops->read(e, linear, old, 2 * half, EMU_MODIFY);
    if (rc)
        return rc;
    if (half == 4) {
        old[1] = old[0] >> 32;
        old[0] = (u32)old[0];
        new[0] = (u32) new[0] | new[1] << 32;
    }
    if (old[0] == (r->rax & mask_of(half)) && old[1] == (r->rdx & mask_of(half))) {
        u64 was[2] = {half == 4 ? old[0] | old[1] << 32 : old[0], old[1]};

        rc = i->lock ? e->ops->cmpxchg(e, linear, was, new, 2 * half) : e->ops->write(e, linear, new, 2 * half);
        if (!rc)
            r->rflags |= FLAG_ZF;
        return rc;
    }
    r->rax = old[0];
    r->rdx = old[1];
    r->rflags &= ~FLAG_ZF;
    return EMU_DONE;
}

/* One operand, the other is the accumulator and its extension: AX for bytes, else rDX:rAX. */
int emu_multiply_divide(struct emulation *e)
{
    const struct insn *i = &e->insn;
    struct cpu_user_regs *r = e->regs;
    unsigned int bytes = i->op_bytes;
    u64 s, lo = r->rax & mask_of(bytes), hi = (bytes == 1 ? r->rax >> 8 : r->rdx) & mask_of(bytes), flags = r->rflags;
    int rc = emu_value(e, i->dst, bytes, EMU_READ, &s);

    if (rc)
        return rc;
    if (i->op <= OP_IMUL)
        insn_multiply(i->op, bytes, &lo, &hi, s, &flags);
    else if (!insn_divide(i->op, bytes, &lo, &hi, s))
        return emulate_raise(e, TRAP_DE, 0);
    if (bytes == 1) {
        insn_write_reg(r, i, 0, 2, lo | hi << 8);
    } else {
        insn_write_reg(r, i, 0, bytes, lo);
        insn_write_reg(r, i, 2, bytes, hi);
    }
    emu_set_flags(e, flags);
    return EMU_DONE;
}

/* ---- the stack, and jumps ---- */

static int pop(struct emulation *e)
{
    const struct insn *i = &e->insn;
    u64 val, sp = emu_stack_moved(e, i->op_bytes);
    int rc = emu_read(e, SEG_SS, emu_stack_moved(e, 0), i->op_bytes, EMU_READ, &val);

    if (rc)
        return rc;
    if (emu_in_memory(i, i->dst)) {
        rc = emu_write(e, i->seg, i->ea, i->op_bytes, val);
        if (!rc)
            emu_set_stack(e, sp);
        return rc;
    }
    emu_set_stack(e, sp);
    set_register(e, i->dst, i->op_bytes, val); /* POP RSP: the value wins */
    return EMU_DONE;
}

static int branch(struct emulation *e, u64 target)
{
    bool call = e->insn.op == OP_CALL;
    u64 sp = emu_stack_moved(e, call ? -(s64)e->insn.op_bytes : 0);
    struct hvm_segment cs;
    int rc = EMU_DONE;

    if (call) /* before the target is looked at, as CPUs do */
        rc = emu_write(e, SEG_SS, sp, e->insn.op_bytes, e->regs->rip + e->insn.length);
    if (rc)
        return rc;
    if (e->code_bytes == 8) {
        if (!emu_canonical(target))
            return emulate_raise(e, TRAP_GP, 0);
    } else {
        e->ops->segment(e, SEG_CS, &cs);
        if (target > cs.limit)
            return emulate_raise(e, TRAP_GP, 0);
    }
    emu_set_stack(e, sp);
    e->regs->rip = target;
    e->regs->rflags &= ~(u64)X86_EFLAGS_RF;
    return EMU_DONE;
}

int emu_stack(struct emulation *e)
{
    const struct insn *i = &e->insn;
    u64 val;
    int rc;

    if (i->op == OP_POP) {
        rc = pop(e);
        return rc ? rc : emu_retire(e);
    }
    rc = emu_value(e, i->op == OP_PUSH && i->src ? i->src : i->dst, i->op_bytes, EMU_READ, &val);
    if (rc)
        return rc;
    if (i->op != OP_PUSH)
        return branch(e, val);
    rc = emu_push(e, val);
    return rc ? rc : emu_retire(e);
}
