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
#include <mm/guest_access.h>
#include <mm/heap.h>

/* ---- telling a vCPU ---- */

void vcpu_mark_events_pending(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        return;
    if (unlikely(v->is_hvm))
        arch_events_pending(v);
    /* One that starts to wait from here on looks for events first and finds this one. */
    if (READ_ONCE(v->pause_flags) & (VPF_BLOCKED | VPF_POLLING))
        vcpu_unblock(v);
    else if (v != current)
        vcpu_kick(v);
}

void narrow_notify(struct domain *d, struct vcpu *v, u32 port)
{
    if (!test_bit(port, port_mask_words(d)) && !test_and_set_bit(32 + port / 32, (unsigned long *)v->info))
        vcpu_mark_events_pending(v);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    /* The guest looks at every word: nothing that came meanwhile is lost. */
    if (v->domain->narrow_info)
        __atomic_fetch_or((u64 *)v->info, ~0UL << 32, __ATOMIC_SEQ_CST);
    else
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
    irq_guard();
    return READ_ONCE(d->evtchn->fifo) ? fifo_is_pending(d, port) : test_bit(port, d->shared_info->evtchn_pending);
}

static void port_unmask(struct domain *d, struct port *p, u32 port)
{
    irq_guard();
    if (READ_ONCE(d->evtchn->fifo))
        fifo_unmask(d, p, port);
    else if (test_and_clear_bit(port, port_mask_words(d)) && test_bit(port, d->shared_info->evtchn_pending))
        two_level_notify(d, port_vcpu(d, p), port);
}

/* ---- the table ---- */

/* Opening, closing and moving channels. One lock for all domains: it happens rarely, and most have two ends. */
DEFINE_SPINLOCK(evtchn_lock, LOCK_EVTCHN);

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

/* The lowest free port. evtchn_lock held. -EINVAL closed, -ENOSPC, -ENOMEM. */
static int port_pick(struct domain *d, u32 *out)
{
    struct evtchn_table *t = d->evtchn;
    u32 two_level = d->narrow_info ? 1024 : EVTCHN_2L_NR_CHANNELS;
    u32 limit = min(t->max_port, (t->fifo ? EVTCHN_FIFO_NR_CHANNELS : two_level) - 1U);
    int rc;

    if (t->closed)
        return -EINVAL;
    for (; t->first_free <= limit; t->first_free++) {
        if (t->first_free >= t->nr_ports && (rc = table_grow(t)))
            return rc;
        if (port_find(d, t->first_free)->state == EVTCHNSTAT_closed) {
            *out = t->first_free;
            return 0;
        }
    }
    return -ENOSPC;
}

/* Opens a free port that tells vCPU `vcpu`. evtchn_lock held. */
static int port_open(struct domain *d, u8 state, unsigned int vcpu, union port_use use, u32 *port)
{
    int rc = port_pick(d, port);
    struct port *p;

    if (rc)
        return rc;
    p = port_find(d, *port);
    p->vcpu = vcpu; /* fifo_*: where its word may still be linked, stays */
    p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    p->pending_early = p->internal = false;
    p->use = use;
    /* Last, because guests may send to any number at any time. */
    __atomic_store_n(&p->state, state, __ATOMIC_RELEASE);
    return 0;
}

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

    if (unlikely(!p))
        return -EINVAL;
    spin_guard(&p->lock);
    if (likely(p->state == EVTCHNSTAT_interdomain)) {
        struct domain *rd = p->use.remote.domain;

        port_set_pending(rd, port_find(rd, p->use.remote.port), p->use.remote.port);
    } else if (p->state == EVTCHNSTAT_ipi) {
        port_set_pending(d, p, port);
    } else if (p->state == PORT_TO_INTERNAL) {
        struct domain *rd = p->use.remote.domain;

        arch_internal_event(port_vcpu(rd, port_find(rd, p->use.remote.port)));
    } else if (p->state != EVTCHNSTAT_unbound) {
        return -EINVAL;
    }
    return 0;
}

/* An event that comes from outside the guests: no lock, the port may be closed at this moment; see
 * the head of the private header. */
static void port_raise(struct domain *d, const u32 *slot, u8 state)
{
    struct port *p;
    u32 port;

    irq_guard();
    port = READ_ONCE(*slot);
    p = port ? port_find(d, port) : NULL;
    if (p && READ_ONCE(p->state) == state)
        port_set_pending(d, p, port);
}

void evtchn_send_vcpu_virq(struct vcpu *v, u32 virq) { port_raise(v->domain, &v->virq_port[virq], EVTCHNSTAT_virq); }

void evtchn_send_global_virq(u32 virq)
{
    if (dom0 && dom0->vcpu[0])
        evtchn_send_vcpu_virq(dom0->vcpu[0], virq);
}

void evtchn_send_pirq(struct domain *d, u32 pirq)
{
    u32 *slot = pirq_slot(d->evtchn, pirq, false);

    if (slot)
        port_raise(d, slot, EVTCHNSTAT_pirq);
}

/* ---- opening ---- */

static long op_alloc_unbound(struct domain *d, void *op)
{
    struct evtchn_alloc_unbound *a = op;
    domid_t allow = a->remote_dom == DOMID_SELF ? current->domain->id : a->remote_dom;

    spin_guard(&evtchn_lock);
    return port_open(d, EVTCHNSTAT_unbound, 0, (union port_use){.allow = allow}, &a->port);
}

static long op_bind_interdomain(struct domain *d, void *op)
{
    struct evtchn_bind_interdomain *b = op;
    domain_ref rd = domain_get_by_id_or_self(b->remote_dom);
    struct port *p, *rp;
    int rc;

    if (!rd)
        return -ESRCH;
    rp = port_find(rd, b->remote_port);
    spin_guard(&evtchn_lock);
    if (!rp || rd->evtchn->closed || rp->state != EVTCHNSTAT_unbound || rp->use.allow != d->id)
        return -EINVAL;
    rc = port_open(d, EVTCHNSTAT_interdomain, 0, (union port_use){.remote = {rd, b->remote_port}}, &b->local_port);
    if (rc)
        return rc;
    spin_lock(&rp->lock);
    rp->use.remote.domain = d;
    rp->use.remote.port = b->local_port;
    rp->state = EVTCHNSTAT_interdomain;
    spin_unlock(&rp->lock);
    p = port_find(d, b->local_port);
    if (rp->internal)
        WRITE_ONCE(p->state, PORT_TO_INTERNAL);
    /* Events that the other side sent before this moment went nowhere. (xen/event_channel.h) */
    spin_lock(&p->lock);
    port_set_pending(d, p, b->local_port);
    spin_unlock(&p->lock);
    return 0;
}

static long op_bind_virq(struct domain *d, void *op)
{
    struct evtchn_bind_virq *b = op;
    u32 *slot;
    int rc;

    if (b->virq >= NR_VIRQS || (!virq_is_per_vcpu(b->virq) && b->vcpu != 0))
        return -EINVAL;
    if (!domain_vcpu(d, b->vcpu))
        return -ENOENT;
    slot = virq_slot(d, b->virq, b->vcpu);
    spin_guard(&evtchn_lock);
    if (*slot)
        return -EEXIST;
    rc = port_open(d, EVTCHNSTAT_virq, b->vcpu, (union port_use){.virq = b->virq}, &b->port);
    if (!rc)
        WRITE_ONCE(*slot, b->port);
    return rc;
}

static long op_bind_ipi(struct domain *d, void *op)
{
    struct evtchn_bind_ipi *b = op;

    if (!domain_vcpu(d, b->vcpu))
        return -ENOENT;
    spin_guard(&evtchn_lock);
    return port_open(d, EVTCHNSTAT_ipi, b->vcpu, (union port_use){}, &b->port);
}

static long op_bind_pirq(struct domain *d, void *op)
{
    struct evtchn_bind_pirq *b = op;
    u32 *slot;
    int rc;

    if (b->pirq >= PIRQS_CHUNKS * PIRQS_CHUNK)
        return -EINVAL;
    if (!d->is_hardware && !rangeset_contains(d->irq_caps, b->pirq, b->pirq))
        return -EPERM;
    spin_guard(&evtchn_lock);
    slot = pirq_slot(d->evtchn, b->pirq, true);
    if (!slot || *slot)
        return slot ? -EEXIST : -ENOMEM;
    rc = port_open(d, EVTCHNSTAT_pirq, 0, (union port_use){.pirq = b->pirq}, &b->port);
    if (rc)
        return rc;
    WRITE_ONCE(*slot, b->port);
    rc = pirq_guest_bind(d->vcpu[0], b->pirq);
    if (rc) {
        WRITE_ONCE(*slot, 0);
        port_free(d, port_find(d, b->port), b->port);
    }
    return rc;
}

/* ---- closing ---- */

/* Closes a port: afterwards nobody sends to it any more. -EINVAL when it is not open, or internal and not to be closed.
 */
static int port_close(struct domain *d, u32 port, bool internal)
{
    struct port *p = port_find(d, port);

    spin_guard(&evtchn_lock);
    if (!p || p->state == EVTCHNSTAT_closed || (p->internal && !internal))
        return -EINVAL;
    if (port_is_interdomain(p)) {
        struct port *rp = port_find(p->use.remote.domain, p->use.remote.port);

        spin_lock(&rp->lock);
        rp->state = EVTCHNSTAT_unbound;
        rp->use.allow = d->id;
        spin_unlock(&rp->lock);
    } else if (p->state == EVTCHNSTAT_virq) {
        WRITE_ONCE(*virq_slot(d, p->use.virq, p->vcpu), 0);
    } else if (p->state == EVTCHNSTAT_pirq) {
        pirq_guest_unbind(d, p->use.pirq);
        WRITE_ONCE(*pirq_slot(d->evtchn, p->use.pirq, false), 0);
    }
    spin_lock(&p->lock);
    port_free(d, p, port);
    spin_unlock(&p->lock);
    return 0;
}

static long op_close(struct domain *d, void *op) { return port_close(d, ((struct evtchn_close *)op)->port, false); }

static long op_bind_vcpu(struct domain *d, void *op)
{
    struct evtchn_bind_vcpu *b = op;
    struct vcpu *v = domain_vcpu(d, b->vcpu);
    struct port *p = port_find(d, b->port);

    if (!v)
        return -ENOENT;
    if (!p)
        return -EINVAL;
    spin_guard(&evtchn_lock);
    if (p->state == EVTCHNSTAT_closed || p->state == EVTCHNSTAT_ipi || p->internal ||
        (p->state == EVTCHNSTAT_virq && virq_is_per_vcpu(p->use.virq)))
        return -EINVAL;
    WRITE_ONCE(p->vcpu, v->id);
    if (p->state == EVTCHNSTAT_pirq)
        pirq_set_affinity(d, p->use.pirq, v);
    return 0;
}

static long op_status(struct domain *d, void *op)
{
    struct evtchn_status *st = op;
    struct port *p = port_find(d, st->port);

    if (!p)
        return -EINVAL;
    spin_guard(&evtchn_lock);
    st->status = p->state == PORT_TO_INTERNAL ? EVTCHNSTAT_interdomain : p->state;
    st->vcpu = p->vcpu;
    switch (p->state) {
    case EVTCHNSTAT_unbound: st->u.unbound.dom = p->use.allow; break;
    case EVTCHNSTAT_interdomain:
    case PORT_TO_INTERNAL:
        st->u.interdomain.dom = p->use.remote.domain->id;
        st->u.interdomain.port = p->use.remote.port;
        break;
    case EVTCHNSTAT_pirq: st->u.pirq = p->use.pirq; break;
    case EVTCHNSTAT_virq: st->u.virq = p->use.virq; break;
    }
    return 0;
}

static void table_open(struct evtchn_table *t, u8 why, bool open)
{
    spin_guard(&evtchn_lock);
    t->closed = open ? t->closed & ~why : t->closed | why;
}

/* EVTCHNOP_reset: 0 or -ERESTART. Ports that the guest opens meanwhile are refused. */
static long op_reset(struct domain *d, void *op __unused)
{
    struct evtchn_table *t = d->evtchn;

    table_open(t, CLOSED_RESET, false);
    for (u32 port = 1; port < t->nr_ports; port++) {
        if (!port_close(d, port, false) && !(port % 64) && hypercall_preempt_check())
            return -ERESTART;
    }
    if (d == current->domain)
        fifo_reset(d);
    table_open(t, CLOSED_RESET, true);
    return 0;
}

/* ---- channels whose one end is ours ---- */

int evtchn_open_internal(struct domain *d, unsigned int vcpu, domid_t remote, u32 *port)
{
    int rc;

    spin_guard(&evtchn_lock);
    rc = port_open(d, EVTCHNSTAT_unbound, vcpu, (union port_use){.allow = remote}, port);
    if (!rc)
        port_find(d, *port)->internal = true;
    return rc;
}

void evtchn_close_internal(struct domain *d, u32 port) { port_close(d, port, true); }

void evtchn_send_internal(struct domain *d, u32 port) { port_send(d, port); }

/* ---- life ---- */

int evtchn_domain_init(struct domain *d, unsigned int max_ports)
{
    u32 max_port = min(max_ports, EVTCHN_FIFO_NR_CHANNELS - 1U);
    unsigned int chunks = (max_port >> PORTS_SHIFT) + 1;
    struct evtchn_table *t = mem_alloc(sizeof(*t) + chunks * sizeof(t->chunk[0]));

    if (!t)
        return -ENOMEM;
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
    while (t->close_next < t->nr_ports) {
        port_close(d, t->close_next++, true);
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

        if (p->state == EVTCHNSTAT_closed || op_status(d, &st))
            continue;
        log_info("  %4u v%u%s %s", port, st.vcpu, evtchn_port_is_pending(d, port) ? " pending" : "", states[st.status]);
        if (st.status == EVTCHNSTAT_interdomain)
            log_info(" d%u:%u\n", st.u.interdomain.dom, st.u.interdomain.port);
        else
            log_info(" %u\n", st.status == EVTCHNSTAT_unbound ? st.u.unbound.dom : st.u.virq);
    }
}

/* ---- the hypercall ---- */

static long op_set_priority(struct domain *d, void *op)
{
    struct evtchn_set_priority *s = op;
    struct port *p = port_find(d, s->port);

    if (!p || s->priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    if (!d->evtchn->fifo)
        return -ENOSYS;
    WRITE_ONCE(p->priority, s->priority);
    return 0;
}

/* What a running guest does rarely. A guest that cannot read the answer can still close what it opened. */
static const struct operation ops[] = {
#define OP(name, flags) [EVTCHNOP_##name] = {op_##name, sizeof(struct evtchn_##name), flags}
    OP(alloc_unbound, OP_DOMAIN | OP_BACK),
    OP(bind_interdomain, OP_BACK),
    OP(bind_virq, OP_BACK),
    OP(bind_ipi, OP_BACK),
    OP(bind_pirq, OP_BACK),
    OP(close, 0),
    OP(status, OP_DOMAIN | OP_BACK),
    OP(bind_vcpu, 0),
    OP(reset, OP_DOMAIN),
    OP(init_control, OP_BACK),
    OP(expand_array, 0),
    OP(set_priority, 0),
#undef OP
};

static __noinline long op_send(void __guest *arg)
{
    u32 port;

    return copy_from_guest(&port, arg, sizeof(port)) ? -EFAULT : port_send(current->domain, port);
}

static __noinline long op_unmask(void __guest *arg)
{
    struct port *p;
    u32 port;

    if (copy_from_guest(&port, arg, sizeof(port)))
        return -EFAULT;
    p = port_find(current->domain, port);
    if (!p)
        return -EINVAL;
    port_unmask(current->domain, p, port);
    return 0;
}

long do_event_channel_op(int cmd, void __guest *arg)
{
    if (likely(cmd == EVTCHNOP_send))
        return op_send(arg);
    if (likely(cmd == EVTCHNOP_unmask))
        return op_unmask(arg);
    return operation_run("event_channel_op", ops, ARRAY_SIZE(ops), cmd, arg);
}
