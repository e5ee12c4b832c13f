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

/* Of all CPUs; constant after boot. */
extern u32 svm_features, svm_asids, svm_clean;
static inline bool svm_has(u32 feature) { return svm_features & feature; }

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
void svm_exit(struct vcpu *v, struct cpu_user_regs *regs);
/* From enter.S: hvm_vcpu.work has bits set or upcalls are pending. */
void svm_entry_work(struct vcpu *v);

/* vcpu.c: the table's functions that exits use, too. */
void svm_vmload(paddr_t vmcb);
void svm_vmsave(paddr_t vmcb);
void svm_intercept(struct svm_vmcb *b, unsigned int exit, bool on);
/* DR0..DR3 are the guest's own from here on, until it leaves the CPU. */
void svm_debug_load(struct vcpu *v);
/* The interrupt that was given to the CPU and not delivered, if any, is the neutral part's again. */
void svm_take_back_interrupt(struct vcpu *v);

/* May what hvm_vcpu.code leads to be read? Interrupts off. */
static inline bool svm_code_valid(const struct hvm_vcpu *h) { return !(READ_ONCE(h->work) & HVM_WORK_TLB); }
static inline struct hvm_code *svm_code_place(struct hvm_vcpu *h, u64 rip)
{
    return (void *)h->code + (rip / (PAGE_SIZE / sizeof(*h->code)) & sizeof(*h->code) * (HVM_CODE_PAGES - 1));
}

/* insn.c. All pages of code are forgotten. */
void svm_code_forget(struct vcpu *v);
/* Does CS say 64-bit code? */
bool svm_code64(const struct svm_vmcb *b);
/* Length of the instruction at RIP, for CPUs that do not save the next RIP. 0: it cannot be read, or is none. */
unsigned int svm_fetch_length(struct vcpu *v, const struct cpu_user_regs *regs);
/* The same for MOV to or from CR, with the number of its general register. 0: not that. */
unsigned int svm_fetch_mov_cr(struct vcpu *v, unsigned int *gpr);

#endif
