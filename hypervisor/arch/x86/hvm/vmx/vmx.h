/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VT-x behind hvm/vendor.h: what its files share. cpu.c switches it on and knows the controls, vcpu.c has the life and
 * the registers of a vCPU's VMCS, event.c what is injected, exit.c what guests exit for, enter.S the way in and out.
 */
#ifndef ARCH_X86_HVM_VMX_VMX_H
#define ARCH_X86_HVM_VMX_VMX_H

#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/vmx/controls.h>
#include <asm/trapnr.h>

/* MSRs of the guest that the CPU does not switch, and that nothing of ours uses while an HVM guest is on it. */
#define VMX_SWITCHED_MSRS 5
extern const u32 vmx_switched_msr[VMX_SWITCHED_MSRS];

/* Bits of CR0 and CR4 that the guest changes and reads without us; of all others it reads a copy. */
#define VMX_CR0_HOST_OWNED (~(u64)(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_WP | X86_CR0_AM))
#define VMX_CR4_HOST_OWNED (~(u64)(X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE))

#define TSC_MULTIPLIER_ONE (1UL << 48)

struct vmx_vcpu {
    paddr_t vmcs;
    u64 cr2;
    bool launched;     /* VMRESUME, not VMLAUNCH: the VMCS is active on the CPU */
    bool pdptes_stale; /* CR3 or the mode was changed by us: vmx_load_pdptes() before the guest goes on */
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

/* Fields of v, which is current or does not run: between these two vmread and vmwrite mean its VMCS. Short, and not
 * nested. */
unsigned long vmcs_begin(struct vcpu *v);
void vmcs_end(struct vcpu *v, unsigned long flags);

int vmx_cpu_up(void);

/* vcpu.c */
void vmx_note_host_msrs(void); /* of this CPU, before a guest's are loaded */
int vmx_vcpu_create(struct vcpu *v);
void vmx_vcpu_free(struct vcpu *v);
void vmx_save(struct vcpu *v);
void vmx_load(struct vcpu *v);
void vmx_invalidate(struct vcpu *v);
void vmx_debug_load(struct vcpu *v);
/* Has the CPU the debug registers of the current vCPU v? */
static inline bool vmx_has_debug(const struct vcpu *v) { return !(v->arch.hvm.vmx->primary & CPU1_MOV_DR); }

/* registers.c */
void vmx_get_segment(struct vcpu *v, enum hvm_segment_name n, struct hvm_segment *s);
void vmx_set_segment(struct vcpu *v, enum hvm_segment_name n, const struct hvm_segment *s);
unsigned int vmx_cpl(struct vcpu *v);
u64 vmx_get_cr(struct vcpu *v, unsigned int n);
void vmx_set_cr(struct vcpu *v, unsigned int n, u64 value);
void vmx_update_efer(struct vcpu *v);
void vmx_load_pdptes(struct vcpu *v);
u64 vmx_get_dr(struct vcpu *v, unsigned int n);
void vmx_set_dr(struct vcpu *v, unsigned int n, u64 value);
bool vmx_get_msr(struct vcpu *v, u32 msr, u64 *value);
bool vmx_set_msr(struct vcpu *v, u32 msr, u64 value);
void vmx_update_tsc(struct vcpu *v);

/* event.c */
void vmx_inject(struct vcpu *v, const struct hvm_event *e);
unsigned int vmx_get_shadow(struct vcpu *v);
void vmx_set_shadow(struct vcpu *v, unsigned int shadow);
void vmx_request_window(struct vcpu *v, enum hvm_window w);
void vmx_set_primary(struct vcpu *v, u32 primary); /* v's VMCS is the CPU's */
void vmx_close_windows(struct vcpu *v);
/* What was injected and not entered with is delivered first. */
void vmx_take_back(struct vcpu *v);

/* dump.c */
void vmx_dump(struct vcpu *v);

/* enter.S */
void vmx_resume(void) __noreturn;
extern const char vmx_exit_stub[];

#endif
