/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of x86 instructions: prefixes, opcode, ModRM with its effective address, immediate.
 * Knows the opcodes that a PV guest may ask to have carried out: privileged ones, and
 * stores to page tables; what an opcode does is the business of who asked (pv/emulate_priv.c, pv/ptwr.c). No state; the
 * bytes are fetched by the caller. Sources: Intel SDM vol. 2, chapter 2 and appendix A.
 */
#ifndef ARCH_X86_EMULATE_DECODE_H
#define ARCH_X86_EMULATE_DECODE_H

#include <lib/types.h>
#include <xen/xen.h>

#define INSN_MAX 15

enum insn_seg { SEG_DEFAULT, SEG_FS, SEG_GS };

struct insn {
    u8 bytes[2 * INSN_MAX]; /* the decoder may look behind the end of what is there */
    u8 fetched;             /* how many of them are there, INSN_MAX at most */
    bool mode64;            /* 64-bit code; else 32-bit */

    u8 length;     /* of the whole instruction */
    bool two_byte; /* 0F map */
    u8 opcode;
    u8 rex;         /* 0: none */
    bool lock, rep; /* rep: REPNE, too */
    enum insn_seg seg;
    u8 op_bytes;            /* operand size by prefixes and REX.W: 2, 4, 8; byte forms are the caller's
                               knowledge */
    u8 ad_bytes;            /* address size: 4 or 8 */
    u8 modrm, mod, reg, rm; /* reg and rm extended by REX; all 0 without ModRM */
    u64 ea;                 /* effective address without segment base, when mod != 3 */
    s64 imm;                /* sign-extended */
};

/*
 * Decodes insn->bytes. regs: for the effective address. False: none of these instructions, or longer
 * than what was fetched.
 */
bool insn_decode(struct insn *insn, const struct cpu_user_regs *regs);

/* General register n (0..15) as 64 bits. NULL never: n is masked. */
u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n);
/* Register n as a byte register: AH..BH without REX. */
u8 *insn_reg8(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n);
/* Writes `bytes` of value to register n as the CPU does (32-bit writes clear the upper half). */
void insn_write_reg(struct cpu_user_regs *regs, const struct insn *insn, unsigned int n, unsigned int bytes, u64 value);

#endif
