/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest trap handlers that there can be, for measuring: each takes off what the hypervisor
 * pushed besides the frame and returns by the iret hypercall. "skip" ones go on behind the
 * instruction, "stamp" ones note the time first and go on at bench_resume.
 */
#define HC_IRET       23
#define HC_UPDATE_VA  14
#define VGCF_SYSCALL  0x100

.macro leave
    pushq $0
    jmp hypercall_page + HC_IRET * 32
.endm

.macro handler name:req
    .balign 16
    .globl \name
\name:
    pop %rcx
    pop %r11
.endm

.macro stamp
    push %rax
    push %rdx
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, bench_entry_ticks(%rip)
    pop %rdx
    mov bench_resume(%rip), %rax
    mov %rax, 8(%rsp)
    pop %rax
.endm

    .text
handler bench_return
    leave

handler bench_return_error
    add $8, %rsp
    leave

handler bench_skip2
    addq $2, (%rsp)
    leave

handler bench_skip_error2
    add $8, %rsp
    addq $2, (%rsp)
    leave

handler bench_skip_error3
    add $8, %rsp
    addq $3, (%rsp)
    leave

handler bench_skip_error7
    add $8, %rsp
    addq $7, (%rsp)
    leave

handler bench_stamp
    stamp
    leave

handler bench_stamp_error
    add $8, %rsp
    stamp
    leave

/* A demand fault: one update_va_mapping, then the instruction again. */
handler bench_map_page
    add $8, %rsp
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r11
    mov bench_map_va(%rip), %rdi
    mov bench_map_pte(%rip), %rsi
    xor %edx, %edx
    call hypercall_page + HC_UPDATE_VA * 32
    pop %r11
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    leave

.macro clear_pending
    push %rax
    push %rdx
    mov bench_upcall_pending(%rip), %rax
    movb $0, (%rax)
    mov bench_pending_sel(%rip), %rax
    movq $0, (%rax)
    mov bench_pending_word(%rip), %rax
    mov bench_pending_mask(%rip), %rdx
    lock andq %rdx, (%rax)
    pop %rdx
    pop %rax
.endm

handler bench_upcall
    clear_pending
    leave

handler bench_upcall_stamp
    push %rax
    push %rdx
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, bench_entry_ticks(%rip)
    pop %rdx
    pop %rax
    clear_pending
    leave

/* A system call that is answered at once, by way of SYSRET. */
handler bench_sysret
    pushq $VGCF_SYSCALL
    jmp hypercall_page + HC_IRET * 32

    .section .note.GNU-stack, "", @progbits
