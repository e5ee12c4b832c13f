/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated time for tests of the scheduler: vCPUs that compute and sleep as told, and a loop of
 * events.
 */
#ifndef UNIT_MACHINE_H
#define UNIT_MACHINE_H

#include <core/domain.h>

/* What a vCPU does: computes `work` ns, then sleeps `sleep` ns, and so on; sleep 0: never sleeps. */
struct behaviour {
    s64 work, sleep;
    /* Kept by the machine. */
    struct vcpu *vcpu;
    s64 left;
    struct timer alarm;
    s_time_t woken_at;            /* 0: has run since */
    s64 latency_max, latency_sum; /* from wake-up to running */
    unsigned long wakeups;
};

/* v acts like b from now on; woken at once. b lives as long as v. */
void machine_add(struct vcpu *v, struct behaviour *b, s64 work, s64 sleep);
/* Lets `ns` of time pass. */
void machine_run(s64 ns);
/* Forgets all behaviours, before the vCPUs go. */
void machine_clear(void);

/* The set of this CPU alone. */
static inline struct cpumask cpumask_of(unsigned int cpu)
{
    struct cpumask m = {};

    set_bit(cpu, m.bits);
    return m;
}

#endif
