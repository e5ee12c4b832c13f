/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: the table of a domain's ports, opening and closing them, sending, and the VIRQs.
 * How an event is shown to the guest is in evtchn_private.h (two-level ABI) and evtchn_fifo.c; the
 * hypercall is hypercall-facing at the end of this file. Called by the hypercall table, by timers
 * and interrupts (VIRQs, pirqs) and by the control ABI.
 */
#include <core/evtchn_private.h>
#include <asm/irq.h>
#include <core/rangeset.h>
#include <core/continuation.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

/* ---- telling a vCPU ---- */

void vcpu_mark_events_pending(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        return;
    /* One that starts to wait from here on looks for events first and finds this one. */
    if (READ_ONCE(v->pause_flags) & (VPF_BLOCKED | VPF_POLLING))
        vcpu_unblock(v);
    else if (v != current)
        vcpu_kick(v);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    /* The guest looks at every word: nothing that came meanwhile is lost. */
    __atomic_store_n(&v->info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    vcpu_mark_events_pending(v);
}

void evtchn_wake_pollers(struct domain *d, u32 port)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        if ((READ_ONCE(v->pause_flags) & VPF_POLLING) && (!v->poll_port || v->poll_port == port))
            vcpu_unblock(v);
}

bool evtchn_port_is_valid(struct domain *d, u32 port) { return port_find(d, port) != NULL; }

bool evtchn_port_is_pending(struct domain *d, u32 port)
{
    unsigned long flags = irq_save();
    bool pending =
        READ_ONCE(d->evtchn->fifo) ? fifo_is_pending(d, port) : test_bit(port, d->shared_info->evtchn_pending);

    irq_restore(flags);
    return pending;
}

/* Interrupts off. */
static void port_unmask(struct domain *d, struct port *p, u32 port)
{
    if (READ_ONCE(d->evtchn->fifo)) {
        fifo_unmask(d, p, port);
        return;
    }
    if (test_and_clear_bit(port, d->shared_info->evtchn_mask) && test_bit(port, d->shared_info->evtchn_pending))
        two_level_notify(d, port_vcpu(d, p), port);
}

/* ---- the table ---- */

/* Both tables of a channel, the lower id first; rd may be NULL or d itself. */
static void tables_lock(struct domain *d, struct domain *rd)
{
    if (!rd || rd == d) {
        spin_lock(&d->evtchn->lock);
    } else {
        spin_lock(d->id < rd->id ? &d->evtchn->lock : &rd->evtchn->lock);
        spin_lock_peer(d->id < rd->id ? &rd->evtchn->lock : &d->evtchn->lock);
    }
}

static void tables_unlock(struct domain *d, struct domain *rd)
{
    if (!rd || rd == d) {
        spin_unlock(&d->evtchn->lock);
    } else {
        spin_unlock_peer(d->id < rd->id ? &rd->evtchn->lock : &d->evtchn->lock);
        spin_unlock(d->id < rd->id ? &d->evtchn->lock : &rd->evtchn->lock);
    }
}

static int table_grow(struct evtchn_table *t)
{
    struct port *chunk = page_alloc(0);

    if (!chunk)
        return -ENOMEM;
    for (unsigned int i = 0; i < PORTS_CHUNK; i++) {
        spin_lock_init(&chunk[i].lock, LOCK_EVTCHN_PORT);
        chunk[i].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    }
    t->chunk[t->nr_ports >> PORTS_SHIFT] = chunk;
    __atomic_store_n(&t->nr_ports, t->nr_ports + PORTS_CHUNK, __ATOMIC_RELEASE);
    return 0;
}

/* The lowest free port, which stays free until the caller opens it. Table locked. -ENOSPC, -ENOMEM. */
static int port_pick(struct domain *d, u32 *out)
{
    struct evtchn_table *t = d->evtchn;
    u32 limit = t->fifo ? EVTCHN_FIFO_NR_CHANNELS - 1 : EVTCHN_2L_NR_CHANNELS - 1;
    u32 port = t->first_free;

    if (t->closed)
        return -EINVAL;
    for (limit = min(limit, t->max_port); port <= limit; port++) {
        if (port >= t->nr_ports) {
            int rc = table_grow(t);

            if (rc)
                return rc;
        }
        if (port_find(d, port)->state == EVTCHNSTAT_closed) {
            t->first_free = port;
            *out = port;
            return 0;
        }
    }
    t->first_free = port;
    return -ENOSPC;
}

/* A free port is made ready to tell vCPU `vcpu`. Table locked; the caller fills in the union and
 * then calls port_ready. */
static struct port *port_open(struct domain *d, u32 port, unsigned int vcpu)
{
    struct port *p = port_find(d, port);

    p->vcpu = vcpu;
    p->fifo_vcpu = vcpu;
    p->priority = p->fifo_priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    p->pending_early = false;
    return p;
}

/* Last, because guests may send to any number at any time. */
static void port_ready(struct port *p, u8 state) { __atomic_store_n(&p->state, state, __ATOMIC_RELEASE); }

static void port_free(struct domain *d, struct port *p, u32 port)
{
    struct evtchn_table *t = d->evtchn;

    p->state = EVTCHNSTAT_closed;
    if (t->fifo)
        fifo_clear_pending(d, port);
    else
        clear_bit(port, d->shared_info->evtchn_pending);
    t->first_free = min(t->first_free, port);
}

static bool virq_is_per_vcpu(u32 virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

/* Where the port of a VIRQ is kept: with its vCPU, those of the domain with the first. */
static u32 *virq_slot(struct domain *d, u32 virq, unsigned int vcpu)
{
    return &d->vcpu[virq_is_per_vcpu(virq) ? vcpu : 0]->virq_port[virq];
}

/* The place where the port of a pirq is kept; NULL: there is none (and no memory for one, if
 * `make`). */
static u32 *pirq_slot(struct evtchn_table *t, u32 pirq, bool make)
{
    u32 **chunk;

    if (pirq >= PIRQS_CHUNKS * PIRQS_CHUNK)
        return NULL;
    chunk = &t->pirq_ports[pirq >> PIRQS_SHIFT];
    if (!READ_ONCE(*chunk) && make)
        WRITE_ONCE(*chunk, mem_alloc_array(u32, PIRQS_CHUNK));
    return READ_ONCE(*chunk) ? *chunk + (pirq & (PIRQS_CHUNK - 1)) : NULL;
}

/* ---- sending ---- */

/* EVTCHNOP_send. The port's lock keeps the other end, and so its domain, where it is. */
static long port_send(struct domain *d, u32 port)
{
    struct port *p = port_find(d, port);
    long rc = 0;

    if (unlikely(!p))
        return -EINVAL;
    spin_lock(&p->lock);
    if (likely(p->state == EVTCHNSTAT_interdomain)) {
        struct domain *rd = p->remote.domain;

        port_set_pending(rd, port_find(rd, p->remote.port), p->remote.port);
    } else if (p->state == EVTCHNSTAT_ipi) {
        port_set_pending(d, p, port);
    } else if (p->state != EVTCHNSTAT_unbound) {
        rc = -EINVAL;
    }
    spin_unlock(&p->lock);
    return rc;
}

/* An event that comes from outside the guests: no lock, the port may be closed at this moment; see
 * the head of the private header. */
static void port_raise(struct domain *d, const u32 *slot, u8 state)
{
    unsigned long flags = irq_save();
    u32 port = READ_ONCE(*slot);
    struct port *p = port ? port_find(d, port) : NULL;

    if (p && READ_ONCE(p->state) == state)
        port_set_pending(d, p, port);
    irq_restore(flags);
}

void evtchn_send_vcpu_virq(struct vcpu *v, u32 virq) { port_raise(v->domain, &v->virq_port[virq], EVTCHNSTAT_virq); }

void evtchn_send_domain_virq(struct domain *d, u32 virq)
{
    if (d->max_vcpus && d->vcpu[0])
        port_raise(d, &d->vcpu[0]->virq_port[virq], EVTCHNSTAT_virq);
}

void evtchn_send_pirq(struct domain *d, u32 pirq)
{
    u32 *slot = pirq_slot(d->evtchn, pirq, false);

    if (slot)
        port_raise(d, slot, EVTCHNSTAT_pirq);
}

/* Who handles a host VIRQ instead of dom0, each with a reference. */
static struct domain *virq_handler[NR_VIRQS];
static DEFINE_SPINLOCK(virq_lock, LOCK_VIRQ);

void evtchn_send_global_virq(u32 virq)
{
    unsigned long flags = spin_lock_irqsave(&virq_lock);
    struct domain *d = virq_handler[virq] ? virq_handler[virq] : dom0;

    if (d)
        evtchn_send_domain_virq(d, virq);
    spin_unlock_irqrestore(&virq_lock, flags);
}

int evtchn_set_global_virq_handler(struct domain *d, u32 virq)
{
    struct domain *old;
    unsigned long flags;

    if (virq >= NR_VIRQS || virq_is_per_vcpu(virq))
        return -EINVAL;
    if (d == dom0)
        d = NULL;
    if (d && !domain_get(d))
        return -EINVAL;
    flags = spin_lock_irqsave(&virq_lock);
    old = virq_handler[virq];
    virq_handler[virq] = d;
    spin_unlock_irqrestore(&virq_lock, flags);
    if (old)
        domain_put(old);
    return 0;
}

static void virq_handler_drop(struct domain *d)
{
    for (u32 virq = 0; virq < NR_VIRQS; virq++)
        if (READ_ONCE(virq_handler[virq]) == d)
            evtchn_set_global_virq_handler(dom0, virq);
}

/* ---- opening ---- */

int evtchn_alloc_unbound(struct domain *d, domid_t remote, u32 *port)
{
    struct port *p;
    int rc;

    spin_lock(&d->evtchn->lock);
    rc = port_pick(d, port);
    if (!rc) {
        p = port_open(d, *port, 0);
        p->allow = remote == DOMID_SELF ? current->domain->id : remote;
        port_ready(p, EVTCHNSTAT_unbound);
    }
    spin_unlock(&d->evtchn->lock);
    return rc;
}

static int bind_interdomain(struct domain *d, struct domain *rd, u32 rport, u32 *port)
{
    struct port *p, *rp;
    int rc = -EINVAL;

    tables_lock(d, rd);
    rp = port_find(rd, rport);
    if (!rp || rd->evtchn->closed || rp->state != EVTCHNSTAT_unbound || rp->allow != d->id)
        goto out;
    rc = port_pick(d, port);
    if (rc)
        goto out;
    p = port_open(d, *port, 0);
    p->remote.domain = rd;
    p->remote.port = rport;
    port_ready(p, EVTCHNSTAT_interdomain);
    spin_lock(&rp->lock);
    rp->remote.domain = d;
    rp->remote.port = *port;
    rp->state = EVTCHNSTAT_interdomain;
    spin_unlock(&rp->lock);
    /* Events that the other side sent before this moment went nowhere. (xen/event_channel.h) */
    spin_lock(&p->lock);
    port_set_pending(d, p, *port);
    spin_unlock(&p->lock);
out:
    tables_unlock(d, rd);
    return rc;
}

static struct vcpu *vcpu_find(struct domain *d, u32 id) { return id < d->max_vcpus ? d->vcpu[id] : NULL; }

static int bind_virq(struct domain *d, u32 virq, u32 vcpu, u32 *port)
{
    struct port *p;
    u32 *slot;
    int rc;

    if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && vcpu != 0))
        return -EINVAL;
    if (!vcpu_find(d, vcpu))
        return -ENOENT;
    slot = virq_slot(d, virq, vcpu);
    spin_lock(&d->evtchn->lock);
    rc = *slot ? -EEXIST : port_pick(d, port);
    if (!rc) {
        p = port_open(d, *port, vcpu);
        p->virq = virq;
        port_ready(p, EVTCHNSTAT_virq);
        WRITE_ONCE(*slot, *port);
    }
    spin_unlock(&d->evtchn->lock);
    return rc;
}

static int bind_ipi(struct domain *d, u32 vcpu, u32 *port)
{
    int rc;

    if (!vcpu_find(d, vcpu))
        return -ENOENT;
    spin_lock(&d->evtchn->lock);
    rc = port_pick(d, port);
    if (!rc)
        port_ready(port_open(d, *port, vcpu), EVTCHNSTAT_ipi);
    spin_unlock(&d->evtchn->lock);
    return rc;
}

static int bind_pirq(struct domain *d, u32 pirq, u32 flags, u32 *port)
{
    struct evtchn_table *t = d->evtchn;
    struct port *p;
    u32 *slot;
    int rc;

    if (pirq >= PIRQS_CHUNKS * PIRQS_CHUNK)
        return -EINVAL;
    if (!d->is_hardware && !rangeset_contains(d->irq_caps, pirq, pirq))
        return -EPERM;
    spin_lock(&t->lock);
    slot = pirq_slot(t, pirq, true);
    rc = !slot ? -ENOMEM : *slot ? -EEXIST : port_pick(d, port);
    if (rc)
        goto out;
    p = port_open(d, *port, 0);
    p->pirq = pirq;
    port_ready(p, EVTCHNSTAT_pirq);
    WRITE_ONCE(*slot, *port);
    rc = pirq_guest_bind(d->vcpu[0], pirq, flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        WRITE_ONCE(*slot, 0);
        port_free(d, p, *port);
    }
out:
    spin_unlock(&t->lock);
    return rc;
}

/* ---- closing ---- */

/* The port is not interdomain, or both tables are locked. Afterwards nobody sends to it any more. */
static void port_close_locked(struct domain *d, struct port *p, u32 port)
{
    if (p->state == EVTCHNSTAT_interdomain) {
        struct port *rp = port_find(p->remote.domain, p->remote.port);

        spin_lock(&rp->lock);
        rp->state = EVTCHNSTAT_unbound;
        rp->allow = d->id;
        spin_unlock(&rp->lock);
    } else if (p->state == EVTCHNSTAT_virq) {
        WRITE_ONCE(*virq_slot(d, p->virq, p->vcpu), 0);
    } else if (p->state == EVTCHNSTAT_pirq) {
        pirq_guest_unbind(d, p->pirq);
        WRITE_ONCE(*pirq_slot(d->evtchn, p->pirq, false), 0);
    }
    spin_lock(&p->lock);
    port_free(d, p, port);
    spin_unlock(&p->lock);
}

/* Closes a port; -EINVAL when it is not open. */
static int port_close(struct domain *d, u32 port)
{
    struct domain *rd = NULL;
    struct port *p;
    int rc = -EINVAL;

    for (;;) {
        struct domain *peer;

        tables_lock(d, rd);
        p = port_find(d, port);
        if (!p || p->state == EVTCHNSTAT_closed)
            break;
        peer = p->state == EVTCHNSTAT_interdomain ? p->remote.domain : d;
        if (peer == d || peer == rd) {
            port_close_locked(d, p, port);
            rc = 0;
            break;
        }
        /* The other end's table is needed as well: once more, in the order of the locks. It lives
         * while the channel does. */
        domain_get(peer);
        tables_unlock(d, rd);
        if (rd)
            domain_put(rd);
        rd = peer;
    }
    tables_unlock(d, rd);
    if (rd)
        domain_put(rd);
    return rc;
}

static int port_bind_vcpu(struct domain *d, u32 port, u32 vcpu)
{
    struct vcpu *v = vcpu_find(d, vcpu);
    struct port *p;
    int rc = 0;

    if (!v)
        return -ENOENT;
    p = port_find(d, port);
    if (!p)
        return -EINVAL;
    spin_lock(&d->evtchn->lock);
    switch (p->state) {
    case EVTCHNSTAT_virq:
        if (virq_is_per_vcpu(p->virq))
            rc = -EINVAL;
        else
            WRITE_ONCE(p->vcpu, vcpu);
        break;
    case EVTCHNSTAT_pirq:
        WRITE_ONCE(p->vcpu, vcpu);
        pirq_set_affinity(d, p->pirq, v);
        break;
    case EVTCHNSTAT_unbound:
    case EVTCHNSTAT_interdomain: WRITE_ONCE(p->vcpu, vcpu); break;
    default: rc = -EINVAL; break;
    }
    spin_unlock(&d->evtchn->lock);
    return rc;
}

static int port_status(struct domain *d, struct evtchn_status *st)
{
    struct port *p = port_find(d, st->port);

    if (!p)
        return -EINVAL;
    spin_lock(&d->evtchn->lock);
    st->status = p->state;
    st->vcpu = p->vcpu;
    switch (p->state) {
    case EVTCHNSTAT_unbound: st->u.unbound.dom = p->allow; break;
    case EVTCHNSTAT_interdomain:
        st->u.interdomain.dom = p->remote.domain->id;
        st->u.interdomain.port = p->remote.port;
        break;
    case EVTCHNSTAT_pirq: st->u.pirq = p->pirq; break;
    case EVTCHNSTAT_virq: st->u.virq = p->virq; break;
    }
    spin_unlock(&d->evtchn->lock);
    return 0;
}

static void table_open(struct evtchn_table *t, u8 why, bool open)
{
    spin_lock(&t->lock);
    t->closed = open ? t->closed & ~why : t->closed | why;
    spin_unlock(&t->lock);
}

/* EVTCHNOP_reset: 0 or -ERESTART. Ports that the guest opens meanwhile are refused. */
static long reset(struct domain *d)
{
    struct evtchn_table *t = d->evtchn;

    table_open(t, CLOSED_RESET, false);
    for (u32 port = 1; port < t->nr_ports; port++) {
        if (!port_close(d, port) && !(port % 64) && hypercall_preempt_check())
            return -ERESTART;
    }
    if (d == current->domain)
        fifo_reset(d);
    table_open(t, CLOSED_RESET, true);
    return 0;
}

/* ---- life ---- */

int evtchn_domain_init(struct domain *d, unsigned int max_ports)
{
    u32 max_port = min(max_ports, EVTCHN_FIFO_NR_CHANNELS - 1U);
    unsigned int chunks = (max_port >> PORTS_SHIFT) + 1;
    struct evtchn_table *t = mem_alloc(sizeof(*t) + chunks * sizeof(t->chunk[0]));

    if (!t)
        return -ENOMEM;
    spin_lock_init(&t->lock, LOCK_EVTCHN);
    t->max_port = max_port;
    t->first_free = 1; /* port 0 is nobody's */
    t->close_next = 1;
    d->evtchn = t;
    return table_grow(t);
}

int evtchn_domain_destroy(struct domain *d)
{
    struct evtchn_table *t = d->evtchn;

    table_open(t, CLOSED_DYING, false);
    virq_handler_drop(d);
    while (t->close_next < t->nr_ports) {
        port_close(d, t->close_next++);
        if (!(t->close_next % 64) && hypercall_preempt_check())
            return -ERESTART;
    }
    fifo_reset(d);
    return 0;
}

void evtchn_domain_free(struct domain *d)
{
    struct evtchn_table *t = d->evtchn;

    if (!t)
        return;
    for (u32 port = 0; port < t->nr_ports; port += PORTS_CHUNK)
        page_free(t->chunk[port >> PORTS_SHIFT], 0);
    for (unsigned int i = 0; i < PIRQS_CHUNKS; i++)
        mem_free(t->pirq_ports[i]);
    mem_free(t);
    d->evtchn = NULL;
}

void evtchn_dump(struct domain *d)
{
    static const char *const states[] = {"closed", "unbound", "interdomain", "pirq", "virq", "ipi"};

    log_info("d%u event channels, %s:\n", d->id, d->evtchn->fifo ? "FIFO" : "two-level");
    for (u32 port = 1; port < d->evtchn->nr_ports; port++) {
        struct port *p = port_find(d, port);
        struct evtchn_status st = {.port = port};

        if (p->state == EVTCHNSTAT_closed || port_status(d, &st))
            continue;
        log_info("  %4u v%u %s%s", port, st.vcpu, states[st.status], evtchn_port_is_pending(d, port) ? " pending" : "");
        if (st.status == EVTCHNSTAT_interdomain)
            log_info(" d%u:%u\n", st.u.interdomain.dom, st.u.interdomain.port);
        else if (st.status == EVTCHNSTAT_unbound)
            log_info(" d%u\n", st.u.unbound.dom);
        else if (st.status == EVTCHNSTAT_ipi)
            log_info("\n");
        else
            log_info(" %u\n", st.u.virq);
    }
}

/* ---- the hypercall ---- */

/* The argument of any operation. */
union evtchn_any {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_close close;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

/* Size of the argument, and whether it goes back to the guest. */
static const struct {
    u8 size;
    bool back;
} shape[] = {
#define SHAPE(op, back) [EVTCHNOP_##op] = {sizeof(struct evtchn_##op), back}
    SHAPE(alloc_unbound, true), SHAPE(bind_interdomain, true), SHAPE(bind_virq, true),     SHAPE(bind_ipi, true),
    SHAPE(bind_pirq, true),     SHAPE(close, false),           SHAPE(status, true),        SHAPE(bind_vcpu, false),
    SHAPE(reset, false),        SHAPE(init_control, true),     SHAPE(expand_array, false), SHAPE(set_priority, false),
#undef SHAPE
};

/* The domain that an operation names, with a reference: oneself, or any for a privileged caller. */
static int target(domid_t id, struct domain **out)
{
    struct domain *d = domain_get_by_id_or_self(id);

    *out = d;
    if (!d)
        return -ESRCH;
    if (d == current->domain || current->domain->is_privileged)
        return 0;
    domain_put(d);
    return -EPERM;
}

/* Those that name a domain. */
static long op_on_domain(int cmd, union evtchn_any *op, u32 *port)
{
    domid_t id = cmd == EVTCHNOP_alloc_unbound ? op->alloc_unbound.dom
                 : cmd == EVTCHNOP_status      ? op->status.dom
                                               : op->reset.dom;
    struct domain *d;
    long rc = target(id, &d);

    if (rc)
        return rc;
    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        rc = evtchn_alloc_unbound(d, op->alloc_unbound.remote_dom, port);
        op->alloc_unbound.port = *port;
        break;
    case EVTCHNOP_status: rc = port_status(d, &op->status); break;
    default: rc = reset(d); break;
    }
    domain_put(d);
    return rc;
}

static long op_bind_interdomain(struct evtchn_bind_interdomain *op, u32 *port)
{
    struct domain *rd = domain_get_by_id_or_self(op->remote_dom);
    long rc;

    if (!rd)
        return -ESRCH;
    rc = bind_interdomain(current->domain, rd, op->remote_port, port);
    op->local_port = *port;
    domain_put(rd);
    return rc;
}

static long set_priority(struct domain *d, const struct evtchn_set_priority *op)
{
    struct port *p = port_find(d, op->port);

    if (!p || op->priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    if (!d->evtchn->fifo)
        return -ENOSYS;
    WRITE_ONCE(p->priority, op->priority);
    return 0;
}

/* *port: where one was opened. */
static long op_run(int cmd, union evtchn_any *op, u32 *port)
{
    struct domain *d = current->domain;
    long rc;

    switch (cmd) {
    case EVTCHNOP_bind_interdomain: return op_bind_interdomain(&op->bind_interdomain, port);
    case EVTCHNOP_bind_virq:
        rc = bind_virq(d, op->bind_virq.virq, op->bind_virq.vcpu, port);
        op->bind_virq.port = *port;
        return rc;
    case EVTCHNOP_bind_ipi:
        rc = bind_ipi(d, op->bind_ipi.vcpu, port);
        op->bind_ipi.port = *port;
        return rc;
    case EVTCHNOP_bind_pirq:
        rc = bind_pirq(d, op->bind_pirq.pirq, op->bind_pirq.flags, port);
        op->bind_pirq.port = *port;
        return rc;
    case EVTCHNOP_close: return port_close(d, op->close.port);
    case EVTCHNOP_bind_vcpu: return port_bind_vcpu(d, op->bind_vcpu.port, op->bind_vcpu.vcpu);
    case EVTCHNOP_init_control: return fifo_init_control(d, &op->init_control);
    case EVTCHNOP_expand_array: return fifo_expand_array(d, op->expand_array.array_gfn);
    case EVTCHNOP_set_priority: return set_priority(d, &op->set_priority);
    default: return op_on_domain(cmd, op, port);
    }
}

/* Closes a port that was opened for a guest which cannot learn its number. */
static void op_undo(int cmd, const union evtchn_any *op, u32 port)
{
    struct domain *d = domain_get_by_id_or_self(cmd == EVTCHNOP_alloc_unbound ? op->alloc_unbound.dom : DOMID_SELF);

    if (!d)
        return;
    port_close(d, port);
    domain_put(d);
}

/* What a running guest does rarely. */
static __noinline long op_rare(int cmd, void __guest *arg)
{
    union evtchn_any op;
    u32 port = 0;
    long rc;

    if ((unsigned int)cmd >= ARRAY_SIZE(shape) || !shape[cmd].size)
        return hypercall_unknown("event_channel_op", cmd, -ENOSYS);
    if (copy_from_guest(&op, arg, shape[cmd].size))
        return -EFAULT;
    rc = op_run(cmd, &op, &port);
    if (rc == -ERESTART)
        return hypercall_again(2, (unsigned long)cmd, (unsigned long)arg);
    if (!rc && shape[cmd].back && copy_to_guest(arg, &op, shape[cmd].size)) {
        if (port)
            op_undo(cmd, &op, port);
        rc = -EFAULT;
    }
    return rc;
}

static __noinline long op_send(void __guest *arg)
{
    u32 port;

    if (copy_from_guest(&port, arg, sizeof(port)))
        return -EFAULT;
    return port_send(current->domain, port);
}

static __noinline long op_unmask(void __guest *arg)
{
    unsigned long flags;
    struct port *p;
    u32 port;

    if (copy_from_guest(&port, arg, sizeof(port)))
        return -EFAULT;
    p = port_find(current->domain, port);
    if (!p)
        return -EINVAL;
    flags = irq_save();
    port_unmask(current->domain, p, port);
    irq_restore(flags);
    return 0;
}

long do_event_channel_op(int cmd, void __guest *arg)
{
    if (likely(cmd == EVTCHNOP_send))
        return op_send(arg);
    if (likely(cmd == EVTCHNOP_unmask))
        return op_unmask(arg);
    return op_rare(cmd, arg);
}
