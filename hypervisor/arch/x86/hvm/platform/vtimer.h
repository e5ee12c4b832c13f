/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer of a virtual device. It runs where its vCPU runs, is guarded by the device's own lock, and follows one policy
 * for ticks that came too late to be told one by one: time goes on, the ones missed are not made up for
 * (HVMPTM_no_missed_ticks_pending). A periodic one rests while its domain is paused.
 */
#ifndef ARCH_X86_HVM_PLATFORM_VTIMER_H
#define ARCH_X86_HVM_PLATFORM_VTIMER_H

#include <lib/spinlock.h>
#include <time/timer.h>

struct vcpu;
struct domain;

/* No guest has ticks from one source closer than this: 10 kHz is more than any real one asks for (RTC: 8192 Hz). */
#define VTIMER_MIN_PERIOD MICROSECS(100)

struct vtimer {
    struct timer timer;
    struct domain *domain;
    unsigned int vcpu_id;
    struct spinlock *lock;           /* guards what follows; taken with interrupts off */
    void (*fired)(struct vtimer *t); /* under lock, from the timer softirq */
    s_time_t due, period;            /* system time; period 0: once */
    bool armed, resting;             /* resting: due passed while the domain was paused */
};

/* vcpu_id: the vCPU may not exist yet. */
void vtimer_init(struct vtimer *t, struct domain *d, unsigned int vcpu_id, struct spinlock *lock,
                 void (*fired)(struct vtimer *t));
/* Fires at `due`, then every `period` (0: not again), which is raised to VTIMER_MIN_PERIOD. Under its lock. */
void vtimer_start(struct vtimer *t, s_time_t due, s_time_t period);
void vtimer_stop(struct vtimer *t);
/* For good; not under its lock. */
void vtimer_kill(struct vtimer *t);
/* Its vCPU was given a CPU: goes there, and on if it rested. */
void vtimer_follow(struct vtimer *t, unsigned int cpu);

#endif
