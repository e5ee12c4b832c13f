/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in system time: each lives on one CPU's heap; its function runs there from the timer
 * softirq.
 */
#ifndef TIME_TIMER_H
#define TIME_TIMER_H

#include <arch/arch.h>
#include <lib/list.h>

struct timer {
    s_time_t expires; /* system time, ns */
    void (*fn)(void *data);
    void *data;
    struct list link; /* with set: guarded by the CPU's timer lock */
    u16 cpu;
    u8 running; /* CPUs inside fn */
    bool set, killed;
};

#define STIME_MAX    ((s_time_t)(~0UL >> 1))
#define SECONDS(n)   ((s_time_t)(n)*1000000000L)
#define MILLISECS(n) ((s_time_t)(n)*1000000L)
#define MICROSECS(n) ((s_time_t)(n)*1000L)

/* Once, before use. cpu: where it will run. */
void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
/* (Re)arms; a time in the past fires as soon as possible. Any context. */
void timer_set(struct timer *t, s_time_t expires);
void timer_stop(struct timer *t);
/* Moves it to another CPU, armed or not. */
void timer_migrate(struct timer *t, unsigned int cpu);
/* Stops for good and waits until fn does not run any more. Not from fn itself. */
void timer_kill(struct timer *t);

static inline bool timer_is_set(const struct timer *t) { return t->set; }

/* Each CPU once. */
void timers_cpu_init(unsigned int cpu);
/* The softirq's function: runs what is due and programs the hardware for the next. */
void timer_softirq(void);

/* System time: ns since boot, monotonic on every CPU. Any context. */
static inline s_time_t now(void) { return arch_read_clock(); }

#endif
