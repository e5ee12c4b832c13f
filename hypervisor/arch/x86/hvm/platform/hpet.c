/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The high precision event timer (IA-PC HPET specification 1.0a): a 64-bit counter of 62.5 MHz and three timers, each
 * of which can be periodic and of 64 bits. They reach IO-APIC pins 20 to 23, or the lines of PIT and RTC instead of
 * those (legacy replacement).
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <xen/hvm/params.h>

#define TICK_NS 16U

enum {
    REG_ID = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMERS = 0x100,
    REG_END = 0x160
};

/* Revision 1, three timers, 64 bits, legacy replacement, Intel's vendor id; femtoseconds of a tick. */
#define ID (0x8086a001UL | (HPET_TIMER_NUM - 1) << 8 | (u64)TICK_NS * 1000000 << 32)

#define CONFIG_ENABLE 1U
#define CONFIG_LEGACY 2U

#define T_LEVEL      (1U << 1)
#define T_ENABLE     (1U << 2)
#define T_PERIODIC   (1U << 3)
#define T_SET_VALUE  (1U << 6)
#define T_32BIT      (1U << 8)
#define T_ROUTE(cfg) ((cfg) >> 9 & 31)
#define T_WRITABLE   0x3f4eU
/* Can be periodic, has 64 bits; pins 20 to 23. */
#define T_CAPABLE (0x00f0000000000030UL)
#define ROUTES    0x00f00000U

bool vhpet_legacy(const struct platform *p) { return p->hpet.config & CONFIG_LEGACY; }

static u64 counter(const struct platform *p)
{
    return p->hpet.counter + (p->hpet.config & CONFIG_ENABLE ? now() / TICK_NS : 0);
}

static u64 timer_mask(const struct vhpet_timer *t) { return t->config & T_32BIT ? 0xffffffff : ~0UL; }

/* The line that timer n pulls; -1: none. */
static int timer_line(const struct platform *p, unsigned int n)
{
    unsigned int route = T_ROUTE(p->hpet.timers[n].config);

    if (vhpet_legacy(p) && n < 2)
        return n ? 8 : 0;
    return ROUTES >> route & 1 ? (int)route : -1;
}

static bool is_level(const struct platform *p, unsigned int n)
{
    return p->hpet.timers[n].config & T_LEVEL && !(vhpet_legacy(p) && n < 2);
}

/* In periodic mode the comparator moves on by itself: brought up to date. */
static void advance(struct platform *p, struct vhpet_timer *t)
{
    u64 behind = (counter(p) - t->cmp) & timer_mask(t);

    if (t->config & T_PERIODIC && t->period && behind <= timer_mask(t) / 2)
        t->cmp = (t->cmp + (behind / t->period + 1) * t->period) & timer_mask(t);
}

static void clear_status(struct platform *p, unsigned int n)
{
    if (!(p->hpet.isr & 1U << n))
        return;
    p->hpet.isr &= ~(1UL << n);
    if (timer_line(p, n) >= 0)
        own_line_set(p, timer_line(p, n), false);
}

static void fire(struct platform *p, unsigned int n)
{
    struct vhpet_timer *t = &p->hpet.timers[n];
    int line = timer_line(p, n);

    advance(p, t);
    if (line < 0)
        return;
    if (is_level(p, n)) {
        p->hpet.isr |= 1U << n;
        own_line_set(p, line, true);
    } else {
        own_line_pulse(p, line);
    }
}

static void fired(struct vtimer *vt)
{
    struct vhpet_timer *t = container_of(vt, struct vhpet_timer, timer);
    struct platform *p = vt->domain->arch.hvm->platform;

    fire(p, t - p->hpet.timers);
}

/* set: the comparator was written, or something else that shall not be missed. */
static void arm(struct platform *p, unsigned int n, bool set)
{
    struct vhpet_timer *t = &p->hpet.timers[n];
    u64 mask = timer_mask(t), wait;
    s_time_t period = t->config & T_32BIT ? (s_time_t)TICK_NS << 32 : 0; /* it wraps, and matches again */

    if (!(p->hpet.config & CONFIG_ENABLE) || !(t->config & T_ENABLE)) {
        vtimer_stop(&t->timer);
        return;
    }
    advance(p, t);
    wait = (t->cmp - counter(p)) & mask;
    /* Just missed: software that looks afterwards finds it out; one that does not would wait for the counter to come
     * round. Fires now. */
    if (set && mask - wait < SECONDS(1) / TICK_NS)
        wait = 0;
    if (t->config & T_PERIODIC && t->period)
        period = min(t->period, (u64)STIME_MAX / TICK_NS / 4) * TICK_NS;
    vtimer_start(&t->timer, now() + min(wait, (u64)STIME_MAX / TICK_NS / 4) * TICK_NS, period);
}

/* ---- registers ---- */

static u64 read_reg(struct platform *p, unsigned int reg)
{
    struct vhpet_timer *t = &p->hpet.timers[(reg - REG_TIMERS) / 32 % HPET_TIMER_NUM];

    switch (reg) {
    case REG_ID: return ID;
    case REG_CONFIG: return p->hpet.config;
    case REG_STATUS: return p->hpet.isr;
    case REG_COUNTER: return counter(p);
    }
    if (reg < REG_TIMERS || reg >= REG_END)
        return 0;
    switch (reg & 0x1f) {
    case 0x00: return t->config | T_CAPABLE;
    case 0x08: advance(p, t); return t->cmp;
    default: return 0;
    }
}

static void write_config(struct platform *p, u64 value)
{
    u64 changed = (value ^ p->hpet.config) & (CONFIG_ENABLE | CONFIG_LEGACY), count = counter(p);

    for (unsigned int n = 0; changed && n < HPET_TIMER_NUM; n++)
        clear_status(p, n); /* by the route it had */
    p->hpet.config ^= changed;
    if (changed & CONFIG_ENABLE)
        p->hpet.counter = p->hpet.config & CONFIG_ENABLE ? count - now() / TICK_NS : count;
    for (unsigned int n = 0; changed && n < HPET_TIMER_NUM; n++)
        arm(p, n, false);
}

static void write_timer(struct platform *p, unsigned int n, unsigned int reg, u64 value)
{
    struct vhpet_timer *t = &p->hpet.timers[n];

    if (reg == 0x00) {
        clear_status(p, n);
        t->config = value & T_WRITABLE;
        t->cmp &= timer_mask(t);
        t->period &= timer_mask(t);
    } else if (reg == 0x08) {
        value &= timer_mask(t);
        /* In periodic mode what is written is the period, and once after SET_VALUE the comparator as well. */
        t->period = value;
        if (!(t->config & T_PERIODIC) || t->config & T_SET_VALUE)
            t->cmp = value;
        t->config &= ~(u64)T_SET_VALUE;
    }
    arm(p, n, reg == 0x08);
}

static void write_reg(struct platform *p, unsigned int reg, u64 value)
{
    switch (reg) {
    case REG_CONFIG: write_config(p, value); return;
    case REG_STATUS:
        for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
            if (value & 1U << n)
                clear_status(p, n);
        return;
    case REG_COUNTER:
        if (!(p->hpet.config & CONFIG_ENABLE)) /* "writes only when halted" */
            p->hpet.counter = value;
        return;
    }
    if (reg >= REG_TIMERS && reg < REG_END)
        write_timer(p, (reg - REG_TIMERS) / 32, reg & 0x1f, value);
}

enum hvm_io_result vhpet_mmio(struct vcpu *v, u64 address, unsigned int bytes, bool write, u64 *value)
{
    struct platform *p = v->domain->arch.hvm->platform;
    unsigned int reg = address & 0x3f8, shift = (address & 7) * 8;
    u64 mask = bytes == 8 ? ~0UL : ((1UL << bytes * 8) - 1) << shift;
    spin_guard_irqsave(&p->lock);

    /* 4 or 8 bytes, aligned (2.3); nothing else is promised anything. */
    if (bytes < 4 || address % bytes) {
        *value = ~0UL >> (64 - bytes * 8);
        return HVM_IO_DONE;
    }
    if (!write)
        *value = (read_reg(p, reg) & mask) >> shift;
    else if (reg == REG_STATUS)
        write_reg(p, reg, *value << shift);
    else
        write_reg(p, reg, (read_reg(p, reg) & ~mask) | (*value << shift & mask));
    return HVM_IO_DONE;
}

/* ---- life ---- */

void vhpet_init(struct platform *p)
{
    p->hpet.config = p->hpet.isr = p->hpet.counter = 0;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        struct vhpet_timer *t = &p->hpet.timers[n];

        t->config = t->period = 0;
        t->cmp = ~0UL;
        if (!t->timer.fired)
            vtimer_init(&t->timer, p->d, NULL, &p->lock, fired);
        vtimer_stop(&t->timer);
    }
}

void vhpet_out(struct platform *p, unsigned int instance __unused, void *record)
{
    struct hvm_hw_hpet *r = record;

    r->capability = ID;
    r->config = p->hpet.config;
    r->isr = p->hpet.isr;
    r->mc64 = counter(p);
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        r->timers[n].config = read_reg(p, REG_TIMERS + n * 32);
        r->timers[n].cmp = p->hpet.timers[n].cmp;
        r->period[n] = p->hpet.timers[n].period;
    }
}

int vhpet_in(struct platform *p, unsigned int instance __unused, const void *record)
{
    const struct hvm_hw_hpet *r = record;

    if (r->capability != ID)
        return -EINVAL;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        clear_status(p, n);
    p->hpet.config = r->config & (CONFIG_ENABLE | CONFIG_LEGACY);
    p->hpet.counter = r->mc64 - (p->hpet.config & CONFIG_ENABLE ? now() / TICK_NS : 0);
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        struct vhpet_timer *t = &p->hpet.timers[n];

        t->config = r->timers[n].config & T_WRITABLE;
        t->cmp = r->timers[n].cmp & timer_mask(t);
        t->period = r->period[n] & timer_mask(t);
        arm(p, n, true);
        if (r->isr & 1U << n)
            fire(p, n);
    }
    return 0;
}
