/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly that all ways from a guest and back share: the general registers in the order of struct cpu_user_regs
 * (entry.S draws the frame), and the return stack filled anew.
 */
#ifndef ARCH_X86_ENTRY_FRAME_H
#define ARCH_X86_ENTRY_FRAME_H

#include <asm/asm-offsets.h>

/* This is assembly. */
/* clang-format off */
.macro SAVE_REGS
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
.endm

/* rax=0: its place is passed over; VMRUN has its own of the guest's and wants ours. */
.macro RESTORE_REGS rax=1
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        .if \rax
        pop     %rax
        .else
        add     $8, %rsp
        .endif
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
.endm

/* 32 calls fill the return stack with addresses of traps. */
.macro FILL_RSB
        .rept   32
        call    1f
        int3
1:
        .endr
        add     $32 * 8, %rsp
.endm

/* The same, if the CPU's flags (SCF_*) say so. The stack is at the frame. */
.macro FILL_RSB_IF flag
        testb   $\flag, CPUINFO_spec_ctrl_flags(%rsp)
        jz      .Lrsb_filled\@
        FILL_RSB
.Lrsb_filled\@:
.endm

/* clang-format on */

#endif
