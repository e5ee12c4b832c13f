/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The high precision event timer (IA-PC HPET specification 1.0a): a 64-bit counter of 62.5 MHz and three timers, each
 * of which can be periodic and of 64 bits. They reach IO-APIC pins 20 to 23, or the lines of PIT and RTC instead of
 * those (legacy replacement).
 */
#include <arch/x86/hvm/platform/private.h>

#define TICK_NS 16U

enum { REG_CONFIG = 0x010, REG_STATUS = 0x020, REG_COUNTER = 0x0f0, REG_TIMERS = 0x100, REG_END = 0x160 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08 };

/* Revision 1, three timers, 64 bits, legacy replacement, Intel's vendor id; femtoseconds of a tick. */
#define ID (0x8086a001UL | (HPET_TIMER_NUM - 1) << 8 | (u64)TICK_NS * 1000000 << 32)

#define T_LEVEL      (1U << 1)
#define T_ENABLE     (1U << 2)
#define T_PERIODIC   (1U << 3)
#define T_SET_VALUE  (1U << 6)
#define T_32BIT      (1U << 8)
#define T_ROUTE(cfg) ((cfg) >> 9 & 31)
#define T_WRITABLE   0x3f4eU
/* Can be periodic, has 64 bits; pins 20 to 23. */
#define T_CAPABLE (0x00f0000000000030UL)
#define ROUTES    0x00f00000UL

#define WAIT_MAX ((u64)STIME_MAX / TICK_NS / 4)

static u64 timer_mask(u64 config) { return config & T_32BIT ? 0xffffffff : ~0UL; }

static bool is_periodic(const struct hvm_hw_hpet *h, unsigned int n)
{
    return h->timers[n].config & T_PERIODIC && h->period[n];
}

/* The record is the registers' image. In periodic mode a comparator moves on by itself. */
struct hvm_hw_hpet *vhpet_state(struct platform *p)
{
    struct hvm_hw_hpet *h = &p->hpet.hw;
    u64 tick = now() / TICK_NS;

    if (h->config & HPET_CONFIG_ENABLE)
        h->mc64 += tick - p->hpet.at;
    p->hpet.at = tick;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        u64 mask = timer_mask(h->timers[n].config), behind = (h->mc64 - h->timers[n].cmp) & mask;

        if (is_periodic(h, n) && behind <= mask / 2)
            h->timers[n].cmp = (h->timers[n].cmp + (behind / h->period[n] + 1) * h->period[n]) & mask;
    }
    return h;
}

/* The line that timer n pulls, as a bit; 0: none. */
static u64 timer_line(const struct platform *p, unsigned int n)
{
    return vhpet_legacy(p) && n < 2 ? (n ? 1UL << 8 : 1) : 1UL << T_ROUTE(p->hpet.hw.timers[n].config) & ROUTES;
}

static bool is_level(const struct platform *p, unsigned int n)
{
    return p->hpet.hw.timers[n].config & T_LEVEL && !(vhpet_legacy(p) && n < 2);
}

/* Pins 20 to 23 are as the status of timers by level says. */
static void update_lines(struct platform *p)
{
    u64 lines = 0;

    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        if (p->hpet.hw.isr >> n & 1 && is_level(p, n))
            lines |= timer_line(p, n);
    own_lines_set(p, ROUTES, lines);
}

void vhpet_fired(struct vtimer *t)
{
    struct platform *p = t->domain->arch.hvm->platform;
    unsigned int n = t - &p->timers[TIMER_HPET];

    if (is_level(p, n)) {
        p->hpet.hw.isr |= 1U << n;
        update_lines(p);
    } else {
        own_line_pulse(p, timer_line(p, n));
    }
}

/* set: the comparator was written, or something else that shall not be missed. */
static void arm(struct platform *p, unsigned int n, bool set)
{
    const struct hvm_hw_hpet *h = vhpet_state(p);
    u64 config = h->timers[n].config, mask = timer_mask(config), wait = (h->timers[n].cmp - h->mc64) & mask;
    u64 period = config & T_32BIT ? 1UL << 32 : 0; /* it wraps, and matches again */

    /* Just missed: software that looks afterwards finds it out; one that does not would wait for the counter to come
     * round. Fires now. */
    if (set && mask - wait < SECONDS(1) / TICK_NS)
        wait = 0;
    if (is_periodic(h, n))
        period = min(h->period[n], WAIT_MAX);
    vtimer_arm(&p->timers[TIMER_HPET + n], h->config & HPET_CONFIG_ENABLE && config & T_ENABLE,
               now() + min(wait, WAIT_MAX) * TICK_NS, period * TICK_NS);
}

/* ---- registers ---- */

static u64 *register_at(struct platform *p, unsigned int reg) { return (u64 *)vhpet_state(p) + reg / 8; }

u64 vhpet_read(struct platform *p, unsigned int reg) { return *register_at(p, reg & 0x3ff); }

static void write_config(struct platform *p, u64 value)
{
    u64 changed = (value ^ p->hpet.hw.config) & (HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);

    if (!changed)
        return;
    p->hpet.hw.isr = 0;
    p->hpet.hw.config ^= changed;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        arm(p, n, false);
}

static void set_config(struct hvm_hw_hpet *h, unsigned int n, u64 config)
{
    h->timers[n].config = (config & T_WRITABLE) | T_CAPABLE;
    h->timers[n].cmp &= timer_mask(config);
    h->period[n] &= timer_mask(config);
}

static void write_timer(struct platform *p, unsigned int n, unsigned int reg, u64 value)
{
    struct hvm_hw_hpet *h = &p->hpet.hw;
    u64 *config = &h->timers[n].config;

    if (reg == TIMER_CONFIG) {
        h->isr &= ~(1UL << n);
        set_config(h, n, value);
    } else if (reg == TIMER_COMPARATOR) {
        /* In periodic mode what is written is the period, and once after SET_VALUE the comparator as well. */
        h->period[n] = value & timer_mask(*config);
        if (!(*config & T_PERIODIC) || *config & T_SET_VALUE)
            h->timers[n].cmp = h->period[n];
        *config &= ~(u64)T_SET_VALUE;
    }
    arm(p, n, reg == TIMER_COMPARATOR);
}

void vhpet_write(struct platform *p, unsigned int reg, u64 value, u64 mask)
{
    u64 *r = register_at(p, reg &= 0x3ff), all = (*r & ~mask) | value;

    if (reg == REG_CONFIG)
        write_config(p, all);
    else if (reg == REG_STATUS)
        *r &= ~value;
    else if (reg == REG_COUNTER && !(p->hpet.hw.config & HPET_CONFIG_ENABLE)) /* "writes only when halted" */
        *r = all;
    else if (reg >= REG_TIMERS && reg < REG_END)
        write_timer(p, (reg - REG_TIMERS) / 32, reg & 0x1f, all);
    update_lines(p);
}

/* ---- life ---- */

int vhpet_resume(struct platform *p, unsigned int instance __unused)
{
    struct hvm_hw_hpet *h = &p->hpet.hw;

    if (h->capability != ID)
        return -EINVAL;
    h->config &= HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY;
    h->isr &= (1U << HPET_TIMER_NUM) - 1;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        set_config(h, n, h->timers[n].config);
        arm(p, n, true);
    }
    update_lines(p);
    return 0;
}

void vhpet_init(struct platform *p)
{
    p->hpet.hw = (struct hvm_hw_hpet){.capability = ID};
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        p->hpet.hw.timers[n].cmp = ~0UL;
    vhpet_resume(p, 0);
}
