/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared page of a guest: see ring.h. Everything in the page can change under our hands, so
 * indices are read once, checked, and only then used. A request is copied out of the ring when it
 * comes but stays there until its answer is on the way; only one that comes in parts has to leave
 * it before, and then goes to the journal first. Called as a transport by connection.c, and by
 * domain.c for attaching.
 */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "journal.h"
#include "lib/daemon_xen.h"

#define FEATURES (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR)

static uint32_t index_read(const uint32_t *index) { return __atomic_load_n(index, __ATOMIC_ACQUIRE); }

static void index_write(uint32_t *index, uint32_t value) { __atomic_store_n(index, value, __ATOMIC_RELEASE); }

struct ring *ring_new(struct connection *c)
{
    struct ring *r = xcalloc(1, sizeof(*r));

    r->port = -1;
    r->domid = c->domid;
    return r;
}

bool ring_attach(struct ring *r, int domid, unsigned long mfn, unsigned int port)
{
    r->page = xen_map_ring(domid, GNTTAB_RESERVED_XENSTORE, mfn);
    if (!r->page)
        return false;
    r->port = xen_event_bind(domid, port);
    if (r->port < 0) {
        int err = errno;

        ring_detach(r);
        errno = err;
        return false;
    }
    r->page->server_features = FEATURES;
    r->notify = true;
    return true;
}

bool ring_attach_dom0(struct ring *r)
{
    int remote = xen_dom0_port();

    r->page = xen_map_dom0_ring();
    if (!r->page || remote < 0) {
        ring_detach(r);
        return false;
    }
    r->port = xen_event_bind(0, remote);
    r->page->server_features = FEATURES;
    r->notify = true;
    return true;
}

void ring_detach(struct ring *r)
{
    if (r->port >= 0)
        xen_event_unbind(r->port);
    if (r->page && r->domid)
        xen_unmap_ring(r->page);
    else if (r->page)
        xen_unmap_dom0_ring(r->page);
    r->port = -1;
    r->page = NULL;
    r->peeked = 0;
    r->error = XENSTORE_ERROR_NONE;
}

int ring_port(const struct ring *r) { return r->port; }

static long ring_error(struct ring *r, uint32_t error)
{
    r->error = error;
    return -1;
}

/* Copies between the circle and a straight buffer. `at` is a free-running index. */
static void circle_read(const char *circle, uint32_t at, char *data, size_t len)
{
    size_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

    if (first > len)
        first = len;
    memcpy(data, circle + MASK_XENSTORE_IDX(at), first);
    memcpy(data + first, circle, len - first);
}

static void circle_write(char *circle, uint32_t at, const char *data, size_t len)
{
    size_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

    if (first > len)
        first = len;
    memcpy(circle + MASK_XENSTORE_IDX(at), data, first);
    memcpy(circle, data + first, len - first);
}

/* Bytes of the request ring that have not been looked at yet, or -1 if the indices are nonsense. */
static long input_avail(struct ring *r)
{
    uint32_t cons = r->page->req_cons;
    uint32_t avail = index_read(&r->page->req_prod) - cons;

    if (avail > XENSTORE_RING_SIZE || avail < r->peeked)
        return ring_error(r, XENSTORE_ERROR_RINGIDX);
    return avail - r->peeked;
}

/*
 * A request is there in part. Guests signal only if all that they had sent before is consumed, so
 * the part has to leave the ring, by way of the journal.
 */
static void consume_part(struct connection *c)
{
    struct ring *r = c->ring;
    uint32_t end = r->page->req_cons + r->peeked;

    journal_input(c, end);
    index_write(&r->page->req_cons, end);
    r->peeked = 0;
    r->notify = true;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before looking once more for what follows */
}

static long ring_receive(struct connection *c, char *data, size_t len)
{
    struct ring *r = c->ring;
    long avail;

    if (!r->page || r->error)
        return 0;
    avail = input_avail(r);
    if (!avail && r->peeked) {
        consume_part(c);
        avail = input_avail(r);
    }
    if (avail <= 0)
        return avail;
    if (len > (size_t)avail)
        len = avail;
    circle_read(r->page->req, r->page->req_cons + r->peeked, data, len);
    r->peeked += len;
    return len;
}

static long ring_send(struct connection *c, const char *data, size_t len)
{
    struct ring *r = c->ring;
    uint32_t cons, prod, room;

    if (!r->page || r->error)
        return 0;
    prod = index_read(&r->page->rsp_prod);
    cons = index_read(&r->page->rsp_cons);
    if (prod - cons > XENSTORE_RING_SIZE)
        return ring_error(r, XENSTORE_ERROR_RINGIDX);
    room = XENSTORE_RING_SIZE - (prod - cons);
    if (!room)
        return 0;
    if (room < len) {
        journal_output(c, prod + room, data + room, len - room);
        len = room;
    }
    circle_write(r->page->rsp, prod, data, len);
    index_write(&r->page->rsp_prod, prod + len);
    r->notify = true;
    /* A guest signals that there is room again only if it sees a full ring: look again after this. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return len;
}

static void ring_consumed(struct connection *c, size_t len)
{
    struct ring *r = c->ring;

    (void)len;
    if (!r->page)
        return;
    index_write(&r->page->req_cons, r->page->req_cons + r->peeked);
    r->peeked = 0;
    r->notify = true;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the next look for a request */
}

static void ring_prepare(struct connection *c)
{
    struct xenstore_domain_interface *page = c->ring->page;

    if (!page || index_read(&page->connection) != XENSTORE_RECONNECT)
        return;
    log_trace("dom%d reconnects", c->domid);
    connection_reset(c);
    c->ring->peeked = 0;
    c->ring->error = XENSTORE_ERROR_NONE;
    page->req_cons = page->req_prod = 0;
    page->rsp_cons = page->rsp_prod = 0;
    page->error = XENSTORE_ERROR_NONE;
    index_write(&page->connection, XENSTORE_CONNECTED);
    c->ring->notify = true;
}

static void ring_update(struct connection *c)
{
    struct ring *r = c->ring;

    if (r->notify && r->port >= 0)
        xen_event_notify(r->port);
    r->notify = false;
}

/* The guest is not served any more, and told why, until it reconnects. */
static void ring_fail(struct connection *c)
{
    struct ring *r = c->ring;

    if (!r->error)
        r->error = XENSTORE_ERROR_PROTO;
    log_error("dom%d broke the ring protocol (error %u): not served until it reconnects", c->domid, r->error);
    connection_reset(c);
    c->broken = false;
    r->peeked = 0;
    r->page->error = r->error;
    r->notify = true;
    ring_update(c);
}

static void ring_close(struct connection *c)
{
    ring_detach(c->ring);
    buf_free(&c->ring->saved.reply);
    buf_free(&c->ring->saved.rest);
    free(c->ring);
}

const struct transport ring_transport = {
    .receive = ring_receive,
    .send = ring_send,
    .consumed = ring_consumed,
    .prepare = ring_prepare,
    .update = ring_update,
    .fail = ring_fail,
    .close = ring_close,
};

/* The part of a half-sent message that did not get into the ring. */
static size_t unsent_rest(const struct ring *r)
{
    uint32_t sent = r->page->rsp_prod - r->saved.rest_start;

    return sent < r->saved.rest.len ? r->saved.rest.len - sent : 0;
}

/* Is the rest that is still to be sent the end of the saved reply? */
static bool rest_is_reply(const struct ring *r, size_t rest)
{
    return rest && rest < r->saved.reply.len &&
           !memcmp(r->saved.rest.data + r->saved.rest.len - rest, r->saved.reply.data + r->saved.reply.len - rest,
                   rest);
}

void ring_resume(struct connection *c)
{
    struct ring *r = c->ring;
    uint32_t cons = r->page->req_cons, answered = r->saved.request_end - cons;
    size_t rest = unsent_rest(r);
    bool done = r->saved.reply.len && answered && answered <= XENSTORE_RING_SIZE;

    if (rest)
        connection_send_raw(c, r->saved.rest.data + r->saved.rest.len - rest, rest);
    if (done && !rest_is_reply(r, rest)) {
        /* Done, but the guest may not have been told. The request stays in the ring until it is: we may die again. */
        connection_restore_reply(c, r->saved.reply.data, r->saved.reply.len);
        r->peeked = answered;
        c->in_len = 0;
    } else if (done) {
        cons = r->saved.request_end;
        c->in_len = 0;
    } else if (c->in_len && r->saved.input_end - cons <= XENSTORE_RING_SIZE) {
        cons = r->saved.input_end; /* journalled, but perhaps not taken from the ring yet */
    } else {
        c->in_len = 0; /* that request has been answered since */
    }
    index_write(&r->page->req_cons, cons);
    r->notify = true;
}
