/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that the daemon talks to: introduced by the toolstack, watched for their death.
 */
#ifndef STORED_DOMAIN_H
#define STORED_DOMAIN_H

#include "lib/daemon.h"
#include "connection.h"

struct domain {
    struct domain *next;
    int domid;
    unsigned long mfn; /* of the ring page, as INTRODUCE told it */
    unsigned int port; /* the guest's event channel */
    bool shutdown;     /* its shutdown has been announced */
    struct connection *conn;
};

extern struct domain *domains;

struct domain *domain_find(int domid);

/* The requests of the same names. All give 0 or an errno value. */
int domain_introduce(int domid, unsigned long mfn, unsigned int port);
int domain_release(int domid);
int domain_resume(int domid);
int domain_set_target(int domid, int target);
bool domain_introduced(int domid);

/* dom0's own ring, made by its kernel. Without one (no Xen) dom0 is served by the socket alone. */
void domain_add_dom0(void);

/* From the journal: a domain as it was known, not connected yet. */
struct domain *domain_restore(int domid, unsigned long mfn, unsigned int port);

/* After the journal is read: connects to all, drops those that are gone, tells their watches. */
void domain_attach_restored(void);

/* VIRQ_DOM_EXC: finds out who died or shut down, and says so (@releaseDomain). */
void domain_scan(void);

/* The event channel `local_port` was signalled. */
void domain_event(unsigned int local_port);

#endif
