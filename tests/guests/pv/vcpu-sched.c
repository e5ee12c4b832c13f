/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs and the scheduler's operations.
 *
 * A second vCPU is initialised once, goes up, down, and up again where it was; runstate, time and
 * vcpu_info areas are registered and kept; yield, block and poll do their part; the watchdog is
 * set, pinged and cleared; wrong numbers and states get Xen 4.17's errors.
 */
#include "lib/guest.h"

const char test_title[] = "vCPUs and sched_op";

static volatile unsigned int rounds;

static void down_and_up(void *arg)
{
    (void)arg;
    rounds = 1;
    hc_vcpu_op(VCPUOP_down, 1, 0);
    rounds = 2;
}

static bool wait_up(long state)
{
    uint64_t end = now() + 30000000000ul;

    while (hc_vcpu_op(VCPUOP_is_up, 1, 0) != state && now() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return hc_vcpu_op(VCPUOP_is_up, 1, 0) == state;
}

#ifdef GUEST_PV
static void check_bad_context(void)
{
    static struct vcpu_guest_context rootless;

    check(sizeof(rootless) <= 2 * PAGE_SIZE);
    vcpu_context_fill(&rootless, 1);
    rootless.ctrlreg[3] = 0;
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &rootless), -XEN_EINVAL);
}
#else
static void check_bad_context(void) {}
#endif

static void check_up_down(void)
{
    struct vcpu_guest_context *c = page_alloc();

    check_bad_context();
    check_eq(hc_vcpu_op(VCPUOP_is_up, 0, 0), 1);
    check_eq(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    check_eq(hc_vcpu_op(VCPUOP_is_up, 99, 0), -XEN_ENOENT);
    check_eq(hc_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL); /* not initialised */
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_vcpu_op(VCPUOP_initialise, 0, c), -XEN_EEXIST);
    check_eq(vcpu_start(1, down_and_up, NULL), 0);
    check(wait_up(0));
    check_eq(rounds, 1);
    check_eq(vcpu_start(1, down_and_up, NULL), -XEN_EEXIST); /* only once */
    check_eq(hc_vcpu_op(VCPUOP_up, 1, 0), 0);
    check(vcpu_wait(1, 60000));
    check_eq(rounds, 2);
    check_eq(hc_vcpu_op(VCPUOP_down, 99, 0), -XEN_ENOENT);
    check_eq(hc_vcpu_op(77, 0, 0), -XEN_ENOSYS);
}

static void check_runstate(void)
{
    static struct vcpu_runstate_info area __attribute__((aligned(64)));
    struct vcpu_runstate_info got, later;
    struct vcpu_register_runstate_memory_area op;
    struct sched_poll poll = {0};

    check_eq(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &got), 0);
    check_eq(got.state, RUNSTATE_running);
    poll.timeout = now() + 5000000;
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0);
    check_eq(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &later), 0);
    check(later.time[RUNSTATE_running] > got.time[RUNSTATE_running]);
    check(later.time[RUNSTATE_blocked] + later.time[RUNSTATE_runnable] >=
          got.time[RUNSTATE_blocked] + got.time[RUNSTATE_runnable] + 3000000);
    check_eq(hc_vcpu_op(VCPUOP_get_runstate_info, 1, &got), 0);
    check_eq(got.state, RUNSTATE_offline);
    check_eq(hc_vcpu_op(VCPUOP_get_runstate_info, 0, BAD_POINTER), -XEN_EFAULT);
    op.addr.v = &area;
    check_eq(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &op), 0);
    check_eq(area.state, RUNSTATE_running);
    poll.timeout = now() + 5000000;
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0);
    check_eq(area.state, RUNSTATE_running);
    check(area.state_entry_time != 0);
    check(area.time[RUNSTATE_blocked] > 3000000 || area.time[RUNSTATE_runnable] > 0);
}

static void check_time_area(void)
{
    static struct vcpu_time_info area __attribute__((aligned(64)));
    struct vcpu_register_time_memory_area op;

    op.addr.v = &area;
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &op), 0);
    check(area.version != 0 && !(area.version & 1));
    check_eq(area.tsc_to_system_mul, vcpu_info()->time.tsc_to_system_mul);
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, BAD_POINTER), -XEN_EFAULT);
}

static void check_vcpu_info(void)
{
    struct vcpu_register_vcpu_info op = {.mfn = 0xffffffffff};
    uint8_t *page = page_alloc();

    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &op), -XEN_EINVAL);
    op.mfn = virt_to_mfn(page);
    op.offset = 4090;
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &op), -XEN_ENXIO);
    op.offset = 64;
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 99, &op), -XEN_ENOENT);
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &op), 0);
    check_eq(((struct vcpu_info *)(page + 64))->evtchn_upcall_pending, 1);
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &op), -XEN_EINVAL); /* for good */
}

static void check_physid(void)
{
    struct vcpu_get_physid op = {0};
    long rc = hc_vcpu_op(VCPUOP_get_physid, 0, &op);

    check(rc == 0 || rc == -XEN_EINVAL); /* only for a vCPU that is pinned */
}

static void check_block(void)
{
    evtchn_port_t port;
    uint64_t begin;

    check_eq(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    check_eq(event_unmask(port), 0);
    check_eq(hc_sched_op(SCHEDOP_yield, 0), 0);
    begin = now();
    check_eq(hc_set_timer(begin + 5000000), 0);
    check_eq(hc_sched_op(SCHEDOP_block, 0), 0); /* enables upcalls; the timer ends it */
    check(now() >= begin + 5000000 - 1000);
    check_eq(vcpu_info()->evtchn_upcall_mask, 0);
#ifdef GUEST_HVM
    events_on(); /* which is the interrupt flag: the hypervisor leaves that alone */
#endif
    check(event_count(port) >= 1);
    events_off();
    check_eq(hc_sched_op(77, 0), -XEN_ENOSYS);
    check_eq(hc_sched_op(SCHEDOP_poll, BAD_POINTER), -XEN_EFAULT);
    check_eq(event_close(port), 0);
}

static void check_watchdog(void)
{
    struct sched_watchdog w = {.id = 0, .timeout = 3600};
    long first = hc_sched_op(SCHEDOP_watchdog, &w), second = hc_sched_op(SCHEDOP_watchdog, &w);

    check_eq(first, 1);
    check_eq(second, 2);
    check_eq((int)hc_sched_op(SCHEDOP_watchdog, &w), -XEN_ENOSPC); /* Xen's answer has 32 bits */
    w.id = 1;
    check_eq(hc_sched_op(SCHEDOP_watchdog, &w), 0); /* pinged */
    w.timeout = 0;
    check_eq(hc_sched_op(SCHEDOP_watchdog, &w), 0); /* stopped */
    w.id = 2;
    check_eq(hc_sched_op(SCHEDOP_watchdog, &w), 0);
    check_eq(hc_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
    w.id = 99;
    check_eq(hc_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
}

static void check_shutdown_arguments(void)
{
    struct sched_remote_shutdown r = {.domain_id = 0x1234, .reason = SHUTDOWN_crash};

    check_eq(hc_sched_op(SCHEDOP_shutdown, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_sched_op(SCHEDOP_remote_shutdown, &r), -XEN_ESRCH);
}

void test_main(void)
{
    check_up_down();
    check_runstate();
    check_time_area();
    check_physid();
    check_block();
    check_watchdog();
    check_shutdown_arguments();
    check_vcpu_info();
}
