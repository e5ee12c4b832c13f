/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each message of the protocol asks for, one function per type, one table of them.
 */
#ifndef STORED_REQUEST_H
#define STORED_REQUEST_H

#include "lib/daemon.h"
#include "connection.h"
#include "nodes.h"

struct request {
    struct connection *conn;
    struct xsd_sockmsg hdr;
    const char *body; /* hdr.len bytes and a NUL */
    struct transaction *tx;
    struct buf reply; /* payload; left empty: "OK" */
    bool raw_reply;   /* an empty payload is meant */
    bool ended;       /* its transaction is over, with whatever result */
};

/* Answers the complete message in c->in. */
void request_handle(struct connection *c);

/* CONTROL, in control.c. */
int control_handle(struct request *r);

#endif
