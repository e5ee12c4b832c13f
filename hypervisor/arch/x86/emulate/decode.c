/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder (decode.h).
 */
#include <arch/x86/emulate/table.h>

/* The next n bytes, at most 8, sign-extended. There may be none: that shows in the length. */
static s64 take(struct insn *i, unsigned int n)
{
    u64 v;

    memcpy(&v, i->bytes + i->length, sizeof(v));
    i->length += n;
    return n ? (s64)(v << (64 - 8 * n)) >> (64 - 8 * n) : 0;
}

/* True: it was a prefix. */
static bool prefix(struct insn *i, unsigned int code_bytes, u8 b)
{
    u8 rex = 0; /* counts only right before the opcode */

    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e: /* in 64-bit code these are nothing */
        if (code_bytes != 8) {
            i->seg = b >> 3 & 3;
            i->seg_named = true;
        }
        break;
    case 0x64:
    case 0x65:
        i->seg = b & 7;
        i->seg_named = true;
        break;
    case 0x66: i->opsize = true; break;
    case 0x67: i->ad_bytes = code_bytes == 4 ? 2 : 4; break;
    case 0xf0: i->lock = true; break;
    case 0xf2:
    case 0xf3: i->rep = b; break;
    default:
        if (code_bytes != 8 || (b & 0xf0) != 0x40)
            return false;
        rex = b;
    }
    i->rex = rex;
    return true;
}

/* Prefixes, of which the first byte looks like one; goes on to the opcode. NULL: too long. */
static __noinline const struct insn_row *decode_prefixes(struct insn *i, unsigned int code_bytes)
{
    while (prefix(i, code_bytes, i->opcode)) {
        if (i->length == INSN_MAX)
            return NULL;
        i->opcode = i->bytes[i->length++];
    }
    return &insn_one_byte[i->opcode];
}

/* 0F and what follows. NULL: not known. */
static const struct insn_row *decode_0f(struct insn *i)
{
    i->opcode = i->bytes[i->length++];
    i->map = 1;
    if (likely(i->opcode != 0x38))
        return &insn_two_byte[i->opcode];
    i->opcode = i->bytes[i->length++];
    i->map = 2;
    return insn_row_0f38(i->opcode);
}

u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n)
{
#define AT(reg) __builtin_offsetof(struct cpu_user_regs, reg)
    static const u8 at[16] = {AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
                              AT(r8),  AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15)};

    return (u64 *)((char *)regs + at[n & 15]);
}

u8 *insn_reg8(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n)
{
    if (!insn->rex && n >= 4 && n < 8)
        return (u8 *)insn_reg(regs, n - 4) + 1;
    return (u8 *)insn_reg(regs, n);
}

void insn_write_reg(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n, unsigned int bytes, u64 value)
{
    u64 *r = insn_reg(regs, n);

    switch (bytes) {
    case 1: *insn_reg8(regs, insn, n) = value; break;
    case 2: *(u16 *)r = value; break;
    case 4: *r = (u32)value; break;
    default: *r = value; break;
    }
}

static u64 reg_value(const struct cpu_user_regs *regs, unsigned int n)
{
    return *insn_reg((struct cpu_user_regs *)regs, n);
}

/* The address of ModRM in 16-bit addressing (SDM vol. 2, table 2-1). Gives the default segment. */
static u8 decode_address16(struct insn *i, const struct cpu_user_regs *regs)
{
    static const struct {
        u8 base, index, seg; /* numbers of registers; index 4: none */
    } forms[8] = {{3, 6, SEG_DS}, {3, 7, SEG_DS}, {5, 6, SEG_SS}, {5, 7, SEG_SS},
                  {6, 4, SEG_DS}, {7, 4, SEG_DS}, {5, 4, SEG_SS}, {3, 4, SEG_DS}};
    unsigned int rm = i->modrm & 7;

    if (rm == 6 && i->mod == 0) {
        i->ea = take(i, 2);
        return SEG_DS;
    }
    i->ea = reg_value(regs, forms[rm].base) + take(i, i->mod);
    if (forms[rm].index != 4)
        i->ea += reg_value(regs, forms[rm].index);
    return forms[rm].seg;
}

/* The effective address: base + index * scale + displacement, as ModRM and SIB name them. Gives the default segment;
 * *from_end: it counts from the end of the instruction. */
static u8 decode_address(struct insn *i, unsigned int code_bytes, const struct cpu_user_regs *regs, bool *from_end)
{
    unsigned int base = i->modrm & 7, disp_bytes = i->mod == 1 ? 1 : i->mod == 2 ? 4 : 0;
    bool sib = base == 4;

    if (sib) {
        u8 b = take(i, 1);
        unsigned int index = (b >> 3 & 7) | (i->rex & 2) << 2;

        if (index != 4)
            i->ea = reg_value(regs, index) << (b >> 6);
        base = b & 7;
    }
    if (base == 5 && i->mod == 0) { /* no base but a displacement */
        i->ea += take(i, 4);
        *from_end = code_bytes == 8 && !sib;
        return SEG_DS;
    }
    base |= (i->rex & 1) << 3;
    i->ea += reg_value(regs, base) + take(i, disp_bytes);
    if (base == 4 && i->op == OP_POP)
        i->ea += i->op_bytes; /* RSP after it was raised */
    return base == 4 || base == 5 ? SEG_SS : SEG_DS;
}

/* The operand size; the bytes of a byte operand are told by the row. */
static u8 operand_bytes(const struct insn *i, unsigned int code_bytes, unsigned int what)
{
    u8 flags = insn_op_flags[i->op];

    if (what & W_BYTE)
        return 1;
    if (code_bytes != 8)
        return what & W_WHOLE || (code_bytes == 4) != i->opsize ? 4 : 2;
    if (i->rex & 8 || what & W_REG)
        return 8;
    if (flags & OPF_64)
        return i->opsize && !(flags & OPF_BRANCH) ? 2 : 8;
    return i->opsize ? 2 : 4;
}

static unsigned int immediate_bytes(const struct insn *i, unsigned int what)
{
    switch (what & W_IMM) {
    case W_IMM8: return 1;
    case W_IMMZ: return min(i->op_bytes, (u8)4);
    case W_IMMV: return i->op_bytes;
    case W_FAR: return min(i->op_bytes, (u8)4) + 2;
    default: return 0;
    }
}

/* The operation, where the opcode alone does not tell: by ModRM and prefixes. */
static __noinline u8 pick(struct insn *i, unsigned int code_bytes, const struct insn_row *row)
{
    if (row->what & (code_bytes == 8 ? W_NOT64 : W_ONLY64) & ~W_PICK)
        return OP_NONE;
    if (row->op >= GROUP_FIRST)
        return insn_group_op(row->op, i->modrm);
    switch (row->op) {
    case OP_XCHG: /* 90 */ return i->opcode == 0x90 && (i->rep == 0xf3 || !(i->rex & 1)) ? OP_PAUSE : OP_XCHG;
    case OP_MOVBE: /* F2: CRC32 */ return i->rep ? OP_NONE : OP_MOVBE;
    case OP_MOVNTI: return i->rep || i->opsize ? OP_NONE : OP_MOVNTI;
    case OP_BSF: return i->rep == 0xf3 ? OP_TZCNT : OP_BSF;
    case OP_BSR: return i->rep == 0xf3 ? OP_LZCNT : OP_BSR;
    case OP_SSE: /* F2 and F3 go before 66 */
        i->sse = row->sse >> (i->rep == 0xf2 ? 12 : i->rep == 0xf3 ? 8 : i->opsize ? 4 : 0) & 15;
        return i->sse ? OP_SSE : OP_NONE;
    default: return row->op;
    }
}

static enum insn_status unknown(const struct insn *i) { return i->length > i->fetched ? INSN_SHORT : INSN_UNKNOWN; }

/* ModRM and what it says. */
static void decode_modrm(struct insn *i, unsigned int what)
{
    i->modrm = i->bytes[i->length++];
    i->mod = what & W_REG ? 3 : i->modrm >> 6;
    i->reg = (i->modrm >> 3 & 7) | (i->rex & 4) << 1;
    i->rm = (i->modrm & 7) | (i->rex & 1) << 3;
}

/* Addresses and immediates. */
static __noinline void decode_operands(struct insn *i, unsigned int code_bytes, unsigned int what,
                                       const struct cpu_user_regs *regs)
{
    bool from_end = false;
    u8 seg = SEG_DS;

    if (i->op == OP_TEST && i->src == O_NONE) { /* the only one of its group with an immediate */
        i->src = O_I;
        what |= what & W_BYTE ? W_IMM8 : W_IMMZ;
    }
    if ((what & W_IMM) == W_OFFSET)
        i->ea = take(i, i->ad_bytes);
    else if (what & W_MODRM && i->mod != 3)
        seg = i->ad_bytes == 2 ? decode_address16(i, regs) : decode_address(i, code_bytes, regs, &from_end);
    i->imm = take(i, immediate_bytes(i, what));
    if (from_end)
        i->ea += regs->rip + i->length;
    if (i->ad_bytes < 8)
        i->ea &= i->ad_bytes == 4 ? 0xffffffff : 0xffff;
    if (!i->seg_named)
        i->seg = seg;
}

enum insn_status insn_decode(struct insn *i, unsigned int code_bytes, const struct cpu_user_regs *regs)
{
    const struct insn_row *row = &insn_one_byte[i->bytes[0]];
    unsigned int what;

    i->opcode = i->bytes[0];
    i->length = 1;
    i->ad_bytes = code_bytes;
    i->seg = SEG_DS;
    if (row->what & W_PREFIX)
        row = decode_prefixes(i, code_bytes);
    if (row && i->opcode == 0x0f)
        row = decode_0f(i);
    if (unlikely(!row))
        return i->length == INSN_MAX ? INSN_SHORT : unknown(i);
    what = row->what;
    i->op = row->op;
    i->dst = row->dst;
    i->src = row->src;
    if (what & W_MODRM)
        decode_modrm(i, what);
    if (what & W_PICK)
        i->op = pick(i, code_bytes, row);
    if (what & W_MODRM && i->mod == 3 && (insn_op_flags[i->op] & OPF_MEMORY || row->src == O_EA))
        return unknown(i);
    if (i->op == OP_NONE)
        return unknown(i);
    i->op_bytes = operand_bytes(i, code_bytes, what);
    if (what & (W_IMM | W_MODRM) && !(what & W_REG))
        decode_operands(i, code_bytes, what, regs);
    return i->length <= i->fetched ? INSN_OK : INSN_SHORT;
}
