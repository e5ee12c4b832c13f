/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder (decode.h).
 */
#include <arch/x86/emulate/decode.h>
#include <lib/lib.h>

/* What follows an opcode. */
#define M 0x80 /* ModRM */
#define N 0x40 /* not decodable here: invalid in 64-bit mode, or an escape to other maps */
#define B 1    /* immediate of one byte */
#define Z 2    /* immediate of 2 or 4 bytes by operand size */
#define W 3    /* of 2 bytes */
#define V 4    /* of 2, 4 or 8 bytes by operand size (MOV) */
#define A 5    /* of address size (moffs) */
#define E 6    /* 2 + 1 (ENTER) */

static const u8 map1[256] = {
    /* 00 */ M,     M,     M, M,     B, Z, N,     N,     M, M,     M, M,     B, Z, N, N,
    /* 10 */ M,     M,     M, M,     B, Z, N,     N,     M, M,     M, M,     B, Z, N, N,
    /* 20 */ M,     M,     M, M,     B, Z, N,     N,     M, M,     M, M,     B, Z, N, N,
    /* 30 */ M,     M,     M, M,     B, Z, N,     N,     M, M,     M, M,     B, Z, N, N,
    /* 40 */ N,     N,     N, N,     N, N, N,     N,     N, N,     N, N,     N, N, N, N,
    /* 50 */ 0,     0,     0, 0,     0, 0, 0,     0,     0, 0,     0, 0,     0, 0, 0, 0,
    /* 60 */ N,     N,     N, M,     N, N, N,     N,     Z, M | Z, B, M | B, 0, 0, 0, 0,
    /* 70 */ B,     B,     B, B,     B, B, B,     B,     B, B,     B, B,     B, B, B, B,
    /* 80 */ M | B, M | Z, N, M | B, M, M, M,     M,     M, M,     M, M,     M, M, M, M,
    /* 90 */ 0,     0,     0, 0,     0, 0, 0,     0,     0, 0,     N, 0,     0, 0, 0, 0,
    /* a0 */ A,     A,     A, A,     0, 0, 0,     0,     B, Z,     0, 0,     0, 0, 0, 0,
    /* b0 */ B,     B,     B, B,     B, B, B,     B,     V, V,     V, V,     V, V, V, V,
    /* c0 */ M | B, M | B, W, 0,     N, N, M | B, M | Z, E, 0,     W, 0,     0, B, N, 0,
    /* d0 */ M,     M,     M, M,     N, N, N,     0,     M, M,     M, M,     M, M, M, M,
    /* e0 */ B,     B,     B, B,     B, B, B,     B,     Z, Z,     N, B,     0, 0, 0, 0,
    /* f0 */ N,     0,     N, N,     0, 0, M,     M,     0, 0,     0, 0,     0, 0, M, M,
};

static const u8 map2[256] = {
    /* 00 */ M,     M,     M,     M,     N,     0,     0,     0, 0, 0, N,     0, N,     M, 0, N,
    /* 10 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* 20 */ M,     M,     M,     M,     N,     N,     N,     N, M, M, M,     M, M,     M, M, M,
    /* 30 */ 0,     0,     0,     0,     0,     0,     N,     0, N, N, N,     N, N,     N, N, N,
    /* 40 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* 50 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* 60 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* 70 */ M | B, M | B, M | B, M | B, M,     M,     M,     0, M, M, N,     N, M,     M, M, M,
    /* 80 */ Z,     Z,     Z,     Z,     Z,     Z,     Z,     Z, Z, Z, Z,     Z, Z,     Z, Z, Z,
    /* 90 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* a0 */ 0,     0,     0,     M,     M | B, M,     N,     N, 0, 0, 0,     M, M | B, M, M, M,
    /* b0 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M | B, M, M,     M, M, M,
    /* c0 */ M,     M,     M | B, M,     M | B, M | B, M | B, M, 0, 0, 0,     0, 0,     0, 0, 0,
    /* d0 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* e0 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
    /* f0 */ M,     M,     M,     M,     M,     M,     M,     M, M, M, M,     M, M,     M, M, M,
};

/* Takes the next n bytes, sign-extended. False: there are no more. */
static bool take(struct insn *i, unsigned int n, s64 *value)
{
    u64 v = 0;

    if (i->length + n > i->fetched)
        return false;
    memcpy(&v, i->bytes + i->length, n);
    i->length += n;
    *value = n && n < 8 ? (s64)(v << (64 - 8 * n)) >> (64 - 8 * n) : (s64)v;
    return true;
}

static bool take_u8(struct insn *i, u8 *value)
{
    s64 v;

    if (!take(i, 1, &v))
        return false;
    *value = v;
    return true;
}

/* True: it was a prefix. */
static bool prefix(struct insn *i, u8 b, bool *op16, bool *ad_override)
{
    switch (b) {
    case 0x66: *op16 = true; break;
    case 0x67: *ad_override = true; break;
    case 0xf0: i->lock = true; break;
    case 0xf2: i->repne = true; break;
    case 0xf3: i->rep = true; break;
    case 0x26: i->seg = SEG_ES; break;
    case 0x2e: i->seg = SEG_CS; break;
    case 0x36: i->seg = SEG_SS; break;
    case 0x3e: i->seg = SEG_DS; break;
    case 0x64: i->seg = SEG_FS; break;
    case 0x65: i->seg = SEG_GS; break;
    default:
        if (!i->mode64 || (b & 0xf0) != 0x40)
            return false;
        i->rex = b;
        return true;
    }
    i->rex = 0; /* a REX counts only right before the opcode */
    return true;
}

static int decode_opcode(struct insn *i)
{
    bool op16 = false, ad_override = false;
    u8 b;

    do {
        if (!take_u8(i, &b))
            return -EINVAL;
    } while (prefix(i, b, &op16, &ad_override));
    if (b == 0x0f) {
        i->two_byte = true;
        if (!take_u8(i, &b))
            return -EINVAL;
    }
    i->opcode = b;
    i->op_bytes = i->rex & 8 ? 8 : op16 ? 2 : 4;
    i->ad_bytes = i->mode64 ? (ad_override ? 4 : 8) : (ad_override ? 2 : 4);
    return 0;
}

u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n)
{
    switch (n & 15) {
    case 0: return &regs->rax;
    case 1: return &regs->rcx;
    case 2: return &regs->rdx;
    case 3: return &regs->rbx;
    case 4: return &regs->rsp;
    case 5: return &regs->rbp;
    case 6: return &regs->rsi;
    case 7: return &regs->rdi;
    case 8: return &regs->r8;
    case 9: return &regs->r9;
    case 10: return &regs->r10;
    case 11: return &regs->r11;
    case 12: return &regs->r12;
    case 13: return &regs->r13;
    case 14: return &regs->r14;
    default: return &regs->r15;
    }
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

/* SIB byte: base + index * scale. mod 0 with base 5 has no base but a displacement. */
static int decode_sib(struct insn *i, const struct cpu_user_regs *regs, unsigned int *disp_bytes)
{
    u8 sib;
    unsigned int base, index;

    if (!take_u8(i, &sib))
        return -EINVAL;
    base = (sib & 7) | (i->rex & 1) << 3;
    index = (sib >> 3 & 7) | (i->rex & 2) << 2;
    if (index != 4)
        i->ea = reg_value(regs, index) << (sib >> 6);
    if ((sib & 7) == 5 && i->mod == 0)
        *disp_bytes = 4;
    else
        i->ea += reg_value(regs, base);
    return 0;
}

static int decode_modrm(struct insn *i, const struct cpu_user_regs *regs, bool *rip_relative)
{
    unsigned int disp_bytes;
    s64 disp = 0;

    if (!take_u8(i, &i->modrm))
        return -EINVAL;
    i->has_modrm = true;
    i->mod = i->modrm >> 6;
    i->reg = (i->modrm >> 3 & 7) | (i->rex & 4) << 1;
    i->rm = (i->modrm & 7) | (i->rex & 1) << 3;
    if (i->mod == 3)
        return 0;
    if (i->ad_bytes == 2)
        return -EINVAL;
    disp_bytes = i->mod == 1 ? 1 : i->mod == 2 ? 4 : 0;
    if ((i->modrm & 7) == 4) {
        if (decode_sib(i, regs, &disp_bytes))
            return -EINVAL;
    } else if ((i->modrm & 7) == 5 && i->mod == 0) {
        disp_bytes = 4;
        *rip_relative = i->mode64;
    } else {
        i->ea = reg_value(regs, i->rm);
    }
    if (!take(i, disp_bytes, &disp))
        return -EINVAL;
    i->ea += disp;
    return 0;
}

/* Groups F6/F7: TEST has an immediate, the others have none. */
static unsigned int immediate_size(const struct insn *i, u8 what)
{
    if (!i->two_byte && (i->opcode & 0xfe) == 0xf6 && (i->modrm >> 3 & 7) < 2)
        return i->opcode & 1 ? (i->op_bytes == 2 ? 2 : 4) : 1;
    switch (what & 7) {
    case B: return 1;
    case Z: return i->op_bytes == 2 ? 2 : 4;
    case W: return 2;
    case V: return i->op_bytes;
    case A: return i->ad_bytes;
    case E: return 3;
    default: return 0;
    }
}

int insn_decode(struct insn *i, const struct cpu_user_regs *regs)
{
    bool rip_relative = false;
    u8 what;

    if (decode_opcode(i))
        return -EINVAL;
    what = i->two_byte ? map2[i->opcode] : map1[i->opcode];
    if (what & N)
        return -EINVAL;
    if (what & M && decode_modrm(i, regs, &rip_relative))
        return -EINVAL;
    i->imm_bytes = immediate_size(i, what);
    if (!take(i, i->imm_bytes, &i->imm))
        return -EINVAL;
    if (rip_relative)
        i->ea += regs->rip + i->length;
    if (i->ad_bytes == 4)
        i->ea = (u32)i->ea;
    return 0;
}
