/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neutral core of HVM and PVH domains: their life, what the vendors' exit stubs hand over to, events for the guest,
 * and what other parts ask of the core. Handlers run on the exiting vCPU, interrupts on, regs == guest_regs().
 */
#ifndef ARCH_X86_HVM_HVM_H
#define ARCH_X86_HVM_HVM_H

#include <arch/x86/hvm/vendor.h>
#include <core/domain.h>

struct xen_domctl_createdomain;
struct hvm_hw_cpu;
struct vcpu_hvm_context;

/* ---- domain.c: life ---- */

/* Boot, after the CPUs' features are known: chooses the vendor, or logs why there is none. Each other CPU: hvm_cpu_up.
 */
void hvm_init(void);
void hvm_cpu_up(void);
/* The arch_* functions of arch/arch.h for such domains. */
int hvm_domain_create(struct domain *d, const struct xen_domctl_createdomain *config);
void hvm_domain_free(struct domain *d);
int hvm_vcpu_create(struct vcpu *v);
void hvm_vcpu_free(struct vcpu *v);

/* ---- start.c: where a vCPU begins ---- */

/* After INIT (AMD APM vol. 2, 14.1.3): real mode at f000:fff0. v does not run, or is current. */
void hvm_vcpu_reset_init(struct vcpu *v);
/* STARTUP: v, which waits for it, runs from vector << 12. Any context; ignored by one that does not wait. */
void hvm_vcpu_sipi(struct vcpu *v, u8 vector);
/* VCPUOP_initialise: flat protected or long mode (xen/hvm/hvm_vcpu.h). 0 or -EINVAL. */
int hvm_set_context(struct vcpu *v, const struct vcpu_hvm_context *c);
/* The CPU record of DOMCTL_{get,set}hvmcontext. v is paused. load: 0 or -EINVAL (a state that no CPU can have). */
void hvm_cpu_save(struct vcpu *v, struct hvm_hw_cpu *out);
int hvm_cpu_load(struct vcpu *v, const struct hvm_hw_cpu *in);

/* ---- event.c: what the guest is told ---- */

/* The current vCPU's next step is this exception (combined with one that was under way: AMD APM vol. 2, 8.2.9; a
 * triple fault resets the domain). */
void hvm_inject_exception(struct vcpu *v, unsigned int vector, u32 error_code);
/* The same for #PF: CR2 is set. */
void hvm_inject_page_fault(struct vcpu *v, u64 cr2, u32 error_code);
/* Something may be deliverable to v now, which may wait in HLT: wakes it, or makes it look. Any context. */
void hvm_wake(struct vcpu *v);
/* Before entry when HVM_WORK_EVENT is set or the guest's upcall is pending. From the vendor's loop. */
void hvm_deliver(struct vcpu *v);

/* Sets a bit of hvm_vcpu.work. Any context. */
static inline void hvm_set_work(struct vcpu *v, u8 bits)
{
    __atomic_fetch_or(&v->arch.hvm.work, bits, __ATOMIC_SEQ_CST);
}

/* ---- exit.c: what a guest exits for, from the vendor ---- */

void hvm_exit_cpuid(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_hlt(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_rdmsr(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_wrmsr(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_xsetbv(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_rdtsc(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_rdpmc(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_wbinvd(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs);
/* An instruction that the guest's CPU does not have. */
void hvm_exit_undefined(struct vcpu *v, struct cpu_user_regs *regs);
void hvm_exit_triple_fault(struct vcpu *v);
/* MOV to or from CR n / DR n and general register gpr (as instructions number them). */
void hvm_exit_cr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int n, unsigned int gpr, bool write);
void hvm_exit_dr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int n, unsigned int gpr, bool write);
/* IN, OUT; strings go to the emulator. length: of the instruction. */
void hvm_exit_io(struct vcpu *v, struct cpu_user_regs *regs, u16 port, unsigned int bytes, bool write, bool string,
                 unsigned int length);
/* Guest physical gpa was accessed (HVM_ACCESS_*) and the nested tables did not allow it. */
void hvm_exit_nested_fault(struct vcpu *v, struct cpu_user_regs *regs, paddr_t gpa, unsigned int access);
void hvm_exit_task_switch(struct vcpu *v, struct cpu_user_regs *regs, u16 selector, unsigned int reason, bool has_error,
                          u32 error);

#define HVM_ACCESS_READ  1
#define HVM_ACCESS_WRITE 2
#define HVM_ACCESS_FETCH 4

/* The instruction of this length is done: RIP, interrupt shadow, single step. */
void hvm_insn_done(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);

/* ---- cr.c, msr.c: registers with rules; 0, or -EINVAL: the guest gets #GP ---- */

int hvm_set_cr(struct vcpu *v, unsigned int n, u64 value);
int hvm_set_efer(struct vcpu *v, u64 value);
int hvm_msr_read(struct vcpu *v, u32 msr, u64 *value);
int hvm_msr_write(struct vcpu *v, u32 msr, u64 value);

/* ---- what everybody asks ---- */

/* What RDTSC gives v now (tsc.c). Any context. */
u64 hvm_guest_tsc(const struct vcpu *v);

static inline u64 hvm_get_cr(struct vcpu *v, unsigned int n) { return hvm->get_cr(v, n); }
static inline bool hvm_long_mode(const struct vcpu *v) { return v->arch.hvm.efer & 0x400; }

#endif
