/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time pages and timers.
 *
 * The system time of the shared info page runs, never backwards on one vCPU, and but for a small
 * skew not when read by turns on two; the wall clock is set; the one-shot timer and the vCPU timer
 * fire VIRQ_TIMER not before their time and not long after; a timer in the past fires at once;
 * stopping one works; extreme deadlines are taken or refused as Xen does.
 */
#include "lib/guest.h"

const char test_title[] = "time pages and timers";

/* Time pages of two vCPUs may differ by the error of their calibration; without a TSC that is the
 * same on all CPUs for sure, that is what Xen gives, too (38 us seen). The bound is for an emulator
 * whose threads wait for a CPU in the midst of a calibration. */
#define SKEW_MAX 5000000

static volatile uint64_t turn, latest, backwards;
static volatile uint64_t fired_at;

static void timer_handler(evtchn_port_t port)
{
    (void)port;
    fired_at = now();
}

static void take_turns(void *arg)
{
    uint64_t parity = (uint64_t)arg;

    for (unsigned int i = 0; i < 2000; i++) {
        uint64_t t;

        while ((turn & 1) != parity)
            hc_sched_op(SCHEDOP_yield, 0);
        t = now();
        if (t < latest && latest - t > backwards)
            backwards = latest - t;
        latest = t;
        barrier();
        turn++;
    }
}

static void check_monotonic(void)
{
    uint64_t before = now();

    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t t = now();

        if (t < before)
            backwards = before - t;
        before = t;
    }
    check_eq(backwards, 0);
    if (hc_vcpu_op(VCPUOP_is_up, 1, 0) < 0)
        test_skip("one vCPU only");
    check_eq(vcpu_start(1, take_turns, (void *)1), 0);
    take_turns((void *)0);
    check(vcpu_wait(1, 60000));
    check_eq(turn, 4000);
    printk("largest step back between vCPUs: %lu ns\n", backwards);
    check(backwards <= SKEW_MAX);
}

static uint64_t wait_fired(uint64_t until)
{
    while (!fired_at && now() < until)
        cpu_relax();
    return fired_at;
}

static void check_oneshot(void)
{
    evtchn_port_t port;
    uint64_t deadline;

    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    event_handler(port, timer_handler);
    check_eq(event_unmask(port), 0);
    events_on();
#ifdef GUEST_PV
    for (unsigned int i = 0; i < 3; i++) {
        fired_at = 0;
        check(wait_fired(now() + 10000000000ull) != 0); /* the periodic tick that a vCPU starts with */
    }
#else
    check_eq(wait_fired(now() + 100000000), 0); /* there is none */
#endif
    check_eq(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    fired_at = 0;
    deadline = now() + 5000000;
    check_eq(hc_set_timer(deadline), 0);
    wait_fired(deadline + 10000000000ull);
    check(fired_at >= deadline - 1000);
    check(fired_at < deadline + 5000000000ull);
    fired_at = 0;
    check_eq(hc_set_timer(now() - 1000000), 0);
    check(wait_fired(now() + 10000000000ull) != 0);
    fired_at = 0;
    check_eq(hc_set_timer(now() + 300000000), 0);
    check_eq(hc_set_timer(0), 0);
    check_eq(wait_fired(now() + 400000000), 0);
    check_eq(hc_set_timer(~0ul), 0);
    check_eq(hc_set_timer(1ull << 63), 0);
    check_eq(hc_set_timer(0), 0);
    fired_at = 0;
}

static void check_singleshot(void)
{
    struct vcpu_set_singleshot_timer op = {.timeout_abs_ns = now() + 3000000};

    check_eq(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
    check(wait_fired(op.timeout_abs_ns + 10000000000ull) >= op.timeout_abs_ns - 1000);
    fired_at = 0;
    op.timeout_abs_ns = now() - 1000000;
    op.flags = VCPU_SSHOTTMR_future;
    check_eq(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0); /* the flag is ignored */
    check_eq(hc_vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0);
    check_eq(hc_vcpu_op(VCPUOP_set_singleshot_timer, 1, &op), -XEN_EINVAL);
    check_eq(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, BAD_POINTER), -XEN_EFAULT);
}

static void check_periodic(void)
{
    struct vcpu_set_periodic_timer op = {.period_ns = 2000000};

    check_eq(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &op), 0);
    for (unsigned int i = 0; i < 3; i++) {
        fired_at = 0;
        check(wait_fired(now() + 10000000000ull) != 0);
    }
    check_eq(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    op.period_ns = 10;
    check_eq(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &op), -XEN_EINVAL);
    delay_us(5000);
    fired_at = 0;
    check_eq(wait_fired(now() + 20000000), 0);
}

void test_main(void)
{
    check(guest.shared->wc_sec > 1000000000u || guest.shared->wc_sec_hi != 0);
    check(guest.shared->vcpu_info[0].time.version != 0);
    check_oneshot();
    check_singleshot();
    check_periodic();
    check_monotonic();
}
