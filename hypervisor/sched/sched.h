/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler as others see it. Mechanism (sched/core.c) and policy (sched/fair.c) know each
 * other by sched/private.h; both link into the simulation of tests/unit over arch/host.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <core/domain.h>

/* Boot: the policy's state for each CPU (before the CPU schedules the first time), idle vCPUs. */
void sched_init(void);
int sched_cpu_init(unsigned int cpu); /* its run queue and idle vCPU; 0 or -ENOMEM */

/* On another CPU: it may be given work from now on. */
void sched_cpu_start(void);

int sched_domain_init(struct domain *d);
void sched_domain_free(struct domain *d);
int sched_vcpu_init(struct vcpu *v);
void sched_vcpu_free(struct vcpu *v);

/* A pause flag or count went away or an event came: runs if it may now. Any context. */
void vcpu_wake(struct vcpu *v);
/* It shall not run any more: takes it off its CPU; _sync waits until its registers are saved. */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* Makes it go through the return-to-guest path soon (an event came in while it runs). */
void vcpu_kick(struct vcpu *v);
/* The current vCPU waits for an event (unless one is pending). */
void vcpu_block(void);
/* Wakes a blocked or polling vCPU because of an event. */
void vcpu_unblock(struct vcpu *v);
void vcpu_yield(void);

/* Is nothing keeping it from running? */
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return !(READ_ONCE(v->pause_flags) | READ_ONCE(v->pause_count) | READ_ONCE(v->domain->pause_count));
}

/* 0; -EINVAL when no online CPU of the pool is in the set. */
int vcpu_set_affinity(struct vcpu *v, const struct cpumask *m, bool soft);
/* Weight 1..65535 (256 usual), cap in per cent of one CPU (0: none). 0 or -EINVAL. */
int sched_set_params(struct domain *d, unsigned int weight, unsigned int cap);
void sched_get_params(struct domain *d, unsigned int *weight, unsigned int *cap);

/* Runstate with times up to now; cumulated ns that v ran. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Writes the guest's copy (v->runstate_guest), if it wants one. v is current and its page tables
 * are loaded. */
void vcpu_runstate_publish(struct vcpu *v);
u64 vcpu_cpu_time(struct vcpu *v);

/* SCHEDOP_*; set_timer_op. */
long do_sched_op(int cmd, void __guest *arg);
long do_set_timer_op(s_time_t timeout);

void sched_dump(void);                    /* debug key 'r' */
void sched_domain_dump(struct domain *d); /* debug key 'q' */

/* The softirq: picks the next vCPU of this CPU and switches (arch_context_switch; may not return). */
void schedule(void);
/* After a switch, on the new side: prev's registers are saved now. Called by the architecture. */
void sched_context_saved(struct vcpu *prev);
void idle_loop(void) __noreturn;

#endif
