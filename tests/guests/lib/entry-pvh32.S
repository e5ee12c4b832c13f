/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a 32-bit PVH guest, which stays in flat protected mode without paging: the Xen note, the
 * way from real mode for a second CPU, one stub per vector, and the way into and out of guest user mode.
 * PVH: <xen/arch-x86/hvm/start_info.h>.
 */
#include <xen/elfnote.h>

#define STACK_SIZE 32768
#define TRAMPOLINE 0x8000
#define CODE32     0x08
#define DATA       0x18

    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long _start
    .popsection

    .section .text.entry, "ax"
    .globl _start
_start:
    cld
    mov $stacks + STACK_SIZE, %esp
    xor %ebp, %ebp
    mov %cr4, %eax
    or $0x600, %eax /* OSXMMEXCPT OSFXSR */
    mov %eax, %cr4
    push %ebx
    call guest_start
    ud2

/* Copied to TRAMPOLINE: where a second CPU begins in real mode. */
    .code16
    .globl trampoline, trampoline_end, trampoline_id
trampoline:
    cli
    cld
    xor %ax, %ax
    mov %ax, %ds
    lgdtl TRAMPOLINE + (5f - trampoline)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $CODE32, $6f
5:  .word 8 * 8 - 1
    .long gdt
trampoline_end:
    .code32
6:  mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov trampoline_id, %edi
    mov %edi, %esp
    inc %esp
    shl $15, %esp
    add $stacks, %esp

/* Another vCPU begins here: edi is its number. */
    .globl vcpu_entry
vcpu_entry:
    cld
    xor %ebp, %ebp
    push %edi
    call vcpu_begin
    ud2

    .globl segments_reload
segments_reload:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    pop %eax
    push $CODE32
    push %eax
    lret

    .data
    .balign 8
trampoline_id:
    .long 0

/* The hypervisor fills one, the framework's first steps the last byte of the other. */
    .section .text.hypercall, "awx"
    .balign 4096
    .globl hypercall_page, hypercall_insn
hypercall_page:
    .skip 4096, 0xcc
hypercall_insn:
    .byte 0x0f, 0x01, 0xc1
    ret

    .text
/* One stub per vector, 16 bytes apart: make the frame uniform. */
    .balign 16
    .globl trap_stubs
trap_stubs:
vec = 0
.rept 256
    .balign 16
    .if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21)
    pushl $0
    .endif
    pushl $vec
    jmp trap_common
vec = vec + 1
.endr

trap_common:
    cld
    pushal
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %esp, %ebx
    and $~15, %esp
    sub $12, %esp
    push %ebx
    call trap_dispatch
    mov %ebx, %esp
    .globl trap_return
trap_return:
    testb $3, 44(%esp) /* back to user mode: its data segments, too */
    jz 1f
    mov 56(%esp), %eax
    mov %eax, %ds
    mov %eax, %es
1:  popal
    add $8, %esp
    .globl trap_iret
trap_iret:
    iret

/*
 * void user_switch(struct regs *regs, unsigned long *save): leave to the state in regs; comes back
 * when trap_dispatch() meets a trap from user mode and calls user_return() with the saved stack pointer.
 */
    .globl user_switch
user_switch:
    mov 4(%esp), %eax
    mov 8(%esp), %ecx
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov %esp, (%ecx)
    sub $60, %esp
    mov %eax, %esi
    mov %esp, %edi
    mov $15, %ecx
    rep movsl
    jmp trap_return

/* void user_return(unsigned long saved): continue after the user_switch() that saved this pointer. */
    .globl user_return
user_return:
    mov 4(%esp), %esp
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret

    .section .note.GNU-stack, "", @progbits
