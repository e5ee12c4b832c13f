/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanism of scheduling: one run queue for each CPU, who runs there, waking, sleeping,
 * affinity, run states, and the switch. Who comes first, for how long and where is the policy's
 * (fair.c). Called by everyone who lets a vCPU run or wait; schedule() comes from the softirq.
 *
 * A vCPU belongs to the queue of v->processor; whoever wants to change its state locks that queue
 * and looks again. v->processor changes under the old queue's lock, and only while the registers
 * are not on a CPU (!v->is_running).
 */
#include <sched/private.h>
#include <sched/softirq.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

DEFINE_PER_CPU(struct run_queue, run_queue);
struct cpumask sched_idle_cpus;

/* ---- queues ---- */

struct irq_guard vcpu_lock_queue(struct vcpu *v)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(v->processor);
        struct run_queue *rq = &per_cpu(run_queue, cpu);
        struct irq_guard held = {&rq->lock, spin_lock_irqsave(&rq->lock)};

        if (likely(v->processor == cpu))
            return held;
        irq_guard_leave(&held);
    }
}

void sched_kick(struct run_queue *rq) { softirq_raise_on(rq->cpu, SOFTIRQ_SCHEDULE); }

#define SLICE_MIN MICROSECS(20)

/* The running vCPU must give way in `left` ns: a timer that fires too early is left alone. */
static inline void arm_slice(struct run_queue *rq, s_time_t left, s_time_t t)
{
    if (left == STIME_MAX)
        return;
    left = max(left, SLICE_MIN);
    if (!timer_is_set(&rq->slice_timer) || rq->slice_timer.expires > t + left)
        timer_set(&rq->slice_timer, t + left);
}

void sched_check_preempt(struct run_queue *rq, s_time_t t)
{
    s_time_t left;

    if (rq_is_idle(rq)) {
        sched_kick(rq);
        return;
    }
    left = fair_remaining(rq, t);
    if (left <= 0)
        sched_kick(rq);
    else
        arm_slice(rq, left, t);
}

static void slice_timer_fn(void *data)
{
    struct run_queue *rq = data;

    fair_push(rq);
    sched_kick(rq);
}

/* ---- run states ---- */

static inline void runstate_set(struct vcpu *v, int state, s_time_t t)
{
    struct vcpu_runstate_info *r = &v->runstate;

    /* Two CPUs' clocks may be a few ns apart: time never runs backwards here. */
    if (t > (s_time_t)r->state_entry_time) {
        r->time[r->state] += t - r->state_entry_time;
        r->state_entry_time = t;
    }
    r->state = state;
}

/* The state of one that does not run: RUNSTATE_blocked dominates (xen/vcpu.h). */
static inline int runstate_waiting(const struct vcpu *v)
{
    if (vcpu_runnable(v))
        return RUNSTATE_runnable;
    return v->pause_flags & (VPF_BLOCKED | VPF_POLLING | VPF_IO) ? RUNSTATE_blocked : RUNSTATE_offline;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    queue_guard(rq, v);
    s_time_t t = now();

    *out = v->runstate;
    if (t > (s_time_t)out->state_entry_time)
        out->time[out->state] += t - out->state_entry_time;
}

u64 vcpu_cpu_time(struct vcpu *v)
{
    struct vcpu_runstate_info r;

    vcpu_runstate_get(v, &r);
    return r.time[RUNSTATE_running];
}

static int runstate_write_entry(struct vcpu_runstate_info __guest *g, const struct vcpu_runstate_info *r)
{
    int rc;

    wmb();
    rc = copy_to_guest(&g->state_entry_time, &r->state_entry_time, sizeof(r->state_entry_time));
    wmb();
    return rc;
}

/* 32-bit code aligns 64-bit numbers to 4 bytes. */
static void runstate_write_narrow(struct vcpu_runstate_info __guest *g, const struct vcpu_runstate_info *r)
{
    u32 out[11] = {r->state};

    memcpy(out + 1, &r->state_entry_time, sizeof(out) - sizeof(out[0]));
    (void)!copy_to_guest(g, out, sizeof(out));
}

void vcpu_runstate_publish(struct vcpu *v)
{
    struct vcpu_runstate_info __guest *g = v->runstate_guest;
    bool flag = v->domain->vm_assist & (1UL << VMASST_TYPE_runstate_update_flag);
    struct vcpu_runstate_info r = v->runstate;

    if (!g || arch_runstate_deferred(v))
        return;
    if (unlikely(v->domain->narrow_info)) {
        runstate_write_narrow(g, &r);
        return;
    }
    if (flag)
        r.state_entry_time |= XEN_RUNSTATE_UPDATE;
    /* A failure is the guest's own loss: it unmapped the area. */
    if ((flag && runstate_write_entry(g, &r)) || copy_to_guest(g, &r, sizeof(r)) || !flag)
        return;
    r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    runstate_write_entry(g, &r);
}

/* ---- waking and sleeping ---- */

/* v (SCHED_OFF, runnable) starts to wait on its queue, which is locked; it came from `from`. */
static void wake_on(struct run_queue *rq, struct vcpu *v, struct run_queue *from)
{
    s_time_t t = now();

    v->sched->woken = true;
    fair_enqueue(rq, v->sched, from, t);
    runstate_set(v, RUNSTATE_runnable, t);
    if (v->sched->state == SCHED_QUEUED)
        sched_check_preempt(rq, t);
}

/*
 * v (SCHED_OFF) gets the queue of the CPU that the policy finds for it, unless its registers are still on one, and
 * waits there if it may run. Its queue, from, is locked before, its new one afterwards.
 */
static void vcpu_settle(struct vcpu *v, struct run_queue *from, struct irq_guard *held)
{
    struct run_queue *rq = from;

    if (!v->is_running) {
        rq = &per_cpu(run_queue, fair_place(v));
        if (rq != from) {
            v->processor = rq->cpu;
            irq_guard_leave(held);
            *held = vcpu_lock_queue(v);
        }
    }
    if (v->sched->state == SCHED_OFF && vcpu_runnable(v))
        wake_on(&per_cpu(run_queue, v->processor), v, from);
    else
        sched_kick(rq); /* place() took an idle CPU off the list in vain: it puts itself back */
}

void vcpu_wake(struct vcpu *v)
{
    queue_guard(rq, v);

    if (v->sched->state != SCHED_OFF)
        return;
    if (vcpu_runnable(v))
        vcpu_settle(v, rq, &queue_held);
    else
        runstate_set(v, runstate_waiting(v), now());
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    queue_guard(rq, v);

    if (vcpu_runnable(v))
        return;
    if (v->sched->state == SCHED_RUNNING) {
        sched_kick(rq);
        return;
    }
    fair_dequeue(rq, v->sched);
    runstate_set(v, runstate_waiting(v), now());
}

static void vcpu_leave_queue(struct vcpu *v)
{
    queue_guard(rq, v);

    fair_dequeue(rq, v->sched);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void vcpu_kick(struct vcpu *v)
{
    /* Whatever made the caller kick is seen by v's CPU before it enters the guest, or it gets the
     * interrupt. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (v != current && READ_ONCE(v->is_running))
        arch_send_event_check(READ_ONCE(v->processor));
}

void vcpu_block(void)
{
    struct vcpu *v = current;

    set_bit(_VPF_BLOCKED, &v->pause_flags);
    /* The bit first, then the look: who sends after the look finds the bit and wakes. */
    if (vcpu_event_pending(v) || (v->is_hvm && READ_ONCE(v->info->evtchn_upcall_pending)))
        clear_bit(_VPF_BLOCKED, &v->pause_flags);
    else
        softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_unblock(struct vcpu *v)
{
    unsigned long waits = VPF_BLOCKED | VPF_POLLING, old;

    if (!(READ_ONCE(v->pause_flags) & waits))
        return;
    old = __atomic_fetch_and(&v->pause_flags, ~waits, __ATOMIC_SEQ_CST);
    if (old & VPF_POLLING)
        __atomic_fetch_sub(&v->domain->nr_polling, 1, __ATOMIC_SEQ_CST);
    if (old & waits)
        vcpu_wake(v);
}

void vcpu_yield(void)
{
    struct run_queue *rq = &this_cpu(run_queue);

    if (!READ_ONCE(rq->nr_waiting))
        return;
    current->sched->yielding = true;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

void sched_unpark(struct vcpu *v)
{
    queue_guard(rq, v);

    if (v->sched->state == SCHED_PARKED) {
        v->sched->state = SCHED_OFF;
        wake_on(rq, v, rq);
    }
}

/* ---- affinity and moving ---- */

void sched_move(struct run_queue *from, struct run_queue *to, struct sched_vcpu *s, s_time_t t)
{
    fair_dequeue(from, s);
    s->vcpu->processor = to->cpu;
    fair_enqueue(to, s, from, t);
}

/*
 * v, whose queue rq is locked, may be where it must not be: moves it, or makes its CPU let go of it. Then
 * sched_context_saved() moves it.
 */
static void affinity_enforce(struct vcpu *v, struct run_queue *rq, struct irq_guard *held)
{
    if (cpumask_test(&v->hard_affinity, rq->cpu))
        return;
    if (v->sched->state == SCHED_RUNNING || v->is_running) {
        sched_kick(rq);
        return;
    }
    fair_dequeue(rq, v->sched);
    vcpu_settle(v, rq, held);
}

int vcpu_set_affinity(struct vcpu *v, const struct cpumask *m, bool soft)
{
    if (!cpumask_intersects(m, &cpu_online_map))
        return -EINVAL;
    queue_guard(rq, v);
    *(soft ? &v->soft_affinity : &v->hard_affinity) = *m;
    mb(); /* see sched_context_saved */
    affinity_enforce(v, rq, &queue_held);
    return 0;
}

/* ---- the switch ---- */

static inline void switch_runstates(struct run_queue *rq, struct vcpu *prev, struct vcpu *next, s_time_t t)
{
    if (prev == rq->idle)
        cpumask_unset(&sched_idle_cpus, rq->cpu);
    else
        runstate_set(prev, runstate_waiting(prev), t);
    if (next != rq->idle)
        runstate_set(next, RUNSTATE_running, t);
}

void schedule(void)
{
    struct run_queue *rq = &this_cpu(run_queue);
    struct vcpu *prev = current, *next;
    bool may = false;
    s_time_t t;

    irq_disable();
    spin_lock(&rq->lock);
    t = now();
    if (prev != rq->idle) {
        fair_charge(rq, t);
        may = vcpu_runnable(prev) && cpumask_test(&prev->hard_affinity, rq->cpu);
    }
    if (!may && !rq->nr_waiting && nr_cpu_ids > 1)
        fair_pull(rq, t);
    next = fair_pick(rq, may, t);
    if (!next) {
        next = rq->idle;
        cpumask_set(&sched_idle_cpus, rq->cpu);
    } else if (rq->nr_waiting || next->sched->domain->cap) {
        arm_slice(rq, fair_remaining(rq, t), t);
    }
    if (next == prev) {
        spin_unlock(&rq->lock);
        arch_continue_running(prev);
        return;
    }
    switch_runstates(rq, prev, next, t);
    next->is_running = true;
    spin_unlock(&rq->lock);
    if (unlikely(next->periodic_period) && !timer_is_set(&next->periodic_timer)) {
        timer_migrate(&next->periodic_timer, rq->cpu);
        timer_set(&next->periodic_timer, t); /* a tick that came while it waited */
    }
    arch_context_switch(prev, next);
}

void sched_context_saved(struct vcpu *prev)
{
    __atomic_store_n(&prev->is_running, false, __ATOMIC_RELEASE);
    if (prev->is_idle)
        return;
    /*
     * Until now nobody could move it. Whoever changed its affinity meanwhile saw is_running and
     * left the moving to us, or we see the new affinity here: each writes first and looks then.
     */
    mb();
    if (unlikely(!cpumask_test(&prev->hard_affinity, prev->processor))) {
        queue_guard(rq, prev);
        affinity_enforce(prev, rq, &queue_held);
    }
    if (unlikely(READ_ONCE(prev->sched->state) == SCHED_OFF && vcpu_runnable(prev)))
        vcpu_wake(prev);
}

void sched_cpu_start(void) { cpumask_set(&sched_idle_cpus, smp_processor_id()); }

void idle_loop(void)
{
    for (;;) {
        if (softirq_pending()) {
            softirq_run();
            continue;
        }
        if (heap_scrub_some())
            continue;
        irq_disable();
        if (softirq_pending())
            irq_enable();
        else
            arch_idle_wait();
    }
}

/* ---- life ---- */

/* CPUs in turn, so that vCPUs start spread. */
static unsigned int first_processor(void)
{
    static unsigned int last;
    unsigned int cpu = cpumask_next_wrap(&cpu_online_map, READ_ONCE(last) + 1);

    WRITE_ONCE(last, cpu);
    return cpu;
}

int sched_vcpu_init(struct vcpu *v)
{
    struct sched_vcpu *s = mem_alloc_object(struct sched_vcpu);

    if (!s)
        return -ENOMEM;
    list_init(&s->link);
    s->vcpu = v;
    s->domain = v->domain->sched;
    v->sched = s;
    v->processor = v->is_idle ? v->id : first_processor();
    v->hard_affinity = v->soft_affinity = cpumask_all;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = now();
    if (!v->is_idle)
        fair_vcpu_init(s);
    return 0;
}

void sched_vcpu_free(struct vcpu *v)
{
    if (!v->sched)
        return;
    vcpu_leave_queue(v);
    mem_free(v->sched);
    v->sched = NULL;
}

int sched_cpu_init(unsigned int cpu)
{
    struct run_queue *rq = &per_cpu(run_queue, cpu);
    struct vcpu *idle = vcpu_create(idle_domain, cpu);

    if (!idle)
        return -ENOMEM;
    idle->is_running = true;
    idle->processor = cpu;
    idle->pause_flags = 0;
    spin_lock_init(&rq->lock, LOCK_SCHED);
    rq->cpu = cpu;
    rq->curr = rq->idle = idle;
    list_init(&rq->waiting);
    timer_init(&rq->slice_timer, slice_timer_fn, rq, cpu);
    rq->hint_head = ~0UL;
    if (cpu == smp_processor_id()) {
        current = idle;
        sched_cpu_start();
    }
    return 0;
}

void sched_init(void)
{
    softirq_register(SOFTIRQ_SCHEDULE, schedule);
    if (sched_cpu_init(smp_processor_id()))
        panic("no memory for the first CPU's run queue");
}

void sched_domain_dump(struct domain *d)
{
    struct vcpu *v;

    log_info("d%u: %u pauses, %u poll\n", d->id, d->pause_count, d->nr_polling);
    for_each_vcpu (d, v)
        log_info("    v%u CPU%u%s sched %u flags %#lx pauses %u, upcall %u mask %u, port polled %u, timer in %ld us\n",
                 v->id, v->processor, v->is_running ? " running" : "", v->sched->state, v->pause_flags, v->pause_count,
                 v->info->evtchn_upcall_pending, v->info->evtchn_upcall_mask, v->poll_port,
                 v->singleshot_timer.set ? (v->singleshot_timer.expires - now()) / 1000 : -1);
}

void sched_dump(void)
{
    unsigned int cpu;

    log_info("scheduler: fair\n");
    for_each_online_cpu (cpu) {
        struct run_queue *rq = &per_cpu(run_queue, cpu);

        spin_guard_irqsave(&rq->lock);
        if (rq_is_idle(rq))
            log_info("CPU%u: idle, %u wait\n", cpu, rq->nr_waiting);
        else
            log_info("CPU%u: d%uv%u for %ld us, %u wait\n", cpu, rq->curr->domain->id, rq->curr->id,
                     (now() - rq->curr_since) / 1000, rq->nr_waiting);
        fair_dump(rq);
    }
}
