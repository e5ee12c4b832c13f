/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the AMD-V part share.
 */
#ifndef ARCH_X86_HVM_SVM_SVM_H
#define ARCH_X86_HVM_SVM_SVM_H

#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/svm/vmcb.h>

/* CPUID 8000000A.EDX (AMD APM vol. 3, E.4.9). */
#define SVM_NPT          (1U << 0)
#define SVM_NRIPS        (1U << 3)
#define SVM_TSC_RATE     (1U << 4)
#define SVM_CLEAN        (1U << 5)
#define SVM_FLUSH_ASID   (1U << 6)
#define SVM_DECODE       (1U << 7)
#define SVM_PAUSE_FILTER (1U << 10)

#define EFER_SVME (1UL << 12)

/* Of all CPUs; constant after boot. */
extern u32 svm_features, svm_asids, svm_clean;
/*
 * QEMU's own emulation (7.2, TCG) changes its word of a CPU's pending interrupts at VMRUN and #VMEXIT without a lock
 * against the thread that adds to it. An interrupt that got lost so still stands in the local APIC's IRR, and nothing
 * else comes while it does, the timer neither: a guest that spins would spin for ever. The local APIC looks again when
 * CR8 is written.
 */
extern bool svm_forgets_irqs;
static inline bool svm_has(u32 feature) { return svm_features & feature; }

static inline struct svm_vmcb *vmcb_of(const struct vcpu *v) { return v->arch.hvm.svm.vmcb; }

/* Permission maps that all guests share: every port and nearly every MSR comes to us. */
extern paddr_t svm_iopm, svm_msrpm;

/* cpu.c: CPUID and the state of this CPU. */
int svm_cpu_up(void);
/* Ours again: what VMLOAD loads, and the IDT. */
void svm_host_load(void);
/* What this CPU's TLB has of the current vCPU v counts no more. */
void svm_asid_flush(struct vcpu *v);
/* v comes to this CPU: what it left here the last time is good if it ran nowhere else since; v leaves it. */
void svm_asid_load(struct vcpu *v);
void svm_asid_save(struct vcpu *v);
/* The ratio of v's TSC to the CPU's. */
void svm_load_tsc_ratio(const struct vcpu *v);

/* enter.S */
void svm_resume(void) __noreturn;
/* From enter.S: the guest came out; regs are complete, GIF is set. */
void svm_exit(struct vcpu *v, struct cpu_user_regs *regs, struct svm_vmcb *b);
/* From enter.S: hvm_vcpu.work has bits set or upcalls are pending. */
void svm_entry_work(struct vcpu *v);

/* vcpu.c: the table's functions that exits use, too. */
void svm_vmload(paddr_t vmcb);
void svm_vmsave(paddr_t vmcb);
void svm_intercept(struct svm_vmcb *b, unsigned int exit, bool on);
/* DR0..DR3 are the guest's own from here on, until it leaves the CPU. */
void svm_debug_load(struct vcpu *v);
/* What was given to the CPU and not delivered, if anything, is the neutral part's again. */
void svm_take_back(struct vcpu *v);

/* exit.c: the guest exits for what there is a handler for. */
void svm_intercept_all(struct svm_vmcb *b);
/* All pages of code that are remembered. */
void svm_code_forget(struct vcpu *v);

#endif
