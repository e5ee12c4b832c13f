/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks of the machine: the counters that others are measured by, this CPU's clock, the real-time
 * clock. The rest of the hypervisor uses arch_read_clock() and arch_timer_program() of arch/arch.h.
 */
#ifndef ARCH_X86_PLATFORM_CLOCK_H
#define ARCH_X86_PLATFORM_CLOCK_H

struct domain;

/* Ticks to ns as the ABI does it: ((ticks << shift) * mul) >> 32, shift to the right when negative. */
struct time_scale {
    u32 mul;
    s8 shift;
};

/* The scale by which `ticks` are `ns`. Both above 0, ns below 4.2e9. */
struct time_scale time_scale_of(u64 ns, u64 ticks);

static inline u64 time_scale_apply(u64 ticks, struct time_scale s)
{
    ticks = s.shift < 0 ? ticks >> -s.shift : ticks << s.shift;
    return ((unsigned __int128)ticks * s.mul) >> 32;
}

/* The other way round; ns below 4.2e9. */
static inline u64 time_scale_ticks(u64 ns, struct time_scale s)
{
    u64 ticks = (ns << 32) / s.mul;

    return s.shift < 0 ? ticks << -s.shift : ticks >> s.shift;
}

/* A free-running counter that is the same for all CPUs. */
struct counter {
    const char *name;
    u64 hz;
    u64 mask; /* it wraps behind this */
    u64 (*read)(void);
};

/* For calibration: the best there is. For keeping time: one that dom0 cannot disturb, may be NULL. */
const struct counter *counter_for_calibration(void);
const struct counter *counter_for_time(void);
void counters_init(void);

/* The first CPU's TSC frequency. */
extern u32 cpu_khz;
/* Physical address of the registers that time depends on and dom0 must leave alone; 0: none. */
paddr_t clock_registers(void);
/* Is the TSC the clock, with nothing to check it by? Then CPUs compare theirs when they start. */
bool clock_is_tsc(void);
/* Boot, first CPU: that of `cpu` does not agree with ours, or could not be compared: another
 * counter becomes the master. */
void clock_distrust_tsc(unsigned int cpu);

/* Boot, after timers are there: begins the comparisons where they are needed. */
void clock_start(void);
/* A new CPU's clock, on it, interrupts off. */
void clock_cpu_init(void);
/* Its timer. */
void lapic_timer_cpu_init(void);
void lapic_timer_interrupt(void);
/* Frequency of the local APIC's timer as calibrated; 0: use the TSC deadline. */
void lapic_timer_set_hz(u64 hz);

/* XENPF_settime: it was `seconds` and `ns` after 1970 when system time was `system_time`. */
void wallclock_set(u64 seconds, u32 ns, u64 system_time);
void wallclock_init(void);

/* CMOS: dom0's ports 0x70 and 0x71, one byte each; index as dom0 set it. */
u8 rtc_guest_read(struct domain *d, u16 port);
void rtc_guest_write(struct domain *d, u16 port, u8 value);

#endif
