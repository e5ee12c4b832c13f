/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Introducing, releasing and burying domains: see domain.h. The bytes of their rings are ring.c's
 * business, hypercalls are xen.c's. Called from request.c, from the journal at start, and from the
 * loop when an event channel or the domain exception VIRQ fires.
 */
#include "domain.h"

#include <errno.h>
#include <stdlib.h>

#include "journal.h"
#include "nodes.h"
#include "quota.h"
#include "ring.h"
#include "watch.h"
#include "lib/daemon_xen.h"

struct domain *domains;

struct domain *domain_find(int domid)
{
    struct domain *d;

    for (d = domains; d && d->domid != domid; d = d->next)
        ;
    return d;
}

static struct domain *domain_add(int domid, unsigned long mfn, unsigned int port)
{
    struct domain *d = xcalloc(1, sizeof(*d));

    d->domid = domid;
    d->mfn = mfn;
    d->port = port;
    d->conn = connection_new(&ring_transport, domid);
    d->conn->ring = ring_new(d->conn);
    d->next = domains;
    domains = d;
    return d;
}

/* Drops the connection; the nodes stay. */
static void domain_remove(struct domain *d)
{
    struct domain **slot = &domains, *other;

    while (*slot != d)
        slot = &(*slot)->next;
    *slot = d->next;
    for (other = domains; other; other = other->next)
        if (other->conn->target == d->domid)
            other->conn->target = -1;
    connection_free(d->conn);
    journal_domain_release(d->domid);
    free(d);
}

int domain_introduce(int domid, unsigned long mfn, unsigned int port)
{
    struct domain *d = domain_find(domid);

    if (domid < 0)
        return EINVAL;
    if (!domid) {
        watch_fire_special("@introduceDomain");
        return 0;
    }
    if (!(xen_domain_state(domid) & XEN_DOMAIN_EXISTS))
        return ENOENT;
    if (d) {
        /* The same domain anew, after a restore or a soft reset: with a new channel, perhaps. */
        connection_reset(d->conn);
        ring_detach(d->conn->ring);
        d->mfn = mfn;
        d->port = port;
    } else {
        d = domain_add(domid, mfn, port);
    }
    if (!ring_attach(d->conn->ring, domid, mfn, port)) {
        int err = errno;

        domain_remove(d);
        return err;
    }
    journal_domain(d);
    connection_wake(d->conn);
    watch_fire_special("@introduceDomain");
    return 0;
}

int domain_release(int domid)
{
    struct domain *d = domain_find(domid);

    if (!d)
        return ENOENT;
    domain_remove(d);
    watch_fire_special("@releaseDomain");
    return 0;
}

int domain_resume(int domid)
{
    struct domain *d = domain_find(domid);

    if (!d)
        return ENOENT;
    d->shutdown = false;
    journal_domain(d);
    return 0;
}

int domain_set_target(int domid, int target)
{
    struct domain *d = domain_find(domid);

    if (!d || !domain_find(target))
        return ENOENT;
    d->conn->target = target;
    journal_domain(d);
    return 0;
}

bool domain_introduced(int domid) { return !domid || domain_find(domid); }

void domain_add_dom0(void) { domain_add(0, 0, 0); }

struct domain *domain_restore(int domid, unsigned long mfn, unsigned int port)
{
    struct domain *d = domain_find(domid);

    if (!d)
        return domain_add(domid, mfn, port);
    d->mfn = mfn;
    d->port = port;
    return d;
}

/* dom0's watches and requests of before the restart are its kernel's, as with any guest. */
static bool domain_attach(struct domain *d)
{
    struct ring *ring = d->conn->ring;

    if (d->domid ? !ring_attach(ring, d->domid, d->mfn, d->port) : !ring_attach_dom0(ring))
        return false;
    ring_resume(d->conn);
    watch_fire_all(d->conn);
    connection_wake(d->conn);
    return true;
}

void domain_attach_restored(void)
{
    struct domain *d, *next;

    for (d = domains; d; d = next) {
        next = d->next;
        if (d->domid && !(xen_domain_state(d->domid) & XEN_DOMAIN_EXISTS))
            continue; /* domain_scan buries it */
        if (!domain_attach(d) && d->domid) {
            log_error("domain %d: cannot connect again: its store stays, its ring is lost", d->domid);
            domain_remove(d);
        }
    }
    domain_scan();
}

static void domain_bury(struct domain *d)
{
    int domid = d->domid;

    domain_remove(d);
    nodes_forget_domain(domid);
    usage_forget(domid);
}

void domain_scan(void)
{
    struct domain *d, *next;
    bool announce = false;

    journal_begin();
    for (d = domains; d; d = next) {
        unsigned int state = d->domid ? xen_domain_state(d->domid) : XEN_DOMAIN_EXISTS;

        next = d->next;
        if (!(state & XEN_DOMAIN_EXISTS) || (state & XEN_DOMAIN_DYING)) {
            domain_bury(d);
            announce = true;
        } else if ((state & XEN_DOMAIN_SHUTDOWN) && !d->shutdown) {
            d->shutdown = true;
            journal_domain(d);
            announce = true;
        }
    }
    if (announce)
        watch_fire_special("@releaseDomain");
    journal_end();
}

void domain_event(unsigned int local_port)
{
    struct domain *d;

    for (d = domains; d; d = d->next)
        if (ring_port(d->conn->ring) == (int)local_port)
            connection_wake(d->conn);
}
