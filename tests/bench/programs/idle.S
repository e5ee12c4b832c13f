/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest there is: it tells that it runs by a mark (tests/bench/plugin/events.c) and blocks for ever. PV64; it needs a
 * few pages above 1 MB. It polls for no port at all: to block would be to let events in, for which it has no handler.
 */
#include <lib/elfnote.h>

#define VIRT_BASE            0xffffffff80000000
#define HYPERVISOR_sched_op  29
#define SCHEDOP_poll         3

elfnote XEN_ELFNOTE_GUEST_OS, .asciz "orlop-bench"
elfnote XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
elfnote XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
elfnote XEN_ELFNOTE_LOADER, .asciz "generic"
elfnote XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
elfnote XEN_ELFNOTE_PADDR_OFFSET, .quad 0
elfnote XEN_ELFNOTE_ENTRY, .quad _start
elfnote XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
elfnote XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"

    .section .text.hypercall_page, "ax"
    .balign 4096
hypercall_page:
    .skip 4096, 0xcc

    .text
    .globl _start
_start:
    .byte 0x0f, 0x1f, 0x80, 2
    .ascii "lro"
1:  mov $SCHEDOP_poll, %edi
    lea poll(%rip), %rsi
    call hypercall_page + HYPERVISOR_sched_op * 32
    jmp 1b

    .data
    .balign 8
poll:
    .quad 0, 0, 0 /* struct sched_poll: no ports, no time limit */
