/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly that the entries of 64-bit guests, PV and PVH, share: from a trap's stub to trap_dispatch(), with a struct
 * regs on the stack, and back to before the return instruction; the way into and out of guest user mode.
 */
#ifndef LIB_FRAME64_H
#define LIB_FRAME64_H

/* This is assembly. */
/* clang-format off */

/* Ends with the stack at the return frame: what returns stands behind it. */
.macro TRAP_COMMON
trap_common:
    cld
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $~15, %rsp
    call trap_dispatch
    mov %rbx, %rsp
    .globl trap_return
trap_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $16, %rsp
.endm

/*
 * void user_switch(struct regs *regs, uint64_t *save): leave to the state in regs; comes back when
 * trap_dispatch() meets a trap from user mode and calls user_return() with the saved stack pointer.
 * void user_return(uint64_t saved): continue after the user_switch() that saved this pointer.
 */
.macro USER_SWITCH
    .globl user_switch
user_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rsi)
    sub $176, %rsp
    mov %rdi, %rsi
    mov %rsp, %rdi
    mov $22, %ecx
    rep movsq
    jmp trap_return

    .globl user_return
user_return:
    mov %rdi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
.endm
/* clang-format on */

#endif
