/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a 64-bit paravirtualized guest: the Xen notes, the first instruction, one stub per trap
 * vector and per callback, and the way into and out of guest user mode.  Everything beyond the
 * pushing of registers is in trap.c.  Frame layouts: <xen/arch-x86/xen-x86_64.h>; the order in which
 * the hypervisor pushes (rcx, r11, [error code], rip, cs, rflags, rsp, ss) is the PV ABI's.
 */
#include <lib/elfnote.h>
#include <lib/frame64.h>
#include <xen/features.h>

#define VIRT_BASE   0xffffffff80000000
#define STACK_SIZE  32768
#define HC_IRET     23

/* Pseudo-vectors of the callbacks; trap.h has the same numbers for C. */
#define VEC_EVENT    256
#define VEC_NMI      257
#define VEC_SYSCALL  258
#define VEC_SYSENTER 259
#define VEC_FAILSAFE 260

elfnote XEN_ELFNOTE_GUEST_OS, .asciz "orlop-test"
elfnote XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
elfnote XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
elfnote XEN_ELFNOTE_LOADER, .asciz "generic"
elfnote XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
elfnote XEN_ELFNOTE_PADDR_OFFSET, .quad 0
elfnote XEN_ELFNOTE_ENTRY, .quad _start
elfnote XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
elfnote XEN_ELFNOTE_INIT_P2M, .quad 0x8000000000
elfnote XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
elfnote XEN_ELFNOTE_SUPPORTED_FEATURES, .long (1 << XENFEAT_pae_pgdir_above_4gb) | (1 << XENFEAT_dom0)
elfnote XEN_ELFNOTE_SUSPEND_CANCEL, .long 1

    .section .text.hypercall_page, "ax"
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096, 0xcc

    .text
    .globl _start
_start:
    cld
    mov %rsi, %rdi
    lea stacks + STACK_SIZE(%rip), %rsp
    xor %ebp, %ebp
    call guest_start
    ud2

/* Another vCPU begins here: rdi is its function (see vcpu_start). */
    .globl vcpu_entry
vcpu_entry:
    cld
    xor %ebp, %ebp
    call vcpu_main
    ud2

/* One stub per vector, 16 bytes apart: pop what the hypervisor added, make the frame uniform. */
    .balign 16
    .globl trap_stubs
trap_stubs:
vec = 0
.rept 256
    .balign 16
    pop %rcx
    pop %r11
    .if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21)
    pushq $0
    .endif
    pushq $vec
    jmp trap_common
vec = vec + 1
.endr

.macro callback_stub name:req, vector:req
    .balign 16
    .globl \name
\name:
    pop %rcx
    pop %r11
    pushq $0
    pushq $\vector
    jmp trap_common
.endm

callback_stub event_callback, VEC_EVENT
callback_stub nmi_callback, VEC_NMI
callback_stub syscall_callback, VEC_SYSCALL
callback_stub sysenter_callback, VEC_SYSENTER

/* The failsafe frame carries the four data selectors that could not be loaded. */
    .balign 16
    .globl failsafe_callback
failsafe_callback:
    pop %rcx
    pop %r11
    popq failsafe_selectors + 0(%rip)
    popq failsafe_selectors + 8(%rip)
    popq failsafe_selectors + 16(%rip)
    popq failsafe_selectors + 24(%rip)
    pushq $0
    pushq $VEC_FAILSAFE

TRAP_COMMON
    pushq $0
    jmp hypercall_page + HC_IRET * 32

USER_SWITCH

    .section .note.GNU-stack, "", @progbits
