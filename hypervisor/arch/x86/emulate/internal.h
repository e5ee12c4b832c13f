/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the emulator. All functions give enum emu_result unless they say otherwise.
 */
#ifndef ARCH_X86_EMULATE_INTERNAL_H
#define ARCH_X86_EMULATE_INTERNAL_H

#include <arch/x86/emulate/alu.h>
#include <arch/x86/emulate/emulate.h>
#include <asm/trapnr.h>

/* ---- access.c ---- */

/* 48-bit addresses, sign-extended. */
static inline bool emu_canonical(u64 va) { return (u64)((s64)(va << 16) >> 16) == va; }

/* The linear address of `bytes` at seg:ea, with all checks of segmentation. write: for writing, too. */
int emu_linear(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, bool write, u64 *linear);
/* Values of 1, 2, 4 or 8 bytes. access: EMU_READ, EMU_MODIFY. */
int emu_read(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, enum emu_access access, u64 *val);
int emu_write(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, u64 val);
/* As a locked instruction does: old is what emu_read gave. */
int emu_write_locked(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, u64 old, u64 new);
/* The stack pointer moved by `by`, cut to the stack's width. */
u64 emu_stack_moved(struct emulation *e, s64 by);
void emu_set_stack(struct emulation *e, u64 sp);
int emu_push(struct emulation *e, u64 val);
/* May the guest use these ports? By IOPL and the TSS's map. */
int emu_io_permitted(struct emulation *e, u16 port, unsigned int bytes);

/* ---- emulate.c ---- */

/* The instruction is done: rip goes on, RF is cleared. */
int emu_retire(struct emulation *e);

/* ---- execute.c, vector.c, string.c, system.c: families of instructions ---- */

int emu_value(struct emulation *e, enum insn_operand o, unsigned int bytes, enum emu_access access, u64 *val);
int emu_general(struct emulation *e);
int emu_multiply_divide(struct emulation *e);
int emu_stack(struct emulation *e);
int emu_sse(struct emulation *e);
int emu_cmpxchg8b(struct emulation *e);
int emu_string(struct emulation *e);
int emu_port(struct emulation *e);
int emu_system(struct emulation *e);
/* MOV to or from a control or debug register that there is not. */
bool emu_no_such_register(const struct insn *i);

static inline bool emu_in_memory(const struct insn *i, enum insn_operand o) { return o == O_E && i->mod != 3; }

static inline void emu_set_flags(struct emulation *e, u64 flags)
{
    e->regs->rflags = (e->regs->rflags & ~FLAGS_ARITH) | (flags & FLAGS_ARITH);
}

#endif
