/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels of a test guest: allocation, masks, and delivery by the event callback to a
 * handler per port (two-level ABI; a test of the FIFO ABI reads its rings itself).
 */
#ifndef GUEST_EVENT_H
#define GUEST_EVENT_H

#define EVENT_PORTS 4096

typedef void event_handler_t(evtchn_port_t port);

void event_init(void);
/* Called by the trap code: clear and handle what is pending on this vCPU. */
void event_dispatch(void);

void event_handler(evtchn_port_t port, event_handler_t *handler);
/* How often an event without a handler of its own has arrived. */
unsigned int event_count(evtchn_port_t port);

/* Let upcalls through on this vCPU, delivering at once what is pending; and stop them. */
void events_on(void);
void events_off(void);
/* With upcalls off: sleep until there is one to deliver, and let it through. */
void events_wait(void);

/* Bits of the shared page. */
bool port_pending(evtchn_port_t port);
void port_mask(evtchn_port_t port);
void port_clear(evtchn_port_t port);
bool port_masked(evtchn_port_t port);

/* Hypercalls; each returns what the hypervisor answered, the port in *port. */
long event_alloc(domid_t dom, domid_t remote, evtchn_port_t *port);
long event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
long event_bind_virq(unsigned int virq, unsigned int vcpu, evtchn_port_t *port);
long event_bind_ipi(unsigned int vcpu, evtchn_port_t *port);
long event_close(evtchn_port_t port);
long event_send(evtchn_port_t port);
long event_unmask(evtchn_port_t port);

/* This domain's own number, which no call tells directly: an unbound port's status does. */
domid_t domid_self(void);

#endif
