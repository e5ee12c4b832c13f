/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into an AMD-V guest and out of it (AMD APM vol. 2, 15.5, 15.6, 15.17). %rbx: the current vCPU, %rsp: guest_regs, here as in the PV
 * path (entry/entry.S).
 *
 * With GIF clear nothing interrupts us: what is looked at before VMRUN is still so at VMRUN, and what comes meanwhile makes the
 * guest exit at once, because EFLAGS.IF stays set and V_INTR_MASKING makes it count. The guest's segments FS, GS, TR, LDTR and its
 * system call MSRs stay in the CPU while its vCPU is current, so our exceptions and interrupts come by an IDT that needs no TSS.
 */
#include <arch/x86/entry/frame.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/layout.h>
#include <asm/trapnr.h>

        .section .text.entry, "ax", @progbits

/* void svm_resume(void) */
SYM_CODE(svm_resume)
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPUINFO_sizeof(%rax), %rsp
        mov     CPUINFO_current_vcpu(%rsp), %rbx
        sti

svm_enter:
        clgi
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     svm_softirq
        mov     VCPU_info(%rbx), %rax
        cmpb    $0, VCPUINFO_upcall_pending(%rax)
        jne     svm_work
        cmpb    $0, VCPU_hvm_work(%rbx)
        jne     svm_work

svm_run:
        mov     VCPU_vmcb(%rbx), %rcx
        mov     UREGS_rip(%rsp), %rax
        mov     UREGS_rsp(%rsp), %rdx
        mov     %rax, VMCB_rip(%rcx)
        mov     %rdx, VMCB_rsp(%rcx)
        mov     UREGS_eflags(%rsp), %rax
        mov     UREGS_rax(%rsp), %rdx
        mov     %rax, VMCB_rflags(%rcx)
        mov     %rdx, VMCB_rax(%rcx)
        testb   $SCF_HVM_EXIT_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jnz     svm_spec_exit
svm_spec_exit_done:
        mov     VCPU_vmcb_pa(%rbx), %rax
        RESTORE_REGS rax=0

        vmrun   %rax

        SAVE_REGS
        /* Returns of ours must not go where the guest's calls came from. */
        testb   $SCF_HVM_RSB, CPUINFO_spec_ctrl_flags(%rsp)
        jz      2f
        FILL_RSB
2:      testb   $SCF_HVM_ENTRY_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jnz     svm_spec_enter
svm_spec_enter_done:
        mov     CPUINFO_current_vcpu(%rsp), %rbx
        mov     VCPU_vmcb(%rbx), %rdx
        mov     VMCB_rip(%rdx), %rax
        mov     VMCB_rsp(%rdx), %rcx
        mov     %rax, UREGS_rip(%rsp)
        mov     %rcx, UREGS_rsp(%rsp)
        mov     VMCB_rflags(%rdx), %rax
        mov     VMCB_rax(%rdx), %rcx
        mov     %rax, UREGS_eflags(%rsp)
        mov     %rcx, UREGS_rax(%rsp)
        movb    $0, VMCB_tlb_control(%rdx)
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        stgi
        call    svm_exit
        jmp     svm_enter

svm_softirq:
        stgi
        call    softirq_run
        jmp     svm_enter

/* What came up while this was done has set a bit again; what was found undeliverable waits for the exit that was asked for. */
svm_work:
        stgi
        mov     %rbx, %rdi
        call    svm_entry_work
        clgi
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     svm_softirq
        cmpb    $0, VCPU_hvm_work(%rbx)
        jne     svm_work
        jmp     svm_run

svm_spec_exit:
        call    spec_ctrl_hvm_exit
        jmp     svm_spec_exit_done

svm_spec_enter:
        call    spec_ctrl_hvm_enter
        jmp     svm_spec_enter_done
