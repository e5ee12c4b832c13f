/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and counters per domain: see quota.h. Whoever makes or drops something counts it here;
 * what to answer when a limit is reached is the caller's business.
 */
#include "quota.h"

#include <stdlib.h>
#include <string.h>

#define DOMIDS 0x8000 /* real domain ids end at DOMID_FIRST_RESERVED (xen.h), 0x7ff0 */

struct quota quotas[QUOTA_COUNT] = {
    [QUOTA_NODES] = {"nodes", "Nodes per domain", 1000},
    [QUOTA_WATCHES] = {"watches", "Watches per domain", 128},
    [QUOTA_TRANSACTIONS] = {"transactions", "Transactions per domain", 10},
    [QUOTA_OUTSTANDING] = {"outstanding", "Queued events per domain before they are merged", 256},
    [QUOTA_TX_NODES] = {"transaction-nodes", "Max. number of accessed nodes per transaction", 1024},
    [QUOTA_MEMORY] = {"memory", "Total Xenstore memory per domain", 2621440},
    [QUOTA_NODE_SIZE] = {"node-size", "Max. size of a node", 2048},
    [QUOTA_PATH_MAX] = {"path-max", "Max. length of a node path", 2048},
    [QUOTA_PERMS] = {"permissions", "Max. number of permissions per node", 5},
};

static struct usage *usages[DOMIDS];

bool quota_set(const char *name, unsigned int limit)
{
    unsigned int i;

    for (i = 0; i < QUOTA_COUNT; i++) {
        if (strcmp(name, quotas[i].name))
            continue;
        quotas[i].limit = limit;
        return true;
    }
    return false;
}

struct usage *usage_of(int domid)
{
    struct usage **slot = &usages[domid >= 0 && domid < DOMIDS ? domid : DOMIDS - 1];

    if (!*slot)
        *slot = xcalloc(1, sizeof(**slot));
    return *slot;
}

void usage_forget(int domid)
{
    if (domid >= 0 && domid < DOMIDS) {
        free(usages[domid]);
        usages[domid] = NULL;
    }
}

bool quota_exceeded(int domid, enum quota_id id, long used, long more)
{
    return domid && more > 0 && used + more > (long)quotas[id].limit;
}

void deltas_add(struct usage_deltas *d, int domid, long nodes, long bytes)
{
    unsigned int i;

    for (i = 0; i < d->count && d->v[i].domid != domid; i++)
        ;
    if (i == d->count) {
        d->v = realloc(d->v, (d->count + 1) * sizeof(*d->v));
        if (!d->v)
            die("out of memory");
        d->v[d->count++] = (struct usage_delta){.domid = domid};
    }
    d->v[i].nodes += nodes;
    d->v[i].bytes += bytes;
}

struct usage_delta deltas_of(const struct usage_deltas *d, int domid)
{
    unsigned int i;

    for (i = 0; i < d->count; i++)
        if (d->v[i].domid == domid)
            return d->v[i];
    return (struct usage_delta){.domid = domid};
}

void deltas_apply(const struct usage_deltas *d)
{
    unsigned int i;

    for (i = 0; i < d->count; i++) {
        struct usage *u = usage_of(d->v[i].domid);

        u->nodes += d->v[i].nodes;
        u->bytes += d->v[i].bytes;
    }
}

void deltas_free(struct usage_deltas *d)
{
    free(d->v);
    memset(d, 0, sizeof(*d));
}
