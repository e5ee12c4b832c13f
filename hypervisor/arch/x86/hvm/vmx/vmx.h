/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VT-x behind hvm/vendor.h: what its files share. cpu.c switches it on and knows the controls, vcpu.c has the life, the
 * registers and the events of a vCPU's VMCS, exit.c what guests exit for, enter.S the way in and out.
 */
#ifndef ARCH_X86_HVM_VMX_VMX_H
#define ARCH_X86_HVM_VMX_VMX_H

#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/vmx/controls.h>

#define VMX_SWITCHED_MSRS 5 /* of the guest, that the CPU does not switch */

struct vmx_vcpu {
    paddr_t vmcs;
    u64 cr2;
    bool launched;     /* VMRESUME, not VMLAUNCH: the VMCS is active on the CPU */
    bool pdptes_stale; /* CR3 or the mode was changed by us: load_pdptes() before the guest goes on */
    u16 vpid;          /* 0: none */
    unsigned int cpu;  /* where it ran last: only there its translations are as they should be */
    u32 primary;       /* VMCS_PRIMARY_CONTROLS as written last */
    u64 msr[VMX_SWITCHED_MSRS];
};

extern struct vmx_controls vmx_controls;
extern paddr_t vmx_msr_bitmap;

/* A VMCS that has to be there, a field that it has to have: else our own fault, #UD. */
static inline u64 vmread(u32 field)
{
    u64 value;

    __asm__ __volatile__("vmread %1, %0; ja 1f; ud2; 1:" : "=rm"(value) : "r"((u64)field) : "cc");
    return value;
}

static inline void vmwrite(u32 field, u64 value)
{
    __asm__ __volatile__("vmwrite %0, %1; ja 1f; ud2; 1:" ::"rm"(value), "r"((u64)field) : "cc");
}

static inline void vmptrld(paddr_t pa)
{
    __asm__ __volatile__("vmptrld %0; ja 1f; ud2; 1:" ::"m"(pa) : "cc", "memory");
}

static inline void vmclear(paddr_t pa)
{
    __asm__ __volatile__("vmclear %0; ja 1f; ud2; 1:" ::"m"(pa) : "cc", "memory");
}

int vmx_cpu_up(void);

/* vcpu.c */
void vmx_note_host_msrs(void); /* of this CPU, before a guest's are loaded */
void vmx_debug_load(struct vcpu *v);
void vmx_set_shadow(struct vcpu *v, unsigned int shadow);
void vmx_close_windows(struct vcpu *v);

/* enter.S */
void vmx_resume(void) __noreturn;
extern const char vmx_exit_stub[];

#endif
