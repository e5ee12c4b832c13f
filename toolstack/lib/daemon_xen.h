/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the two daemons ask of Xen and of dom0's kernel: which domains there are, their shared
 * pages, event channels. Unit tests put their own in place.
 */
#ifndef ORLOP_LIB_DAEMON_XEN_H
#define ORLOP_LIB_DAEMON_XEN_H

#include "lib/daemon.h"

enum {
    XEN_DOMAIN_EXISTS = 1,
    XEN_DOMAIN_DYING = 2,
    XEN_DOMAIN_SHUTDOWN = 4,
};

/* Opens the devices. False (errno set) where there is no Xen. */
bool xen_open(void);

/* State of a domain as XEN_DOMAIN_* bits (XEN_DOMCTL_getdomaininfo, domctl.h). */
unsigned int xen_domain_state(int domid);

/* As xen_domain_state for the first domain of that number or above; its number, or -1. */
int xen_domain_next(int domid, unsigned int *state);

/*
 * A page that a guest shares with dom0 from its start: by its reserved grant (GNTTAB_RESERVED_*,
 * grant_table.h), or by frame number where there is no grant. NULL with errno set on failure.
 */
void *xen_map_ring(int domid, unsigned int reserved_grant, unsigned long mfn);
void xen_unmap_ring(void *page);

/* dom0's own ring page and port, as its kernel offers them (xenfs). NULL, -1: not there. */
void *xen_map_dom0_ring(void);
void xen_unmap_dom0_ring(void *page);
int xen_dom0_port(void);

/* Event channels. A descriptor that is readable when one fired; the ports, -1 when there is none. */
int xen_event_fd(void);
int xen_event_next(void); /* the channel stays masked until xen_event_unmask */
void xen_event_unmask(int port);
int xen_event_bind(int domid, unsigned int remote_port);
int xen_event_bind_virq(unsigned int virq);
void xen_event_unbind(int port);
void xen_event_notify(int port);

/* The hypervisor's log from `index` on, which moves; gives how many bytes came, or -1. */
long xen_read_console(char *data, size_t len, uint32_t *index);

#endif
