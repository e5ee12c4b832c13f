/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of instructions on values, with flags.
 */
#ifndef ARCH_X86_EMULATE_ALU_H
#define ARCH_X86_EMULATE_ALU_H

#include <arch/x86/emulate/decode.h>

#define FLAG_CF     0x001UL
#define FLAG_PF     0x004UL
#define FLAG_AF     0x010UL
#define FLAG_ZF     0x040UL
#define FLAG_SF     0x080UL
#define FLAG_OF     0x800UL
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static inline u64 mask_of(unsigned int bytes) { return ~0UL >> (64 - 8 * bytes); }

static inline s64 sign_extend(u64 v, unsigned int bytes) { return (s64)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes); }

/*
 * What becomes of the operand d of `bytes` with the operand s: OP_ADD to OP_TEST, OP_IMUL2 to OP_SHRD (of which the
 * last two shift in from x, and BSF, BSR leave d alone when s is 0). Values are zero-extended. *flags as after the
 * instruction. Operations that only compare give d.
 */
u64 insn_alu(enum insn_op op, unsigned int bytes, u64 d, u64 s, u64 x, u64 *flags);

/* MUL, IMUL with one operand: *lo * s into *hi:*lo. */
void insn_multiply(enum insn_op op, unsigned int bytes, u64 *lo, u64 *hi, u64 s, u64 *flags);
/* DIV, IDIV: *hi:*lo / s; quotient to *lo, remainder to *hi. False: #DE. */
bool insn_divide(enum insn_op op, unsigned int bytes, u64 *lo, u64 *hi, u64 s);

/* Condition number cc, as in Jcc, SETcc, CMOVcc. */
bool insn_condition(unsigned int cc, u64 flags);

#endif
