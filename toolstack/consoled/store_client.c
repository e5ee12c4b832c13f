/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small client of the XenStore protocol (xs_wire.h): see store_client.h. The daemon on the other
 * side answers at once, so requests simply wait for their answer, though not for ever. Called from
 * guests.c and console.c.
 */
#include "store_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

/* A store daemon that is being restarted comes back sooner than this. */
#define ANSWER_TIMEOUT_MS 20000

struct event {
    struct event *next;
    char *token;
};

static int sock = -1;
static struct event *events, **events_tail = &events;

bool store_connected(void) { return sock >= 0; }

void store_disconnect(void)
{
    if (sock >= 0)
        close(sock);
    sock = -1;
    while (events) {
        struct event *ev = events;

        events = ev->next;
        free(ev->token);
        free(ev);
    }
    events_tail = &events;
}

int store_connect(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *dir = getenv("XENSTORED_RUNDIR");

    store_disconnect();
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", dir ? dir : "/run/xenstored");
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock >= 0 && connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
        store_disconnect();
    return sock;
}

static bool read_all(void *data, size_t len)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    char *at = data;

    while (len) {
        ssize_t got;

        if (poll(&p, 1, ANSWER_TIMEOUT_MS) == 0)
            return false;
        got = read(sock, at, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= got;
    }
    return true;
}

/* Reads one message; its body, with a NUL behind it, is to be freed. NULL: the connection broke. */
static char *receive(struct xsd_sockmsg *hdr)
{
    char *body;

    if (!read_all(hdr, sizeof(*hdr)) || hdr->len > XENSTORE_PAYLOAD_MAX)
        return NULL;
    body = xmalloc(hdr->len + 1);
    body[hdr->len] = '\0';
    if (!read_all(body, hdr->len)) {
        free(body);
        return NULL;
    }
    return body;
}

static void keep_event(const char *body, size_t len)
{
    size_t path_len = strlen(body);
    struct event *ev = xcalloc(1, sizeof(*ev));

    ev->token = xstrdup(path_len + 1 < len ? body + path_len + 1 : "");
    *events_tail = ev;
    events_tail = &ev->next;
}

/* Sends a request and waits for its answer: the payload, to be freed, or NULL on any error. */
static char *request(uint32_t type, const char *data, size_t len)
{
    static uint32_t req_id;
    struct xsd_sockmsg hdr = {.type = type, .req_id = ++req_id, .len = len};
    struct buf out = {0};
    bool sent;
    char *body;

    if (sock < 0)
        return NULL;
    buf_add(&out, &hdr, sizeof(hdr));
    buf_add(&out, data, len);
    sent = send(sock, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
    buf_free(&out);
    while (sent && (body = receive(&hdr)) != NULL) {
        if (hdr.type == XS_WATCH_EVENT) {
            keep_event(body, hdr.len);
            free(body);
            continue;
        }
        if (hdr.type == type)
            return body;
        free(body);
        return NULL;
    }
    store_disconnect();
    return NULL;
}

char *store_read(const char *path) { return request(XS_READ, path, strlen(path) + 1); }

static bool request_two(uint32_t type, const char *one, const char *two, size_t two_len)
{
    struct buf out = {0};
    char *answer;

    buf_add(&out, one, strlen(one) + 1);
    buf_add(&out, two, two_len);
    answer = request(type, out.data, out.len);
    buf_free(&out);
    free(answer);
    return answer != NULL;
}

bool store_write(const char *path, const char *value) { return request_two(XS_WRITE, path, value, strlen(value)); }

bool store_watch(const char *path, const char *token) { return request_two(XS_WATCH, path, token, strlen(token) + 1); }

bool store_unwatch(const char *path, const char *token)
{
    return request_two(XS_UNWATCH, path, token, strlen(token) + 1);
}

char *store_next_event(void)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    struct event *ev;
    char *token;

    while (sock >= 0 && !events && poll(&p, 1, 0) > 0) {
        struct xsd_sockmsg hdr;
        char *body = receive(&hdr);

        if (!body)
            store_disconnect();
        else if (hdr.type == XS_WATCH_EVENT)
            keep_event(body, hdr.len);
        free(body);
    }
    ev = events;
    if (!ev)
        return NULL;
    events = ev->next;
    if (!events)
        events_tail = &events;
    token = ev->token;
    free(ev);
    return token;
}
