/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels of a test guest over the two-level ABI (<xen/event_channel.h>, "2-level").  Knows
 * nothing of what the events mean.
 */
#include "guest.h"

static event_handler_t *handlers[EVENT_PORTS];
static unsigned int counts[EVENT_PORTS];

void event_init(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(guest.shared->evtchn_mask); i++)
        guest.shared->evtchn_mask[i] = ~0ul;
}

#define BITS (8 * sizeof(unsigned long))

static unsigned long *word(unsigned long *bits, evtchn_port_t port) { return &bits[port / BITS]; }

static void bit_clear(unsigned long *bits, evtchn_port_t port)
{
    __atomic_fetch_and(word(bits, port), ~(1ul << port % BITS), __ATOMIC_SEQ_CST);
}

bool port_pending(evtchn_port_t port)
{
    return __atomic_load_n(word(guest.shared->evtchn_pending, port), __ATOMIC_SEQ_CST) >> port % BITS & 1;
}

bool port_masked(evtchn_port_t port)
{
    return __atomic_load_n(word(guest.shared->evtchn_mask, port), __ATOMIC_SEQ_CST) >> port % BITS & 1;
}

void port_mask(evtchn_port_t port)
{
    __atomic_fetch_or(word(guest.shared->evtchn_mask, port), 1ul << port % BITS, __ATOMIC_SEQ_CST);
}

void port_clear(evtchn_port_t port) { bit_clear(guest.shared->evtchn_pending, port); }

void event_handler(evtchn_port_t port, event_handler_t *handler) { handlers[port] = handler; }

unsigned int event_count(evtchn_port_t port) { return __atomic_load_n(&counts[port], __ATOMIC_SEQ_CST); }

static void event_handle(evtchn_port_t port)
{
    port_clear(port);
    if (handlers[port])
        handlers[port](port);
    else
        __atomic_fetch_add(&counts[port], 1, __ATOMIC_SEQ_CST);
}

void event_dispatch(void)
{
    struct vcpu_info *vi = vcpu_info();

    while (__atomic_exchange_n(&vi->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
        unsigned long sel = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

        for (; sel; sel &= sel - 1) {
            unsigned int i = (unsigned int)__builtin_ctzl(sel);
            unsigned long bits;

            while ((bits = guest.shared->evtchn_pending[i] & ~guest.shared->evtchn_mask[i])) {
                event_handle(i * BITS + (unsigned int)__builtin_ctzl(bits));
                barrier();
            }
        }
    }
}

void events_off(void)
{
    events_mask_set(true);
    barrier();
}

void events_on(void)
{
    barrier();
    events_mask_set(false);
    mb();
#ifdef GUEST_PV
    if (vcpu_info()->evtchn_upcall_pending)
        hc_xen_version(XENVER_version, 0); /* any hypercall delivers on its way out */
#endif
}

void events_wait(void)
{
#ifdef GUEST_PV
    if (!vcpu_info()->evtchn_upcall_pending)
        hc_sched_op(SCHEDOP_block, 0);
    events_on();
#else
    /* SCHEDOP_block with interrupts off sleeps on what is pending already */
    __asm__ volatile("sti; hlt" : : : "memory");
#endif
}

long event_alloc(domid_t dom, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
    long rc = hc_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

long event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = remote_port};
    long rc = hc_event_channel_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

long event_bind_virq(unsigned int virq, unsigned int vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    long rc = hc_event_channel_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return rc;
}

long event_bind_ipi(unsigned int vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    long rc = hc_event_channel_op(EVTCHNOP_bind_ipi, &op);

    *port = op.port;
    return rc;
}

long event_close(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};

    return hc_event_channel_op(EVTCHNOP_close, &op);
}

long event_send(evtchn_port_t port)
{
    struct evtchn_send op = {.port = port};

    return hc_event_channel_op(EVTCHNOP_send, &op);
}

long event_unmask(evtchn_port_t port)
{
    struct evtchn_unmask op = {.port = port};

    return hc_event_channel_op(EVTCHNOP_unmask, &op);
}

domid_t domid_self(void)
{
    struct evtchn_status st = {.dom = DOMID_SELF};

    if (event_alloc(DOMID_SELF, DOMID_SELF, &st.port) || hc_event_channel_op(EVTCHNOP_status, &st))
        test_error("this domain's number could not be found out");
    event_close(st.port);
    return st.u.unbound.dom;
}
