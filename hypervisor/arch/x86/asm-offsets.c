/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets and constants of C that assembly needs: compiled to text only, from which the makefile
 * makes <asm/asm-offsets.h>. Add a line for what you need.
 */
#include <arch/x86/hvm/svm/vmcb.h>
#include <arch/x86/hvm/vmx/vmx.h>
#include <core/domain.h>

#define DEFINE(name, value)        __asm__ __volatile__(".ascii \"->" #name " %0\"" ::"i"(value))
#define OFFSET(name, type, member) DEFINE(name, __builtin_offsetof(type, member))

void asm_offsets(void);

void asm_offsets(void)
{
    OFFSET(UREGS_r15, struct cpu_user_regs, r15);
    OFFSET(UREGS_r14, struct cpu_user_regs, r14);
    OFFSET(UREGS_r13, struct cpu_user_regs, r13);
    OFFSET(UREGS_r12, struct cpu_user_regs, r12);
    OFFSET(UREGS_rbp, struct cpu_user_regs, rbp);
    OFFSET(UREGS_rbx, struct cpu_user_regs, rbx);
    OFFSET(UREGS_r11, struct cpu_user_regs, r11);
    OFFSET(UREGS_r10, struct cpu_user_regs, r10);
    OFFSET(UREGS_r9, struct cpu_user_regs, r9);
    OFFSET(UREGS_r8, struct cpu_user_regs, r8);
    OFFSET(UREGS_rax, struct cpu_user_regs, rax);
    OFFSET(UREGS_rcx, struct cpu_user_regs, rcx);
    OFFSET(UREGS_rdx, struct cpu_user_regs, rdx);
    OFFSET(UREGS_rsi, struct cpu_user_regs, rsi);
    OFFSET(UREGS_rdi, struct cpu_user_regs, rdi);
    OFFSET(UREGS_error_code, struct cpu_user_regs, error_code);
    OFFSET(UREGS_entry_vector, struct cpu_user_regs, entry_vector);
    OFFSET(UREGS_rip, struct cpu_user_regs, rip);
    OFFSET(UREGS_cs, struct cpu_user_regs, cs);
    OFFSET(UREGS_upcall_mask, struct cpu_user_regs, saved_upcall_mask);
    OFFSET(UREGS_eflags, struct cpu_user_regs, rflags);
    OFFSET(UREGS_rsp, struct cpu_user_regs, rsp);
    OFFSET(UREGS_ss, struct cpu_user_regs, ss);
    OFFSET(UREGS_es, struct cpu_user_regs, es);
    DEFINE(UREGS_sizeof, sizeof(struct cpu_user_regs));

    OFFSET(CPUINFO_guest_regs, struct cpu_info, guest_regs);
    OFFSET(CPUINFO_cpu, struct cpu_info, cpu);
    OFFSET(CPUINFO_spec_ctrl_flags, struct cpu_info, spec_ctrl_flags);
    OFFSET(CPUINFO_current_vcpu, struct cpu_info, current_vcpu);
    OFFSET(CPUINFO_percpu_offset, struct cpu_info, percpu_offset);
    OFFSET(CPUINFO_cr4, struct cpu_info, cr4);
    OFFSET(CPUINFO_root_cr3, struct cpu_info, root_cr3);
    OFFSET(CPUINFO_copy_cr3, struct cpu_info, copy_cr3);
    OFFSET(CPUINFO_root_version, struct cpu_info, root_version);
    OFFSET(CPUINFO_root_copies, struct cpu_info, root_copies);
    OFFSET(CPUINFO_scratch, struct cpu_info, scratch);
    DEFINE(CPUINFO_sizeof, sizeof(struct cpu_info));

    OFFSET(VCPU_domain, struct vcpu, domain);
    OFFSET(VCPU_info, struct vcpu, info);
    OFFSET(VCPU_arch, struct vcpu, arch);
    OFFSET(VCPU_kernel_mode, struct vcpu, arch.pv.kernel_mode);
    OFFSET(VCPU_cr3, struct vcpu, arch.cr3);
    OFFSET(VCPU_exit_work, struct vcpu, arch.pv.exit_work);

    OFFSET(VCPU_hvm_work, struct vcpu, arch.hvm.work);
    OFFSET(VCPU_vmcb, struct vcpu, arch.hvm.svm.vmcb);
    OFFSET(VCPU_vmcb_pa, struct vcpu, arch.hvm.svm.vmcb_pa);
    OFFSET(VMCB_tlb_control, struct svm_vmcb, tlb_control);
    OFFSET(VMCB_rflags, struct svm_vmcb, rflags);
    OFFSET(VMCB_rip, struct svm_vmcb, rip);
    OFFSET(VMCB_rsp, struct svm_vmcb, rsp);
    OFFSET(VMCB_rax, struct svm_vmcb, rax);
    OFFSET(VCPU_vmx, struct vcpu, arch.hvm.vmx);
    OFFSET(VMX_cr2, struct vmx_vcpu, cr2);
    OFFSET(VMX_launched, struct vmx_vcpu, launched);

    OFFSET(DOMAIN_root_version, struct domain, arch.root_version);

    OFFSET(VCPUINFO_upcall_pending, vcpu_info_t, evtchn_upcall_pending);
    OFFSET(VCPUINFO_upcall_mask, vcpu_info_t, evtchn_upcall_mask);
    DEFINE(ENOSYS, ENOSYS);
    DEFINE(NR_CPUS, NR_CPUS);
}
