/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder (decode.h).
 */
#include <arch/x86/emulate/decode.h>
#include <lib/lib.h>

/* What follows an opcode: nothing, or a sum of these. */
#define M 4 /* ModRM */
#define B 1 /* immediate of one byte */
#define Z 2 /* immediate of 2 or 4 bytes by operand size */

static const struct {
    bool two_byte;
    u8 first, last, follows;
} opcodes[] = {
    {true, 0x30, 0x32, 0},      {true, 0x20, 0x23, M},      {true, 0x01, 0x01, M},      {true, 0x06, 0x06, 0},
    {true, 0x09, 0x09, 0},      {true, 0xa2, 0xa2, 0},      {true, 0xab, 0xab, M},      {true, 0xb0, 0xb1, M},
    {true, 0xb3, 0xb3, M},      {true, 0xba, 0xba, M | B},  {true, 0xbb, 0xbb, M},      {true, 0xc0, 0xc1, M},
    {true, 0xc3, 0xc3, M},      {false, 0x6c, 0x6f, 0},     {false, 0x80, 0x80, M | B}, {false, 0x81, 0x81, M | Z},
    {false, 0x83, 0x83, M | B}, {false, 0x86, 0x89, M},     {false, 0xa4, 0xa5, 0},     {false, 0xaa, 0xab, 0},
    {false, 0xc6, 0xc6, M | B}, {false, 0xc7, 0xc7, M | Z}, {false, 0xe4, 0xe7, B},     {false, 0xec, 0xef, 0},
    {false, 0xfa, 0xfb, 0},
};

/* -1: an opcode that nobody asks about. */
static int follows(const struct insn *i)
{
    for (unsigned int n = 0; n < ARRAY_SIZE(opcodes); n++)
        if (opcodes[n].two_byte == i->two_byte && i->opcode >= opcodes[n].first && i->opcode <= opcodes[n].last)
            return opcodes[n].follows;
    return !i->two_byte && i->opcode < 0x40 && (i->opcode & 7) < 2 ? M : -1; /* arithmetic to memory */
}

/* The next n bytes, at most 4, sign-extended. There may be none: that shows in the length. */
static s64 take(struct insn *i, unsigned int n)
{
    u64 v = 0;

    memcpy(&v, i->bytes + i->length, n);
    i->length += n;
    return n ? (s64)(v << (64 - 8 * n)) >> (64 - 8 * n) : 0;
}

/* True: it was a prefix. */
static bool prefix(struct insn *i, u8 b)
{
    u8 rex = 0; /* counts only right before the opcode */

    switch (b) {
    case 0x66: i->op_bytes = 2; break;
    case 0x67: i->ad_bytes = i->mode64 ? 4 : 2; break;
    case 0xf0: i->lock = true; break;
    case 0xf2:
    case 0xf3: i->rep = true; break;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e: break; /* segments that start at 0 */
    case 0x64: i->seg = SEG_FS; break;
    case 0x65: i->seg = SEG_GS; break;
    default:
        if (!i->mode64 || (b & 0xf0) != 0x40)
            return false;
        rex = b;
    }
    i->rex = rex;
    return true;
}

static bool decode_opcode(struct insn *i)
{
    i->op_bytes = 4;
    i->ad_bytes = i->mode64 ? 8 : 4;
    do {
        if (i->length == INSN_MAX)
            return false;
        i->opcode = take(i, 1);
    } while (prefix(i, i->opcode));
    i->two_byte = i->opcode == 0x0f;
    if (i->two_byte)
        i->opcode = take(i, 1);
    if (i->rex & 8)
        i->op_bytes = 8;
    return true;
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

/* The effective address: base + index * scale + displacement, as ModRM and SIB name them. True: from
 * the end of the instruction. */
static bool decode_address(struct insn *i, const struct cpu_user_regs *regs)
{
    unsigned int base = i->modrm & 7, disp_bytes = i->mod == 1 ? 1 : i->mod == 2 ? 4 : 0;
    bool rip_relative = i->mode64 && base != 4;

    if (base == 4) {
        u8 b = take(i, 1);
        unsigned int index = (b >> 3 & 7) | (i->rex & 2) << 2;

        if (index != 4)
            i->ea = reg_value(regs, index) << (b >> 6);
        base = b & 7;
    }
    if (base == 5 && i->mod == 0) { /* no base but a displacement */
        i->ea += take(i, 4);
        return rip_relative;
    }
    i->ea += reg_value(regs, base | (i->rex & 1) << 3) + take(i, disp_bytes);
    return false;
}

bool insn_decode(struct insn *i, const struct cpu_user_regs *regs)
{
    bool rip_relative = false;
    int what;

    if (!decode_opcode(i) || (what = follows(i)) < 0)
        return false;
    if (what & M) {
        i->modrm = take(i, 1);
        i->mod = i->modrm >> 6;
        i->reg = (i->modrm >> 3 & 7) | (i->rex & 4) << 1;
        i->rm = (i->modrm & 7) | (i->rex & 1) << 3;
        if (i->mod != 3)
            rip_relative = decode_address(i, regs);
    }
    i->imm = take(i, what & B ? 1 : what & Z ? min(i->op_bytes, (u8)4) : 0);
    if (rip_relative)
        i->ea += regs->rip + i->length;
    if (i->ad_bytes == 4)
        i->ea = (u32)i->ea;
    return i->length <= i->fetched && i->ad_bytes >= 4;
}
