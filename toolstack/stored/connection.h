/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client: the message it is sending, the messages that wait to be sent to it, its watches and
 * transactions. How bytes travel is the transport's part (socket.c, ring.c); what a message means
 * is request.c's.
 *
 * A request stays the connection's current one until its answer is on the way; only then does the
 * transport forget the request's bytes. So a daemon that dies in between finds the request again in
 * the guest's ring, and a client that does not read its answers is not served further.
 */
#ifndef STORED_CONNECTION_H
#define STORED_CONNECTION_H

#include "lib/daemon.h"
#include "wire.h"

struct connection;
struct transaction;
struct watch;

/* All return what they moved, 0 if nothing could be moved now, -1 if the connection is broken. */
struct transport {
    /* Brings up to `len` more bytes of input. */
    long (*receive)(struct connection *c, char *data, size_t len);
    long (*send)(struct connection *c, const char *data, size_t len);
    /* The current request is done with: its `len` bytes need not be found again. */
    void (*consumed)(struct connection *c, size_t len);
    /* Before a turn: has the client asked to start anew? */
    void (*prepare)(struct connection *c);
    /* After a turn: tells the other side, or the poll loop, what changed. */
    void (*update)(struct connection *c);
    /* The client broke the rules or is gone: ends or disables the connection. */
    void (*fail)(struct connection *c);
    void (*close)(struct connection *c);
};

struct out {
    struct out *next;
    struct watch *watch; /* of an event that may stand for several */
    bool reply;
    bool raw;   /* bytes as they are, from connection_send_raw */
    bool ready; /* a reply is put in line before it is known */
    size_t sent;
    struct buf data;
};

struct connection {
    struct connection *next, *prev; /* all of them */
    struct connection *next_run;    /* those with something to do */
    bool runnable;
    uint32_t round; /* when it was put in line */
    bool broken;    /* failed once its turn is over */

    const struct transport *io;
    int fd;            /* socket, or -1 */
    uint32_t interest; /* socket: epoll events asked for */
    struct ring *ring; /* domain */

    long paused_until; /* milliseconds of CLOCK_MONOTONIC; 0: not paused */
    long pause;        /* the length of the last pause */

    int domid;  /* 0 for sockets */
    int target; /* SET_TARGET; -1: none */
    char in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
    size_t in_len;
    bool answered; /* the current request has its reply in line */
    bool changed;  /* ... and has changed something that must not be done twice */
    struct out *out_first, **out_tail;
    struct watch *watches;
    struct transaction *transactions;
    uint32_t next_tx;
};

extern struct connection *connections;

struct connection *connection_new(const struct transport *io, int domid);
void connection_free(struct connection *c);

/* Forgets input, output, watches and transactions: the client starts anew on the same connection. */
void connection_reset(struct connection *c);

/* Puts `c` in line for connection_run_all. */
void connection_wake(struct connection *c);

/* Gives every connection in line one turn, one request each. True if some are still in line. */
bool connection_run_all(void);

/*
 * Does not serve `c` for a while, longer each time if there was no second of peace in between. What
 * waits for it is still sent.
 */
void connection_pause(struct connection *c);

/* Puts those in line whose pause is over; milliseconds until the next one's is, -1 if none is. */
int connection_resume_due(void);

/* Length of the message in `in` as its header says; 0 while the header is not complete. */
size_t connection_message_len(const struct connection *c);

/* Sends what can be sent now. */
void connection_flush(struct connection *c);

/* Puts a reply in line; its data is filled in later, behind it events may already be in line. */
struct out *connection_begin_reply(struct connection *c);
void connection_end_reply(struct connection *c, struct out *o, uint32_t type, uint32_t req_id, uint32_t tx_id,
                          const void *data, size_t len);
/* The reply of an earlier daemon to the request that is still there: it is not to be carried out again. */
void connection_restore_reply(struct connection *c, const void *data, size_t len);

/* Queues a watch event. Too many for a slow reader are merged into one for each watch. */
void connection_send_event(struct connection *c, struct watch *w, const char *path);
void connection_forget_watch(struct connection *c, struct watch *w);

/* Queues bytes as they are: the rest of a message that a dead daemon had begun to send. */
void connection_send_raw(struct connection *c, const void *data, size_t len);

#endif
