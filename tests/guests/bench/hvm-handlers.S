/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest interrupt and trap handlers that there can be, of an HVM guest; names and meaning are
 * those of handlers.S, "eoi" ones end the interrupt at the local APIC.
 */
.macro handler name:req
    .balign 16
    .globl \name
\name:
.endm

.macro note_time
    push %rax
    push %rdx
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, bench_entry_ticks(%rip)
    pop %rdx
    pop %rax
.endm

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

.macro eoi_xapic
    push %rax
    mov $0xfee000b0, %eax
    movl $0, (%rax)
    pop %rax
.endm

.macro eoi_x2apic
    push %rax
    push %rcx
    push %rdx
    xor %eax, %eax
    xor %edx, %edx
    mov $0x80b, %ecx
    wrmsr
    pop %rdx
    pop %rcx
    pop %rax
.endm

    .text
handler bench_skip_error2
    add $8, %rsp
    addq $2, (%rsp)
    iretq

handler bench_stamp_error
    note_time
    add $8, %rsp
    addq $2, (%rsp)
    iretq

handler bench_upcall
    clear_pending
    iretq

handler bench_upcall_stamp
    note_time
    clear_pending
    iretq

handler bench_upcall_eoi_xapic
    clear_pending
    eoi_xapic
    iretq

handler bench_upcall_eoi_x2apic
    clear_pending
    eoi_x2apic
    iretq

handler bench_eoi_xapic
    eoi_xapic
    iretq

handler bench_eoi_x2apic
    eoi_x2apic
    iretq

handler bench_eoi_xapic_stamp
    note_time
    eoi_xapic
    iretq

handler bench_eoi_x2apic_stamp
    note_time
    eoi_x2apic
    iretq

    .section .note.GNU-stack, "", @progbits
