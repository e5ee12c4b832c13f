/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a list for each CPU in the order in which they expire, a few for each vCPU that ran there last. The hardware
 * is programmed for the earliest one only, and only when that one became earlier: a timer that is stopped leaves an
 * early interrupt behind, which costs less than programming the hardware each time. Clocks are the architecture's
 * (arch_read_clock). Called by everyone who waits; fn runs from the timer softirq, interrupts on, no locks held.
 */
#include <time/timer.h>
#include <sched/softirq.h>
#include <lib/list.h>
#include <lib/spinlock.h>

struct timer_queue {
    struct spinlock lock;
    struct list timers;  /* by rising expires */
    s_time_t programmed; /* what the hardware was last told; written by its own CPU only */
};

static DEFINE_PER_CPU(struct timer_queue, timer_queue);

/* When the earliest expires. */
static inline s_time_t queue_first(const struct timer_queue *q)
{
    return list_empty(&q->timers) ? STIME_MAX : list_first(&q->timers, struct timer, link)->expires;
}

static inline void queue_insert(struct timer_queue *q, struct timer *t)
{
    struct list *pos = q->timers.next;

    while (pos != &q->timers && list_entry(pos, struct timer, link)->expires <= t->expires)
        pos = pos->next;
    list_add_tail(&t->link, pos);
    t->set = true;
}

/* Was it set? */
static inline bool queue_remove(struct timer *t)
{
    if (!t->set)
        return false;
    list_del(&t->link);
    t->set = false;
    return true;
}

/* Locks the queue that the timer is on; it may move while we wait. */
static inline struct timer_queue *timer_lock(struct timer *t, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(t->cpu);
        struct timer_queue *q = &per_cpu(timer_queue, cpu);

        *flags = spin_lock_irqsave(&q->lock);
        if (likely(t->cpu == cpu))
            return q;
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

/* Unlocks; when the earliest timer is now earlier than what the hardware knows, tells it. */
static inline void queue_unlock_program(struct timer_queue *q, unsigned int cpu, unsigned long flags)
{
    s_time_t first = queue_first(q);
    bool earlier = first < q->programmed;

    if (earlier && cpu == smp_processor_id()) {
        q->programmed = first;
        arch_timer_program(q->programmed);
        earlier = false;
    }
    spin_unlock_irqrestore(&q->lock, flags);
    if (earlier)
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
}

void timer_init(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .data = data, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    unsigned long flags;
    struct timer_queue *q = timer_lock(t, &flags);

    queue_remove(t);
    t->expires = expires;
    if (likely(!t->killed))
        queue_insert(q, t);
    queue_unlock_program(q, t->cpu, flags);
}

void timer_stop(struct timer *t)
{
    unsigned long flags;
    struct timer_queue *q;

    if (!READ_ONCE(t->set))
        return;
    q = timer_lock(t, &flags);
    queue_remove(t);
    spin_unlock_irqrestore(&q->lock, flags);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    unsigned long flags;
    struct timer_queue *q;
    bool was_set;

    if (READ_ONCE(t->cpu) == cpu)
        return;
    q = timer_lock(t, &flags);
    was_set = queue_remove(t);
    t->cpu = cpu;
    spin_unlock_irqrestore(&q->lock, flags);
    if (was_set)
        timer_set(t, t->expires);
}

void timer_kill(struct timer *t)
{
    unsigned long flags;
    struct timer_queue *q = timer_lock(t, &flags);

    t->killed = true;
    queue_remove(t);
    spin_unlock_irqrestore(&q->lock, flags);
    while (__atomic_load_n(&t->running, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void timer_softirq(void)
{
    struct timer_queue *q = &this_cpu(timer_queue);
    unsigned long flags = spin_lock_irqsave(&q->lock);

    while (queue_first(q) <= now()) {
        struct timer *t = list_first(&q->timers, struct timer, link);

        queue_remove(t);
        __atomic_fetch_add(&t->running, 1, __ATOMIC_RELAXED);
        spin_unlock_irqrestore(&q->lock, flags);
        t->fn(t->data);
        __atomic_fetch_sub(&t->running, 1, __ATOMIC_RELEASE);
        flags = spin_lock_irqsave(&q->lock);
    }
    /* Always: what was programmed has fired, perhaps a little early. */
    q->programmed = queue_first(q);
    arch_timer_program(q->programmed);
    spin_unlock_irqrestore(&q->lock, flags);
}

void timers_cpu_init(unsigned int cpu)
{
    struct timer_queue *q = &per_cpu(timer_queue, cpu);

    softirq_register(SOFTIRQ_TIMER, timer_softirq);
    spin_lock_init(&q->lock, LOCK_TIMER);
    list_init(&q->timers);
    q->programmed = STIME_MAX;
}
