/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neutral core of HVM and PVH domains: their life, what the vendors' exit stubs hand over to, events for the guest,
 * and what other parts ask of the core. Handlers run on the exiting vCPU, interrupts on, regs == guest_regs().
 */
#ifndef ARCH_X86_HVM_HVM_H
#define ARCH_X86_HVM_HVM_H

#include <arch/x86/hvm/vendor.h>
#include <asm/trapnr.h>
#include <core/domain.h>

struct time_scale;
struct xen_domctl_tsc_info;
struct vcpu_hvm_context;

/* ---- domain.c: life ---- */

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
/* v has all that it begins with: it is no longer down. */
void hvm_vcpu_started(struct vcpu *v);

/* ---- event.c: what the guest is told ---- */

/* The current vCPU's next step is this exception (combined with one that was under way: AMD APM vol. 2, 8.2.9; a
 * triple fault resets the domain). */
void hvm_inject_exception(struct vcpu *v, unsigned int vector, u32 error_code);
/* The same for #PF: CR2 is set. */
void hvm_inject_page_fault(struct vcpu *v, u64 cr2, u32 error_code);
/*
 * An event in the form that both vendors note it in (Intel SDM vol. 3, 25.9.3; AMD APM vol. 2, 15.20), its error code
 * apart. INT n, INT3, INTO and ICEBP are by software: their instruction can be executed again.
 */
#define HVM_EVENT_INFO_TYPE(info) ((info) >> 8 & 7)
#define HVM_EVENT_INFO_ERROR      (1U << 11)
#define HVM_EVENT_INFO_VALID      (1U << 31)
struct hvm_event hvm_event_unpack(u32 info, u32 error);
u32 hvm_event_pack(const struct hvm_event *e);
bool hvm_event_by_software(u32 info);
/* This one was on its way to the guest when it exited: delivered again, unless by software. */
void hvm_event_interrupted(struct vcpu *v, u32 info, u32 error);
/* Something may be deliverable to v now, which may wait in HLT: wakes it, or makes it look. Any context. */
void hvm_wake(struct vcpu *v);

/* Sets a bit of hvm_vcpu.work. Any context. */
static inline void hvm_set_work(struct vcpu *v, u8 bits)
{
    __atomic_fetch_or(&v->arch.hvm.work, bits, __ATOMIC_SEQ_CST);
}

/* Everything that HVM_WORK_* asks for but the TLB's, and delivery. From the vendor's loop, interrupts on, with the bits
 * that it took. */
void hvm_entry_work(struct vcpu *v, u8 work);

/* ---- exit.c: what a guest exits for, from the vendor ---- */

/* True: an instruction that is done, the vendor retires it (RIP, shadow, hvm_insn_stepped); false: an exception is
 * under way, the guest executes it again, or it was no instruction. */
typedef bool hvm_exit_handler_t(struct vcpu *v, struct cpu_user_regs *regs);
hvm_exit_handler_t hvm_exit_cpuid, hvm_exit_hlt, hvm_exit_rdmsr, hvm_exit_wrmsr, hvm_exit_xsetbv, hvm_exit_rdtsc,
    hvm_exit_rdtscp, hvm_exit_rdpmc;
/* INVD and WBINVD. */
hvm_exit_handler_t hvm_exit_wbinvd;
/* What guests do not have: #UD. */
hvm_exit_handler_t hvm_exit_undefined;
/* An interrupt of the machine, which has come to us meanwhile. */
hvm_exit_handler_t hvm_exit_nothing;
/* It waits in a loop for what another vCPU may have to do. */
hvm_exit_handler_t hvm_exit_pause;
hvm_exit_handler_t hvm_exit_triple_fault;
/* MOV to or from CR n and general register gpr, as instructions number them. */
bool hvm_exit_cr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int n, unsigned int gpr, bool write);
/* hypercall.c; code64: the caller's code is 64-bit. */
bool hvm_exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs, bool code64);
/* Fills the page at gpa with entry n making hypercall n, 32 bytes each. 0 or -EFAULT. */
int hvm_hypercall_page(struct domain *d, paddr_t gpa);
/* Guest physical gpa was accessed and the nested tables did not allow it. access: PFEC_*. insn: its n bytes, if known.
 */
void hvm_exit_nested_fault(struct vcpu *v, paddr_t gpa, unsigned int access, const u8 *insn, unsigned int n);

/* task_switch.c. length: of the instruction that asks for it; 0: to be found out. */
enum hvm_switch_reason { HVM_SWITCH_CALL, HVM_SWITCH_JMP, HVM_SWITCH_IRET, HVM_SWITCH_INT, HVM_SWITCH_EVENT };
void hvm_task_switch(struct vcpu *v, struct cpu_user_regs *regs, u16 selector, enum hvm_switch_reason reason,
                     bool has_error, u32 error, unsigned int length);

/* The current instruction of this length is done: RIP, interrupt shadow, single step. For all but the vendors. */
void hvm_insn_retired(struct vcpu *v, unsigned int length);
/* The rest of it, where RFLAGS has TF or RF: the trap, if the guest asked for it. */
void hvm_insn_stepped(struct vcpu *v, struct cpu_user_regs *regs);
/* One instruction of the guest, then HVM_WORK_EVENT. over: a step ended; true: it was ours. */
void hvm_step(struct vcpu *v);
bool hvm_step_over(struct vcpu *v, struct cpu_user_regs *regs);
#define HVM_DR6_STEP   0x4000
#define HVM_DR6_CAUSES 0xe00f

/* ---- cr.c, msr.c: registers with rules; 0, or -EINVAL: the guest gets #GP ---- */

int hvm_set_cr(struct vcpu *v, unsigned int n, u64 value);
int hvm_set_efer(struct vcpu *v, u64 value);
int hvm_msr_read(struct vcpu *v, u32 msr, u64 *value);
int hvm_msr_write(struct vcpu *v, u32 msr, u64 value);
/* MSRs that the CPU gives each guest of its own: reading and writing them need not exit. */
#define HVM_DIRECT_MSRS 10
extern const u32 hvm_direct_msrs[HVM_DIRECT_MSRS];
#define HVM_MTRR_CAP       0x508 /* write combining, fixed ranges, 8 variable ones */
#define HVM_MCA_BANKS      2     /* as Xen's guests have them; one that comes from elsewhere may have */
#define HVM_MCA_BANKS_MOST 32
/* May CR0, CR4 and EFER have these values together? */
bool hvm_crs_valid(const struct vcpu *v, u64 cr0, u64 cr4, u64 efer);

/* ---- hvm_op.c: parameters (xen/hvm/params.h), kept in hvm_domain.params ---- */

/* The pages that v's domain shares with us are laid out as the code that v runs expects them: when the hypercall page
 * or the shared page is asked for, or HVM_PARAM_CALLBACK_IRQ set. v is current. */
void hvm_latch_width(struct vcpu *v);
/* Those that a new domain does not start with 0; hvm_domain.emulation_flags is set. */
void hvm_params_init(struct domain *d);

/* ---- what everybody asks ---- */

static inline u64 hvm_get_cr(struct vcpu *v, unsigned int n) { return hvm->get_cr(v, n); }
static inline bool hvm_long_mode(const struct vcpu *v) { return v->arch.hvm.efer & EFER_LMA; }
/* Is its code 64-bit? */
bool hvm_code64(struct vcpu *v);

/* ---- tsc.c: the guest's TSC. Any context ---- */

/* What RDTSC gives v now. */
u64 hvm_guest_tsc(const struct vcpu *v);
/* What it gives v when ours is at host and system time is now. */
u64 hvm_tsc_at(const struct vcpu *v, u64 host, s_time_t now);
/* The scale that makes nanoseconds of d's TSC, where `host` makes them of this CPU's. */
struct time_scale hvm_time_scale(const struct domain *d, struct time_scale host);
/* XEN_DOMCTL_settscinfo, of a mode that there is, on another domain than the caller's; arch.tsc_mode is the caller's to
 * set. */
void hvm_set_tsc_info(struct domain *d, const struct xen_domctl_tsc_info *t);

#endif
