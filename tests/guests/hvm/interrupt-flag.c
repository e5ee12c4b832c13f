/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts come only while EFLAGS.IF is set, however often their delivery is cut short.
 *
 * Two vCPUs share one CPU. Each sends itself events, whose upcall is a pulse without an EOI, and in the upcall, with
 * interrupts off, leaves the CPU to the other; timers make interrupts of the machine that come between the choice of an
 * interrupt and its delivery.
 */
#include "lib/guest.h"

const char test_title[] = "interrupts and the interrupt flag";

#define VECTOR_TIMER 0x41
#define EFLAGS_IF    0x200
#define LASTS_NS     100000000

static evtchn_port_t port[2];
static volatile unsigned int upcalls[2], ticks[2], wrong, inside[2], nested;

static void enter(const struct regs *regs)
{
    if (!(regs->rflags & EFLAGS_IF))
        wrong++;
    if (inside[vcpu_id()]++)
        nested++;
}

static bool timer(struct regs *regs)
{
    enter(regs);
    ticks[vcpu_id()]++;
    lapic_eoi();
    inside[vcpu_id()]--;
    return true;
}

/* Sees the upcall before the library does, which then comes to event(). */
static bool upcall(struct regs *regs)
{
    enter(regs);
    hc_sched_op(SCHEDOP_yield, 0);
    upcalls[vcpu_id()]++;
    inside[vcpu_id()]--;
    return false;
}

static void event(evtchn_port_t p) { (void)p; }

static void busy(void *arg)
{
    unsigned int id = vcpu_id();
    uint64_t end = now() + LASTS_NS;

    (void)arg;
    lapic_enable();
    lapic_write(LAPIC_TDCR, 0xb); /* by 1 */
    lapic_write(LAPIC_LVTT, LVTT_PERIODIC | VECTOR_TIMER);
    lapic_write(LAPIC_TMICT, 10000); /* at Xen's 100 MHz: 0.1 ms */
    events_on();
    while (now() < end)
        event_send(port[id]);
    lapic_write(LAPIC_TMICT, 0);
    events_off();
}

void test_main(void)
{
    trap_hook(VECTOR_TIMER, timer);
    trap_hook(VEC_EVENT, upcall);
    for (unsigned int id = 0; id < 2; id++) {
        check_eq(event_bind_ipi(id, &port[id]), 0);
        event_handler(port[id], event);
        event_unmask(port[id]);
    }
    check_eq(vcpu_start(1, busy, NULL), 0);
    busy(NULL);
    check(vcpu_wait(1, 20000));
    for (unsigned int id = 0; id < 2; id++) {
        printk("vCPU %u: %u upcalls, %u ticks\n", id, upcalls[id], ticks[id]);
        check(upcalls[id] > 50 && ticks[id] > 10);
    }
    check_eq(wrong, 0);
    check_eq(nested, 0);
}
