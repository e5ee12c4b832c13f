/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_op, set_timer_op and vcpu_op as hypercalls, in simulated time: blocking and waking,
 * polling, watchdogs, vCPUs up and down, timers, areas, wrong arguments.
 */
#include "machine.h"
#include "world.h"
#include <arch/arch.h>
#include <asm/host.h>
#include <core/evtchn.h>
#include <sched/softirq.h>
#include <hypercall/hypercall.h>
#include <sched/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BAD ((void *)8)

static struct domain *d;
static struct behaviour act;

/* One domain of two vCPUs on one CPU; vCPU 0 runs. */
static void setup(bool privileged)
{
    world_init(1);
    d = world_domain(privileged ? 0 : 1, 2, privileged);
    for (unsigned int i = 0; i < 2; i++)
        d->vcpu[i]->arch.initialised = i == 0;
    set_bit(_VPF_DOWN, &d->vcpu[1]->pause_flags);
    machine_add(d->vcpu[0], &act, SECONDS(1000000), 0);
    machine_run(1000);
    assert_ptr_equal(current, d->vcpu[0]);
}

static void teardown(void)
{
    machine_clear();
    for (unsigned int i = 0; i < 2; i++) {
        timer_kill(&d->vcpu[i]->singleshot_timer);
        timer_kill(&d->vcpu[i]->periodic_timer);
        timer_kill(&d->vcpu[i]->poll_timer);
        timer_kill(&d->watchdog[i]);
    }
    world_end();
}

static u32 bind_timer(void)
{
    struct evtchn_bind_virq op = {.virq = VIRQ_TIMER};

    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
    return op.port;
}

static void test_block(void **state)
{
    struct vcpu *v;
    s_time_t begin;

    (void)state;
    setup(false);
    v = current;
    bind_timer();
    begin = host_time;
    assert_int_equal(do_set_timer_op(begin + MILLISECS(5)), 0);
    v->info->evtchn_upcall_mask = 1;
    assert_int_equal(do_sched_op(SCHEDOP_block, NULL), 0);
    assert_int_equal(v->info->evtchn_upcall_mask, 0);
    machine_run(MILLISECS(4));
    assert_false(v->is_running);
    machine_run(MILLISECS(2));
    assert_true(v->is_running);
    assert_int_equal(v->runstate.time[RUNSTATE_blocked], MILLISECS(5));
    /* An event is there already: no blocking. */
    assert_int_equal(do_sched_op(SCHEDOP_block, NULL), 0);
    machine_run(MILLISECS(1));
    assert_true(v->is_running);
    /* A timer that was stopped, and one of long ago. */
    v->info->evtchn_upcall_pending = 0;
    v->info->evtchn_pending_sel = 0;
    d->shared_info->evtchn_pending[0] = 0;
    assert_int_equal(do_set_timer_op(host_time + MILLISECS(5)), 0);
    assert_int_equal(do_set_timer_op(0), 0);
    machine_run(MILLISECS(10));
    assert_int_equal(v->info->evtchn_upcall_pending, 0);
    assert_int_equal(do_set_timer_op(-1), 0);
    machine_run(MILLISECS(99));
    assert_int_equal(v->info->evtchn_upcall_pending, 0);
    machine_run(MILLISECS(2));
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    teardown();
}

static void test_poll(void **state)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain b = {.remote_dom = DOMID_SELF};
    evtchn_port_t ports[2];
    struct sched_poll poll = {.nr_ports = 1};
    struct vcpu *v;

    (void)state;
    setup(false);
    v = current;
    v->info->evtchn_upcall_mask = 1;
    assert_int_equal(do_event_channel_op(EVTCHNOP_alloc_unbound, &a), 0);
    b.remote_port = a.port;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_interdomain, &b), 0);
    d->shared_info->evtchn_pending[0] = 0;
    set_bit(b.local_port, d->shared_info->evtchn_mask);
    poll.ports.p = ports;
    ports[0] = b.local_port;
    ports[1] = a.port;
    poll.timeout = host_time + MILLISECS(5);
    assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), 0);
    assert_int_equal(d->nr_polling, 1);
    machine_run(MILLISECS(4));
    assert_false(v->is_running);
    machine_run(MILLISECS(2));
    assert_true(v->is_running);
    assert_int_equal(d->nr_polling, 0);
    /* A masked port wakes as well, for one port and for several. */
    for (poll.nr_ports = 1; poll.nr_ports <= 2; poll.nr_ports++) {
        poll.timeout = 0;
        assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), 0);
        machine_run(MILLISECS(1));
        assert_false(v->is_running);
        world_run(d->vcpu[1]);
        assert_int_equal(do_event_channel_op(EVTCHNOP_send, &a.port), 0);
        world_run(idle_domain->vcpu[0]);
        machine_run(MILLISECS(1));
        assert_true(v->is_running);
        assert_int_equal(d->nr_polling, 0);
        /* Pending already: at once. */
        assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), 0);
        assert_int_equal(v->pause_flags, 0);
        d->shared_info->evtchn_pending[0] = 0;
    }
    ports[1] = 100000;
    poll.nr_ports = 2;
    assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 129;
    assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 1;
    poll.ports.p = BAD;
    assert_int_equal(do_sched_op(SCHEDOP_poll, &poll), -EFAULT);
    assert_int_equal(do_sched_op(SCHEDOP_poll, BAD), -EFAULT);
    assert_int_equal(v->pause_flags, 0);
    assert_int_equal(d->nr_polling, 0);
    teardown();
}

static void watchdog_fired(void *data) { domain_shutdown(data, SHUTDOWN_watchdog); }

static void test_watchdog_and_shutdown(void **state)
{
    struct sched_watchdog w = {.timeout = 3};
    struct sched_shutdown s = {.reason = SHUTDOWN_reboot};
    struct sched_remote_shutdown r = {.domain_id = 55};

    (void)state;
    setup(false);
    timer_init(&d->watchdog[0], watchdog_fired, d, 0);
    timer_init(&d->watchdog[1], watchdog_fired, d, 0);
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), 1);
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), 2);
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), -ENOSPC);
    w.id = 2;
    w.timeout = 0;
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), 0);
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), -EINVAL);
    w.id = 3;
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), -EINVAL);
    machine_run(SECONDS(2));
    w.id = 1;
    w.timeout = 3;
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, &w), 0);
    machine_run(SECONDS(2));
    assert_int_equal(world_shutdown_code, -1);
    machine_run(SECONDS(2));
    assert_int_equal(world_shutdown_code, SHUTDOWN_watchdog);
    assert_int_equal(do_sched_op(SCHEDOP_shutdown_code, &s), 0);
    assert_int_equal(d->shutdown_latched, SHUTDOWN_reboot + 1);
    assert_int_equal(do_sched_op(SCHEDOP_shutdown, &s), 0);
    assert_int_equal(world_shutdown_code, SHUTDOWN_reboot);
    assert_int_equal(do_sched_op(SCHEDOP_remote_shutdown, &r), -ESRCH);
    r.domain_id = d->id;
    assert_int_equal(do_sched_op(SCHEDOP_remote_shutdown, &r), -EPERM);
    for (int cmd = SCHEDOP_shutdown; cmd <= SCHEDOP_watchdog; cmd++)
        assert_int_equal(do_sched_op(cmd, BAD), -EFAULT);
    assert_int_equal(do_sched_op(99, BAD), -ENOSYS);
    teardown();
}

static void test_up_down(void **state)
{
    static struct vcpu_guest_context context;
    struct vcpu *v;

    (void)state;
    setup(false);
    v = d->vcpu[1];
    assert_int_equal(do_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    assert_int_equal(do_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    assert_int_equal(do_vcpu_op(VCPUOP_is_up, 2, NULL), -ENOENT);
    assert_int_equal(do_vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, BAD), -EFAULT);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 0, &context), -EEXIST);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, &context), 0);
    assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, &context), -EEXIST);
    assert_int_equal(do_vcpu_op(VCPUOP_up, 1, NULL), 0);
    machine_run(MILLISECS(50));
    assert_true(vcpu_cpu_time(v) > (u64)MILLISECS(20));
    assert_int_equal(do_vcpu_op(VCPUOP_down, 1, NULL), 0);
    machine_run(MILLISECS(10));
    assert_int_equal(v->runstate.state, RUNSTATE_offline);
    assert_int_equal(do_vcpu_op(VCPUOP_down, 0, NULL), 0);
    assert_int_equal(world_shutdown_code, SHUTDOWN_poweroff);
    assert_int_equal(do_vcpu_op(VCPUOP_send_nmi, 1, NULL), 0);
    assert_int_equal(v->arch.nmis, 1);
    assert_int_equal(do_vcpu_op(VCPUOP_send_nmi, 1, BAD), -EINVAL);
    assert_int_equal(do_vcpu_op(VCPUOP_get_physid, 0, &context), -EINVAL);
    assert_int_equal(do_vcpu_op(99, 0, NULL), -ENOSYS);
    teardown();
}

static void test_timers_and_areas(void **state)
{
    struct vcpu_set_singleshot_timer one = {.timeout_abs_ns = 1};
    struct vcpu_set_periodic_timer periodic = {.period_ns = MILLISECS(1)};
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area reg = {.addr.v = &area};
    struct vcpu_runstate_info got;
    struct vcpu *v;

    (void)state;
    setup(false);
    v = current;
    bind_timer();
    assert_int_equal(do_vcpu_op(VCPUOP_set_singleshot_timer, 1, &one), -EINVAL);
    assert_int_equal(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, BAD), -EFAULT);
    assert_int_equal(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, &one), 0);
    machine_run(1000);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    one.timeout_abs_ns = ~0UL;
    assert_int_equal(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, &one), 0);
    assert_int_equal(do_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    assert_int_equal(do_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), 0);
    assert_int_equal(v->periodic_period, MILLISECS(1));
    assert_true(timer_is_set(&v->periodic_timer));
    periodic.period_ns--;
    assert_int_equal(do_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -EINVAL);
    periodic.period_ns = ~0UL;
    assert_int_equal(do_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -EINVAL);
    assert_int_equal(do_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    assert_false(timer_is_set(&v->periodic_timer));
    assert_int_equal(do_vcpu_op(VCPUOP_get_runstate_info, 0, &got), 0);
    assert_int_equal(got.state, RUNSTATE_running);
    assert_int_equal(do_vcpu_op(VCPUOP_get_runstate_info, 0, BAD), -EFAULT);
    d->vm_assist = 1UL << VMASST_TYPE_runstate_update_flag;
    assert_int_equal(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    assert_int_equal(area.state, RUNSTATE_running);
    assert_int_equal(area.state_entry_time, got.state_entry_time);
    assert_int_equal(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, BAD), -EFAULT);
    assert_int_equal(do_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, BAD), -EFAULT);
    assert_int_equal(do_vcpu_op(VCPUOP_register_vcpu_info, 0, BAD), -EFAULT);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_watchdog_and_shutdown),
        cmocka_unit_test(test_up_down),
        cmocka_unit_test(test_timers_and_areas),
    };

    return cmocka_run_group_tests_name("sched_op", tests, NULL, NULL);
}
