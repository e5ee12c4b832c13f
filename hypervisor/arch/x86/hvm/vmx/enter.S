/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a VT-x guest and out of it (Intel SDM vol. 3, chapters 27 and 28). %rbx: the current vCPU, %rsp: guest_regs, here as in the PV
 * path (entry/entry.S).
 *
 * From the look at work and softirqs to the entry interrupts are off; what comes meanwhile waits and makes the guest exit at once. RIP,
 * RSP and RFLAGS go through guest_regs, so that all that handles exits finds them there. The exit loads our CR3, GDTR, IDTR and TR; an
 * interrupt that caused it is still to be delivered, an NMI is raised again (exit.c).
 */
#include <arch/x86/entry/frame.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/layout.h>
#include <asm/trapnr.h>
#include <arch/x86/hvm/vmx/vmcs.h>

        .section .text.entry, "ax", @progbits

.macro VMREAD_REG field, place
        mov     $\field, %eax
        vmread  %rax, \place(%rsp)
.endm

.macro VMWRITE_REG field, place
        mov     $\field, %eax
        vmwrite \place(%rsp), %rax
.endm

/* void vmx_resume(void) */
SYM_CODE(vmx_resume)
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPUINFO_sizeof(%rax), %rsp
        mov     CPUINFO_current_vcpu(%rsp), %rbx

vmx_enter:
        cli
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     vmx_softirq
        mov     VCPU_info(%rbx), %rax
        cmpb    $0, VCPUINFO_upcall_pending(%rax)
        jne     vmx_work
        cmpb    $0, VCPU_hvm_work(%rbx)
        jne     vmx_work

vmx_run:
        VMWRITE_REG VMCS_GUEST_RIP, UREGS_rip
        VMWRITE_REG VMCS_GUEST_RSP, UREGS_rsp
        VMWRITE_REG VMCS_GUEST_RFLAGS, UREGS_eflags
        testb   $SCF_HVM_EXIT_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jnz     vmx_spec_exit
vmx_spec_exit_done:
        mov     VCPU_vmx(%rbx), %rax
        mov     VMX_cr2(%rax), %rcx
        mov     %rcx, %cr2
        /* Pops leave the flags alone. */
        cmpb    $0, VMX_launched(%rax)
        RESTORE_REGS
        jne     1f
        vmlaunch
        jmp     vmx_refused
1:      vmresume

/* The CPU did not even try: %rsp is as an exit leaves it. */
vmx_refused:
        lea     -UREGS_error_code(%rsp), %rsp
        mov     CPUINFO_current_vcpu(%rsp), %rbx
        sti
        mov     %rbx, %rdi
        call    vmx_entry_refused
        jmp     vmx_enter

/* HOST_RIP; HOST_RSP is &guest_regs.error_code. */
SYM_CODE(vmx_exit_stub)
        SAVE_REGS
        /* Returns of ours must not go where the guest's calls came from. */
        testb   $SCF_HVM_RSB, CPUINFO_spec_ctrl_flags(%rsp)
        jz      2f
        FILL_RSB
2:      testb   $SCF_HVM_ENTRY_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jnz     vmx_spec_enter
vmx_spec_enter_done:
        mov     CPUINFO_current_vcpu(%rsp), %rbx
        mov     VCPU_vmx(%rbx), %rdx
        mov     %cr2, %rax
        mov     %rax, VMX_cr2(%rdx)
        VMREAD_REG VMCS_GUEST_RIP, UREGS_rip
        VMREAD_REG VMCS_GUEST_RSP, UREGS_rsp
        VMREAD_REG VMCS_GUEST_RFLAGS, UREGS_eflags
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        call    vmx_exit
        jmp     vmx_enter

vmx_softirq:
        sti
        call    softirq_run
        jmp     vmx_enter

/* What came up while this was done has set a bit again; what was found undeliverable waits for the exit that was asked for. */
vmx_work:
        sti
        mov     %rbx, %rdi
        call    vmx_entry_work
        cli
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     vmx_softirq
        cmpb    $0, VCPU_hvm_work(%rbx)
        jne     vmx_work
        jmp     vmx_run

vmx_spec_exit:
        call    spec_ctrl_hvm_exit
        jmp     vmx_spec_exit_done

vmx_spec_enter:
        call    spec_ctrl_hvm_enter
        jmp     vmx_spec_enter_done
