/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of consoles: see guests.h. Every change is found by comparing with the hypervisor's own
 * list, so a missed event, or a restart of this daemon or of the store's, costs nothing but a look.
 * Called from main.c's loop.
 */
#include "guests.h"

#include <stdlib.h>
#include <string.h>

#include "lib/daemon_xen.h"
#include "store_client.h"

#define TOKEN_DOMAINS "domains"

struct console *consoles;
static int store_fd = -1;

static struct console *by_domid(int domid)
{
    struct console *c;

    for (c = consoles; c && (c->domid != domid || c->dead); c = c->next)
        ;
    return c;
}

struct console *guests_by_port(int port)
{
    struct console *c;

    for (c = consoles; c && c->port != port; c = c->next)
        ;
    return c;
}

static void drop_finished(void)
{
    struct console **slot = &consoles;

    while (*slot) {
        struct console *c = *slot;

        if (!console_finished(c)) {
            slot = &c->next;
            continue;
        }
        *slot = c->next;
        console_free(c);
    }
}

static bool alive(int domid)
{
    unsigned int state = xen_domain_state(domid);

    return (state & XEN_DOMAIN_EXISTS) && !(state & XEN_DOMAIN_DYING);
}

static void add(int domid)
{
    struct console *c = console_new(domid);

    log_trace("domain %d is there", domid);
    c->next = consoles;
    consoles = c;
    /* The watch fires at once, and console_update follows. */
    store_watch(c->base, c->token);
}

static void scan(void)
{
    struct console *c;
    unsigned int state;
    int domid;

    for (c = consoles; c; c = c->next) {
        if (c->dead || alive(c->domid))
            continue;
        log_trace("domain %d is gone", c->domid);
        store_unwatch(c->base, c->token);
        console_guest_died(c);
    }
    drop_finished();
    for (domid = 1; (domid = xen_domain_next(domid, &state)) >= 0; domid++)
        if (!(state & XEN_DOMAIN_DYING) && !by_domid(domid))
            add(domid);
}

bool guests_connect(void)
{
    struct console *c;

    if (store_connected())
        return true;
    store_fd = store_connect();
    if (store_fd < 0)
        return false;
    for (c = consoles; c; c = c->next)
        if (!c->dead)
            store_watch(c->base, c->token);
    store_watch("@introduceDomain", TOKEN_DOMAINS);
    store_watch("@releaseDomain", TOKEN_DOMAINS);
    return store_connected();
}

int guests_fd(void) { return store_fd; }

void guests_store_ready(void)
{
    char *token;

    while ((token = store_next_event()) != NULL) {
        struct console *c;

        if (!strcmp(token, TOKEN_DOMAINS))
            scan();
        for (c = consoles; c; c = c->next)
            if (!c->dead && !strcmp(c->token, token))
                console_update(c);
        free(token);
    }
    if (!store_connected())
        store_fd = -1;
}

bool guests_need_period(void)
{
    struct console *c;

    for (c = consoles; c; c = c->next)
        if (c->masked || c->dead)
            return true;
    return false;
}

void guests_period(void)
{
    struct console *c;

    for (c = consoles; c; c = c->next)
        console_period(c);
    drop_finished();
}

void guests_reopen_logs(void)
{
    struct console *c;

    for (c = consoles; c; c = c->next)
        console_log_reopen(&c->log);
}
