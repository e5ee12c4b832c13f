/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into an AMD-V guest and out of it (AMD APM vol. 2, 15.5, 15.6, 15.17).
 *
 * With GIF clear nothing interrupts us: what is looked at before VMRUN is still so at VMRUN, and what comes meanwhile makes the
 * guest exit at once, because EFLAGS.IF stays set and V_INTR_MASKING makes it count. The guest's segments FS, GS, TR, LDTR and its
 * system call MSRs stay in the CPU while its vCPU is current, so our exceptions and interrupts come by an IDT that needs no TSS.
 */
#include <arch/x86/hvm/enter.h>

HVM_RESUME svm

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
        HVM_SPEC_EXIT
        mov     VCPU_vmcb_pa(%rbx), %rax
        RESTORE_REGS rax=0

        vmrun   %rax

        SAVE_REGS
        HVM_SPEC_ENTRY
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

HVM_ENTER svm, clgi, stgi
