/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly of the loop that an HVM vCPU runs in, the same for both vendors v: v_enter looks whether there is something
 * to do before the guest may go on, v_run (the vendor's) is the way into it and out again. %rbx: the current vCPU,
 * %rsp: guest_regs, here as in the PV path (entry/entry.S).
 */
#ifndef ARCH_X86_HVM_ENTER_H
#define ARCH_X86_HVM_ENTER_H

#include <arch/x86/entry/frame.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/layout.h>
#include <asm/trapnr.h>

/* This is assembly. */
/* clang-format off */
        .section .text.entry, "ax", @progbits

/* void v_resume(void) */
.macro HVM_RESUME v
SYM_CODE(\v\()_resume)
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPUINFO_sizeof(%rax), %rsp
        mov     CPUINFO_current_vcpu(%rsp), %rbx
        sti
        jmp     \v\()_enter
.endm

.macro JUMP_IF_SOFTIRQ where
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     \where
.endm

/*
 * v_enter. From `off` to the entry nothing comes in: what was looked at is still so then. What came up while work was
 * done has set a bit again; what was found undeliverable waits for the exit that was asked for.
 */
.macro HVM_ENTER v, off, on
\v\()_enter:
        \off
        JUMP_IF_SOFTIRQ \v\()_softirq
        mov     VCPU_info(%rbx), %rax
        cmpb    $0, VCPUINFO_upcall_pending(%rax)
        jne     \v\()_work
        cmpb    $0, VCPU_hvm_work(%rbx)
        je      \v\()_run
\v\()_work:
        \on
        mov     %rbx, %rdi
        call    \v\()_entry_work
        \off
        JUMP_IF_SOFTIRQ \v\()_softirq
        cmpb    $0, VCPU_hvm_work(%rbx)
        je      \v\()_run
        jmp     \v\()_work
\v\()_softirq:
        \on
        call    softirq_run
        jmp     \v\()_enter
.endm

/* Mitigations (cpu/spec_ctrl.c) before the guest's registers are loaded, */
.macro HVM_SPEC_EXIT
        testb   $SCF_HVM_EXIT_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jz      .Lspec_exit_done\@
        call    spec_ctrl_hvm_exit
.Lspec_exit_done\@:
.endm

/* and when they are saved: returns of ours must not go where the guest's calls came from. */
.macro HVM_SPEC_ENTRY
        FILL_RSB_IF SCF_HVM_RSB
        testb   $SCF_HVM_ENTRY_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jz      .Lspec_entry_done\@
        call    spec_ctrl_hvm_enter
.Lspec_entry_done\@:
.endm

/* clang-format on */

#endif
