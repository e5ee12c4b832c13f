/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real-time clock of a guest (Motorola MC146818A; ports 0x70 and 0x71): its fourteen registers. What lies behind
 * them in the CMOS is the device model's, and so are accesses while the index is beyond ours. The date is computed from
 * the host's wall clock, the domain's offset and what the guest set it to.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/private.h>
#include <lib/date.h>

#define RTC_LINE 8

enum { SECONDS_ALARM = 1, MINUTES_ALARM = 3, HOURS_ALARM = 5, REG_A = RTC_DATE_SIZE, REG_B, REG_C, REG_D };

#define A_UIP      0x80
#define A_RATE     0x0f
#define B_SET      0x80
#define C_IRQ      0x80
#define C_PERIODIC 0x40 /* the enabling bits of B stand at the same places */
#define C_ALARM    0x20
#define C_UPDATE   0x10
#define C_SOURCES  0x70
#define D_VALID    0x80

#define SECOND_NS 1000000000
#define UIP_NS    244000 /* it is announced so long before the update */

/* The host's time of day, moved by the domain's offset. */
static struct time_of_day {
    s64 seconds;
    u32 ns;
} host_time(const struct platform *p)
{
    u32 ns;
    u64 base = arch_wallclock_base(&ns), since = now() + ns;

    return (struct time_of_day){base + since / SECOND_NS + p->d->time_offset_seconds, since % SECOND_NS};
}

static u8 encode(const u8 *c, unsigned int x) { return c[REG_B] & RTC_B_BINARY ? x : x / 10 << 4 | x % 10; }

/* The ten registers show the time, unless they are being set. */
struct hvm_hw_rtc *vrtc_state(struct platform *p)
{
    u8 *c = p->rtc.hw.cmos_data;
    struct date t;

    if (c[REG_B] & B_SET)
        return &p->rtc.hw;
    t = date_from_seconds(max(host_time(p).seconds + p->rtc.hw.rtc_offset, 0L));
    c[RTC_SECONDS] = encode(c, t.second);
    c[RTC_MINUTES] = encode(c, t.minute);
    if (c[REG_B] & RTC_B_24H)
        c[RTC_HOURS] = encode(c, t.hour);
    else
        c[RTC_HOURS] = encode(c, (t.hour + 11) % 12 + 1) | (t.hour >= 12 ? 0x80 : 0);
    c[RTC_WEEKDAY] = encode(c, t.weekday + 1);
    c[RTC_DAY] = encode(c, t.day);
    c[RTC_MONTH] = encode(c, t.month);
    c[RTC_YEAR] = encode(c, t.year % 100);
    return &p->rtc.hw;
}

/* The registers become the time; the device model is told by how much it moved. */
static void commit(struct platform *p)
{
    const u8 *c = p->rtc.hw.cmos_data;
    struct date t = date_from_rtc(c, c[REG_B]);

    s64 before = p->rtc.hw.rtc_offset;

    p->rtc.hw.rtc_offset = date_to_seconds(&t) - host_time(p).seconds;
    hvm_send_timeoffset(p->rtc.hw.rtc_offset - before);
}

/* ---- interrupts ---- */

static void set_flags(struct platform *p, u8 flags)
{
    u8 *c = p->rtc.hw.cmos_data;

    c[REG_C] |= flags;
    if (!(c[REG_C] & c[REG_B] & C_SOURCES))
        return;
    c[REG_C] |= C_IRQ;
    if (!vhpet_legacy(p))
        own_line_set(p, RTC_LINE, true);
}

static s_time_t periodic_ns(const struct platform *p)
{
    unsigned int rate = p->rtc.hw.cmos_data[REG_A] & A_RATE;

    /* The first two of the 32768 Hz clock repeat later ones. */
    return rate ? ticks_to_ns(1UL << (rate <= 2 ? rate + 6 : rate - 1), 32768) : 0;
}

void vrtc_periodic_fired(struct vtimer *t) { set_flags(t->domain->arch.hvm->platform, C_PERIODIC); }

/* The two highest bits of an alarm register: any value will do. */
static bool alarm_meets(const u8 *c, unsigned int alarm) { return c[alarm] >= 0xc0 || c[alarm] == c[alarm - 1]; }

void vrtc_update_fired(struct vtimer *t)
{
    struct platform *p = t->domain->arch.hvm->platform;
    const u8 *c = p->rtc.hw.cmos_data;

    vrtc_state(p);
    if (alarm_meets(c, SECONDS_ALARM) && alarm_meets(c, MINUTES_ALARM) && alarm_meets(c, HOURS_ALARM))
        set_flags(p, C_UPDATE | C_ALARM);
    else
        set_flags(p, C_UPDATE);
}

/* Timers run only for interrupts; without them the flags are found out when they are read. */
static void arm(struct platform *p)
{
    s_time_t period = periodic_ns(p), t = now();
    u8 b = p->rtc.hw.cmos_data[REG_B];

    vtimer_arm(&p->timers[TIMER_RTC_PERIODIC], b & C_PERIODIC && period, period ? t - t % period + period : 0, period);
    vtimer_arm(&p->timers[TIMER_RTC_UPDATE], !(b & B_SET) && b & (C_ALARM | C_UPDATE), t + SECOND_NS - host_time(p).ns,
               SECOND_NS);
}

static u8 read_c(struct platform *p)
{
    u8 *c = p->rtc.hw.cmos_data, value;
    s_time_t period = periodic_ns(p), t = now();

    if (period && t / period != p->rtc.read_c / period)
        c[REG_C] |= C_PERIODIC;
    if (!(c[REG_B] & B_SET) && t - p->rtc.read_c >= host_time(p).ns)
        c[REG_C] |= C_UPDATE;
    value = c[REG_C];
    c[REG_C] = 0;
    p->rtc.read_c = t;
    own_line_set(p, RTC_LINE, false);
    return value;
}

/* ---- ports ---- */

u64 vrtc_read(struct platform *p, unsigned int port)
{
    const u8 *c = p->rtc.hw.cmos_data;
    unsigned int reg = p->rtc.hw.cmos_index;

    if (!(port & 1) || reg >= RTC_CMOS_SIZE)
        return 0xff; /* the index cannot be read */
    if (reg == REG_C)
        return read_c(p);
    vrtc_state(p);
    return c[reg] | (reg == REG_A && !(c[REG_B] & B_SET) && host_time(p).ns >= SECOND_NS - UIP_NS ? A_UIP : 0);
}

static void write_reg(struct platform *p, unsigned int reg, u8 value)
{
    u8 *c = vrtc_state(p)->cmos_data; /* when SET comes, they hold the time of this moment */
    bool was_set = c[REG_B] & B_SET, is_alarm = reg == SECONDS_ALARM || reg == MINUTES_ALARM || reg == HOURS_ALARM;

    if (reg > REG_B)
        return;
    c[reg] = reg == REG_A ? value & ~A_UIP : value;
    if (!(c[REG_B] & B_SET) && (was_set || (reg < REG_A && !is_alarm)))
        commit(p);
    set_flags(p, 0);
    arm(p);
}

void vrtc_write(struct platform *p, unsigned int port, u64 value, u64 mask __unused)
{
    if (!(port & 1))
        p->rtc.hw.cmos_index = value & 0x7f; /* bit 7: the NMI mask */
    else if (p->rtc.hw.cmos_index < RTC_CMOS_SIZE)
        write_reg(p, p->rtc.hw.cmos_index, value);
}

/* ---- life ---- */

int vrtc_resume(struct platform *p, unsigned int n __unused)
{
    p->rtc.hw.cmos_index &= 0x7f;
    p->rtc.hw.cmos_data[REG_A] &= ~A_UIP;
    p->rtc.hw.cmos_data[REG_D] = D_VALID;
    set_flags(p, 0);
    arm(p);
    return 0;
}

void vrtc_init(struct platform *p)
{
    p->rtc.hw.cmos_data[REG_A] = 0x26; /* the usual clock, 1024 Hz */
    p->rtc.hw.cmos_data[REG_B] = RTC_B_24H;
    p->rtc.hw.cmos_data[REG_C] = 0;
    vrtc_resume(p, 0);
}
