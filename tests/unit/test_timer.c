/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: order, re-arming, stopping, moving between CPUs, and what the hardware is told.
 */
#include "world.h"
#include <asm/host.h>
#include <sched/softirq.h>
#include <time/timer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MANY 500

static struct {
    struct timer t;
    s_time_t want;
    unsigned int fired;
} timers[MANY];
static s_time_t last_fired;
static unsigned int nr_fired;

static void fire(void *data)
{
    unsigned long i = (unsigned long)data;

    assert_true(timers[i].want <= host_time);
    assert_true(timers[i].want >= last_fired);
    last_fired = timers[i].want;
    timers[i].fired++;
    nr_fired++;
}

static void run_cpu(unsigned int cpu)
{
    host_set_cpu(cpu);
    if (host_cpus[cpu].deadline <= host_time)
        softirq_raise(SOFTIRQ_TIMER);
    softirq_run();
}

static void test_order(void **state)
{
    (void)state;
    world_init(2);
    srand(1);
    nr_fired = 0;
    last_fired = 0;
    for (unsigned long i = 0; i < MANY; i++) {
        timers[i].fired = 0;
        timer_init(&timers[i].t, fire, (void *)i, 0);
        timers[i].want = 1 + rand() % 1000;
        timer_set(&timers[i].t, timers[i].want);
    }
    for (unsigned int n = 0; n < MANY * 4; n++) {
        unsigned int i = rand() % MANY;

        if (rand() % 3 == 0) {
            timer_stop(&timers[i].t);
            assert_false(timer_is_set(&timers[i].t));
        } else {
            timers[i].want = 1 + rand() % 1000;
            timer_set(&timers[i].t, timers[i].want);
        }
    }
    for (unsigned int i = 0; i < MANY; i++)
        timer_set(&timers[i].t, timers[i].want);
    while (host_cpus[0].deadline != STIME_MAX) {
        host_time = max(host_time, host_cpus[0].deadline);
        run_cpu(0);
    }
    assert_int_equal(nr_fired, MANY);
    for (unsigned int i = 0; i < MANY; i++)
        assert_int_equal(timers[i].fired, 1);
    world_end();
}

static void test_hardware(void **state)
{
    (void)state;
    world_init(2);
    last_fired = 0;
    for (unsigned long i = 0; i < 3; i++)
        timer_init(&timers[i].t, fire, (void *)i, 0);
    timer_set(&timers[0].t, 100);
    assert_int_equal(host_cpus[0].deadline, 100);
    timer_set(&timers[1].t, 200);
    assert_int_equal(host_cpus[0].deadline, 100);
    timer_set(&timers[2].t, 50);
    assert_int_equal(host_cpus[0].deadline, 50);
    /* Stopping leaves an early interrupt, which then programs the next. */
    timer_stop(&timers[2].t);
    assert_int_equal(host_cpus[0].deadline, 50);
    host_time = 50;
    run_cpu(0);
    assert_int_equal(host_cpus[0].deadline, 100);
    world_end();
}

static void test_migrate(void **state)
{
    (void)state;
    world_init(2);
    last_fired = 0;
    host_set_cpu(0);
    timers[0].fired = 0;
    timers[0].want = 100;
    timer_init(&timers[0].t, fire, (void *)0UL, 0);
    timer_set(&timers[0].t, 100);
    timer_migrate(&timers[0].t, 1);
    assert_int_equal(timers[0].t.cpu, 1);
    assert_true(host_cpus[1].event_checks > 0);
    run_cpu(1);
    assert_int_equal(host_cpus[1].deadline, 100);
    host_time = 100;
    run_cpu(0);
    assert_int_equal(timers[0].fired, 0);
    run_cpu(1);
    assert_int_equal(timers[0].fired, 1);
    timer_kill(&timers[0].t);
    timer_set(&timers[0].t, 200);
    assert_false(timer_is_set(&timers[0].t));
    world_end();
}

static struct timer again;
static unsigned int again_count;

static void rearm(void *data)
{
    (void)data;
    again_count++;
    timer_set(&again, host_time + 10);
}

static void test_rearm_from_fn(void **state)
{
    (void)state;
    world_init(1);
    again_count = 0;
    timer_init(&again, rearm, NULL, 0);
    timer_set(&again, 0);
    for (int i = 0; i < 5; i++) {
        run_cpu(0);
        host_time += 10;
    }
    assert_int_equal(again_count, 5);
    timer_kill(&again);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_hardware),
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_rearm_from_fn),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
