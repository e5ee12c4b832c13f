/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real-time clock of a guest (Motorola MC146818A; ports 0x70 and 0x71): its fourteen registers. What lies behind
 * them in the CMOS is the device model's, and so are accesses while the index is beyond ours. The date is computed from
 * the host's wall clock, the domain's offset and what the guest set it to.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <lib/date.h>

#define RTC_LINE 8

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
};

#define A_UIP      0x80
#define A_RATE     0x0f
#define B_SET      0x80
#define B_24H      0x02
#define B_BINARY   0x04
#define C_IRQ      0x80
#define C_PERIODIC 0x40 /* the enabling bits of B stand at the same places */
#define C_ALARM    0x20
#define C_UPDATE   0x10
#define C_SOURCES  0x70
#define D_VALID    0x80

#define SECOND_NS 1000000000
#define UIP_NS    244000 /* it is announced so long before the update */

/* The host's time of day, moved by the domain's offset: seconds and ns. */
static s64 host_seconds(const struct platform *p, u32 *ns)
{
    u64 base = arch_wallclock_base(ns), since = now() + *ns;

    *ns = since % SECOND_NS;
    return base + since / SECOND_NS + p->d->time_offset_seconds;
}

static u8 encode(const struct vrtc *r, unsigned int x)
{
    return r->hw.cmos_data[REG_B] & B_BINARY ? x : x / 10 << 4 | x % 10;
}
static unsigned int decode(const struct vrtc *r, u8 x)
{
    return r->hw.cmos_data[REG_B] & B_BINARY ? x : (x >> 4) * 10 + (x & 15);
}

/* The ten registers show the time, unless they are being set. */
static void refresh(struct platform *p)
{
    struct vrtc *r = &p->rtc;
    u8 *c = r->hw.cmos_data;
    struct date t;
    u32 ns;

    if (c[REG_B] & B_SET)
        return;
    t = date_from_seconds(max(host_seconds(p, &ns) + r->hw.rtc_offset, 0L));
    c[SECONDS] = encode(r, t.second);
    c[MINUTES] = encode(r, t.minute);
    if (c[REG_B] & B_24H)
        c[HOURS] = encode(r, t.hour);
    else
        c[HOURS] = encode(r, (t.hour + 11) % 12 + 1) | (t.hour >= 12 ? 0x80 : 0);
    c[WEEKDAY] = encode(r, t.weekday + 1);
    c[DAY] = encode(r, t.day);
    c[MONTH] = encode(r, t.month);
    c[YEAR] = encode(r, t.year % 100);
}

/* The registers become the time. */
static void commit(struct platform *p)
{
    struct vrtc *r = &p->rtc;
    const u8 *c = r->hw.cmos_data;
    unsigned int hour = decode(r, c[HOURS] & (c[REG_B] & B_24H ? 0xff : 0x7f)), year = decode(r, c[YEAR]);
    struct date t = {
        .year = year + (year < 70 ? 2000 : 1900),
        .month = decode(r, c[MONTH]),
        .day = decode(r, c[DAY]),
        .hour = c[REG_B] & B_24H ? hour : hour % 12 + (c[HOURS] & 0x80 ? 12 : 0),
        .minute = decode(r, c[MINUTES]),
        .second = decode(r, c[SECONDS]),
    };
    u32 ns;

    r->hw.rtc_offset = date_to_seconds(&t) - host_seconds(p, &ns);
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

static s_time_t periodic_ns(const struct vrtc *r)
{
    unsigned int rate = r->hw.cmos_data[REG_A] & A_RATE;

    /* The first two of the 32768 Hz clock repeat later ones. */
    return rate ? ticks_to_ns(1UL << (rate <= 2 ? rate + 6 : rate - 1), 32768) : 0;
}

static void periodic_fired(struct vtimer *t) { set_flags(container_of(t, struct platform, rtc.periodic), C_PERIODIC); }

/* The two highest bits of an alarm register: any value will do. */
static bool alarm_meets(const u8 *c, unsigned int reg) { return c[reg + 1] >= 0xc0 || c[reg + 1] == c[reg]; }

static void update_fired(struct vtimer *t)
{
    struct platform *p = container_of(t, struct platform, rtc.update);
    const u8 *c = p->rtc.hw.cmos_data;

    refresh(p);
    set_flags(p,
              C_UPDATE | (alarm_meets(c, SECONDS) && alarm_meets(c, MINUTES) && alarm_meets(c, HOURS) ? C_ALARM : 0));
}

/* Timers run only for interrupts; without them the flags are found out when they are read. */
static void arm(struct platform *p)
{
    struct vrtc *r = &p->rtc;
    s_time_t period = periodic_ns(r), t = now();
    u8 b = r->hw.cmos_data[REG_B];
    u32 ns;

    if (!(b & C_PERIODIC) || !period)
        vtimer_stop(&r->periodic);
    else if (!r->periodic.armed || r->periodic.period != max(period, VTIMER_MIN_PERIOD))
        vtimer_start(&r->periodic, t - t % period + period, period);
    if (b & B_SET || !(b & (C_ALARM | C_UPDATE))) {
        vtimer_stop(&r->update);
    } else if (!r->update.armed) {
        host_seconds(p, &ns);
        vtimer_start(&r->update, t + SECOND_NS - ns, SECOND_NS);
    }
}

static u8 read_c(struct platform *p)
{
    struct vrtc *r = &p->rtc;
    s_time_t period = periodic_ns(r), t = now();
    u32 ns;
    u8 value;

    host_seconds(p, &ns);
    if (period && t / period != r->read_c / period)
        r->hw.cmos_data[REG_C] |= C_PERIODIC;
    if (!(r->hw.cmos_data[REG_B] & B_SET) && t - r->read_c >= ns)
        r->hw.cmos_data[REG_C] |= C_UPDATE;
    value = r->hw.cmos_data[REG_C];
    r->hw.cmos_data[REG_C] = 0;
    r->read_c = t;
    own_line_set(p, RTC_LINE, false);
    return value;
}

/* ---- ports ---- */

u8 vrtc_read(struct platform *p, u16 port)
{
    unsigned int reg = p->rtc.hw.cmos_index;
    u32 ns;

    if (!(port & 1) || reg >= RTC_CMOS_SIZE)
        return 0xff; /* the index cannot be read */
    if (reg == REG_C)
        return read_c(p);
    if (reg == REG_A) {
        host_seconds(p, &ns);
        return p->rtc.hw.cmos_data[REG_A] |
               (!(p->rtc.hw.cmos_data[REG_B] & B_SET) && ns >= SECOND_NS - UIP_NS ? A_UIP : 0);
    }
    refresh(p);
    return p->rtc.hw.cmos_data[reg];
}

static void write_reg(struct platform *p, unsigned int reg, u8 value)
{
    u8 *c = p->rtc.hw.cmos_data, old = c[reg];

    switch (reg) {
    case REG_A:
        c[REG_A] = value & ~A_UIP;
        arm(p);
        return;
    case REG_B:
        refresh(p); /* when SET comes, they hold the time of this moment */
        c[REG_B] = value;
        if (old & B_SET && !(value & B_SET))
            commit(p);
        set_flags(p, 0);
        arm(p);
        return;
    case REG_C:
    case REG_D: return;
    case SECONDS_ALARM:
    case MINUTES_ALARM:
    case HOURS_ALARM: c[reg] = value; return;
    }
    refresh(p);
    c[reg] = value;
    if (!(c[REG_B] & B_SET))
        commit(p);
}

void vrtc_write(struct platform *p, u16 port, u8 value)
{
    if (!(port & 1))
        p->rtc.hw.cmos_index = value & 0x7f; /* bit 7: the NMI mask */
    else if (p->rtc.hw.cmos_index < RTC_CMOS_SIZE)
        write_reg(p, p->rtc.hw.cmos_index, value);
}

/* ---- life ---- */

void vrtc_init(struct platform *p)
{
    u8 *c = p->rtc.hw.cmos_data;

    if (!p->rtc.update.fired) {
        vtimer_init(&p->rtc.periodic, p->d, NULL, &p->lock, periodic_fired);
        vtimer_init(&p->rtc.update, p->d, NULL, &p->lock, update_fired);
    }
    c[REG_A] = 0x26; /* the usual clock, 1024 Hz */
    c[REG_B] = B_24H;
    c[REG_C] = 0;
    c[REG_D] = D_VALID;
    arm(p);
}

void vrtc_out(struct platform *p, unsigned int n __unused, void *record)
{
    refresh(p);
    *(struct hvm_hw_rtc *)record = p->rtc.hw;
}

int vrtc_in(struct platform *p, unsigned int n __unused, const void *record)
{
    p->rtc.hw = *(const struct hvm_hw_rtc *)record;
    p->rtc.hw.cmos_index &= 0x7f;
    p->rtc.hw.cmos_data[REG_A] &= ~A_UIP;
    p->rtc.hw.cmos_data[REG_D] = D_VALID;
    set_flags(p, 0);
    arm(p);
    return 0;
}
