/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mechanism (core.c) and the policy (fair.c) share: run queues, a vCPU's and a domain's
 * part in scheduling, and the functions by which each asks the other. Included by sched/ only.
 */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H

#include <asm/percpu.h>
#include <core/domain.h>
#include <lib/list.h>
#include <lib/spinlock.h>
#include <sched/sched.h>
#include <time/timer.h>

/* Where a vCPU is, guarded by the lock of its run queue (that of v->processor). */
enum sched_state {
    SCHED_OFF,     /* not runnable, or about to be queued */
    SCHED_QUEUED,  /* waits on its queue */
    SCHED_RUNNING, /* is its queue's curr */
    SCHED_PARKED,  /* runnable, but its domain has used up its cap */
};

struct sched_vcpu {
    struct list link; /* on run_queue.waiting */
    struct vcpu *vcpu;
    enum sched_state state;
    bool yielding;  /* wants to step back once */
    bool woken;     /* waits since a wake-up, not since it was preempted */
    u64 vtime;      /* virtual time: ns that it ran, scaled by 256 / weight */
    u64 inv_weight; /* (256 << INV_SHIFT) / weight */
    s64 grain;      /* virtual time that it may run ahead of who waits */
    struct sched_domain *domain;
};

#define INV_SHIFT      20
#define WEIGHT_DEFAULT 256

struct sched_domain {
    struct domain *domain;
    unsigned int weight, cap;
    s64 budget; /* ns left in this period, atomic; only with a cap */
    struct timer refill;
};

struct run_queue {
    struct spinlock lock;
    unsigned int cpu;
    unsigned int nr_waiting;
    struct vcpu *curr, *idle;
    struct list waiting; /* struct sched_vcpu, by rising vtime */
    u64 vmin;            /* the queue's virtual time: never goes back */
    s_time_t charged;    /* curr paid for its time up to here */
    s_time_t curr_since; /* curr has the CPU since */
    struct timer slice_timer;

    /* For other CPUs to read without the lock, as a hint. */
    u64 hint_vtime; /* of curr when it was last charged */
    u64 hint_inv;   /* its inv_weight; 0: idle */
    u64 hint_head;  /* vtime of the first that waits, ~0: nobody */
};

DECLARE_PER_CPU(struct run_queue, run_queue);
extern struct cpumask sched_idle_cpus; /* CPUs that run their idle vCPU and were given nothing yet */

static inline bool rq_is_idle(const struct run_queue *rq) { return rq->curr == rq->idle; }

/* ---- the policy (fair.c): all with the lock of the queue in question held and interrupts off, unless said ---- */

/* Also after its domain's weight has changed. */
void fair_vcpu_init(struct sched_vcpu *s);

/* A good CPU for v to wake up on; an idle one is taken off the list of those. Lock of the present queue held. */
unsigned int fair_place(struct vcpu *v);
/* v starts to wait on rq (SCHED_QUEUED or SCHED_PARKED afterwards); it was on `from` before. */
void fair_enqueue(struct run_queue *rq, struct sched_vcpu *s, struct run_queue *from, s_time_t t);
void fair_dequeue(struct run_queue *rq, struct sched_vcpu *s); /* not of one that runs; others become SCHED_OFF */
/* curr pays for its time up to t. */
void fair_charge(struct run_queue *rq, s_time_t t);
/* Who runs next, off the queue: curr itself when it may go on and should; NULL: idle. */
struct vcpu *fair_pick(struct run_queue *rq, bool curr_may, s_time_t t);
/* Somebody came: ns until curr must give way (0 or less: at once), STIME_MAX: nobody waits. */
s_time_t fair_remaining(struct run_queue *rq, s_time_t t);
/* rq's CPU would idle: takes work from another CPU's queue, if one can be locked without waiting. */
void fair_pull(struct run_queue *rq, s_time_t t);
/* No locks, from the slice timer: hands work on to CPUs that are ahead. */
void fair_push(struct run_queue *rq);

void fair_dump(struct run_queue *rq);

/* ---- mechanism for the policy (core.c) ---- */

/* Locks the queue of v, which may move while we wait. */
struct irq_guard vcpu_lock_queue(struct vcpu *v);
/* Declares rq, the queue of v, locked to the end of the block. */
#define queue_guard(rq, v)                                                                      \
    __attribute__((cleanup(irq_guard_leave))) struct irq_guard queue_held = vcpu_lock_queue(v); \
    struct run_queue *const rq __unused = &per_cpu(run_queue, (v)->processor)
/* Makes rq->cpu go through schedule(). Any locks. */
void sched_kick(struct run_queue *rq);
/* After something was put on rq: lets it run at once or arms the slice timer. Lock of rq held. */
void sched_check_preempt(struct run_queue *rq, s_time_t t);
/* A parked vCPU may run again: through the queue, if it is still parked. No locks. */
void sched_unpark(struct vcpu *v);
/* Moves a waiting vCPU from one locked queue to another locked one. */
void sched_move(struct run_queue *from, struct run_queue *to, struct sched_vcpu *s, s_time_t t);

#endif
