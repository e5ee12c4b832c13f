/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer of a virtual device. It is guarded by the device's own lock, and follows one policy for ticks that came too
 * late to be told one by one: time goes on, the ones missed are not made up for (HVMPTM_no_missed_ticks_pending).
 *
 * What a guest can make the host do by timers is bounded: a periodic one has a shortest period, and it rests while
 * nobody runs whom it is for. One that fires wakes whom it is for, if that one wants to hear of it, and goes on when he
 * has a CPU again: so a guest pays for its ticks by its own time, however many vCPUs and timers it has.
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
    struct vcpu *v;                  /* whom it is for; NULL: all of the domain */
    struct spinlock *lock;           /* guards what follows; taken with interrupts off */
    void (*fired)(struct vtimer *t); /* under lock, from the timer softirq */
    s_time_t due, period;            /* system time; period 0: once */
    bool armed, resting;
};

void vtimer_init(struct vtimer *t, struct domain *d, struct vcpu *v, struct spinlock *lock,
                 void (*fired)(struct vtimer *t));
/* On the CPU where the vCPU is (vCPU 0, if it is for all) fires at `due`, then every `period` (0: not again), which is
 * raised to VTIMER_MIN_PERIOD. Under its lock. */
void vtimer_start(struct vtimer *t, s_time_t due, s_time_t period);
void vtimer_stop(struct vtimer *t);
/* One for whom it is has got a CPU: goes on if it rested. Behind a full barrier after is_running was set. */
void vtimer_resume(struct vtimer *t);

#endif
