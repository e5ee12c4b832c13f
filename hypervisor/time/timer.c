/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a pairing heap for each CPU, linked through the timers themselves, so that arming never
 * needs memory and never fails. The hardware is programmed for the earliest one only, and only when
 * that one became earlier: a timer that is stopped leaves an early interrupt behind, which costs
 * less than programming the hardware each time. Clocks are the architecture's (arch_read_clock). Called by
 * everyone who waits; fn runs from the timer softirq, interrupts on, no locks held.
 */
#include <time/timer.h>
#include <arch/arch.h>
#include <sched/softirq.h>
#include <lib/lib.h>
#include <lib/spinlock.h>

struct timer_queue {
    struct spinlock lock;
    struct timer *root;  /* the earliest */
    s_time_t programmed; /* what the hardware was last told; written by its own CPU only */
};

static DEFINE_PER_CPU(struct timer_queue, timer_queue);

/* ---- the heap: prev is the parent for a first child, else the sibling before ---- */

static inline struct timer *heap_meld(struct timer *a, struct timer *b)
{
    if (b->expires < a->expires) {
        struct timer *t = a;

        a = b;
        b = t;
    }
    b->prev = a;
    b->sibling = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Melds a list of siblings: in pairs from the left, then all together from the right. */
static struct timer *heap_meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL, *root;

    while (first) {
        struct timer *a = first, *b = a->sibling;

        first = b ? b->sibling : NULL;
        a->sibling = NULL;
        if (b) {
            b->sibling = NULL;
            a = heap_meld(a, b);
        }
        a->sibling = pairs;
        pairs = a;
    }
    root = pairs;
    pairs = root->sibling;
    root->sibling = NULL;
    while (pairs) {
        struct timer *t = pairs;

        pairs = t->sibling;
        t->sibling = NULL;
        root = heap_meld(root, t);
    }
    root->prev = NULL;
    return root;
}

static inline void queue_insert(struct timer_queue *q, struct timer *t)
{
    t->child = t->sibling = t->prev = NULL;
    t->set = true;
    q->root = q->root ? heap_meld(q->root, t) : t;
}

static inline void queue_remove(struct timer_queue *q, struct timer *t)
{
    struct timer *rest = t->child ? heap_meld_siblings(t->child) : NULL;

    t->set = false;
    if (t == q->root) {
        q->root = rest;
        return;
    }
    if (t->prev->child == t)
        t->prev->child = t->sibling;
    else
        t->prev->sibling = t->sibling;
    if (t->sibling)
        t->sibling->prev = t->prev;
    if (rest)
        q->root = heap_meld(q->root, rest);
}

/* ---- timers ---- */

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
    bool earlier = q->root && q->root->expires < q->programmed;

    if (earlier && cpu == smp_processor_id()) {
        q->programmed = q->root->expires;
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

    if (t->set)
        queue_remove(q, t);
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
    if (t->set)
        queue_remove(q, t);
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
    was_set = t->set;
    if (was_set)
        queue_remove(q, t);
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
    if (t->set)
        queue_remove(q, t);
    spin_unlock_irqrestore(&q->lock, flags);
    while (__atomic_load_n(&t->running, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void timer_softirq(void)
{
    struct timer_queue *q = &this_cpu(timer_queue);
    unsigned long flags = spin_lock_irqsave(&q->lock);
    struct timer *t;

    while ((t = q->root) && t->expires <= now()) {
        queue_remove(q, t);
        __atomic_fetch_add(&t->running, 1, __ATOMIC_RELAXED);
        spin_unlock_irqrestore(&q->lock, flags);
        t->fn(t->data);
        __atomic_fetch_sub(&t->running, 1, __ATOMIC_RELEASE);
        flags = spin_lock_irqsave(&q->lock);
    }
    /* Always: what was programmed has fired, perhaps a little early. */
    q->programmed = t ? t->expires : STIME_MAX;
    arch_timer_program(q->programmed);
    spin_unlock_irqrestore(&q->lock, flags);
}

void timers_cpu_init(unsigned int cpu)
{
    struct timer_queue *q = &per_cpu(timer_queue, cpu);

    softirq_register(SOFTIRQ_TIMER, timer_softirq);
    spin_lock_init(&q->lock, LOCK_TIMER);
    q->root = NULL;
    q->programmed = STIME_MAX;
}
