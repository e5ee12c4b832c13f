/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred work of a CPU, done before it returns to a guest and in the idle loop, interrupts on, no locks held.
 */
#ifndef CORE_SOFTIRQ_H
#define CORE_SOFTIRQ_H

#include <lib/types.h>

enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_SCHEDULE,   /* may switch to another vCPU and then not return */
    SOFTIRQ_NEW_TLBFLUSH_CLOCK,
    SOFTIRQ_TASKLET,    /* functions handed over by softirq_call_on */
    SOFTIRQ_CLOCK,      /* calibration of this CPU's clock, guest time pages */
    SOFTIRQ_CONSOLE,    /* tells dom0 that the log has grown */
    NR_SOFTIRQS
};

/* Boot: who does it. */
void softirq_register(enum softirq nr, void (*fn)(void));
/* Marks it for this CPU (any context); for another CPU it also interrupts it. */
void softirq_raise(enum softirq nr);
void softirq_raise_on(unsigned int cpu, enum softirq nr);
/* Something to do on this CPU? */
bool softirq_pending(void);
/* Does all that is pending. SOFTIRQ_SCHEDULE last. */
void softirq_run(void);
/* The same without SOFTIRQ_SCHEDULE: for long loops during boot. */
void softirq_run_boot(void);

#endif
