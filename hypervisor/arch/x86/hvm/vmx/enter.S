/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a VT-x guest and out of it (Intel SDM vol. 3, chapters 27 and 28).
 *
 * From the look at work and softirqs to the entry interrupts are off; what comes meanwhile waits and makes the guest exit at once. RIP,
 * RSP and RFLAGS go through guest_regs, so that all that handles exits finds them there. The exit loads our CR3, GDTR, IDTR and TR; an
 * interrupt that caused it is still to be delivered, an NMI is raised again (exit.c).
 */
#include <arch/x86/hvm/enter.h>
#include <arch/x86/hvm/vmx/vmcs.h>

.macro VMREAD_REG field, place
        mov     $\field, %eax
        vmread  %rax, \place(%rsp)
.endm

.macro VMWRITE_REG field, place
        mov     $\field, %eax
        vmwrite \place(%rsp), %rax
.endm

HVM_RESUME vmx

vmx_run:
        VMWRITE_REG VMCS_GUEST_RIP, UREGS_rip
        VMWRITE_REG VMCS_GUEST_RSP, UREGS_rsp
        VMWRITE_REG VMCS_GUEST_RFLAGS, UREGS_eflags
        HVM_SPEC_EXIT
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
        HVM_SPEC_ENTRY
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

HVM_ENTER vmx, cli, sti
