/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: an edit that stays open, with a note of every path it looked at and the generation
 * that it saw there. It is committed only if all of them are still as they were seen; otherwise the
 * client is told EAGAIN and starts over, as the XenStore protocol has it.
 */
#ifndef STORED_TRANSACTION_H
#define STORED_TRANSACTION_H

#include "store.h"

struct connection;

struct seen {
    struct seen *next;
    uint64_t generation; /* 0: there was no node */
    char path[];
};

struct transaction {
    struct transaction *next;
    uint32_t id;
    int domid;
    bool begun;        /* the tree is taken at first use, so an idle start conflicts with nobody */
    bool doomed;       /* was open when the daemon was restarted: can only end in EAGAIN */
    bool failed;       /* went beyond its quota: can only end in an error */
    struct node *base; /* the store as it was taken */
    struct edit edit;
    struct seen **seen; /* hash table */
    unsigned int seen_count, seen_slots;
};

/* Opens one for `c`; gives its id, or 0 if the domain has too many. */
uint32_t transaction_start(struct connection *c);

/* Opens one that was open before a restart of the daemon. */
void transaction_restore(struct connection *c, uint32_t id);

struct transaction *transaction_find(struct connection *c, uint32_t id);

/* The edit to work in. */
struct edit *transaction_edit(struct transaction *tx);

/* Ends it, either way; it is gone afterwards. Gives 0, EAGAIN or ENOMEM (failed before). */
int transaction_end(struct connection *c, struct transaction *tx, bool commit);

/* Drops all of a connection's. */
void transaction_drop_all(struct connection *c);

/* Notes what was found at `path`. tx may be NULL: then nothing is noted. */
void transaction_saw(struct transaction *tx, const char *path, const struct node *n);

/* True, from then on, once a guest's transaction has looked at more nodes than it may. */
bool transaction_full(struct transaction *tx);

#endif
