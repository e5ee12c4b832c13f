/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real-time clock in the CMOS (Motorola MC146818A and its successors) and the wall clock that
 * guests read in shared_info. The CMOS is read once at boot to the second; dom0 corrects the wall
 * clock later (XENPF_settime) and keeps the CMOS itself through the two functions for its port
 * accesses, which share the index register with us.
 */
#include <arch/arch.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <core/domain.h>
#include <lib/date.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define RTC_A     0x0a
#define RTC_A_UIP 0x80
#define RTC_B     0x0b

static DEFINE_SPINLOCK(cmos_lock, LOCK_PLATFORM);
static DEFINE_SPINLOCK(wallclock_lock, LOCK_PLATFORM);

/* The wall clock at system time 0; guarded by wallclock_lock. */
static u64 base_seconds;
static u32 base_ns;

static u8 cmos_read(u8 index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

/* The registers between two updates, which take 2 ms at most (MC146818A, "update in progress"); a
 * missing RTC reads as ones and is not waited for. The century's register is the firmware's word, 0: none. */
static struct date rtc_read(void)
{
    u8 registers[RTC_DATE_SIZE], b;
    unsigned int century;
    struct date d;

    spin_guard_irqsave(&cmos_lock);
    for (unsigned int i = 0; i < 10000 && (cmos_read(RTC_A) & RTC_A_UIP); i++)
        cpu_relax();
    for (unsigned int i = 0; i < RTC_DATE_SIZE; i++)
        registers[i] = cmos_read(i);
    b = cmos_read(RTC_B);
    d = date_from_rtc(registers, b);
    century = acpi_info.century_register ? rtc_decode(cmos_read(acpi_info.century_register), b) : 0;
    if (century >= 19 && century < 30)
        d.year = century * 100 + rtc_decode(registers[RTC_YEAR], b);
    return d;
}

static u64 rtc_seconds(void)
{
    struct date d = rtc_read();

    if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.hour > 23 || d.minute > 59 || d.second > 60 ||
        d.year < 1970) {
        log_warning("RTC: no valid date; the wall clock starts in 1970 until dom0 sets it\n");
        return 0;
    }
    return date_to_seconds(&d);
}

void __init wallclock_init(void) { base_seconds = rtc_seconds(); }

u64 arch_wallclock_base(u32 *ns)
{
    spin_guard_irqsave(&wallclock_lock);
    *ns = base_ns;
    return base_seconds;
}

void arch_update_wallclock(struct domain *d)
{
    /* wc_version, wc_sec, wc_nsec, wc_sec_hi; for 32-bit code behind two maps of 1024 events, the last word further on
     * (xen/arch-x86/xen.h). */
    u32 *wc = d->narrow_info ? (u32 *)&d->shared_info->evtchn_pending[2 * 1024 / 64] : &d->shared_info->wc_version;
    unsigned int high = d->narrow_info ? 9 : 3;
    u64 seconds;

    if (!d->shared_info)
        return;
    spin_guard_irqsave(&wallclock_lock);
    seconds = base_seconds + d->time_offset_seconds;
    /* Odd while it changes, for the guest's readers (xen/xen.h). */
    WRITE_ONCE(wc[0], wc[0] | 1);
    wmb();
    wc[1] = seconds;
    wc[2] = base_ns;
    wc[high] = seconds >> 32;
    wmb();
    WRITE_ONCE(wc[0], wc[0] + 1);
}

void wallclock_set(u64 seconds, u32 ns, u64 system_time)
{
    u64 back = system_time / 1000000000;
    u32 back_ns = system_time % 1000000000;
    unsigned long flags;
    struct domain *d;

    if (ns < back_ns) {
        ns += 1000000000;
        back++;
    }
    flags = spin_lock_irqsave(&wallclock_lock);
    base_seconds = seconds - back;
    base_ns = ns - back_ns;
    spin_unlock_irqrestore(&wallclock_lock, flags);

    spin_guard(&domlist_lock);
    list_for_each (d, &domain_list, link)
        arch_update_wallclock(d);
}

/* Bit 7 of the index is the NMI mask, which is not dom0's to change. */
u8 rtc_guest_read(struct domain *d, u16 port)
{
    if (port == CMOS_INDEX)
        return d->arch.cmos_index;
    spin_guard_irqsave(&cmos_lock);
    return cmos_read(d->arch.cmos_index & 0x7f);
}

void rtc_guest_write(struct domain *d, u16 port, u8 value)
{
    if (port == CMOS_INDEX) {
        d->arch.cmos_index = value;
        return;
    }
    spin_guard_irqsave(&cmos_lock);
    outb(CMOS_INDEX, d->arch.cmos_index & 0x7f);
    outb(CMOS_DATA, value);
}
