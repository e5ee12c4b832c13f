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
#define RTC_B_24H 0x02
#define RTC_B_BIN 0x04

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

static unsigned int from_bcd(u8 v) { return (v >> 4) * 10 + (v & 15); }

/* The fields of a date and their registers; the century's is the firmware's word. */
enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };
static const u8 registers[] = {[SECOND] = 0, [MINUTE] = 2, [HOUR] = 4, [DAY] = 7, [MONTH] = 8, [YEAR] = 9};

/* The registers between two updates, which take 2 ms at most (MC146818A, "update in progress"); a
 * missing RTC reads as ones and is not waited for. */
static void rtc_read(u8 t[FIELDS], u8 *mode)
{
    spin_guard_irqsave(&cmos_lock);
    for (unsigned int i = 0; i < 10000 && (cmos_read(RTC_A) & RTC_A_UIP); i++)
        cpu_relax();
    for (unsigned int i = 0; i < CENTURY; i++)
        t[i] = cmos_read(registers[i]);
    t[CENTURY] = acpi_info.century_register ? cmos_read(acpi_info.century_register) : 0;
    *mode = cmos_read(RTC_B);
}

static u64 rtc_seconds(void)
{
    unsigned int year;
    u8 t[FIELDS], mode;
    bool pm;

    rtc_read(t, &mode);
    pm = !(mode & RTC_B_24H) && (t[HOUR] & 0x80);
    t[HOUR] &= mode & RTC_B_24H ? 0xff : 0x7f;
    for (unsigned int i = 0; i < FIELDS && !(mode & RTC_B_BIN); i++)
        t[i] = from_bcd(t[i]);
    if (!(mode & RTC_B_24H))
        t[HOUR] = t[HOUR] % 12 + (pm ? 12 : 0);
    year = t[YEAR] + (t[CENTURY] >= 19 && t[CENTURY] < 30 ? t[CENTURY] * 100 : t[YEAR] < 70 ? 2000 : 1900);
    if (t[MONTH] < 1 || t[MONTH] > 12 || t[DAY] < 1 || t[DAY] > 31 || t[HOUR] > 23 || t[MINUTE] > 59 ||
        t[SECOND] > 60 || year < 1970) {
        log_warning("RTC: no valid date; the wall clock starts in 1970 until dom0 sets it\n");
        return 0;
    }
    return date_to_seconds(&(struct date){
        .year = year, .month = t[MONTH], .day = t[DAY], .hour = t[HOUR], .minute = t[MINUTE], .second = t[SECOND]});
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
