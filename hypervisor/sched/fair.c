/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy: fair shares by weight in virtual time.
 *
 * Each vCPU has a virtual time: the ns that it ran, times 256 / weight. A CPU runs the one that is
 * furthest behind, until it is `grain` ahead of the first that waits. All CPUs count the same
 * virtual time: a queue that is long falls behind the others, and its slice timer then hands its
 * hindmost vCPU to the CPU that is furthest ahead (push); an idle CPU takes one itself (pull). So
 * shares are fair over all CPUs, not only within a queue.
 *
 * Who slept may come back at most WAKE_BONUS behind its queue: enough to get the CPU at once from a
 * hog, too little to starve it. Queues whose virtual times have drifted apart (pinned vCPUs)
 * exchange vCPUs by their lag instead.
 *
 * A cap is a budget per domain and period; vCPUs of a domain without budget are parked until the
 * refill, and what was overdrawn is owed.
 *
 * No locking here but the queue's, which the mechanism (core.c) holds, unless a function says
 * otherwise.
 */
#include <sched/private.h>
#include <mm/heap.h>

#define GRAIN      MILLISECS(4)   /* virtual; the usual lead of the running over the waiting */
#define GRAIN_MIN  MICROSECS(500) /* in real time, whatever the weight */
#define GRAIN_MAX  MILLISECS(10)
#define WAKE_GRAIN MICROSECS(250) /* virtual; the lead over one that was woken */
#define RATE_LIMIT MICROSECS(200) /* real; nobody is preempted sooner */
#define WAKE_BONUS MILLISECS(3)   /* virtual */
#define LAG_MAX    MILLISECS(10)  /* virtual; what a vCPU may carry over to another queue */
#define DRIFT_MAX  MILLISECS(25)  /* virtual; queues further apart than this are strangers */
#define PUSH_LEAD  MILLISECS(2)   /* virtual; another CPU must be this much ahead to get work */
#define CAP_PERIOD MILLISECS(10)

#define PUSH_CANDIDATES 4

/* Virtual time of some contended queue: where a queue that was idle starts. A hint, written without
 * a lock. */
static u64 contended_clock;

/* Rounded up: a heavy vCPU's time must go on however often it is charged. */
static inline u64 to_virtual(s64 ns, u64 inv_weight) { return ((unsigned __int128)ns * inv_weight >> INV_SHIFT) + 1; }

static inline s64 to_real(s64 vns, unsigned int weight) { return (__int128)vns * weight / WEIGHT_DEFAULT; }

static inline s64 clamp(s64 x, s64 limit) { return x > limit ? limit : x < -limit ? -limit : x; }

static inline struct sched_vcpu *first_waiting(struct run_queue *rq)
{
    return list_first(&rq->waiting, struct sched_vcpu, link);
}

static inline bool out_of_budget(const struct sched_vcpu *s)
{
    return unlikely(s->domain->cap) && __atomic_load_n(&s->domain->budget, __ATOMIC_RELAXED) <= 0;
}

static inline void hint_head(struct run_queue *rq)
{
    WRITE_ONCE(rq->hint_head, rq->nr_waiting ? first_waiting(rq)->vtime : ~0UL);
}

/* ---- queue ---- */

static void queue_insert(struct run_queue *rq, struct sched_vcpu *s)
{
    struct list *pos = rq->waiting.prev;

    while (pos != &rq->waiting && (s64)(list_entry(pos, struct sched_vcpu, link)->vtime - s->vtime) > 0)
        pos = pos->prev;
    list_add(&s->link, pos);
    rq->nr_waiting++;
    s->state = SCHED_QUEUED;
    hint_head(rq);
}

void fair_dequeue(struct run_queue *rq, struct sched_vcpu *s)
{
    if (s->state == SCHED_QUEUED) {
        list_del(&s->link);
        rq->nr_waiting--;
        hint_head(rq);
    }
    s->state = SCHED_OFF;
}

/* Gives s a virtual time that is sensible on rq, where it was not waiting until now. */
static void vtime_join(struct run_queue *rq, struct sched_vcpu *s, struct run_queue *from)
{
    bool empty = rq_is_idle(rq) && !rq->nr_waiting;
    s64 lag, limit = LAG_MAX + s->grain;

    if (empty && (s64)(contended_clock - WAKE_BONUS - rq->vmin) > 0)
        rq->vmin = contended_clock - WAKE_BONUS;
    lag = s->vtime - rq->vmin;
    if (from != rq) {
        s64 drift = from->vmin - rq->vmin;

        if (drift > DRIFT_MAX || drift < -DRIFT_MAX)
            lag = s->vtime - from->vmin;
    }
    if (!empty || lag < 0)
        lag = clamp(lag, limit);
    if (s->woken && lag < -WAKE_BONUS)
        lag = -WAKE_BONUS;
    s->vtime = rq->vmin + lag;
}

/* ---- time ---- */

static void cap_charge(struct sched_domain *sd, s64 ns, s_time_t t)
{
    __atomic_fetch_sub(&sd->budget, ns, __ATOMIC_RELAXED);
    if (!timer_is_set(&sd->refill))
        timer_set(&sd->refill, t + CAP_PERIOD);
}

void fair_charge(struct run_queue *rq, s_time_t t)
{
    struct sched_vcpu *s = rq->curr->sched;
    s64 ran = t - rq->charged;
    u64 least;

    if (ran <= 0)
        return;
    rq->charged = t;
    s->vtime += to_virtual(ran, s->inv_weight);
    WRITE_ONCE(rq->hint_vtime, s->vtime);
    if (unlikely(s->domain->cap))
        cap_charge(s->domain, ran, t);
    least = s->vtime;
    if (rq->nr_waiting && (s64)(first_waiting(rq)->vtime - least) < 0)
        least = first_waiting(rq)->vtime;
    if ((s64)(least - rq->vmin) > 0)
        rq->vmin = least;
}

void fair_enqueue(struct run_queue *rq, struct sched_vcpu *s, struct run_queue *from, s_time_t t)
{
    if (out_of_budget(s)) {
        s->state = SCHED_PARKED;
        return;
    }
    if (!rq_is_idle(rq))
        fair_charge(rq, t); /* the queue's virtual time as of now */
    vtime_join(rq, s, from);
    queue_insert(rq, s);
}

s_time_t fair_remaining(struct run_queue *rq, s_time_t t)
{
    struct sched_vcpu *s = rq->curr->sched;
    s_time_t left = STIME_MAX;

    if (rq->nr_waiting) {
        struct sched_vcpu *first = first_waiting(rq);
        s64 lead = first->woken ? WAKE_GRAIN : s->grain;
        u64 vnow = s->vtime + to_virtual(t - rq->charged, s->inv_weight);

        left = to_real(first->vtime + lead - vnow, s->domain->weight);
        left = max(left, RATE_LIMIT - (t - rq->curr_since));
    }
    if (unlikely(s->domain->cap)) {
        s_time_t budget = __atomic_load_n(&s->domain->budget, __ATOMIC_RELAXED);

        left = min(left, max(budget, (s_time_t)0));
    }
    return left;
}

/* The first that waits and has budget, off the queue; NULL: none. */
static struct sched_vcpu *take_first(struct run_queue *rq)
{
    while (rq->nr_waiting) {
        struct sched_vcpu *s = first_waiting(rq);

        fair_dequeue(rq, s);
        if (!out_of_budget(s))
            return s;
        s->state = SCHED_PARKED;
    }
    return NULL;
}

struct vcpu *fair_pick(struct run_queue *rq, bool may, s_time_t t)
{
    struct sched_vcpu *s = rq_is_idle(rq) ? NULL : rq->curr->sched, *next;
    bool broke = s && out_of_budget(s);

    if (may && !broke && (!rq->nr_waiting || (!s->yielding && fair_remaining(rq, t) > 0))) {
        s->yielding = false;
        return s->vcpu;
    }
    next = take_first(rq);
    if (s) {
        s->yielding = s->woken = false;
        s->state = may && broke ? SCHED_PARKED : SCHED_OFF;
        if (may && !broke && next)
            queue_insert(rq, s);
        else if (may && !broke)
            next = s;
    }
    if (!next) {
        rq->curr = rq->idle;
        WRITE_ONCE(rq->hint_inv, 0);
        return NULL;
    }
    next->state = SCHED_RUNNING;
    rq->curr = next->vcpu;
    if (next != s) {
        rq->curr_since = rq->charged = t;
        WRITE_ONCE(rq->hint_vtime, next->vtime);
        WRITE_ONCE(rq->hint_inv, next->inv_weight);
    }
    return next->vcpu;
}

/* ---- where ---- */

/* An idle CPU of the set, taken off the list of idle ones; NR_CPUS: none. Near `from` first. */
static unsigned int claim_idle(const struct cpumask *set, unsigned int from)
{
    unsigned int cpu = from;

    for (unsigned int n = cpumask_weight(set); n > 0; n--, cpu++) {
        cpu = cpumask_next_wrap(set, cpu);
        if (test_and_clear_bit(cpu, sched_idle_cpus.bits))
            return cpu;
    }
    return NR_CPUS;
}

unsigned int fair_place(struct vcpu *v)
{
    unsigned int cpu = v->processor, found;
    struct cpumask idle, set;

    if (likely(cpumask_test(&v->hard_affinity, cpu))) {
        if (nr_cpu_ids == 1)
            return cpu;
        if (cpumask_test(&sched_idle_cpus, cpu) && cpumask_test(&v->soft_affinity, cpu) &&
            test_and_clear_bit(cpu, sched_idle_cpus.bits))
            return cpu;
    }
    idle = cpumask_and(&sched_idle_cpus, &v->hard_affinity);
    if (!cpumask_empty(&idle)) {
        set = cpumask_and(&idle, &v->soft_affinity);
        found = claim_idle(&set, cpu);
        if (found >= NR_CPUS)
            found = claim_idle(&idle, cpu);
        if (found < NR_CPUS)
            return found;
    }
    if (cpumask_test(&v->hard_affinity, cpu))
        return cpu;
    set = cpumask_and(&v->hard_affinity, &cpu_online_map);
    return cpumask_next_wrap(&set, cpu);
}

/* How far a CPU has come in virtual time, without its lock; S64_MAX-like for an idle one. */
static u64 queue_clock(const struct run_queue *rq, s_time_t t)
{
    u64 inv = READ_ONCE(rq->hint_inv), head = READ_ONCE(rq->hint_head);
    s64 ran = t - READ_ONCE(rq->charged);
    u64 clock;

    if (!inv)
        return head;
    clock = READ_ONCE(rq->hint_vtime) + (ran > 0 ? to_virtual(ran, inv) : 0);
    return min(clock, head);
}

/* The CPU where s would run soonest, if one is far enough ahead of it; NULL: stay. */
static struct run_queue *push_target(struct run_queue *from, struct sched_vcpu *s, s_time_t t)
{
    struct cpumask may = cpumask_and(&s->vcpu->hard_affinity, &cpu_online_map);
    struct run_queue *best = NULL;
    u64 best_clock = s->vtime + PUSH_LEAD;
    unsigned int cpu;

    for_each_cpu (cpu, &may) {
        struct run_queue *rq = &per_cpu(run_queue, cpu);
        u64 clock = queue_clock(rq, t);

        if (rq == from)
            continue;
        if (clock != ~0UL && !cpumask_test(&s->vcpu->soft_affinity, cpu))
            continue;
        if (clock > best_clock) {
            best = rq;
            best_clock = clock;
        }
    }
    return best;
}

void fair_push(struct run_queue *rq)
{
    struct sched_vcpu *s, *next;
    unsigned int tried = 0;

    spin_guard_irqsave(&rq->lock);
    s_time_t t = now();
    if (rq->nr_waiting)
        contended_clock = rq->vmin;
    list_for_each_safe (s, next, &rq->waiting, link) {
        struct run_queue *to;

        if (nr_cpu_ids == 1 || tried++ == PUSH_CANDIDATES)
            break;
        if (READ_ONCE(s->vcpu->is_running))
            continue;
        to = push_target(rq, s, t);
        if (!to)
            continue;
        if (spin_trylock(&to->lock)) {
            sched_move(rq, to, s, t);
            if (s->state == SCHED_QUEUED)
                sched_check_preempt(to, t);
            spin_unlock(&to->lock);
        }
        break;
    }
}

/* Takes the first from `victim` that may run on rq's CPU. Both locked. */
static bool pull_from(struct run_queue *rq, struct run_queue *victim, s_time_t t)
{
    struct sched_vcpu *s;

    list_for_each (s, &victim->waiting, link) {
        if (READ_ONCE(s->vcpu->is_running) || !cpumask_test(&s->vcpu->hard_affinity, rq->cpu))
            continue;
        sched_move(victim, rq, s, t);
        return true;
    }
    return false;
}

void fair_pull(struct run_queue *rq, s_time_t t)
{
    for (unsigned int i = 1; i < nr_cpu_ids; i++) {
        unsigned int cpu = (rq->cpu + i) % nr_cpu_ids;
        struct run_queue *victim = &per_cpu(run_queue, cpu);
        bool done;

        if (READ_ONCE(victim->hint_head) == ~0UL || !cpumask_test(&cpu_online_map, cpu) || !spin_trylock(&victim->lock))
            continue;
        done = pull_from(rq, victim, t);
        spin_unlock(&victim->lock);
        if (done)
            return;
    }
}

/* ---- domains and parameters ---- */

static inline s64 cap_quota(const struct sched_domain *sd) { return CAP_PERIOD * sd->cap / 100; }

/* Timer, no locks: a period begins. Goes on until the budget is whole again, and so nobody runs. */
static void cap_refill(void *data)
{
    struct sched_domain *sd = data;
    s64 quota = cap_quota(sd);
    s64 old = __atomic_load_n(&sd->budget, __ATOMIC_RELAXED), new;
    struct vcpu *v;

    do {
        new = min(old + quota, quota);
    } while (!__atomic_compare_exchange_n(&sd->budget, &old, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    if (new > 0 || !quota)
        for_each_vcpu (sd->domain, v)
            sched_unpark(v);
    if (old < quota && quota)
        timer_set(&sd->refill, sd->refill.expires + CAP_PERIOD);
}

int sched_domain_init(struct domain *d)
{
    struct sched_domain *sd = mem_alloc_object(struct sched_domain);

    if (!sd)
        return -ENOMEM;
    sd->domain = d;
    sd->weight = WEIGHT_DEFAULT;
    timer_init(&sd->refill, cap_refill, sd, smp_processor_id());
    d->sched = sd;
    return 0;
}

void sched_domain_free(struct domain *d)
{
    if (!d->sched)
        return;
    timer_kill(&d->sched->refill);
    mem_free(d->sched);
    d->sched = NULL;
}

void fair_vcpu_init(struct sched_vcpu *s)
{
    s64 weight = s->domain->weight;
    s64 least = GRAIN_MIN * WEIGHT_DEFAULT / weight, most = GRAIN_MAX * WEIGHT_DEFAULT / weight;

    s->inv_weight = ((u64)WEIGHT_DEFAULT << INV_SHIFT) / weight;
    s->grain = max(min((s64)GRAIN, most), least);
}

static void vcpu_weight_apply(struct vcpu *v)
{
    queue_guard(rq, v);

    fair_vcpu_init(v->sched);
    if (v->sched->state == SCHED_RUNNING)
        sched_kick(rq);
}

int sched_set_params(struct domain *d, unsigned int weight, unsigned int cap)
{
    struct sched_domain *sd = d->sched;
    struct vcpu *v;

    if (!weight || weight > 65535 || cap > 100 * d->max_vcpus)
        return -EINVAL;
    WRITE_ONCE(sd->weight, weight);
    WRITE_ONCE(sd->cap, cap);
    __atomic_store_n(&sd->budget, cap_quota(sd), __ATOMIC_RELAXED);
    for_each_vcpu (d, v) {
        vcpu_weight_apply(v);
        sched_unpark(v);
    }
    return 0;
}

void sched_get_params(struct domain *d, unsigned int *weight, unsigned int *cap)
{
    *weight = d->sched->weight;
    *cap = d->sched->cap;
}

void fair_dump(struct run_queue *rq)
{
    struct sched_vcpu *s;

    list_for_each (s, &rq->waiting, link)
        log_info("    d%uv%u lag %ld us, weight %u%s\n", s->domain->domain->id, s->vcpu->id,
                 (s64)(rq->vmin - s->vtime) / 1000, s->domain->weight, s->woken ? ", woken" : "");
}
