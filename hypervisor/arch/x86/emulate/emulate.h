/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator: one x86 instruction, decoded (decode.h) and carried out on a guest's registers and, by
 * callbacks, on its memory and devices. For accesses to memory that is no RAM, for string I/O, and for instructions of
 * which an exit tells too little. It has no state of its own: all is in struct emulation, on the caller's stack.
 *
 * What it claims is the table of table.c; everything else is EMU_UNHANDLEABLE. Not looked at: alignment checks (#AC),
 * shadow stacks, code breakpoints, and 57-bit addresses. Sources: Intel SDM vol. 1 and 2, AMD APM vol. 2 and 3.
 *
 * Segments are checked here (limits, rights, canonical addresses, with #GP or #SS as it must be); paging is the
 * caller's: every address that a callback gets is linear.
 *
 * Nothing of regs changes before the last access of an instruction (of an element, under REP) has succeeded. So an
 * access may answer EMU_RETRY: the caller starts the I/O, ends with emulate(), and calls it again when the answer is
 * there; the same instruction then makes the same accesses in the same order, and the caller answers those that are
 * done from what it kept. Under REP what it kept is good until ops->again() is called, which says that the element is
 * done.
 */
#ifndef ARCH_X86_EMULATE_EMULATE_H
#define ARCH_X86_EMULATE_EMULATE_H

#include <arch/x86/emulate/decode.h>
#include <asm/hvm.h>

enum emu_result {
    EMU_DONE,
    EMU_EXCEPTION,    /* to be injected: emulation.exception; regs are those of before the instruction (or element) */
    EMU_RETRY,        /* not done, for now: nothing has changed; run it again later, or let the guest come again */
    EMU_UNHANDLEABLE, /* not an instruction that is claimed, or a callback that the caller does not have */
};

enum emu_access {
    EMU_READ,   /* by the guest's current privilege */
    EMU_MODIFY, /* a read of what is going to be written: faults as a write does */
    EMU_PROBE,  /* nothing is read, buf is NULL: would a write fault? For RAM; I/O is EMU_DONE */
    EMU_SYSTEM, /* a read with supervisor rights (the I/O map of the TSS) */
};

/* A row of equal string elements, for a caller that can do many at once. */
struct emu_rep {
    enum insn_op op; /* OP_MOVS, OP_STOS, OP_INS, OP_OUTS */
    u8 bytes;        /* of an element */
    bool down;       /* addresses fall */
    u16 port;        /* INS, OUTS */
    u64 src, dst;    /* linear addresses of the first element: MOVS, OUTS have src; MOVS, STOS, INS dst */
    u64 value;       /* STOS */
};

struct emulation;

/* All give enum emu_result. Callbacks that may be NULL say so: instructions that need them are then EMU_UNHANDLEABLE.
 */
struct emulation_ops {
    /* Reads code: as many of `bytes` (15 at most, within a page) as the caller has, which is all, or an exception. */
    int (*fetch)(struct emulation *e, u64 linear, void *buf, unsigned int bytes);
    /* bytes: 1, 2, 4, 8, 16; may cross a page. */
    int (*read)(struct emulation *e, u64 linear, void *buf, unsigned int bytes, enum emu_access access);
    int (*write)(struct emulation *e, u64 linear, const void *buf, unsigned int bytes);
    /* The write of a locked instruction: only if memory still holds what was read (EMU_MODIFY) before, which is *old;
     * else EMU_RETRY. For I/O as write. */
    int (*cmpxchg)(struct emulation *e, u64 linear, const void *old, const void *new, unsigned int bytes);
    /* SEG_ES ... SEG_GS, SEG_TR. Cannot fail. In 64-bit code only FS, GS and TR are asked for, others only for
     * their selector. */
    void (*segment)(struct emulation *e, enum insn_seg seg, struct hvm_segment *s);
    /* Ports, 1, 2 or 4 bytes; the guest's permission has been checked. May be NULL. */
    int (*in)(struct emulation *e, u16 port, unsigned int bytes, u32 *val);
    int (*out)(struct emulation *e, u16 port, unsigned int bytes, u32 val);
    /* Control registers 0, 2, 3, 4, 8 and debug registers 0..7, from CPL 0: raises #GP or #UD for values and numbers
     * (DR4, DR5) that the guest may not use. For LMSW, SMSW, CLTS, too. Each pair, and invlpg, may be NULL. */
    int (*read_cr)(struct emulation *e, unsigned int n, u64 *val);
    int (*write_cr)(struct emulation *e, unsigned int n, u64 val);
    int (*read_dr)(struct emulation *e, unsigned int n, u64 *val);
    int (*write_dr)(struct emulation *e, unsigned int n, u64 val);
    int (*invlpg)(struct emulation *e, u64 linear);
    /* Register XMMn; raises #NM or #UD when CR0 or CR4 forbid SSE. May be NULL. */
    int (*move_xmm)(struct emulation *e, unsigned int n, u64 val[2], bool write);
    /*
     * Between two elements of a REP, the first being done and in regs: false to stop here (regs->rip still at the
     * instruction), as when an interrupt waits. May be NULL: an element a call.
     */
    bool (*again)(struct emulation *e);
    /*
     * Up to *count elements at once, 1 at least; *count becomes the number done. EMU_UNHANDLEABLE: one at a time,
     * please. May be NULL. Segment limits have been checked for all of them, permission to the port, too.
     */
    int (*rep)(struct emulation *e, const struct emu_rep *rep, u64 *count);
};

struct emulation {
    /* Set by the caller. */
    const struct emulation_ops *ops;
    struct cpu_user_regs *regs; /* general registers, rip, rflags */
    u8 code_bytes;              /* 2, 4, 8: code segment is 16, 32, 64 bits (insn_code_bytes) */
    u8 cpl;
    bool real_mode;   /* CR0.PE is 0: no segment rights, no error codes */
    struct insn insn; /* insn.fetched > 0: insn.bytes holds the first bytes already (AMD's decode assists) */

    /* Result. */
    struct {
        u8 vector;
        bool has_error;
        u32 error;
        u64 cr2; /* page faults; set by the caller's own callback */
    } exception;
};

/*
 * Fetches (what insn.bytes does not have), decodes and carries out the instruction at regs->rip. EMU_DONE: regs are
 * those after it, RF is clear; under REP rip may still be at the instruction. Single-step traps and the end of
 * interrupt shadows are the caller's. Locks and context: those of the callbacks.
 */
int emulate(struct emulation *e);

/* The two halves: EMU_DONE with e->insn and its length; the instruction that e->insn is. */
int emulate_decode(struct emulation *e);
int emulate_decoded(struct emulation *e);

/* Notes an exception; gives EMU_EXCEPTION. The error code is dropped where the exception or real mode has none. */
int emulate_raise(struct emulation *e, u8 vector, u32 error);

#endif
