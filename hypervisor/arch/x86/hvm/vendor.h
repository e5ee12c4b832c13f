/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the neutral part of HVM wants of AMD-V or VT-x: one const table, chosen at boot. The vendor's exit stub calls
 * the neutral handlers (hvm.h) directly and with regs == guest_regs(), in which rip, rsp, rflags and rax are the
 * guest's like all others; the stub brings them back before the guest goes on.
 *
 * Functions on a vCPU: it is current, or does not run and cannot be made to (paused, never started).
 */
#ifndef ARCH_X86_HVM_VENDOR_H
#define ARCH_X86_HVM_VENDOR_H

#include <xen/xen.h>

struct hvm_event;
struct hvm_segment;
struct p2m_format;
struct vcpu;
enum hvm_segment_name;

/* Which moment hvm_vendor.request_window waits for. */
enum hvm_window { HVM_WINDOW_INTERRUPT = 1, HVM_WINDOW_NMI = 2 };

/* Bits of hvm_vendor.shadow: the instruction before holds interrupts back. */
#define HVM_SHADOW_STI    1
#define HVM_SHADOW_MOV_SS 2
#define HVM_SHADOW_NMI    4 /* get only: NMIs are masked until IRET */

struct hvm_vendor {
    const char *name;
    u8 vmcall[3]; /* the instruction that makes a hypercall */
    const struct p2m_format *p2m_format;
    unsigned int (*p2m_order)(void); /* the largest extent of nested tables: P2M_ORDER_* */

    /* ---- life ---- */

    /* Each CPU once, interrupts off: switches the extension on. 0 or -errno (a CPU that differs from the first). */
    int (*cpu_up)(void);
    /* Structures of v, in the state of reset (INIT); asks for arch.p2m. 0 or -ENOMEM. */
    int (*vcpu_create)(struct vcpu *v);
    void (*vcpu_free)(struct vcpu *v);

    /* ---- running: interrupts off ---- */

    /* v leaves this CPU: what the hardware holds of it goes to its structures, ours is in force again. */
    void (*save)(struct vcpu *v);
    /* v comes to this CPU. The idle page tables are loaded. */
    void (*load)(struct vcpu *v);
    /* Resets the stack and goes on with the current vCPU's guest. */
    void (*resume)(void) __attribute__((noreturn));

    /* ---- registers ---- */

    void (*get_segment)(struct vcpu *v, enum hvm_segment_name n, struct hvm_segment *s);
    void (*set_segment)(struct vcpu *v, enum hvm_segment_name n, const struct hvm_segment *s);
    unsigned int (*cpl)(struct vcpu *v);
    /* CR0, CR2, CR3, CR4 (n) as the guest sees them; set: checked already, TLB and mode follow. */
    u64 (*get_cr)(struct vcpu *v, unsigned int n);
    void (*set_cr)(struct vcpu *v, unsigned int n, u64 value);
    /* v->arch.hvm.efer changed. */
    void (*update_efer)(struct vcpu *v);
    /* DR6 and DR7 (n); DR0..3 are in v->arch.dr, switched by the vendor when DR7 has use for them. */
    u64 (*get_dr)(struct vcpu *v, unsigned int n);
    void (*set_dr)(struct vcpu *v, unsigned int n, u64 value);
    /* MSRs that the hardware switches: FS_BASE, GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SFMASK, SYSENTER_*, PAT
     * (also in v->arch.hvm.mtrr). False: not one of these. */
    bool (*get_msr)(struct vcpu *v, u32 msr, u64 *value);
    bool (*set_msr)(struct vcpu *v, u32 msr, u64 value);
    /* v->arch.hvm.tsc_offset changed, or the domain's tsc_scale or tsc_emulated. */
    void (*update_tsc)(struct vcpu *v);
    /* Can the CPU scale a guest's TSC? */
    bool (*tsc_scaling)(void);

    /* ---- events ---- */

    /* Delivered at the next entry, nothing else is. An NMI masks others until IRET. */
    void (*inject)(struct vcpu *v, const struct hvm_event *e);
    /* HVM_SHADOW_*. */
    unsigned int (*get_shadow)(struct vcpu *v);
    void (*set_shadow)(struct vcpu *v, unsigned int shadow);
    /* An exit, with HVM_WORK_EVENT set, as soon as an interrupt or NMI can be taken. */
    void (*request_window)(struct vcpu *v, enum hvm_window w);

    /* ---- the rest ---- */

    /* Its control structure for the log. */
    void (*dump)(struct vcpu *v);
};

/* NULL: this machine cannot (hvm_init said why). */
extern const struct hvm_vendor *hvm;

/* Boot, the first CPU: 0 when the CPU has the extension with nested paging and it is usable; else the reason. */
extern const struct hvm_vendor svm_vendor;
const char *svm_probe(void);
extern const struct hvm_vendor vmx_vendor;
const char *vmx_probe(void);

#endif
