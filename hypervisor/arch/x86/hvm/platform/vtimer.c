/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of virtual devices over those of time/: called by every device here that counts.
 *
 * A device stops or restarts its timer under its lock without waiting for a function that may be on its way: that one
 * takes the same lock and finds that it is not due.
 */
#include <arch/x86/hvm/platform/private.h>

static void vtimer_set(struct vtimer *t)
{
    const struct vcpu *v = t->v ?: t->domain->vcpu[0];

    t->resting = false;
    if (v)
        timer_migrate(&t->timer, READ_ONCE(v->processor));
    timer_set(&t->timer, t->due);
}

static bool anybody_runs(const struct vtimer *t)
{
    const struct vcpu *v;

    if (t->v)
        return READ_ONCE(t->v->is_running);
    for_each_vcpu (t->domain, v)
        if (READ_ONCE(v->is_running))
            return true;
    return false;
}

static void vtimer_softirq(void *data)
{
    struct vtimer *t = data;
    s_time_t late;
    spin_guard_irqsave(t->lock);

    late = now() - t->due;
    if (!t->armed || t->resting || late < 0)
        return;
    t->armed = t->period;
    if (t->period) {
        t->due += (late / t->period + 1) * t->period;
        /*
         *   here                       the CPU that switches to whom it is for
         *   resting = true             is_running = true
         *   full barrier               full barrier
         *   is_running? go on          resting? go on
         */
        WRITE_ONCE(t->resting, true);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (anybody_runs(t))
            vtimer_set(t);
    }
    t->fired(t);
}

void vtimer_init(struct vtimer *t, struct domain *d, struct vcpu *v, struct spinlock *lock, vtimer_fired_t *fired)
{
    *t = (struct vtimer){.domain = d, .v = v, .lock = lock, .fired = fired};
    timer_init(&t->timer, vtimer_softirq, t, smp_processor_id());
}

void vtimer_arm(struct vtimer *t, bool wanted, s_time_t due, s_time_t period)
{
    t->armed = wanted;
    t->due = due;
    t->period = period ? max(period, VTIMER_MIN_PERIOD) : 0;
    t->resting = false;
    if (wanted)
        vtimer_set(t);
    else
        timer_stop(&t->timer);
}

void vtimer_resume(struct vtimer *t)
{
    if (likely(!READ_ONCE(t->resting)))
        return;
    spin_guard_irqsave(t->lock);
    if (t->resting)
        vtimer_set(t);
}
