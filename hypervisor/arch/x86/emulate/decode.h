/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of x86 instructions: prefixes, opcode, ModRM with its effective address, immediate. The opcodes that are
 * known are those of the table (table.c), no others. No state; the bytes are fetched by the caller. Used by the
 * emulator (emulate.h) and, for what PV guests may ask to have carried out, by pv/emulate_priv.c and pv/ptwr.c.
 * Sources: Intel SDM vol. 2, chapter 2 and appendix A.
 */
#ifndef ARCH_X86_EMULATE_DECODE_H
#define ARCH_X86_EMULATE_DECODE_H

#include <xen/xen.h>

#define INSN_MAX 15

/* Numbers of the first six: as in MOV to and from segment registers. */
enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_TR };

/* What an operation does with its operands, and what is asked of it. */
#define OPF_READ   0x01 /* reads its destination */
#define OPF_WRITE  0x02 /* writes it */
#define OPF_RW     (OPF_READ | OPF_WRITE)
#define OPF_LOCK   0x04 /* LOCK is allowed, to memory */
#define OPF_64     0x08 /* 64-bit operands in 64-bit code, or 16 by prefix */
#define OPF_SYSTEM 0x10 /* CPL 0 only */
#define OPF_LENGTH 0x20 /* decoded only, for its length: emulate() does not carry it out */
#define OPF_BRANCH 0x40 /* prefix 66 is nothing in 64-bit code */
#define OPF_MEMORY 0x80 /* claimed with a memory operand only */

/* All operations, in groups that the executor tells apart by order: the eight of group 1 first, as ModRM numbers them.
 */
#define INSN_OPS(X)                                                                                                   \
    X(ADD, OPF_RW | OPF_LOCK), X(OR, OPF_RW | OPF_LOCK), X(ADC, OPF_RW | OPF_LOCK), X(SBB, OPF_RW | OPF_LOCK),        \
        X(AND, OPF_RW | OPF_LOCK), X(SUB, OPF_RW | OPF_LOCK), X(XOR, OPF_RW | OPF_LOCK), X(CMP, OPF_READ),            \
        X(ROL, OPF_RW), X(ROR, OPF_RW), X(RCL, OPF_RW), X(RCR, OPF_RW), X(SHL, OPF_RW), X(SHR, OPF_RW),               \
        X(SAR, OPF_RW), X(BT, OPF_READ), X(BTS, OPF_RW | OPF_LOCK), X(BTR, OPF_RW | OPF_LOCK),                        \
        X(BTC, OPF_RW | OPF_LOCK), X(INC, OPF_RW | OPF_LOCK), X(DEC, OPF_RW | OPF_LOCK), X(NOT, OPF_RW | OPF_LOCK),   \
        X(NEG, OPF_RW | OPF_LOCK), X(TEST, OPF_READ), X(MOV, OPF_WRITE), X(MOVZX, OPF_WRITE), X(MOVSX, OPF_WRITE),    \
        X(MOVSXD, OPF_WRITE), X(MOVNTI, OPF_WRITE | OPF_MEMORY), X(MOVBE, OPF_WRITE | OPF_MEMORY), X(BSWAP, OPF_RW),  \
        X(CMOV, OPF_RW), X(SET, OPF_WRITE), X(IMUL2, OPF_RW), X(IMUL3, OPF_WRITE), X(BSF, OPF_RW), X(BSR, OPF_RW),    \
        X(TZCNT, OPF_RW), X(LZCNT, OPF_RW), X(SHLD, OPF_RW), X(SHRD, OPF_RW), X(XCHG, OPF_RW | OPF_LOCK),             \
        X(XADD, OPF_RW | OPF_LOCK), X(CMPXCHG, OPF_RW | OPF_LOCK), X(CMPXCHG8B, OPF_RW | OPF_LOCK | OPF_MEMORY),      \
        X(MUL, OPF_READ), X(IMUL, OPF_READ), X(DIV, OPF_READ), X(IDIV, OPF_READ), X(PUSH, OPF_64),                    \
        X(POP, OPF_WRITE | OPF_64), X(CALL, OPF_READ | OPF_64 | OPF_BRANCH), X(JMP, OPF_READ | OPF_64 | OPF_BRANCH),  \
        X(XLAT, 0), X(SSE, OPF_MEMORY), X(MOVS, 0), X(CMPS, 0), X(STOS, 0), X(LODS, 0), X(SCAS, 0), X(INS, 0),        \
        X(OUTS, 0), X(IN, 0), X(OUT, 0), X(READ_CR, OPF_SYSTEM), X(WRITE_CR, OPF_SYSTEM), X(READ_DR, OPF_SYSTEM),     \
        X(WRITE_DR, OPF_SYSTEM), X(SMSW, 0), X(LMSW, OPF_SYSTEM), X(CLTS, OPF_SYSTEM),                                \
        X(INVLPG, OPF_SYSTEM | OPF_MEMORY), X(CLI, OPF_LENGTH), X(STI, OPF_LENGTH), X(HLT, OPF_LENGTH),               \
        X(PAUSE, OPF_LENGTH), X(INT, OPF_LENGTH), X(FAR, OPF_LENGTH), X(CPUID, OPF_LENGTH), X(RDMSR, OPF_LENGTH),     \
        X(WRMSR, OPF_LENGTH), X(RDTSC, OPF_LENGTH), X(RDTSCP, OPF_LENGTH), X(RDPMC, OPF_LENGTH), X(INVD, OPF_LENGTH), \
        X(WBINVD, OPF_LENGTH), X(XSETBV, OPF_LENGTH), X(MONITOR, OPF_LENGTH), X(MWAIT, OPF_LENGTH),                   \
        X(VMCALL, OPF_LENGTH), X(VMMCALL, OPF_LENGTH), X(INVLPGA, OPF_LENGTH)

enum insn_op {
    OP_NONE,
#define X(name, flags) OP_##name
    INSN_OPS(X)
#undef X
};

/* Where an operand is. */
enum insn_operand {
    O_NONE,
    O_E,   /* ModRM's r/m: register or memory */
    O_G,   /* ModRM's reg */
    O_A,   /* accumulator */
    O_Z,   /* register in the opcode's low bits */
    O_I,   /* immediate */
    O_EA,  /* the effective address itself */
    O_S,   /* segment register in ModRM's reg, to be read */
    O_ONE, /* 1 */
    O_CL,
};

/* An opcode: its operation (or group), where the operands are, what follows it. */
struct insn_row {
    u8 op; /* enum insn_op, or a group (table.c) */
    u8 dst, src;
    u16 what; /* W_* (table.h) */
    u16 sse;  /* OP_SSE: a digit per prefix (none, 66, F3, F2) that tells the form (table.c) */
};

struct insn {
    u8 bytes[32]; /* the decoder may look behind the end of what is there */
    u8 fetched;   /* how many of them are there, INSN_MAX at most */

    u8 length;                    /* of the whole instruction */
    u8 op;                        /* enum insn_op */
    u8 dst, src;                  /* enum insn_operand */
    u8 map;                       /* 0: one byte, 1: 0F, 2: 0F 38 */
    u8 opcode;                    /* the last byte of it */
    u8 rex;                       /* 0: none */
    u8 rep;                       /* 0, F2, F3 */
    u8 seg;                       /* of the memory operand, or of a string's source: enum insn_seg */
    bool lock, opsize, seg_named; /* opsize: 66; seg_named: seg is by prefix */
    u8 op_bytes;                  /* operand size: 1, 2, 4, 8 */
    u8 ad_bytes;                  /* address size: 2, 4, 8 */
    u8 modrm, mod, reg, rm;       /* reg and rm extended by REX; all 0 without ModRM, mod 3 with a register */
    u16 sse;                      /* as in the row */
    u64 ea;                       /* effective address without segment base, when there is a memory operand */
    s64 imm;                      /* sign-extended */
};

/* INSN_SHORT: what was fetched may be right, but is not all; insn is not valid. */
enum insn_status { INSN_OK, INSN_SHORT, INSN_UNKNOWN };

/*
 * Decodes insn->bytes, of which insn->fetched are there. code_bytes: 2, 4 or 8, for 16-, 32- and 64-bit code. regs: for
 * the effective address. Everything of insn but bytes and fetched must be 0.
 */
enum insn_status insn_decode(struct insn *insn, unsigned int code_bytes, const struct cpu_user_regs *regs);

/* OPF_* of an operation. */
extern const u8 insn_op_flags[];

/* General register n (0..15) as 64 bits. NULL never: n is masked. */
u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n);
/* Register n as a byte register: AH..BH without REX. */
u8 *insn_reg8(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n);
/* Writes `bytes` of value to register n as the CPU does (32-bit writes clear the upper half). */
void insn_write_reg(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n, unsigned int bytes, u64 value);

#endif
