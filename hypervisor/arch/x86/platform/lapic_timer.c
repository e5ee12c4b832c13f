/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one timer interrupt of each CPU: the local APIC's timer, one shot, by TSC deadline where the
 * CPU has it (Intel SDM vol. 3, 11.5.4). time/timer.c asks for it through arch_timer_program().
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/platform/clock.h>
#include <asm/irq.h>
#include <asm/system.h>
#include <asm/trapnr.h>
#include <sched/softirq.h>
#include <time/timer.h>

/* Longer waits come back early and are asked for again: keeps the arithmetic in 64 bits. */
#define LONGEST SECONDS(2)

static struct time_scale apic_scale __ro_after_init; /* ticks of the APIC timer; mul 0: deadline mode */
static struct time_scale tsc_scale __ro_after_init;

void __init lapic_timer_set_hz(u64 hz)
{
    if (hz)
        apic_scale = time_scale_of(1000000000, hz);
    tsc_scale = time_scale_of(1000000000, cpu_khz * 1000UL);
}

void lapic_timer_cpu_init(void)
{
    if (apic_scale.mul) {
        apic_write(APIC_TIMER_DIVIDE, 0xb);
        apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
        apic_write(APIC_TIMER_INIT, 0);
        return;
    }
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | APIC_LVT_TSC_DEADLINE);
    /* The mode must have changed before the first deadline is written (SDM vol. 3, 11.5.4.1). */
    __asm__ __volatile__("mfence" ::: "memory");
}

void arch_timer_program(s_time_t expires)
{
    s_time_t delta = 0;

    if (expires != STIME_MAX) {
        delta = expires - arch_read_clock();
        delta = delta < 1 ? 1 : min(delta, LONGEST);
    }
    if (apic_scale.mul) {
        u32 ticks = delta ? time_scale_ticks(delta, apic_scale) : 0;

        apic_write(APIC_TIMER_INIT, delta && !ticks ? 1 : ticks);
    } else {
        wrmsr(MSR_TSC_DEADLINE, delta ? rdtsc() + time_scale_ticks(delta, tsc_scale) : 0);
    }
}

void lapic_timer_interrupt(void) { softirq_raise(SOFTIRQ_TIMER); }
