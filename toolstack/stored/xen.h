/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the store daemon asks of Xen and of dom0's kernel. Unit tests put their own in place.
 */
#ifndef STORED_XEN_H
#define STORED_XEN_H

#include "base.h"

enum {
    XEN_DOMAIN_EXISTS = 1,
    XEN_DOMAIN_DYING = 2,
    XEN_DOMAIN_SHUTDOWN = 4,
};

/* Opens the devices. False (errno set) where there is no Xen. */
bool xen_open(void);

/* State of a domain as XEN_DOMAIN_* bits (XEN_DOMCTL_getdomaininfo, domctl.h). */
unsigned int xen_domain_state(int domid);

/* The ring page of a domain: by its reserved grant, or by frame number where there is no grant. */
void *xen_map_ring(int domid, unsigned long mfn);
void xen_unmap_ring(int domid, void *page);

/* dom0's own ring page and port, as its kernel offers them (xenfs). NULL, -1: not there. */
void *xen_map_dom0_ring(void);
int xen_dom0_port(void);

/* Event channels. A descriptor that is readable when one fired; the ports, -1 when there is none.
 */
int xen_event_fd(void);
int xen_event_next(void);
int xen_event_bind(int domid, unsigned int remote_port);
int xen_event_bind_exception(void); /* VIRQ_DOM_EXC */
void xen_event_unbind(int port);
void xen_event_notify(int port);

#endif
