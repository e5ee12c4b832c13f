/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the virtual local APIC (Intel SDM vol. 3, 11.5.4): it counts a 100 MHz clock by its divisor, once or
 * again and again, or waits for a value of the guest's TSC.
 */
#include <arch/x86/hvm/platform/private.h>

#define BUS_CYCLE_NS 10U

enum timer_mode { ONE_SHOT, PERIODIC, DEADLINE, RESERVED };

static unsigned int timer_mode(const struct vlapic *l) { return vlapic_reg(l, APIC_LVT_TIMER) >> 17 & 3; }

unsigned int vlapic_timer_divisor(const struct vlapic *l)
{
    u32 divide = vlapic_reg(l, APIC_TIMER_DIVIDE);

    return 1U << (((divide & 3) | (divide >> 1 & 4)) + 1) % 8;
}

static u64 tick_ns(const struct vlapic *l) { return vlapic_timer_divisor(l) * BUS_CYCLE_NS; }

void vlapic_timer_fired(struct vtimer *t)
{
    struct vlapic *l = container_of(t, struct vlapic, timer);
    u32 lvt = vlapic_reg(l, APIC_LVT_TIMER);

    l->hw.tdt_msr = 0;
    if (!(lvt & APIC_LVT_MASKED))
        vlapic_accept(l, lvt, false);
}

u32 vlapic_timer_count(const struct vlapic *l)
{
    u64 init = vlapic_reg(l, APIC_TIMER_INIT), tick = tick_ns(l), passed = now() - l->timer_began;

    if (!init || timer_mode(l) >= DEADLINE)
        return 0;
    if (timer_mode(l) == PERIODIC)
        passed %= init * tick;
    return passed >= init * tick ? 0 : init - passed / tick;
}

/* Goes on as if the count were `left` now. */
static void timer_continue(struct vlapic *l, u32 left)
{
    u32 init = vlapic_reg(l, APIC_TIMER_INIT);
    u64 tick = tick_ns(l);

    l->timer_began = now() - (init - left) * tick;
    vtimer_arm(&l->timer, left, l->timer_began + init * tick, timer_mode(l) == PERIODIC ? init * tick : 0);
}

static void deadline_arm(struct vlapic *l)
{
    u64 tsc = hvm_guest_tsc(l->v), khz = l->v->domain->arch.tsc_khz, wait = max(l->hw.tdt_msr, tsc) - tsc;

    wait = min(wait / khz, (u64)1 << 40) * 1000000 + wait % khz * 1000000 / khz; /* 35 years are enough */
    vtimer_arm(&l->timer, l->hw.tdt_msr, now() + wait, 0);
}

void vlapic_timer_write(struct vlapic *l, unsigned int reg, u32 value)
{
    u32 left, changed;
    spin_guard_irqsave(&l->lock);

    if (reg == APIC_TIMER_INIT && timer_mode(l) >= DEADLINE)
        return;
    left = vlapic_timer_count(l);
    changed = vlapic_reg(l, reg) ^ value;
    WRITE_ONCE(l->regs[reg / 4], value);
    if (reg == APIC_TIMER_INIT)
        timer_continue(l, value);
    else if (reg == APIC_TIMER_DIVIDE)
        timer_continue(l, left);
    else if (changed & DEADLINE << 17) /* SDM: to and from this mode the timer is disarmed */
        vlapic_timer_stop(l);
    else if (changed & PERIODIC << 17)
        timer_continue(l, left);
}

void vlapic_deadline_write(struct vlapic *l, u64 tsc)
{
    spin_guard_irqsave(&l->lock);

    if (timer_mode(l) != DEADLINE)
        return;
    l->hw.tdt_msr = tsc;
    deadline_arm(l);
}

void vlapic_timer_stop(struct vlapic *l)
{
    l->hw.tdt_msr = 0;
    l->regs[APIC_TIMER_INIT / 4] = 0;
    vtimer_arm(&l->timer, false, 0, 0);
}

void vlapic_timer_resume(struct vlapic *l)
{
    spin_guard_irqsave(&l->lock);

    if (timer_mode(l) == DEADLINE)
        deadline_arm(l);
    else
        timer_continue(l, min(vlapic_reg(l, APIC_TIMER_COUNT), vlapic_reg(l, APIC_TIMER_INIT)));
}
