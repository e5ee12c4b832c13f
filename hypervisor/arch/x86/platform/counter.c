/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of known frequency: HPET (IA-PC HPET 1.0a), ACPI PM timer (ACPI 6.4, 4.8.3.3), PIT
 * (Intel 8254). The HPET is the finest, so it measures the others at boot; dom0 may restart it
 * later, so time is kept by the PM timer, which nobody can write. clock.c calls in.
 */
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <asm/paging.h>
#include <asm/system.h>
#include <boot/param.h>

#define PM_TIMER_HZ 3579545
#define PIT_HZ      1193182

#define HPET_CAPABILITIES 0x000 /* 63:32 period in fs, 13: 64 bits */
#define HPET_CONFIG       0x010
#define HPET_COUNTER      0x0f0
#define HPET_MAX_PERIOD   100000000 /* fs: the specification's limit */

static volatile u8 *hpet_regs __ro_after_init;
static u16 pm_timer_port __ro_after_init;

static u64 hpet_read(void) { return *(volatile u32 *)(hpet_regs + HPET_COUNTER); }

static u64 pm_timer_read(void) { return inl(pm_timer_port); }

/* The third channel, which counts down. */
static u64 pit_read(void)
{
    unsigned int low;

    outb(0x43, 0x80); /* holds what the next two reads give */
    low = inb(0x42);
    return 0xffff - (low | inb(0x42) << 8);
}

/* hz 0: not there. */
static struct counter hpet = {.name = "hpet", .mask = 0xffffffff, .read = hpet_read};
static struct counter pm_timer = {.name = "acpi", .mask = 0xffffff, .read = pm_timer_read};
static struct counter pit = {.name = "pit", .hz = PIT_HZ, .mask = 0xffff, .read = pit_read};

static void __init hpet_init(void)
{
    u64 period;

    hpet_regs = acpi_info.hpet ? device_map(acpi_info.hpet, 0x400) : NULL;
    if (!hpet_regs)
        return;
    period = *(volatile u32 *)(hpet_regs + HPET_CAPABILITIES + 4);
    if (period == 0 || period > HPET_MAX_PERIOD) {
        log_warning("HPET: a period of %lu fs is not possible, not used\n", period);
        return;
    }
    /* Running, and its first two timers not in the place of the PIT and the RTC. */
    *(volatile u32 *)(hpet_regs + HPET_CONFIG) = (*(volatile u32 *)(hpet_regs + HPET_CONFIG) & ~2U) | 1;
    hpet.hz = 1000000000000000UL / period;
}

void __init counters_init(void)
{
    const struct acpi_address *pm = &acpi_info.pm_timer;

    hpet_init();
    if (pm->space == ACPI_SPACE_IO && pm->address && pm->address < 0x10000) {
        pm_timer_port = pm->address;
        pm_timer.hz = PM_TIMER_HZ;
        if (acpi_info.pm_timer_32bit)
            pm_timer.mask = 0xffffffff;
    }
    outb(0x61, (inb(0x61) & ~3) | 1); /* the channel counts, the speaker is off */
    outb(0x43, 0xb0);                 /* both bytes, from the top once and then on */
    outb(0x42, 0xff);
    outb(0x42, 0xff);
}

const struct counter *counter_for_calibration(void) { return hpet.hz ? &hpet : pm_timer.hz ? &pm_timer : &pit; }

const struct counter *counter_for_time(void) { return pm_timer.hz ? &pm_timer : hpet.hz ? &hpet : NULL; }
