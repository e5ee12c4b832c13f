/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of pv/tsc.c: its TSC runs at the rate that its arguments and CPUID say, begins where the tool wanted it,
 * never goes back, and agrees with system time, by which the hypervisor's timers go, also after it was written.
 * <xen/arch-x86/cpuid.h>, leaf 3.
 */
#include "lib/guest.h"

const char test_title[] = "a TSC as the tool wants it";

#define MS       1000000ul
#define LONG     (10000 * MS) /* as busy as the machine may be */
#define MSR_TSC  0x10
#define EMULATED 1

static uint64_t khz;

static uint64_t ticks(uint64_t ns) { return ns / MS * khz + ns % MS * khz / MS; }

static void check_leaf(void)
{
    uint32_t base = xen_leaf();
    struct cpuid r = cpuid(base + 3, 0);

    check_eq(r.ebx, arg_number("mode", 9));
    check_eq(r.ecx, khz);
    check_eq(r.edx, arg_number("incarnation", 0) + 1);
    if (r.ebx)
        check_eq(r.eax & EMULATED, r.ebx & EMULATED);
    check_eq(cpuid(base + 3, 2).eax, arg_number("host", 0));
    check(rdtsc() >= ticks(arg_number("elapsed", 0) * MS));
    check(rdtsc() < ticks((arg_number("elapsed", 0) + 30000) * MS));
}

/* Sleeps; the time that it took by the hypervisor, the time page and the TSC, read around it and within, is the same.
 */
static void check_rate(void)
{
    evtchn_port_t port;
    uint64_t outer = rdtsc(), before = now(), inner = rdtsc(), after;
    struct sched_poll poll = {.nr_ports = 1, .timeout = before + 200 * MS};

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &port), 0);
    set_xen_guest_handle(poll.ports, &port);
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0);
    inner = rdtsc() - inner;
    after = now();
    outer = rdtsc() - outer;
    printk("slept for %lu us, %lu to %lu kiloticks\n", (after - before) / 1000, inner / 1000, outer / 1000);
    check(after >= poll.timeout);
    check(after < poll.timeout + LONG);
    check(inner <= ticks(after - before + MS));
    check(outer + ticks(MS) >= ticks(after - before));
    check_eq(event_close(port), 0);
}

static void check_monotonic(void)
{
    uint64_t last = rdtsc();

    for (unsigned int i = 0; i < 1000; i++) {
        uint64_t next = i % 10 ? rdtsc() : rdmsr(MSR_TSC);

        check(next >= last);
        last = next;
    }
}

static void check_written(void)
{
    uint64_t before = now(), at = 1ul << 50;

    wrmsr(MSR_TSC, at);
    check(rdtsc() >= at);
    check(rdtsc() < at + ticks(LONG));
    hc_sched_op(SCHEDOP_yield, 0);
    check(now() >= before);
    check(now() < before + LONG);
}

void test_main(void)
{
    khz = arg_number("khz", 0);
    check_leaf();
    check_rate();
    check_monotonic();
    check_written();
    check_rate();
}
