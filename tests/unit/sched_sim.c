/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler promises, in simulated time: shares by weight within 2 per cent over ten
 * seconds with 100 vCPUs on 8 CPUs, nobody starves, guests that do I/O get a CPU soon beside hogs,
 * caps and affinity hold. Prints the figures; the exit status tells whether all of them are within
 * their bounds.
 */
#include "machine.h"
#include "world.h"
#include <asm/host.h>
#include <sched/sched.h>
#include <stdio.h>
#include <stdlib.h>

#define CPUS    8
#define MAX_VMS 48
#define RUN     SECONDS(10)

static struct behaviour acts[200];
static bool failed;

static void verdict(const char *what, double value, const char *unit, double most)
{
    bool ok = value <= most;

    printf("  %-52s %8.3f %-3s (at most %g) %s\n", what, value, unit, most, ok ? "" : "FAILED");
    failed |= !ok;
}

static double ms(s64 ns) { return ns / 1e6; }

static u64 switches(void)
{
    u64 n = 0;

    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        n += host_cpus[cpu].switches;
    return n;
}

/*
 * The fair share of each weight when every vCPU always wants to run: by weight, but nobody gets
 * more than one CPU (of `capacity` ns); what those cannot take goes to the others.
 */
static void fair_shares(const unsigned int *weight, unsigned int n, double capacity, double *share)
{
    double total = capacity * CPUS, sum;
    bool full[200] = {false}, again = true;

    while (again) {
        again = false;
        sum = 0;
        for (unsigned int i = 0; i < n; i++)
            sum += full[i] ? 0 : weight[i];
        for (unsigned int i = 0; i < n; i++) {
            if (full[i])
                continue;
            share[i] = total * weight[i] / sum;
            if (share[i] > capacity) {
                share[i] = capacity;
                full[i] = again = true;
                total -= capacity;
                break;
            }
        }
    }
}

/* Largest distance from the fair share among hogs, in per cent of that share; longest time without
 * the CPU. */
static void check_shares(struct vcpu **v, const unsigned int *weight, unsigned int n, const u64 *before, double time)
{
    double share[200], worst = 0, hungriest = 1e9;

    fair_shares(weight, n, time, share);
    for (unsigned int i = 0; i < n; i++) {
        double got = vcpu_cpu_time(v[i]) - before[i];
        double off = 100.0 * (got - share[i]) / share[i];

        worst = max(worst, off < 0 ? -off : off);
        hungriest = min(hungriest, got);
    }
    verdict("worst distance from the share by weight", worst, "%", 2);
    verdict("least time that anyone got: 1 /", RUN / hungriest, "", 1000);
}

/* 100 hogs of mixed weights in 50 domains of two. */
static void sim_hogs(const char *title, const unsigned int *weights, unsigned int kinds)
{
    struct vcpu *v[100];
    unsigned int w[100];
    u64 before[100];
    u64 switched;

    printf("%s\n", title);
    world_init(CPUS);
    for (unsigned int i = 0; i < 50; i++) {
        struct domain *d = world_domain(i, 2, false);

        sched_set_params(d, weights[i % kinds], 0);
        for (unsigned int k = 0; k < 2; k++) {
            v[i * 2 + k] = d->vcpu[k];
            w[i * 2 + k] = weights[i % kinds];
            machine_add(d->vcpu[k], &acts[i * 2 + k], SECONDS(1000), 0);
        }
    }
    for (unsigned int i = 0; i < 100; i++)
        before[i] = 0;
    switched = switches();
    machine_run(RUN);
    check_shares(v, w, 100, before, RUN);
    printf("  %.0f switches a second and CPU\n", (switches() - switched) / 10.0 / CPUS);
    machine_clear();
    world_end();
}

/* 60 hogs and 40 vCPUs that run for 100 us every 5 ms: these get what they ask for, soon; the hogs
 * share the rest. */
static void sim_io(void)
{
    static const unsigned int weights[] = {128, 256, 512};
    struct vcpu *v[60];
    unsigned int w[60];
    u64 before[60];
    double io_time = 0, worst = 0, mean = 0;
    unsigned long wakeups = 0;

    printf("60 hogs of weights 128, 256, 512 beside 40 vCPUs that run 100 us every 5 ms\n");
    world_init(CPUS);
    for (unsigned int i = 0; i < 50; i++) {
        struct domain *d = world_domain(i, 2, false);
        bool hog = i < 30;

        if (hog)
            sched_set_params(d, weights[i % 3], 0);
        for (unsigned int k = 0; k < 2; k++) {
            if (hog) {
                v[i * 2 + k] = d->vcpu[k];
                w[i * 2 + k] = weights[i % 3];
                before[i * 2 + k] = 0;
            }
            machine_add(d->vcpu[k], &acts[i * 2 + k], hog ? SECONDS(1000) : MICROSECS(100),
                        hog ? 0 : MICROSECS(4900) + MICROSECS(i));
        }
    }
    machine_run(RUN);
    for (unsigned int i = 60; i < 100; i++) {
        struct behaviour *b = &acts[i];

        io_time += vcpu_cpu_time(b->vcpu);
        wakeups += b->wakeups;
        mean += b->latency_sum;
        worst = max(worst, ms(b->latency_max));
    }
    check_shares(v, w, 60, before, RUN - io_time / CPUS);
    verdict("mean wait from wake-up to CPU", ms(mean / wakeups), "ms", 0.5);
    verdict("longest wait from wake-up to CPU", worst, "ms", 5);
    verdict("I/O work not done", 100.0 - 100.0 * wakeups / (40 * RUN / MILLISECS(5)), "%", 15);
    machine_clear();
    world_end();
}

/* Some hogs may run on one CPU only; a domain is capped. */
static void sim_limits(void)
{
    struct domain *pinned, *capped, *free_dom;
    struct cpumask one = {};
    double got;

    printf("a domain of 4 pinned to one CPU, one of 4 capped at 100 %%, one of 16 without limits\n");
    world_init(CPUS);
    pinned = world_domain(1, 4, false);
    capped = world_domain(2, 4, false);
    free_dom = world_domain(3, 16, false);
    sched_set_params(capped, 256, 100);
    one = cpumask_of(3);
    for (unsigned int i = 0; i < 4; i++)
        vcpu_set_affinity(pinned->vcpu[i], &one, false);
    for (unsigned int i = 0; i < 4; i++) {
        machine_add(pinned->vcpu[i], &acts[i], SECONDS(1000), 0);
        machine_add(capped->vcpu[i], &acts[4 + i], SECONDS(1000), 0);
    }
    for (unsigned int i = 0; i < 16; i++)
        machine_add(free_dom->vcpu[i], &acts[8 + i], SECONDS(1000), 0);
    machine_run(RUN);
    got = 0;
    for (unsigned int i = 0; i < 4; i++)
        got += vcpu_cpu_time(capped->vcpu[i]);
    verdict("capped at 100 %: got", 100.0 * got / RUN, "%", 101);
    verdict("capped at 100 %: missed", 100 - 100.0 * got / RUN, "%", 2);
    got = 0;
    for (unsigned int i = 0; i < 4; i++) {
        double each = vcpu_cpu_time(pinned->vcpu[i]);

        got += each;
        verdict("pinned hog's distance from a quarter of the CPU", abs((int)(400 * each / RUN - 100)), "%", 2);
    }
    verdict("pinned to one CPU: got", 100.0 * got / RUN, "%", 100);
    verdict("pinned to one CPU: missed", 100 - 100.0 * got / RUN, "%", 2);
    got = 0;
    for (unsigned int i = 0; i < 16; i++)
        got += vcpu_cpu_time(free_dom->vcpu[i]);
    verdict("the rest got less than what was left by", 600 - 100.0 * got / RUN, "%", 4);
    machine_clear();
    world_end();
}

int main(void)
{
    static const unsigned int equal[] = {256}, mixed[] = {128, 256, 512, 1024}, wide[] = {64, 256, 2048};

    sim_hogs("100 hogs of weight 256 on 8 CPUs", equal, 1);
    sim_hogs("100 hogs of weights 128, 256, 512, 1024 on 8 CPUs", mixed, 4);
    sim_hogs("100 hogs of weights 64, 256, 2048 on 8 CPUs", wide, 3);
    sim_io();
    sim_limits();
    printf("%s\n", failed ? "FAILED" : "passed");
    return failed;
}
