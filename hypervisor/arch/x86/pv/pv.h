/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the PV support give to each other and to the entry code. Page tables have a
 * header of their own (types.h). Handlers of the guest's exceptions run on its vCPU with regs ==
 * guest_regs(), interrupts on.
 */
#ifndef ARCH_X86_PV_PV_H
#define ARCH_X86_PV_PV_H

#include <mm/frame.h>
#include <xen/xen.h>

struct vcpu;

/* ---- domain.c: life; the arch_* functions of arch/arch.h for such domains ---- */

struct xen_domctl_createdomain;
int pv_domain_create(struct domain *d, const struct xen_domctl_createdomain *config);
void pv_domain_free(struct domain *d);
int pv_vcpu_create(struct vcpu *v);
void pv_vcpu_free(struct vcpu *v);
int pv_vcpu_reset(struct vcpu *v);
int pv_set_guest_context(struct vcpu *v, const void *context);

/* ---- bounce.c: frames on the guest kernel's stack ---- */

/* Lets the guest's handler of `vector` run next. error_code counts for the vectors that push one.
 * Crashes the domain if it cannot. */
void pv_inject_trap(struct vcpu *v, struct cpu_user_regs *regs, unsigned int vector, u32 error_code);
/* #PF: CR2 is told in vcpu_info, the error code's user bit as the guest sees its modes. */
void pv_inject_page_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2, u32 error_code);
/* From entry.S. */
void pv_user_syscall(struct vcpu *v, struct cpu_user_regs *regs);
void pv_user_syscall32(struct vcpu *v, struct cpu_user_regs *regs);
void pv_user_sysenter(struct vcpu *v, struct cpu_user_regs *regs);
void pv_int80(struct vcpu *v, struct cpu_user_regs *regs);
void pv_deliver_events(struct vcpu *v, struct cpu_user_regs *regs);
void pv_iret_failed(struct vcpu *v, struct cpu_user_regs *regs);
void pv_exit_work(struct vcpu *v, struct cpu_user_regs *regs);

/* ---- faults.c: exceptions that we look at before the guest does ---- */

void guest_page_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2);
void pv_general_protection(struct vcpu *v, struct cpu_user_regs *regs);
void pv_invalid_op(struct vcpu *v, struct cpu_user_regs *regs);
void pv_device_not_available(struct vcpu *v, struct cpu_user_regs *regs);

/* ---- switch.c: modes and vCPUs ---- */

/* From arch_context_switch: v leaves this CPU, v comes to it. */
void pv_save_guest(struct vcpu *v);
void pv_load_guest(struct vcpu *v);
/* CR4 that the CPU must have while v runs. */
unsigned long pv_real_cr4(const struct vcpu *v);
/* Loads a selector whose base becomes the user mode's GS base. 0. A selector that the CPU refuses
 * becomes 0. Current vCPU, kernel mode. */
int pv_load_user_gs(u16 selector);

/* registers.c: debug register reg of v; not running or current. 0, -EPERM, -ENODEV. */
int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value);
/* The CPU's breakpoints become v's; are off. */
void pv_load_debug(const struct vcpu *v);
void pv_save_debug(const struct vcpu *v);
/* A segment base of the current vCPU, in kernel mode, by its MSR (GS: the kernel's, KERNEL_GS: the
 * user mode's). 0, -EINVAL. */
int pv_set_base(struct vcpu *v, u32 msr, u64 base);

/* ---- emulate_priv.c, io.c, msr.c: privileged instructions ---- */

/* After #GP in the guest's kernel or an I/O instruction: true when the instruction was carried out
 * (or another trap injected). */
bool pv_emulate_privileged(struct vcpu *v, struct cpu_user_regs *regs);
struct insn;
/* Fetches and decodes what regs->rip points at. False: not readable or not decodable. */
bool pv_fetch_insn(const struct cpu_user_regs *regs, struct insn *insn);
/* The width of code by its selector: 4 or 8. */
unsigned int pv_code_bytes(u16 cs);
/*
 * Lets the emulator carry out e->insn; then the guest goes on, or has the page fault that came of it. False: it is a
 * #GP, or no case for the emulator. The others are callbacks of e: memory by the guest's rights, and segments.
 */
struct emulation;
struct hvm_segment;
enum insn_seg;
enum emu_access;
bool pv_emulate(struct vcpu *v, struct emulation *e);
int pv_emulated_read(struct emulation *e, u64 linear, void *buf, unsigned int bytes, enum emu_access access);
void pv_emulated_segment(struct emulation *e, enum insn_seg seg, struct hvm_segment *s);
/* The instruction of this length is done, as the debugger of the guest sees it. */
void pv_insn_retired(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);
/* Port access on behalf of v's guest: size 1, 2, 4 bytes. Reads of what it may not touch give all
 * ones. */
u32 pv_io_read(struct vcpu *v, u16 port, unsigned int size);
void pv_io_write(struct vcpu *v, u16 port, unsigned int size, u32 value);
bool pv_io_allowed(struct vcpu *v, u16 port, unsigned int size);
/* 0, or -EINVAL for #GP. */
int pv_msr_read(struct vcpu *v, u32 msr, u64 *val);
int pv_msr_write(struct vcpu *v, u32 msr, u64 val);
/* Does CPUID of d's ring 3 come to us, where the CPU can do that? Such a guest may ask for its programs' to come to it.
 */
bool pv_cpuid_faults(const struct domain *d);
/* v comes to this CPU. */
void pv_load_cpuid_faulting(const struct vcpu *v);

/* domain.c: fills one page of ours or the guest's. */
void pv_hypercall_page_init(void *page);

/* ---- page tables (types.c, mmu.c, descriptor.c, ptwr.c) ---- */

/* The guest wrote to one of its page tables that is mapped read-only: true when the write was done
 * for it. */
bool pv_ptwr_fault(struct cpu_user_regs *regs, unsigned long cr2);
/* cr2 is in v's LDT window: maps the page behind it. False: the guest has no such descriptors. */
bool pv_ldt_fault(struct vcpu *v, unsigned long cr2);
/*
 * v's roots become these frames (INVALID_MFN: none), typed L4 and referenced; old ones are dropped.
 * For a vCPU that is not running; what it loads (v->arch.cr3) is the caller's to choose. 0, -EINVAL,
 * -ERESTART.
 */
int pv_vcpu_set_roots(struct vcpu *v, mfn_t kernel, mfn_t user);
/* Are all 512 descriptors of a frame harmless? They are changed to what the guest gets instead where
 * that does no harm. The frame is not writable by anybody meanwhile. */
bool descriptors_fit(u64 *page);
/* MMUEXT_SET_LDT: the current vCPU's LDT is `entries` descriptors at the guest's address base. 0 or
 * -EINVAL. */
int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries);
/* The GDT of v: `entries` descriptors in `frames`; old ones dropped. 0 or -EINVAL. */
int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
/* A new vCPU's window: no descriptors of its own. */
void pv_gdt_init(struct vcpu *v);
void pv_drop_gdt(struct vcpu *v);
void pv_drop_ldt(struct vcpu *v);

/* A guest's selector may be loaded: ring 3 forced, never ours. */
static inline u16 pv_fix_selector(u16 sel) { return sel | 3; }

static inline bool address_canonical(unsigned long va) { return (long)(va << 16) >> 16 == (long)va; }

/* Inside the guest's part of the address space: canonical and not ours. */
static inline bool guest_address_ok(unsigned long va) { return va < 0x0000800000000000UL || va >= HYPERVISOR_END; }

#endif
