/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A discrete simulation: time jumps to the next thing that happens on any CPU (a timer, the end of
 * a vCPU's work), and CPUs do their softirqs until none is left. Used by test_sched.c and
 * sched_sim.c.
 */
#include "machine.h"
#include <asm/host.h>
#include <core/evtchn.h>
#include <sched/softirq.h>
#include <sched/sched.h>

#define MAX_BEHAVIOURS 4096

static struct behaviour *behaviours[MAX_BEHAVIOURS];
static unsigned int nr_behaviours;
/* By CPU: who runs since when, so that its work can be counted down. */
static struct behaviour *on_cpu[NR_CPUS];
static s_time_t on_since[NR_CPUS];

static void alarm_fn(void *data)
{
    struct behaviour *b = data;

    b->woken_at = host_time;
    vcpu_unblock(b->vcpu);
}

void machine_add(struct vcpu *v, struct behaviour *b, s64 work, s64 sleep)
{
    *b = (struct behaviour){.work = work, .sleep = sleep, .vcpu = v, .left = work};
    timer_init(&b->alarm, alarm_fn, b, v->processor);
    ASSERT(nr_behaviours < MAX_BEHAVIOURS);
    behaviours[nr_behaviours++] = b;
    vcpu_wake(v);
}

void machine_clear(void)
{
    unsigned int cpu;

    for (unsigned int i = 0; i < nr_behaviours; i++)
        timer_kill(&behaviours[i]->alarm);
    nr_behaviours = 0;
    for (cpu = 0; cpu < NR_CPUS; cpu++)
        on_cpu[cpu] = NULL;
}

static struct behaviour *behaviour_of(const struct vcpu *v)
{
    if (v->is_idle)
        return NULL;
    for (unsigned int i = 0; i < nr_behaviours; i++)
        if (behaviours[i]->vcpu == v)
            return behaviours[i];
    return NULL;
}

/* Takes note of the time that the vCPU on this CPU computed until now, and of who runs now. */
static void account_cpu(unsigned int cpu)
{
    struct behaviour *b = on_cpu[cpu];

    if (b)
        b->left -= host_time - on_since[cpu];
    on_since[cpu] = host_time;
    if (b && b->vcpu == current)
        return;
    b = on_cpu[cpu] = behaviour_of(current);
    if (b && b->woken_at) {
        s64 latency = host_time - b->woken_at;

        b->woken_at = 0;
        b->latency_sum += latency;
        b->latency_max = max(b->latency_max, latency);
        b->wakeups++;
    }
}

/* One CPU does what there is at this moment; true when it did something. */
static bool cpu_step(unsigned int cpu)
{
    struct behaviour *b;
    bool acted = false;

    host_set_cpu(cpu);
    if (host_cpus[cpu].deadline <= host_time) {
        host_cpus[cpu].deadline = STIME_MAX;
        softirq_raise(SOFTIRQ_TIMER);
    }
    account_cpu(cpu);
    b = on_cpu[cpu];
    if (b && b->left <= 0) {
        b->left = b->work;
        if (b->sleep) {
            vcpu_block();
            timer_migrate(&b->alarm, cpu);
            timer_set(&b->alarm, host_time + b->sleep);
        }
        acted = true;
    }
    if (softirq_pending()) {
        softirq_run();
        acted = true;
    }
    account_cpu(cpu);
    return acted;
}

static s_time_t next_happening(s_time_t end)
{
    unsigned int cpu;

    for_each_online_cpu (cpu) {
        end = min(end, host_cpus[cpu].deadline);
        if (on_cpu[cpu])
            end = min(end, on_since[cpu] + on_cpu[cpu]->left);
    }
    return max(end, host_time);
}

void machine_run(s64 ns)
{
    s_time_t end = host_time + ns;
    unsigned int cpu;

    for (;;) {
        bool acted;

        do {
            acted = false;
            for_each_online_cpu (cpu)
                acted |= cpu_step(cpu);
        } while (acted);
        if (host_time >= end)
            break;
        host_time = next_happening(end);
    }
    host_set_cpu(0);
}
