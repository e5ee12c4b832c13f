/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an unprivileged domain may use of the store, and what each domain uses now. Limits bind
 * guests only: dom0 is counted but never refused. Names and defaults are those of xenstored 4.17.
 */
#ifndef STORED_QUOTA_H
#define STORED_QUOTA_H

#include "lib/daemon.h"

enum quota_id {
    QUOTA_NODES,
    QUOTA_WATCHES,
    QUOTA_TRANSACTIONS,
    QUOTA_OUTSTANDING,
    QUOTA_TX_NODES,
    QUOTA_MEMORY,
    QUOTA_NODE_SIZE,
    QUOTA_PATH_MAX,
    QUOTA_PERMS,
    QUOTA_COUNT
};

struct quota {
    const char *name;
    const char *what;
    unsigned int limit;
};

extern struct quota quotas[QUOTA_COUNT];

/* Changes the limit called `name`; false if there is none of that name. */
bool quota_set(const char *name, unsigned int limit);

struct usage {
    long nodes; /* that the domain owns */
    long bytes; /* of those nodes, of its watches, and of what waits to be sent to it */
    long watches;
    long transactions; /* open now */
    long queued;       /* messages that wait to be sent to it */
};

/* The counters of `domid`, made at first use and never moved. */
struct usage *usage_of(int domid);

/* Takes back what is known of a domain that is gone. */
void usage_forget(int domid);

/* True if using `more` of `id` would take `domid` beyond its limit. Never for domain 0. */
bool quota_exceeded(int domid, enum quota_id id, long used, long more);

/* What one operation or transaction changes in the usage of nodes, kept until it is committed. */
struct usage_delta {
    int domid;
    long nodes;
    long bytes;
};

struct usage_deltas {
    struct usage_delta *v;
    unsigned int count;
};

void deltas_add(struct usage_deltas *d, int domid, long nodes, long bytes);
struct usage_delta deltas_of(const struct usage_deltas *d, int domid);
void deltas_apply(const struct usage_deltas *d);
void deltas_free(struct usage_deltas *d);

#endif
