/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_sched_op and HYPERVISOR_set_timer_op: what a guest says about when it wants to run
 * (xen/sched.h). The scheduler itself is in sched/. Called from the hypercall table.
 */
#include <core/evtchn.h>
#include <sched/softirq.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <sched/sched.h>

#define POLL_PORTS_MAX 128

/*
 * The timer of VIRQ_TIMER. A deadline that is negative or years away is a guest's counter that
 * wrapped: Xen fires after 100 ms then, and kernels count on it.
 */
long do_set_timer_op(s_time_t timeout)
{
    struct vcpu *v = current;

    if (!timeout) {
        timer_stop(&v->singleshot_timer);
        return 0;
    }
    if (unlikely(timeout < 0 || (timeout - now()) >> 50 > 0))
        timeout = now() + MILLISECS(100);
    timer_migrate(&v->singleshot_timer, smp_processor_id());
    timer_set(&v->singleshot_timer, timeout);
    return 0;
}

static long op_poll(struct domain *d, void *arg)
{
    const struct sched_poll *op = arg;
    struct vcpu *v = current;
    u32 port = 0;
    long rc = 0;

    if (op->nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    if (op->nr_ports && guest_read(&port, op->ports, 0))
        return -EFAULT;
    /* First announced, then looked: who sends after the look finds the announcement. */
    v->poll_port = op->nr_ports == 1 ? port : 0;
    timer_stop(&v->poll_timer);
    __atomic_fetch_add(&d->nr_polling, 1, __ATOMIC_SEQ_CST);
    set_bit(_VPF_POLLING, &v->pause_flags);
    if (vcpu_event_pending(v))
        goto out;
    for (unsigned int i = 0; i < op->nr_ports; i++) {
        if (i && guest_read(&port, op->ports, i))
            rc = -EFAULT;
        else if (!evtchn_port_is_valid(d, port))
            rc = -EINVAL;
        if (rc || evtchn_port_is_pending(d, port))
            goto out;
    }
    if (op->timeout) {
        timer_migrate(&v->poll_timer, smp_processor_id());
        timer_set(&v->poll_timer, op->timeout);
    }
    softirq_raise(SOFTIRQ_SCHEDULE);
    return 0;
out:
    vcpu_unblock(v);
    return rc;
}

static long op_shutdown(struct domain *d, void *arg)
{
    domain_shutdown(d, (u8)((struct sched_shutdown *)arg)->reason);
    return 0;
}

static long op_shutdown_code(struct domain *d, void *arg)
{
    spin_guard(&d->lock);
    if (!d->shutdown_latched)
        d->shutdown_latched = (u8)((struct sched_shutdown *)arg)->reason + 1;
    return 0;
}

static long op_remote_shutdown(struct domain *caller, void *arg)
{
    const struct sched_remote_shutdown *op = arg;
    domain_ref d = domain_get_by_id(op->domain_id);

    if (!d)
        return -ESRCH;
    if (!caller->is_privileged || d == caller)
        return -EPERM;
    domain_shutdown(d, (u8)op->reason);
    return 0;
}

/* Id 0 takes a free one, whose number is the answer; a timeout of 0 gives one back. */
static long op_watchdog(struct domain *d, void *arg)
{
    const struct sched_watchdog *op = arg;
    unsigned int i;

    if (op->id > ARRAY_SIZE(d->watchdog) || (!op->id && !op->timeout))
        return -EINVAL;
    spin_guard(&d->lock);
    i = op->id ? op->id - 1 : 0;
    while (!op->id && i < ARRAY_SIZE(d->watchdog) && (d->watchdog_used & 1U << i))
        i++;
    if (i == ARRAY_SIZE(d->watchdog))
        return -ENOSPC;
    if (op->id && !(d->watchdog_used & 1U << i))
        return -EINVAL;
    if (op->timeout) {
        d->watchdog_used |= 1U << i;
        timer_set(&d->watchdog[i], now() + SECONDS(op->timeout));
    } else {
        d->watchdog_used &= ~(1U << i);
        timer_stop(&d->watchdog[i]);
    }
    return op->id ? 0 : i + 1;
}

static const struct operation ops[] = {
    [SCHEDOP_poll] = {op_poll, sizeof(struct sched_poll)},
    [SCHEDOP_shutdown] = {op_shutdown, sizeof(struct sched_shutdown)},
    [SCHEDOP_shutdown_code] = {op_shutdown_code, sizeof(struct sched_shutdown)},
    [SCHEDOP_remote_shutdown] = {op_remote_shutdown, sizeof(struct sched_remote_shutdown)},
    [SCHEDOP_watchdog] = {op_watchdog, sizeof(struct sched_watchdog)},
};

long do_sched_op(int cmd, void __guest *arg)
{
    switch (cmd) {
    case SCHEDOP_yield: vcpu_yield(); return 0;
    case SCHEDOP_block:
        WRITE_ONCE(current->info->evtchn_upcall_mask, 0);
        vcpu_block();
        return 0;
    default: return operation_run("sched_op", ops, ARRAY_SIZE(ops), cmd, arg);
    }
}
