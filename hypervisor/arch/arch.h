/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between common code and an architecture. Three implementations keep it honest:
 * arch/x86, later arch/arm64, and arch/host, with which the common layers link into ordinary
 * programs (unit tests, simulations, fuzzers).
 *
 * Besides these functions an architecture gives headers, included as <asm/...>:
 *   asm/mm.h        paddr_to_virt, virt_to_paddr
 *   asm/current.h   current, smp_processor_id
 *   asm/percpu.h    DEFINE_PER_CPU, per_cpu, this_cpu
 *   asm/domain.h    struct arch_domain, struct arch_vcpu
 *   asm/system.h    irq_save/irq_restore/irq_disable/irq_enable/irqs_enabled, cpu_relax, mb/rmb/wmb
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <lib/cpumask.h>
#include <xen/xen.h>

struct domain;
struct vcpu;
struct frame;
struct vcpu_time_info;
struct xen_domctl;
struct xen_domctl_createdomain;

/* ---- objects ---- */

/* From domain_create, common parts are set up except those that can fail later; may fail: 0,
 * -ENOMEM, -EINVAL. */
int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config);
/* From the last domain_put; no vCPU and no reference is left. Cannot fail. */
void arch_domain_free(struct domain *d);
/* From vcpu_create. 0 or -ENOMEM. */
int arch_vcpu_create(struct vcpu *v);
/* Frees what arch_vcpu_create made; v does not run and never will. */
void arch_vcpu_free(struct vcpu *v);
/* domain_kill's step: gives back all frames of a dead domain, page tables first. 0 or -ERESTART. */
int arch_domain_relinquish(struct domain *d);
/* v becomes as after vcpu_create (VCPUOP_initialise may come again): drops its page tables and
 * descriptor tables. 0 or -ERESTART. */
int arch_vcpu_reset(struct vcpu *v);
/* VCPUOP_initialise / DOMCTL_setvcpucontext: takes the ABI's context (vcpu_guest_context_t, or
 * vcpu_hvm_context_t for HVM; already copied in). 0, -EINVAL, -ERESTART ... */
int arch_set_guest_context(struct vcpu *v, const void *context);
/* Words of a new shared_info / vcpu_info that the architecture starts otherwise than zero. */
void arch_shared_info_init(struct domain *d);
void arch_vcpu_info_init(struct vcpu *v);

/* Boot: d gets ports, addresses and interrupts of the machine. */
void arch_dom0_grant_hardware(struct domain *d);

/* ---- running ---- */

/* From schedule(), interrupts off, no locks; saves prev, loads next, calls
 * sched_context_saved(prev), does not return on x86. */
void arch_context_switch(struct vcpu *prev, struct vcpu *next);
/* From schedule(), when the same vCPU goes on; does not return on x86. */
void arch_continue_running(struct vcpu *v);
/* v's guest gets an NMI (VCPUOP_send_nmi, the machine's own for dom0). Any context. */
void arch_vcpu_nmi(struct vcpu *v);
/* HVM only. v's evtchn_upcall_pending was just set: interrupts that say so are raised; waking v is the caller's. Any
 * context. Has v something that it can take now? Current vCPU or a paused one. */
void arch_events_pending(struct vcpu *v);
bool arch_event_pending(struct vcpu *v);
/* The current vCPU's guest memory cannot be written at kernel addresses now (user mode): it is told
 * again later. Runstate only. */
bool arch_runstate_deferred(struct vcpu *v);
/* A device model sent an event by the channel of v (evtchn_open_internal). Any context. */
void arch_internal_event(struct vcpu *v);
/* Idle: interrupts off on entry, halts until the next one and enables them. */
void arch_idle_wait(void);
/* Makes `cpu` look at its softirqs soon. Any context. */
void arch_send_event_check(unsigned int cpu);
/* Runs fn(arg) on the CPUs of m (also this one if in m), interrupts off, and waits until it is done everywhere.
 * Interrupts on, no lock that is ever taken with interrupts off, nor one that fn takes. */
void arch_call_on(const struct cpumask *m, void (*fn)(void *), void *arg);
/* Stops the host: reason is a SHUTDOWN_* of dom0 (poweroff, reboot, crash ...). */
void arch_host_shutdown(u32 reason) __noreturn;
/* A guest crashed: its registers go to the log. v is current. */
void arch_dump_guest(struct vcpu *v);
/* For panic(): this CPU's state and backtrace onto the console, then the others'. */
void arch_panic_dump(void);

/*
 * The current guest enters its hypercall again with these n arguments when it runs next. Returns
 * what the handler has to return so that the hypercall's number stays where the guest had it. From
 * hypercall_again only.
 */
long arch_hypercall_restart(unsigned int n, const unsigned long *args);

/* ---- time ---- */

/* System time in ns, monotonic on each CPU and across them to within a few ns. Any context. */
s_time_t arch_read_clock(void);
/* Asks for a timer interrupt at `expires` on this CPU (STIME_MAX: none). Interrupts off. */
void arch_timer_program(s_time_t expires);
/* v's time page (vcpu_time_info) is brought up to date for the CPU it runs on; called when v is
 * switched in and after calibration. */
void arch_update_vcpu_time(struct vcpu *v);
/* VCPUOP_register_vcpu_time_memory_area: v's time is kept there as well. Written at once when v is
 * current. */
void arch_set_time_area(struct vcpu *v, struct vcpu_time_info __guest *area);
/* Has v a context (arch_set_guest_context), so that it can be started? */
bool arch_vcpu_initialised(const struct vcpu *v);
/* Wall clock of d: shared_info's wc_* fields. */
void arch_update_wallclock(struct domain *d);
/* Seconds since 1970 at system time 0. */
u64 arch_wallclock_base(u32 *ns);

/* ---- memory ---- */

/* guest frame number that the M2P shows for mfn. */
void arch_set_m2p(mfn_t mfn, unsigned long gfn);
unsigned long arch_get_m2p(mfn_t mfn);
/* PV: gfn is the mfn itself, checked for validity only where the ABI says so. HVM: writable RAM of d's own; to be used
 * after mfn_get(.., d) only. INVALID_MFN: none. */
mfn_t arch_gfn_to_mfn(struct domain *d, gfn_t gfn);
/*
 * The physical map of an HVM domain (is_hvm only). populate: 1 << order frames that were just allocated to d come to
 * gfn; 0, or an error and they are given back. decrease: n (up to 16) extents of d's own memory are given up, until one
 * is not there: how many were done. forget: a frame that we share with d leaves the map, if it is in it. max_gfn: one
 * past the highest that was ever used. Interrupts on.
 */
int arch_physmap_populate(struct domain *d, gfn_t gfn, struct frame *f, unsigned int order);
unsigned int arch_physmap_decrease(struct domain *d, const xen_pfn_t *gfns, unsigned int n, unsigned int order);
void arch_physmap_forget(struct domain *d, mfn_t mfn);
unsigned long arch_physmap_max_gfn(const struct domain *d);
/*
 * XENMEM_acquire_resource, of types that only the architecture has: how many frames d has of it at most, 0: it has
 * none; frame `frame` of resource `id`: 0, -EINVAL, -ENOENT, -ENOMEM. No locks.
 */
unsigned int arch_resource_size(const struct domain *d, unsigned int type);
int arch_resource_frame(struct domain *d, unsigned int type, u32 id, u64 frame, mfn_t *mfn);
/*
 * The last reference of f is gone: notes in its type word (not 0 then) that TLBs may still hold
 * mappings of it. Any context. Before it is used anew or cleared for that, arch_flush_frame_tlb()
 * makes sure that none does; type word 0. Interrupts on.
 */
void arch_frame_freed(struct frame *f, struct domain *owner);
void arch_flush_frame_tlb(struct frame *f);
/*
 * Entries of d's page tables or physical map were taken out by arch_grant_unmap(): no CPU remembers them
 * afterwards. Once for a batch, before the references are given back. Interrupts on, no lock that
 * is ever taken with interrupts off.
 */
void arch_flush_domain_tlb(struct domain *d);
/* Copies for the scrubber and zeroing: page_va is direct-map. */
void arch_clear_page(void *page_va);

/*
 * PV grants: puts mfn into the current domain's page tables, see core/grant.h. Once mapped,
 * reference and type are the entry's: an unmap that succeeds gives them back to the caller (who
 * puts them after arch_flush_domain_tlb()); when the domain dies, its page tables put them.
 */
int arch_grant_map(u64 host_addr, mfn_t mfn, unsigned int flags);
int arch_grant_unmap(u64 host_addr, mfn_t mfn, unsigned int flags);

/* ---- control ---- */

/* DOMCTL_* and SYSCTL_* that only the architecture knows: -ENOSYS when it does not either. */
long arch_do_domctl(struct xen_domctl *op, struct domain *d);
struct xen_sysctl;
long arch_do_sysctl(struct xen_sysctl *op);
/* XEN_SYSCTL_physinfo: what the architecture adds (clock, topology, capabilities). */
struct xen_sysctl_physinfo;
void arch_physinfo(struct xen_sysctl_physinfo *p);
/* Are HVM and PVH guests possible on this machine? */
bool arch_has_hvm(void);
/* Width of the physical addresses that d's guest may use. */
unsigned int arch_gpaddr_bits(const struct domain *d);
/* XENMEM_* subops that only the architecture knows; cmd has what was done of it above MEMORY_OP_SHIFT. */
long arch_memory_op(unsigned long cmd, void __guest *arg);

#endif
