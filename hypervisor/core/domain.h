/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains and their virtual CPUs: the two central objects. Neutral first, the architecture's part
 * last. A domain owns its event channels, grants and frames through pointers; their types are
 * private to their files.
 *
 * Life: domain_create() -> (vcpu_create) -> unpaused -> [shutdown] -> domain_kill() (restartable,
 * DOMDYING_*)
 * -> last reference dropped -> freed.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <xen/xen.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <lib/cpumask.h>
#include <lib/list.h>
#include <lib/spinlock.h>
#include <mm/frame.h>
#include <time/timer.h>
#include <asm/domain.h>

struct evtchn_table;
struct grant_table;

enum domain_dying { DOMDYING_ALIVE, DOMDYING_DYING, DOMDYING_DEAD };

/* Why a vCPU does not run, bits of vcpu.pause_flags; 0: runnable. */
#define VPF_BLOCKED  (1UL << 0) /* waits for an event (sched_op block) */
#define VPF_DOWN     (1UL << 1) /* never started or taken down (vcpu_op) */
#define VPF_POLLING  (1UL << 2) /* waits for one of some ports (sched_op poll) */
#define VPF_IO       (1UL << 3) /* waits for a device model to answer (x86: hvm/ioreq.c) */
#define _VPF_BLOCKED 0
#define _VPF_DOWN    1
#define _VPF_POLLING 2
#define _VPF_IO      3

struct vcpu {
    unsigned int id;
    struct domain *domain;
    bool is_idle;
    bool is_hvm; /* as its domain */

    /* Scheduler (sched/): guarded by the run queue's lock unless said. */
    unsigned int processor;                            /* where it runs or ran last; written under the lock */
    bool is_running;                                   /* its registers are on a CPU: cleared when they are saved */
    struct sched_vcpu *sched;                          /* private to sched/ */
    struct cpumask hard_affinity;                      /* where it may run */
    struct cpumask soft_affinity;                      /* where it prefers to */
    unsigned long pause_flags;                         /* VPF_*, atomic bits */
    u32 pause_count;                                   /* atomic; > 0: paused by us or by a debugger */
    struct vcpu_runstate_info runstate;                /* times in ns, as the ABI has them */
    struct vcpu_runstate_info __guest *runstate_guest; /* where the guest wants a copy, or NULL */

    /* Timers of VCPUOP_*: singleshot and periodic fire VIRQ_TIMER, poll wakes from SCHEDOP_poll. */
    struct timer singleshot_timer, periodic_timer, poll_timer;
    s_time_t periodic_period; /* ns; 0: off */

    /* Event delivery (core/evtchn.c): vcpu_info is in shared_info or where the guest registered it. */
    vcpu_info_t *info;             /* mapped in our address space; never NULL after vcpu_create */
    struct frame *info_frame;      /* holds a typed reference when registered by the guest, else NULL */
    u32 virq_port[NR_VIRQS];       /* 0: not bound; guarded by the domain's event lock */
    u32 poll_port;                 /* SCHEDOP_poll with one port: that port; else 0 */
    struct evtchn_fifo_vcpu *fifo; /* private to core/evtchn_fifo.c */

    bool nmi_pending;

    struct arch_vcpu arch;
};

struct domain {
    domid_t id;
    u32 refs;                   /* atomic; domain_get/domain_put */
    struct list link;           /* in domain_list, by rising id; guarded by LOCK_DOMLIST for writers */
    xen_domain_handle_t handle; /* UUID */
    u32 ssidref;
    u32 create_flags;   /* XEN_DOMCTL_CDF_* as given */
    bool is_privileged; /* may manage others (dom0) */
    bool is_hardware;   /* has the devices (dom0) */
    bool is_hvm;        /* HVM or PVH; false: PV */
    bool narrow_info;   /* the pages that it shares with us are laid out for 32-bit code */
    bool created;       /* fully built once: first unpause by the toolstack */

    unsigned int max_vcpus;
    struct vcpu **vcpu; /* [max_vcpus], NULL where not created */

    /* Guarded by lock. */
    struct spinlock lock;
    enum domain_dying dying;
    bool is_shut_down;      /* holds one pause, for good */
    u32 shutdown_code;      /* SHUTDOWN_* */
    u32 shutdown_latched;   /* SCHEDOP_shutdown_code: that code + 1, used instead of what comes later;
                               0: none */
    u32 controller_pauses;  /* pauses by the control ABI */
    unsigned int kill_step; /* progress of domain_kill */
    char crash_reason[96];  /* the first domain_crash() only */

    u32 pause_count; /* atomic; > 0: no vCPU runs */
    u32 nr_polling;  /* atomic; vCPUs with VPF_POLLING: goes up in SCHEDOP_poll, down in vcpu_unblock
                      */

    /* Frames: guarded by page_lock. */
    struct spinlock page_lock;
    u32 first_frame; /* the list of owned frames, FRAME_NIL: empty */
    unsigned long tot_pages, max_pages;
    unsigned long claimed_pages; /* promised by XENMEM_claim_pages and not allocated yet */

    shared_info_t *shared_info;
    struct evtchn_table *evtchn; /* core/evtchn.c */
    struct grant_table *grants;  /* core/grant.c */
    struct sched_domain *sched;  /* sched/ */
    unsigned int cpupool;        /* id of the pool, 0 */

    s32 time_offset_seconds; /* of its wall clock */
    unsigned long vm_assist; /* VMASST_TYPE_* bits */

    /* Its unfinished line on the host's console (core/console.c). */
    u8 console_used;
    char console_line[240];

    /* SCHEDOP_watchdog: ids are index + 1. */
    struct timer watchdog[2];
    u8 watchdog_used;

    /* What it may touch of the machine. */
    struct rangeset *iomem_caps; /* frame numbers */
    struct rangeset *irq_caps;   /* pirqs */

    struct arch_domain arch;
};

extern struct list domain_list; /* all domains, by rising id, walkable under domlist_lock */
extern struct spinlock domlist_lock;
extern struct domain *dom0;
extern struct domain *idle_domain; /* owns the idle vCPUs */

/* What HYPERVISOR_vm_assist may switch on. */
#define VM_ASSIST_VALID                                                             \
    (1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |     \
     1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_pae_extended_cr3 | \
     1UL << VMASST_TYPE_architectural_iopl | 1UL << VMASST_TYPE_runstate_update_flag | 1UL << VMASST_TYPE_m2p_strict)

#define for_each_vcpu(d, v)                              \
    for (unsigned int _i = 0; _i < (d)->max_vcpus; _i++) \
        if (((v) = (d)->vcpu[_i]) != NULL)

/*
 * Makes a domain with no vCPUs and no memory, paused once. config: as checked by the caller
 * (hypercall/domctl.c or dom0's builder). *out: the domain with one reference (the list's). 0,
 * -ENOMEM, -EINVAL, -EEXIST.
 */
struct xen_domctl_createdomain;
int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged, struct domain **out);
/* Boot: the domain of the idle vCPUs. 0 or -ENOMEM. */
int idle_domain_init(unsigned int max_cpus);
/* vCPU `id` of d, VPF_DOWN set; NULL: no memory. Under the domctl lock. */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);

/* The domain with a reference, NULL if there is none; DOMID_SELF is not resolved. Any context. */
struct domain *domain_get_by_id(domid_t id);
/* The same, resolving DOMID_SELF to the current domain. */
struct domain *domain_get_by_id_or_self(domid_t id);
/* The first domain from this id on, with a reference; NULL: none. */
struct domain *domain_get_from(unsigned int id);
/* Without a reference: valid while something else keeps the domain alive (an owned frame, the
 * domctl lock). */
struct domain *domain_peek(domid_t id);
bool domain_get(struct domain *d); /* false when it is going away for good */
void domain_put(struct domain *d);

/* Pausing nests, and waits until no vCPU of d runs; not for the current domain. */
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/* Pauses that the toolstack holds: each once. 0 or -EINVAL (unpause without pause). */
void domain_pause_by_controller(struct domain *d);
int domain_unpause_by_controller(struct domain *d);

/* The guest ends (SHUTDOWN_*): all vCPUs stop, the toolstack is told by VIRQ_DOM_EXC. For dom0: the
 * host ends. */
void domain_shutdown(struct domain *d, u32 code);
/* The guest cannot go on: keeps and logs the first reason, shuts it down with SHUTDOWN_crash.
 * Returns; the caller carries on to a return path. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);

/* Ends a domain: 0 done, -ERESTART again, -EINVAL dom0. Under the domctl lock. */
int domain_kill(struct domain *d);

/* vcpu_op's register areas (hypercall/vcpu_op.c). */
int vcpu_register_info(struct vcpu *v, unsigned long gfn, unsigned int offset);

#include <arch/arch.h>
#include <asm/current.h>

/* True when the vCPU has something to be told: an unmasked event; HVM: anything that it can take now. Current vCPU or a
 * paused one. */
static inline bool vcpu_event_pending(struct vcpu *v)
{
    if (unlikely(v->is_hvm))
        return arch_event_pending(v);
    return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

/* The vCPU `id` of d, NULL if there is none. */
static inline struct vcpu *domain_vcpu(struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* `domain_ref d = NULL;`: the reference that d holds at the end of the block, if any, is given back then. */
static inline void domain_ref_leave(struct domain **d)
{
    if (*d)
        domain_put(*d);
}
#define domain_ref __attribute__((cleanup(domain_ref_leave))) struct domain *

/* The domain that an operation works on, with a reference: the caller's own, or any for a privileged one. 0; -ESRCH,
 * -EPERM and NULL. */
static inline int domain_get_target(domid_t id, struct domain **out)
{
    struct domain *d = domain_get_by_id_or_self(id);

    *out = NULL;
    if (!d)
        return -ESRCH;
    if (d != current->domain && !current->domain->is_privileged) {
        domain_put(d);
        return -EPERM;
    }
    *out = d;
    return 0;
}

static inline bool domain_is_dying(const struct domain *d) { return READ_ONCE(d->dying) != DOMDYING_ALIVE; }

#endif
