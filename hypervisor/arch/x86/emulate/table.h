/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of instructions as decoder and executor see it.
 */
#ifndef ARCH_X86_EMULATE_TABLE_H
#define ARCH_X86_EMULATE_TABLE_H

#include <arch/x86/emulate/decode.h>

/* What follows the opcode, and where it is an instruction at all. */
#define W_MODRM  0x001
#define W_BYTE   0x002 /* byte operands */
#define W_REG    0x004 /* ModRM names registers, whatever mod is, and whole ones */
#define W_DWORD  0x008 /* never 2 bytes */
#define W_WHOLE  (W_REG | W_DWORD)
#define W_IMM    0x070 /* the immediate: */
#define W_IMM8   0x010
#define W_IMMZ   0x020 /* 2 or 4 bytes by operand size */
#define W_IMMV   0x030 /* 2, 4, 8 bytes */
#define W_OFFSET 0x040 /* an address, instead of ModRM */
#define W_FAR    0x050 /* a selector behind 2 or 4 bytes */
#define W_PICK   0x100 /* the opcode alone does not tell the operation */
#define W_PREFIX 0x800 /* may be a prefix */
#define W_NOT64  0x300
#define W_ONLY64 0x500

/* Instead of an operation: by the reg field of ModRM. */
enum insn_group {
    GROUP_FIRST = 0x80,
    GROUP1 = GROUP_FIRST,
    GROUP1A,
    GROUP2,
    GROUP3,
    GROUP4,
    GROUP5,
    GROUP7,
    GROUP8,
    GROUP9,
    GROUP11,
};

/* The forms of SSE moves: what goes to or comes from memory, and what becomes of the rest of the register on a load. */
enum sse_form {
    SSE_NONE,    /* not claimed */
    SSE_4,       /* 4 bytes, the rest becomes 0 */
    SSE_8,       /* 8 bytes, the rest becomes 0 */
    SSE_8_LOAD,  /* the same, a load although the opcode is among stores */
    SSE_16,      /* all */
    SSE_ALIGNED, /* all; #GP unless aligned */
    SSE_LOW,     /* the low half, the other is kept */
    SSE_HIGH,    /* the high half */
    SSE_INTEGER, /* 4 or 8 bytes by operand size, the rest becomes 0 */
};

/* Rows whose op is OP_NONE: nothing is claimed there. */
extern const struct insn_row insn_one_byte[256], insn_two_byte[256];
/* 0F 38: the few that are known; NULL: none. */
const struct insn_row *insn_row_0f38(u8 opcode);
/* The operation of a group that ModRM names; OP_NONE: none. */
u8 insn_group_op(u8 group, u8 modrm);

#endif
