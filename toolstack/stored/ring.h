/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's connection through a shared page (xs_wire.h, xenstore-ring document), as a transport.
 */
#ifndef STORED_RING_H
#define STORED_RING_H

#include "connection.h"

struct ring {
    struct xenstore_domain_interface *page; /* NULL: not attached */
    int domid;
    int port;        /* local event channel, -1: none */
    uint32_t peeked; /* bytes of the current request that still stand in the ring */
    uint32_t error;  /* XENSTORE_ERROR_*: the guest broke the protocol and is not served */
    bool notify;     /* the page changed: signal the guest */

    /* What the journal knows of the moment when the daemon was killed; see ring_resume. */
    struct {
        uint32_t input_end;   /* ring index behind the bytes in connection.in */
        struct buf reply;     /* to the last request that changed something */
        uint32_t request_end; /* ring index behind that request */
        struct buf rest;      /* of a message that was sent in part */
        uint32_t rest_start;  /* ring index where that rest belongs */
    } saved;
};

extern const struct transport ring_transport;

struct ring *ring_new(struct connection *c);

/* Maps the page and binds the channel. False with errno set if that cannot be. */
bool ring_attach(struct ring *r, int domid, unsigned long mfn, unsigned int port);
bool ring_attach_dom0(struct ring *r);
void ring_detach(struct ring *r);

/* The local port, or -1. */
int ring_port(const struct ring *r);

/* After ring_attach at a restart: brings ring and journal together, so that no request is lost or
 * done twice and no message is torn. */
void ring_resume(struct connection *c);

#endif
