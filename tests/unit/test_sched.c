/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's mechanism: waking, sleeping, pausing, yielding, affinity, run states, idle CPUs
 * that take work.
 */
#include "machine.h"
#include "world.h"
#include <asm/host.h>
#include <sched/softirq.h>
#include <sched/private.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct behaviour acts[64];

static void test_wake_and_block(void **state)
{
    struct domain *d;
    struct vcpu *v;
    struct vcpu_runstate_info r;

    (void)state;
    world_init(1);
    d = world_domain(1, 1, false);
    v = d->vcpu[0];
    machine_add(v, &acts[0], MILLISECS(1), MILLISECS(3));
    machine_run(SECONDS(1));
    vcpu_runstate_get(v, &r);
    assert_in_range(r.time[RUNSTATE_running], MILLISECS(249), MILLISECS(251));
    assert_in_range(r.time[RUNSTATE_blocked], MILLISECS(748), MILLISECS(751));
    assert_int_equal(r.time[0] + r.time[1] + r.time[2] + r.time[3], host_time);
    assert_int_equal(acts[0].latency_max, 0);
    machine_clear();
    world_end();
}

static void test_idle_has_no_timer(void **state)
{
    struct domain *d;

    (void)state;
    world_init(2);
    d = world_domain(1, 1, false);
    machine_add(d->vcpu[0], &acts[0], SECONDS(1000), 0);
    machine_run(MILLISECS(50));
    /* One vCPU that computes, nobody waits: no CPU is ever interrupted. */
    assert_int_equal(host_cpus[0].deadline, STIME_MAX);
    assert_int_equal(host_cpus[1].deadline, STIME_MAX);
    machine_clear();
    world_end();
}

static void test_pause(void **state)
{
    struct domain *d;
    struct vcpu *v;

    (void)state;
    world_init(1);
    d = world_domain(1, 1, false);
    v = d->vcpu[0];
    machine_add(v, &acts[0], SECONDS(1000), 0);
    machine_run(MILLISECS(1));
    assert_true(v->is_running);
    v->pause_count++;
    vcpu_sleep_nosync(v);
    machine_run(MILLISECS(1));
    assert_false(v->is_running);
    assert_int_equal(v->runstate.state, RUNSTATE_offline);
    vcpu_sleep_sync(v);
    v->pause_count--;
    vcpu_wake(v);
    machine_run(MILLISECS(1));
    assert_true(v->is_running);
    assert_int_equal(v->runstate.state, RUNSTATE_running);
    machine_clear();
    world_end();
}

/* A waiting vCPU that is paused leaves the queue and comes back. */
static void test_pause_waiting(void **state)
{
    struct domain *d;
    struct vcpu *other;
    u64 time;

    (void)state;
    world_init(1);
    d = world_domain(1, 2, false);
    machine_add(d->vcpu[0], &acts[0], SECONDS(1000), 0);
    machine_add(d->vcpu[1], &acts[1], SECONDS(1000), 0);
    machine_run(MILLISECS(1));
    other = d->vcpu[0]->is_running ? d->vcpu[1] : d->vcpu[0];
    assert_int_equal(other->sched->state, SCHED_QUEUED);
    other->pause_count++;
    vcpu_sleep_nosync(other);
    assert_int_equal(other->sched->state, SCHED_OFF);
    time = vcpu_cpu_time(other);
    machine_run(MILLISECS(100));
    assert_int_equal(vcpu_cpu_time(other), time);
    other->pause_count--;
    vcpu_wake(other);
    machine_run(MILLISECS(100));
    assert_in_range(vcpu_cpu_time(other) - time, MILLISECS(40), MILLISECS(60));
    machine_clear();
    world_end();
}

static void test_yield(void **state)
{
    struct domain *d;
    unsigned long switches;
    struct vcpu *first;

    (void)state;
    world_init(1);
    d = world_domain(1, 2, false);
    machine_add(d->vcpu[0], &acts[0], SECONDS(1000), 0);
    machine_run(MILLISECS(1));
    vcpu_yield();
    assert_false(softirq_pending());
    machine_add(d->vcpu[1], &acts[1], SECONDS(1000), 0);
    machine_run(MICROSECS(10));
    switches = host_cpus[0].switches;
    first = current;
    vcpu_yield();
    machine_run(MICROSECS(1));
    assert_int_equal(host_cpus[0].switches, switches + 1);
    assert_ptr_not_equal(current, first);
    machine_clear();
    world_end();
}

static void test_affinity(void **state)
{
    struct cpumask one = cpumask_of(2), none = {}, absent = cpumask_of(100);
    struct domain *d;
    struct vcpu *v;

    (void)state;
    world_init(4);
    d = world_domain(1, 6, false);
    v = d->vcpu[0];
    assert_int_equal(vcpu_set_affinity(v, &none, false), -EINVAL);
    assert_int_equal(vcpu_set_affinity(v, &absent, false), -EINVAL);
    assert_int_equal(vcpu_set_affinity(v, &none, true), -EINVAL);
    for (unsigned int i = 0; i < 6; i++)
        machine_add(d->vcpu[i], &acts[i], SECONDS(1000), 0);
    machine_run(MILLISECS(20));
    /* Wherever each is (running or waiting), it goes where it must and stays there. */
    for (unsigned int i = 0; i < 6; i++) {
        assert_int_equal(vcpu_set_affinity(d->vcpu[i], &one, false), 0);
        machine_run(MILLISECS(1));
        assert_int_equal(d->vcpu[i]->processor, 2);
    }
    machine_run(MILLISECS(600));
    for (unsigned int i = 0; i < 6; i++) {
        assert_int_equal(d->vcpu[i]->processor, 2);
        assert_true(vcpu_cpu_time(d->vcpu[i]) > MILLISECS(80));
    }
    machine_clear();
    world_end();
}

static void test_soft_affinity(void **state)
{
    struct cpumask two = cpumask_of(3);
    struct domain *d;

    (void)state;
    world_init(4);
    d = world_domain(1, 3, false);
    assert_int_equal(vcpu_set_affinity(d->vcpu[0], &two, true), 0);
    machine_add(d->vcpu[0], &acts[0], MICROSECS(100), MICROSECS(300));
    machine_run(MILLISECS(20));
    assert_int_equal(d->vcpu[0]->processor, 3);
    machine_clear();
    world_end();
}

/* Work spreads over idle CPUs, and an idle CPU takes what waits elsewhere. */
static void test_spread(void **state)
{
    struct domain *d;
    u64 sum = 0;

    (void)state;
    world_init(4);
    d = world_domain(1, 5, false);
    for (unsigned int i = 0; i < 5; i++)
        machine_add(d->vcpu[i], &acts[i], SECONDS(1000), 0);
    machine_run(SECONDS(1));
    for (unsigned int i = 0; i < 5; i++) {
        u64 t = vcpu_cpu_time(d->vcpu[i]);

        assert_in_range(t, MILLISECS(780), MILLISECS(820));
        sum += t;
    }
    assert_in_range(sum, SECONDS(4) - 1000, SECONDS(4));
    machine_clear();
    world_end();
}

/* An idle CPU stays known as idle when the vCPU that it was found for does not come to wait there. */
static void test_idle_not_lost(void **state)
{
    struct cpumask zero = cpumask_of(0), one = cpumask_of(1);
    struct domain *d;
    struct vcpu *v;

    (void)state;
    world_init(2);
    d = world_domain(1, 3, false);
    assert_int_equal(vcpu_set_affinity(d->vcpu[0], &zero, false), 0);
    machine_add(d->vcpu[0], &acts[0], SECONDS(1000), 0);
    machine_run(MILLISECS(1));
    assert_false(cpumask_test(&sched_idle_cpus, 0));
    assert_true(cpumask_test(&sched_idle_cpus, 1));

    /* Woken while its registers are still on its CPU, which has gone on to another. */
    v = d->vcpu[1];
    v->processor = 0;
    v->is_running = true;
    vcpu_wake(v);
    assert_int_equal(v->sched->state, SCHED_QUEUED);
    assert_int_equal(v->processor, 0);
    assert_true(cpumask_test(&sched_idle_cpus, 1));
    v->is_running = false;
    v->pause_count++;
    vcpu_sleep_nosync(v);

    /* Moved while it does not want to run. */
    v = d->vcpu[2];
    v->processor = 0;
    v->pause_count++;
    assert_int_equal(vcpu_set_affinity(v, &one, false), 0);
    assert_int_equal(v->processor, 1);
    machine_run(MILLISECS(1));
    assert_true(cpumask_test(&sched_idle_cpus, 1));
    machine_clear();
    world_end();
}

static void test_params(void **state)
{
    struct domain *d;
    unsigned int w, c;

    (void)state;
    world_init(1);
    d = world_domain(1, 2, false);
    assert_int_equal(sched_set_params(d, 0, 0), -EINVAL);
    assert_int_equal(sched_set_params(d, 65536, 0), -EINVAL);
    assert_int_equal(sched_set_params(d, 256, 201), -EINVAL);
    assert_int_equal(sched_set_params(d, 65535, 200), 0);
    sched_get_params(d, &w, &c);
    assert_int_equal(w, 65535);
    assert_int_equal(c, 200);
    world_end();
}

/* Extreme weights: nobody starves, nothing overflows. */
static void test_extreme_weights(void **state)
{
    struct domain *light, *heavy;

    (void)state;
    world_init(1);
    light = world_domain(1, 1, false);
    heavy = world_domain(2, 1, false);
    sched_set_params(light, 1, 0);
    sched_set_params(heavy, 65535, 0);
    machine_add(light->vcpu[0], &acts[0], SECONDS(100000), 0);
    machine_run(SECONDS(3600)); /* alone for an hour */
    machine_add(heavy->vcpu[0], &acts[1], SECONDS(100000), 0);
    machine_run(SECONDS(200));
    assert_true(vcpu_cpu_time(light->vcpu[0]) > (u64)SECONDS(3600));
    assert_true(vcpu_cpu_time(heavy->vcpu[0]) > (u64)SECONDS(199));
    machine_clear();
    world_end();
}

static void test_cap_taken_away(void **state)
{
    struct domain *d;
    u64 before;

    (void)state;
    world_init(1);
    d = world_domain(1, 1, false);
    sched_set_params(d, 256, 10);
    machine_add(d->vcpu[0], &acts[0], SECONDS(1000), 0);
    machine_run(SECONDS(1));
    assert_in_range(vcpu_cpu_time(d->vcpu[0]), MILLISECS(99), MILLISECS(102));
    sched_set_params(d, 256, 0);
    before = vcpu_cpu_time(d->vcpu[0]);
    machine_run(MILLISECS(100));
    assert_in_range(vcpu_cpu_time(d->vcpu[0]) - before, MILLISECS(98), MILLISECS(100));
    machine_clear();
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_and_block), cmocka_unit_test(test_idle_has_no_timer),
        cmocka_unit_test(test_pause),          cmocka_unit_test(test_pause_waiting),
        cmocka_unit_test(test_yield),          cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_soft_affinity),  cmocka_unit_test(test_spread),
        cmocka_unit_test(test_params),         cmocka_unit_test(test_extreme_weights),
        cmocka_unit_test(test_cap_taken_away), cmocka_unit_test(test_idle_not_lost),
    };

    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
