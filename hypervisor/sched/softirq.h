/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred work of a CPU, done before it returns to a guest and in the idle loop, interrupts on, no
 * locks held.
 */
#ifndef SCHED_SOFTIRQ_H
#define SCHED_SOFTIRQ_H

#include <asm/percpu.h>

/* In the order in which they are done; SOFTIRQ_SCHEDULE is last because it may leave the context
 * for good. */
enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_CLOCK,    /* calibration of this CPU's clock, guest time pages */
    SOFTIRQ_CONSOLE,  /* tells dom0 that the log has grown */
    SOFTIRQ_SCHEDULE, /* may switch to another vCPU and then not return */
    NR_SOFTIRQS
};

DECLARE_PER_CPU(u32, softirq_pending); /* 1 << enum softirq; entry code tests it against zero */

/* Boot: who does it. */
void softirq_register(enum softirq nr, void (*fn)(void));

/* Marks it for this CPU (any context); for another CPU it also interrupts it. */
static inline void softirq_raise(enum softirq nr)
{
    __atomic_fetch_or(&this_cpu(softirq_pending), 1U << nr, __ATOMIC_SEQ_CST);
}

void softirq_raise_on(unsigned int cpu, enum softirq nr);

/* Something to do on this CPU? */
static inline bool softirq_pending(void) { return READ_ONCE(this_cpu(softirq_pending)) != 0; }

/* Does all that is pending. SOFTIRQ_SCHEDULE last. */
void softirq_run(void);
/* The same without SOFTIRQ_SCHEDULE: for long loops during boot. */
void softirq_run_boot(void);

#endif
