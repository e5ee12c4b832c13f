/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: what other parts call. The hypercall itself and the tables are private to
 * core/evtchn*.c.
 */
#ifndef CORE_EVTCHN_H
#define CORE_EVTCHN_H

#include <xen/event_channel.h>

struct domain;
struct vcpu;

/* Domain life. init: 0 or -ENOMEM. destroy: closes all; 0 or -ERESTART. free: the tables, nobody
 * can reach them any more. */
int evtchn_domain_init(struct domain *d, unsigned int max_ports);
int evtchn_domain_destroy(struct domain *d);
void evtchn_domain_free(struct domain *d);
/* vCPU life: after vcpu_info moved, all that is pending is made visible again. */
void evtchn_vcpu_info_moved(struct vcpu *v);
void evtchn_vcpu_free(struct vcpu *v);

/* The hypercall: cmd EVTCHNOP_*, arg the guest's structure. */
long do_event_channel_op(int cmd, void __guest *arg);

/* Raises a per-vCPU VIRQ (timer, debug, xenoprof). Any context, interrupts too. */
void evtchn_send_vcpu_virq(struct vcpu *v, u32 virq);
/* Raises a host VIRQ (VIRQ_DOM_EXC, VIRQ_CON_RING, VIRQ_CONSOLE...) at dom0. Any context. */
void evtchn_send_global_virq(u32 virq);

/* A physical interrupt bound to d (arch irq code): port of pirq, 0 not bound. */
void evtchn_send_pirq(struct domain *d, u32 pirq);

/*
 * Channels between us, on behalf of d's vCPU, and the domain `remote` (ioreq servers). open: a port of d that remote
 * may bind to and that d itself cannot close or move; 0, -EINVAL, -ENOSPC, -ENOMEM. What remote sends comes to
 * arch_internal_event(); send: tells remote. Closing one that the end of d closed already does no harm.
 */
int evtchn_open_internal(struct domain *d, unsigned int vcpu, domid_t remote, u32 *port);
void evtchn_close_internal(struct domain *d, u32 port);
void evtchn_send_internal(struct domain *d, u32 port);

/* Has an event pending, or the guest's upcall mask does not matter for waking (block). */
bool evtchn_port_is_pending(struct domain *d, u32 port);
bool evtchn_port_is_valid(struct domain *d, u32 port);

/* Marks v's upcall pending and wakes or kicks it. Any context. */
void vcpu_mark_events_pending(struct vcpu *v);

/* Debug key 'e'. */
void evtchn_dump(struct domain *d);

#endif
