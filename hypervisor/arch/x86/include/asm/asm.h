/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros of assembly files and of inline assembly: symbols, and the table of instructions that may
 * fault.
 */
#ifndef ASM_ASM_H
#define ASM_ASM_H

#ifdef __ASSEMBLER__

#define SYM_CODE(name)     \
    .globl name;           \
    .hidden name;          \
    .type name, @function; \
    name:

/* A fault of ours at `insn` continues at `fixup` (entry/traps.c). */
/* This is assembly. */
/* clang-format off */
#define EXTABLE(insn, fixup)     \
    .pushsection .ex_table, "a"; \
    .balign 4;                   \
    .long insn - .;              \
    .long fixup - .;             \
    .popsection
/* clang-format on */

#else

#define EXTABLE(insn, fixup) \
    ".pushsection .ex_table, \"a\"\n\t.balign 4\n\t.long " #insn " - .\n\t.long " #fixup " - .\n\t.popsection\n\t"

#endif

#endif
