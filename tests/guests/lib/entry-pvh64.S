/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a 64-bit PVH guest: the Xen note, the way from flat 32-bit protected mode, or real mode
 * for a second CPU, into long mode over tables that map the first 4 GB to themselves (page 0 absent),
 * one stub per vector, and the way into and out of guest user mode.
 * PVH: <xen/arch-x86/hvm/start_info.h>; modes: AMD APM volume 2, chapter 14.
 */
#include <lib/frame64.h>
#include <xen/elfnote.h>

#define STACK_SIZE 32768
#define TRAMPOLINE 0x8000
#define CODE32     0x08
#define CODE64     0x10
#define DATA       0x18

#define PTE_TABLE 0x67
#define PTE_LARGE 0xe7

#define CR0_VALUE 0x80010033 /* PG WP NE ET MP PE */
#define CR4_VALUE 0x6a0      /* OSXMMEXCPT OSFXSR PGE PAE */
#define EFER_VALUE 0x901     /* NXE LME SCE */

    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long _start
    .popsection

    .section .text.entry, "ax"
    .code32
    .globl _start
_start:
    cld
    mov %ebx, %ebp
    /* L1 of the first 2 MB, without its first page */
    mov $boot_l1 + 8, %edi
    mov $0x1000 + PTE_TABLE, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    cmp $0x200000, %eax
    jb 1b
    /* four L2 tables of 2 MB pages */
    mov $boot_l2, %edi
    mov $PTE_LARGE, %eax
    mov $2048, %ecx
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    loop 2b
    movl $boot_l1 + PTE_TABLE, boot_l2
    mov $boot_l2 + PTE_TABLE, %eax
    mov $kernel_l3, %edi
    mov $4, %ecx
3:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    loop 3b
    movl $kernel_l3 + PTE_TABLE, boot_l4
    mov $stacks + STACK_SIZE, %esp
    xor %edi, %edi
    call long_mode
    ljmp $CODE64, $4f
    .code64
4:  mov %ebp, %edi
    xor %ebp, %ebp
    call guest_start
    ud2

    .code32
long_mode:
    lgdt boot_gdtr
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $CR4_VALUE, %eax
    mov %eax, %cr4
    mov $boot_l4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $EFER_VALUE, %eax
    wrmsr
    mov $CR0_VALUE, %eax
    mov %eax, %cr0
    ret

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
    mov %eax, %ss
    mov trampoline_id, %edi
    mov %edi, %esp
    inc %esp
    shl $15, %esp
    add $stacks, %esp
    call long_mode
    ljmp $CODE64, $vcpu_entry

    .code64
/* Another vCPU begins here: edi is its number. */
    .globl vcpu_entry
vcpu_entry:
    cld
    xor %ebp, %ebp
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
    pop %rax
    push $CODE64
    push %rax
    lretq

    .data
    .balign 8
boot_gdtr:
    .word 8 * 8 - 1
    .long gdt
trampoline_id:
    .long 0
    .globl kernel_l4
    .balign 8
kernel_l4:
    .quad boot_l4

    .bss
    .balign 4096
boot_l4:
    .skip 4096
kernel_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096
boot_l1:
    .skip 4096

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
    pushq $0
    .endif
    pushq $vec
    jmp trap_common
vec = vec + 1
.endr

TRAP_COMMON
    .globl trap_iret
trap_iret:
    iretq

USER_SWITCH

    .section .note.GNU-stack, "", @progbits
