/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that the emulator knows, by opcode: this table is what it claims. Sources: Intel SDM vol. 2,
 * appendix A; AMD APM vol. 3, appendix A.
 */
#include <arch/x86/emulate/table.h>

#define ROW(op, dst, src, what)            \
    {                                      \
        OP_##op, O_##dst, O_##src, what, 0 \
    }
#define PLAIN(op, what) ROW(op, NONE, NONE, what)
#define PREFIX                               \
    {                                        \
        OP_NONE, O_NONE, O_NONE, W_PREFIX, 0 \
    }
#define GROUP(group, dst, src, what)                          \
    {                                                         \
        group, O_##dst, O_##src, (what) | W_MODRM | W_PICK, 0 \
    }

/* A row for byte operands, and one for words. */
#define PAIR(first, kind, what, ...) \
    [first] = kind(__VA_ARGS__, (what) | W_BYTE), [(first) + 1] = kind(__VA_ARGS__, what)

/* Eight opcodes each: the six of an arithmetic operation. */
#define ARITHMETIC(first, op)                                                       \
    PAIR(first, ROW, W_MODRM, op, E, G), PAIR((first) + 2, ROW, W_MODRM, op, G, E), \
        [(first) + 4] = ROW(op, A, I, W_BYTE | W_IMM8), [(first) + 5] = ROW(op, A, I, W_IMMZ)

/* The forms of an SSE opcode by prefix: none, 66, F3, F2. */
#define SSE(dst, src, none, p66, pf3, pf2)                                                         \
    {                                                                                              \
        OP_SSE, O_##dst, O_##src, W_MODRM | W_PICK, (none) | (p66) << 4 | (pf3) << 8 | (pf2) << 12 \
    }

const struct insn_row insn_one_byte[256] = {
    ARITHMETIC(0x00, ADD),
    ARITHMETIC(0x08, OR),
    ARITHMETIC(0x10, ADC),
    ARITHMETIC(0x18, SBB),
    ARITHMETIC(0x20, AND),
    ARITHMETIC(0x28, SUB),
    ARITHMETIC(0x30, XOR),
    ARITHMETIC(0x38, CMP),
    [0x26] = PREFIX,
    [0x2e] = PREFIX,
    [0x36] = PREFIX,
    [0x3e] = PREFIX,
    [0x40 ... 0x47] = ROW(INC, Z, NONE, W_NOT64 | W_PREFIX),
    [0x48 ... 0x4f] = ROW(DEC, Z, NONE, W_NOT64 | W_PREFIX),
    [0x50 ... 0x57] = ROW(PUSH, NONE, Z, 0),
    [0x58 ... 0x5f] = ROW(POP, Z, NONE, 0),
    [0x63] = ROW(MOVSXD, G, E, W_MODRM | W_ONLY64),
    [0x64 ... 0x67] = PREFIX,
    [0x68] = ROW(PUSH, NONE, I, W_IMMZ),
    [0x69] = ROW(IMUL3, G, E, W_MODRM | W_IMMZ),
    [0x6a] = ROW(PUSH, NONE, I, W_IMM8),
    [0x6b] = ROW(IMUL3, G, E, W_MODRM | W_IMM8),
    PAIR(0x6c, PLAIN, 0, INS),
    PAIR(0x6e, PLAIN, 0, OUTS),
    [0x80] = GROUP(GROUP1, E, I, W_BYTE | W_IMM8),
    [0x81] = GROUP(GROUP1, E, I, W_IMMZ),
    [0x82] = GROUP(GROUP1, E, I, W_BYTE | W_IMM8 | W_NOT64),
    [0x83] = GROUP(GROUP1, E, I, W_IMM8),
    PAIR(0x84, ROW, W_MODRM, TEST, E, G),
    PAIR(0x86, ROW, W_MODRM, XCHG, E, G),
    PAIR(0x88, ROW, W_MODRM, MOV, E, G),
    PAIR(0x8a, ROW, W_MODRM, MOV, G, E),
    [0x8c] = ROW(MOV, E, S, W_MODRM),
    [0x8d] = ROW(MOV, G, EA, W_MODRM),
    [0x8f] = GROUP(GROUP1A, E, NONE, 0),
    [0x90 ... 0x97] = ROW(XCHG, A, Z, W_PICK), /* 90 is NOP or PAUSE, see decode.c */
    PAIR(0xa0, ROW, W_OFFSET, MOV, A, E),
    PAIR(0xa2, ROW, W_OFFSET, MOV, E, A),
    PAIR(0xa4, PLAIN, 0, MOVS),
    PAIR(0xa6, PLAIN, 0, CMPS),
    [0xa8] = ROW(TEST, A, I, W_BYTE | W_IMM8),
    [0xa9] = ROW(TEST, A, I, W_IMMZ),
    PAIR(0xaa, PLAIN, 0, STOS),
    PAIR(0xac, PLAIN, 0, LODS),
    PAIR(0xae, PLAIN, 0, SCAS),
    [0xb0 ... 0xb7] = ROW(MOV, Z, I, W_BYTE | W_IMM8),
    [0xb8 ... 0xbf] = ROW(MOV, Z, I, W_IMMV),
    PAIR(0xc0, GROUP, W_IMM8, GROUP2, E, I),
    [0xc6] = GROUP(GROUP11, E, I, W_BYTE | W_IMM8),
    [0xc7] = GROUP(GROUP11, E, I, W_IMMZ),
    [0x9a] = PLAIN(FAR, W_FAR | W_NOT64),
    [0xea] = PLAIN(FAR, W_FAR | W_NOT64),
    [0xcf] = PLAIN(FAR, 0),
    [0xcc] = PLAIN(INT, 0),
    [0xcd] = PLAIN(INT, W_IMM8),
    [0xce] = PLAIN(INT, W_NOT64),
    PAIR(0xd0, GROUP, 0, GROUP2, E, ONE),
    PAIR(0xd2, GROUP, 0, GROUP2, E, CL),
    [0xd7] = PLAIN(XLAT, W_BYTE),
    PAIR(0xe4, ROW, W_IMM8, IN, A, I),
    PAIR(0xe6, ROW, W_IMM8, OUT, I, A),
    PAIR(0xec, PLAIN, 0, IN),
    PAIR(0xee, PLAIN, 0, OUT),
    [0xf0] = PREFIX,
    [0xf1] = PLAIN(INT, 0),
    [0xf2] = PREFIX,
    [0xf3] = PREFIX,
    [0xf4] = PLAIN(HLT, 0),
    PAIR(0xf6, GROUP, 0, GROUP3, E, NONE),
    [0xfa] = PLAIN(CLI, 0),
    [0xfb] = PLAIN(STI, 0),
    [0xfe] = GROUP(GROUP4, E, NONE, W_BYTE),
    [0xff] = GROUP(GROUP5, E, NONE, 0),
};

const struct insn_row insn_two_byte[256] = {
    [0x01] = GROUP(GROUP7, E, NONE, 0),
    [0x06] = PLAIN(CLTS, 0),
    [0x08] = PLAIN(INVD, 0),
    [0x09] = PLAIN(WBINVD, 0),
    [0x10] = SSE(G, E, SSE_16, SSE_16, SSE_4, SSE_8),
    [0x11] = SSE(E, G, SSE_16, SSE_16, SSE_4, SSE_8),
    [0x12] = SSE(G, E, SSE_LOW, SSE_LOW, 0, 0),
    [0x13] = SSE(E, G, SSE_LOW, SSE_LOW, 0, 0),
    [0x16] = SSE(G, E, SSE_HIGH, SSE_HIGH, 0, 0),
    [0x17] = SSE(E, G, SSE_HIGH, SSE_HIGH, 0, 0),
    [0x20] = ROW(READ_CR, E, G, W_MODRM | W_REG),
    [0x21] = ROW(READ_DR, E, G, W_MODRM | W_REG),
    [0x22] = ROW(WRITE_CR, G, E, W_MODRM | W_REG),
    [0x23] = ROW(WRITE_DR, G, E, W_MODRM | W_REG),
    [0x28] = SSE(G, E, SSE_ALIGNED, SSE_ALIGNED, 0, 0),
    [0x29] = SSE(E, G, SSE_ALIGNED, SSE_ALIGNED, 0, 0),
    [0x2b] = SSE(E, G, SSE_ALIGNED, SSE_ALIGNED, 0, 0),
    [0x30] = PLAIN(WRMSR, 0),
    [0x31] = PLAIN(RDTSC, 0),
    [0x32] = PLAIN(RDMSR, 0),
    [0x33] = PLAIN(RDPMC, 0),
    [0x40 ... 0x4f] = ROW(CMOV, G, E, W_MODRM),
    [0x6e] = SSE(G, E, 0, SSE_INTEGER, 0, 0),
    [0x6f] = SSE(G, E, 0, SSE_ALIGNED, SSE_16, 0),
    [0x7e] = SSE(E, G, 0, SSE_INTEGER, SSE_8_LOAD, 0),
    [0x7f] = SSE(E, G, 0, SSE_ALIGNED, SSE_16, 0),
    [0x90 ... 0x9f] = ROW(SET, E, NONE, W_MODRM | W_BYTE),
    [0xa2] = PLAIN(CPUID, 0),
    [0xa3] = ROW(BT, E, G, W_MODRM),
    [0xa4] = ROW(SHLD, E, I, W_MODRM | W_IMM8),
    [0xa5] = ROW(SHLD, E, CL, W_MODRM),
    [0xab] = ROW(BTS, E, G, W_MODRM),
    [0xac] = ROW(SHRD, E, I, W_MODRM | W_IMM8),
    [0xad] = ROW(SHRD, E, CL, W_MODRM),
    [0xaf] = ROW(IMUL2, G, E, W_MODRM),
    PAIR(0xb0, ROW, W_MODRM, CMPXCHG, E, G),
    [0xb3] = ROW(BTR, E, G, W_MODRM),
    [0xb6] = ROW(MOVZX, G, E, W_MODRM),
    [0xb7] = ROW(MOVZX, G, E, W_MODRM),
    [0xba] = GROUP(GROUP8, E, I, W_IMM8),
    [0xbb] = ROW(BTC, E, G, W_MODRM),
    [0xbc] = ROW(BSF, G, E, W_MODRM | W_PICK),
    [0xbd] = ROW(BSR, G, E, W_MODRM | W_PICK),
    [0xbe] = ROW(MOVSX, G, E, W_MODRM),
    [0xbf] = ROW(MOVSX, G, E, W_MODRM),
    PAIR(0xc0, ROW, W_MODRM, XADD, E, G),
    [0xc3] = ROW(MOVNTI, E, G, W_MODRM | W_PICK | W_DWORD),
    [0xc7] = GROUP(GROUP9, E, NONE, 0),
    [0xc8 ... 0xcf] = ROW(BSWAP, Z, NONE, 0),
    [0xd6] = SSE(E, G, 0, SSE_8, 0, 0),
    [0xe7] = SSE(E, G, 0, SSE_ALIGNED, 0, 0),
    [0xf0] = SSE(G, E, 0, 0, 0, SSE_16),
};

static const u8 groups[][8] = {
    [GROUP1 - GROUP_FIRST] = {OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP},
    [GROUP1A - GROUP_FIRST] = {OP_POP},
    [GROUP2 - GROUP_FIRST] = {OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SHL, OP_SAR},
    [GROUP3 - GROUP_FIRST] = {OP_TEST, OP_TEST, OP_NOT, OP_NEG, OP_MUL, OP_IMUL, OP_DIV, OP_IDIV},
    [GROUP4 - GROUP_FIRST] = {OP_INC, OP_DEC},
    [GROUP5 - GROUP_FIRST] = {OP_INC, OP_DEC, OP_CALL, OP_FAR, OP_JMP, OP_FAR, OP_PUSH},
    [GROUP7 - GROUP_FIRST] = {[4] = OP_SMSW, [6] = OP_LMSW, [7] = OP_INVLPG},
    [GROUP8 - GROUP_FIRST] = {[4] = OP_BT, OP_BTS, OP_BTR, OP_BTC},
    [GROUP9 - GROUP_FIRST] = {[1] = OP_CMPXCHG8B},
    [GROUP11 - GROUP_FIRST] = {OP_MOV},
};

/* 0F 01 with a register form: whole instructions. */
static const struct {
    u8 modrm, op;
} group7_registers[] = {
    {0xc1, OP_VMCALL},  {0xc8, OP_MONITOR}, {0xc9, OP_MWAIT},  {0xd1, OP_XSETBV},
    {0xd9, OP_VMMCALL}, {0xdf, OP_INVLPGA}, {0xf9, OP_RDTSCP},
};

const u8 insn_op_flags[] = {
#define X(name, flags) [OP_##name] = flags
    INSN_OPS(X)
#undef X
};

const struct insn_row *insn_row_0f38(u8 opcode)
{
    static const struct insn_row movntdqa = SSE(G, E, 0, SSE_ALIGNED, 0, 0);
    static const struct insn_row movbe[] = {ROW(MOVBE, G, E, W_MODRM | W_PICK), ROW(MOVBE, E, G, W_MODRM | W_PICK)};

    return opcode == 0x2a ? &movntdqa : opcode == 0xf0 || opcode == 0xf1 ? &movbe[opcode & 1] : NULL;
}

u8 insn_group_op(u8 group, u8 modrm)
{
    if (group == GROUP7 && modrm >= 0xc0)
        for (unsigned int n = 0; n < ARRAY_SIZE(group7_registers); n++)
            if (group7_registers[n].modrm == modrm)
                return group7_registers[n].op;
    return groups[group - GROUP_FIRST][modrm >> 3 & 7];
}
