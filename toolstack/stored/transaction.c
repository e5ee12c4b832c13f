/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: see transaction.h. The tree of a transaction is a reference to the store of the
 * moment of its first use, so opening one costs nothing and reading in it is always consistent.
 * Called from request.c (start, end), nodes.c (what was seen) and when connections end.
 */
#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "domain.h"
#include "journal.h"

static struct transaction *transaction_add(struct connection *c, uint32_t id)
{
    struct transaction *tx = xcalloc(1, sizeof(*tx)), **tail = &c->transactions;

    tx->id = id;
    tx->domid = c->domid;
    while (*tail)
        tail = &(*tail)->next;
    *tail = tx;
    usage_of(c->domid)->transactions++;
    return tx;
}

uint32_t transaction_start(struct connection *c)
{
    /* As xenstored 4.17 counts: refused once there are more than the limit. */
    if (c->domid && usage_of(c->domid)->transactions > (long)quotas[QUOTA_TRANSACTIONS].limit)
        return 0;
    do
        c->next_tx++;
    while (!c->next_tx || transaction_find(c, c->next_tx));
    transaction_add(c, c->next_tx);
    journal_transaction(c, c->next_tx, true);
    return c->next_tx;
}

void transaction_restore(struct connection *c, uint32_t id)
{
    transaction_add(c, id)->doomed = true;
    if (id > c->next_tx)
        c->next_tx = id;
}

struct transaction *transaction_find(struct connection *c, uint32_t id)
{
    struct transaction *tx;

    for (tx = c->transactions; tx && tx->id != id; tx = tx->next)
        ;
    return tx;
}

struct edit *transaction_edit(struct transaction *tx)
{
    if (!tx->begun) {
        edit_begin(&tx->edit, tx->domid);
        tx->base = node_get(store_root);
        tx->begun = true;
    }
    return &tx->edit;
}

static void transaction_free(struct transaction *tx)
{
    unsigned int i;

    for (i = 0; i < tx->seen_slots; i++) {
        while (tx->seen[i]) {
            struct seen *s = tx->seen[i];

            tx->seen[i] = s->next;
            free(s);
        }
    }
    free(tx->seen);
    node_put(tx->base);
    edit_drop(&tx->edit);
    usage_of(tx->domid)->transactions--;
    free(tx);
}

/* The first path that is not any more as it was seen; NULL if all are. */
static const char *changed_path(const struct transaction *tx)
{
    unsigned int i;
    const struct seen *s;

    for (i = 0; i < tx->seen_slots; i++) {
        for (s = tx->seen[i]; s; s = s->next) {
            const struct node *n = tree_find(store_root, s->path);

            if ((n ? n->generation : 0) != s->generation)
                return s->path;
        }
    }
    return NULL;
}

/*
 * dom0's transaction came to nothing because of a change at `path`. If that was a guest's, the
 * guest has to pause, so that it cannot keep dom0 from ever getting done. Only dom0 is protected
 * so: one guest could otherwise stop another by watching over what that one may write.
 */
static void pause_intruder(const struct transaction *tx, const char *path)
{
    char *name = xstrdup(path);
    const struct node *n;
    struct domain *d;

    while (!(n = tree_find(store_root, name)))
        name[path_parent_len(name)] = '\0'; /* it was removed: so its parent has changed */
    free(name);
    d = tx->domid || !n->writer ? NULL : domain_find(n->writer);
    if (d)
        connection_pause(d->conn);
}

/* Does the changes once more on the store of now, where all that they depend on is as it was. */
static void transaction_replay(const struct transaction *tx)
{
    const struct change *c;
    struct edit e;

    edit_begin(&e, tx->domid);
    for (c = tx->edit.first; c; c = c->next) {
        if (c->remove)
            edit_remove(&e, c->path);
        else
            edit_set(&e, c->path, c->value, c->perms, c->announce);
    }
    edit_commit(&e);
}

int transaction_end(struct connection *c, struct transaction *tx, bool commit)
{
    struct transaction **slot = &c->transactions;
    const char *changed = commit ? changed_path(tx) : NULL;
    int err = 0;

    while (*slot != tx)
        slot = &(*slot)->next;
    *slot = tx->next;
    journal_transaction(c, tx->id, false);

    if (commit && tx->failed)
        err = ENOMEM;
    else if (commit && (tx->doomed || changed))
        err = EAGAIN;
    else if (commit && tx->edit.first && tx->base == store_root)
        edit_commit(&tx->edit);
    else if (commit && tx->edit.first)
        transaction_replay(tx);
    if (err == EAGAIN && changed)
        pause_intruder(tx, changed);
    transaction_free(tx);
    return err;
}

void transaction_drop_all(struct connection *c)
{
    while (c->transactions)
        transaction_end(c, c->transactions, false);
}

static void seen_grow(struct transaction *tx)
{
    unsigned int slots = tx->seen_slots ? tx->seen_slots * 4 : 16, i;
    struct seen **table = xcalloc(slots, sizeof(*table));

    for (i = 0; i < tx->seen_slots; i++) {
        while (tx->seen[i]) {
            struct seen *s = tx->seen[i];
            unsigned int slot = hash_string(s->path, strlen(s->path)) & (slots - 1);

            tx->seen[i] = s->next;
            s->next = table[slot];
            table[slot] = s;
        }
    }
    free(tx->seen);
    tx->seen = table;
    tx->seen_slots = slots;
}

void transaction_saw(struct transaction *tx, const char *path, const struct node *n)
{
    size_t len = strlen(path);
    struct seen *s, **slot;

    if (!tx)
        return;
    if (tx->seen_count >= tx->seen_slots)
        seen_grow(tx);
    slot = &tx->seen[hash_string(path, len) & (tx->seen_slots - 1)];
    for (s = *slot; s; s = s->next)
        if (!strcmp(s->path, path))
            return;
    s = xmalloc(sizeof(*s) + len + 1);
    s->generation = n ? n->generation : 0;
    memcpy(s->path, path, len + 1);
    s->next = *slot;
    *slot = s;
    tx->seen_count++;
}

bool transaction_full(struct transaction *tx)
{
    if (tx && tx->domid && tx->seen_count > quotas[QUOTA_TX_NODES].limit)
        tx->failed = true;
    return tx && tx->failed;
}
