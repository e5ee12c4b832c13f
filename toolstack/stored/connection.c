/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: see connection.h. Turns are given in a round, one request each, so that a client
 * that floods the daemon delays others by one request at a time. Called from main.c's loop, from
 * the transports when there is something to do, and by whatever wants to tell a client something.
 */
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quota.h"
#include "request.h"
#include "transaction.h"
#include "watch.h"

#define HEADER sizeof(struct xsd_sockmsg)

/* dom0's clients are trusted to read, but not to live for ever. */
#define DOM0_QUEUE_MAX 16384

/* Pauses in milliseconds: the first one, the longest, and the peace after which all is forgiven. */
#define PAUSE_FIRST 100
#define PAUSE_MAX   1600
#define PAUSE_PEACE 1000

struct connection *connections;
static bool any_paused;
static struct connection *run_first, **run_tail = &run_first;
static uint32_t run_round;

struct connection *connection_new(const struct transport *io, int domid)
{
    struct connection *c = xcalloc(1, sizeof(*c));

    c->io = io;
    c->fd = -1;
    c->domid = domid;
    c->target = -1;
    c->out_tail = &c->out_first;
    c->next = connections;
    if (connections)
        connections->prev = c;
    connections = c;
    return c;
}

static void out_free(struct connection *c, struct out *o)
{
    struct usage *u = usage_of(c->domid);

    u->queued--;
    u->bytes -= o->data.len;
    if (o->watch)
        o->watch->pending = false;
    buf_free(&o->data);
    free(o);
}

static struct out *out_new(struct connection *c, bool reply)
{
    struct out *o = xcalloc(1, sizeof(*o));

    o->reply = reply;
    *c->out_tail = o;
    c->out_tail = &o->next;
    usage_of(c->domid)->queued++;
    return o;
}

static void out_ready(struct connection *c, struct out *o)
{
    o->ready = true;
    usage_of(c->domid)->bytes += o->data.len;
    connection_wake(c);
}

void connection_reset(struct connection *c)
{
    transaction_drop_all(c);
    watch_remove_all(c);
    while (c->out_first) {
        struct out *o = c->out_first;

        c->out_first = o->next;
        out_free(c, o);
    }
    c->out_tail = &c->out_first;
    c->in_len = 0;
    c->answered = false;
}

void connection_free(struct connection *c)
{
    struct connection **slot;

    connection_reset(c);
    if (c->runnable) {
        for (slot = &run_first; *slot != c; slot = &(*slot)->next_run)
            ;
        *slot = c->next_run;
        if (run_tail == &c->next_run)
            run_tail = slot;
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->io->close(c);
    free(c);
}

void connection_wake(struct connection *c)
{
    if (c->runnable)
        return;
    c->runnable = true;
    c->round = run_round;
    c->next_run = NULL;
    *run_tail = c;
    run_tail = &c->next_run;
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void connection_pause(struct connection *c)
{
    long now = now_ms();

    if (c->paused_until > now)
        return;
    if (now - c->paused_until > PAUSE_PEACE)
        c->pause = PAUSE_FIRST;
    else if (c->pause < PAUSE_MAX)
        c->pause *= 2;
    c->paused_until = now + c->pause;
    any_paused = true;
    log_trace("dom%d pauses for %ld ms", c->domid, c->pause);
}

int connection_resume_due(void)
{
    long now, next = -1;
    struct connection *c;

    if (!any_paused)
        return -1;
    now = now_ms();
    for (c = connections; c; c = c->next) {
        if (c->paused_until > now && (next < 0 || c->paused_until - now < next))
            next = c->paused_until - now;
        if (c->paused_until && c->paused_until <= now && now - c->paused_until < PAUSE_PEACE)
            connection_wake(c);
    }
    any_paused = next >= 0;
    return next;
}

size_t connection_message_len(const struct connection *c)
{
    struct xsd_sockmsg hdr;

    if (c->in_len < HEADER)
        return 0;
    memcpy(&hdr, c->in, HEADER);
    return HEADER + hdr.len;
}

/* Brings in what is missing of the current message. True when it is complete. */
static bool connection_receive(struct connection *c)
{
    for (;;) {
        size_t want = connection_message_len(c);
        long got;

        if (!want)
            want = HEADER;
        else if (c->in_len == want)
            return true;
        if (want >= sizeof(c->in)) {
            c->broken = true; /* protocol violation: too long (xs_wire.h) */
            return false;
        }
        got = c->io->receive(c, c->in + c->in_len, want - c->in_len);
        if (got < 0)
            c->broken = true;
        if (got <= 0)
            return false;
        c->in_len += got;
    }
}

/* The reply to the current request is on its way: the request is history. */
static void connection_request_done(struct connection *c)
{
    c->io->consumed(c, c->in_len);
    c->in_len = 0;
    c->answered = false;
    c->changed = false;
}

void connection_flush(struct connection *c)
{
    while (!c->broken && c->out_first && c->out_first->ready) {
        struct out *o = c->out_first;
        bool first_part = !o->sent;
        long sent = c->io->send(c, o->data.data + o->sent, o->data.len - o->sent);

        if (sent < 0)
            c->broken = true;
        if (sent <= 0)
            break;
        o->sent += sent;
        if (o->watch) {
            o->watch->pending = false;
            o->watch = NULL;
        }
        if (o->reply && first_part)
            connection_request_done(c);
        if (o->sent < o->data.len)
            continue;
        c->out_first = o->next;
        if (!c->out_first)
            c->out_tail = &c->out_first;
        out_free(c, o);
    }
}

/* One turn: at most one request. True if there may be more to do at once. */
static bool connection_run(struct connection *c)
{
    long now = c->paused_until ? now_ms() : 0;
    bool more = false;

    c->io->prepare(c);
    connection_flush(c);
    if (!c->broken && !c->answered && c->paused_until <= now && connection_receive(c)) {
        c->in[c->in_len] = '\0';
        request_handle(c);
        connection_flush(c);
        more = !c->answered;
    }
    if (!c->broken)
        c->io->update(c);
    return more;
}

bool connection_run_all(void)
{
    struct connection *c;

    for (run_round++; run_first && run_first->round != run_round;) {
        c = run_first;
        run_first = c->next_run;
        if (!run_first)
            run_tail = &run_first;
        c->runnable = false;
        if (connection_run(c))
            connection_wake(c);
        if (c->broken)
            c->io->fail(c);
    }
    return run_first != NULL;
}

static void out_message(struct buf *b, uint32_t type, uint32_t req_id, uint32_t tx_id, size_t len)
{
    struct xsd_sockmsg hdr = {.type = type, .req_id = req_id, .tx_id = tx_id, .len = len};

    buf_add(b, &hdr, sizeof(hdr));
}

struct out *connection_begin_reply(struct connection *c)
{
    c->answered = true;
    return out_new(c, true);
}

void connection_end_reply(struct connection *c, struct out *o, uint32_t type, uint32_t req_id, uint32_t tx_id,
                          const void *data, size_t len)
{
    out_message(&o->data, type, req_id, tx_id, len);
    buf_add(&o->data, data, len);
    out_ready(c, o);
}

void connection_restore_reply(struct connection *c, const void *data, size_t len)
{
    struct out *o = connection_begin_reply(c);

    buf_add(&o->data, data, len);
    c->changed = true;
    out_ready(c, o);
}

void connection_send_event(struct connection *c, struct watch *w, const char *path)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(w->token) + 1;
    long limit = c->domid ? (long)quotas[QUOTA_OUTSTANDING].limit : DOM0_QUEUE_MAX;
    struct out *o;

    /* A pending event with the watch's own path already says "look at all of it". */
    if (w->pending || c->broken)
        return;
    o = out_new(c, false);
    if (usage_of(c->domid)->queued > limit || path_size + token_size > XENSTORE_PAYLOAD_MAX) {
        path = w->path + w->strip;
        path_size = strlen(path) + 1;
    }
    if (!strcmp(path, w->path + w->strip)) {
        o->watch = w;
        w->pending = true;
    }
    out_message(&o->data, XS_WATCH_EVENT, 0, 0, path_size + token_size);
    buf_add(&o->data, path, path_size);
    buf_add(&o->data, w->token, token_size);
    out_ready(c, o);
}

void connection_forget_watch(struct connection *c, struct watch *w)
{
    struct out *o;

    for (o = c->out_first; o; o = o->next)
        if (o->watch == w)
            o->watch = NULL;
}

void connection_send_raw(struct connection *c, const void *data, size_t len)
{
    struct out *o = out_new(c, false);

    o->raw = true;
    buf_add(&o->data, data, len);
    out_ready(c, o);
}
