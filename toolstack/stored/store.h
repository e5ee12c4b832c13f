/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one tree that everybody sees, and the only way to change it: an edit. An edit starts from the
 * tree of that moment, collects changes in a tree of its own and is committed or dropped. A single
 * WRITE is an edit of one change; a transaction is an edit that is open for longer.
 */
#ifndef STORED_STORE_H
#define STORED_STORE_H

#include "quota.h"
#include "tree.h"

struct change {
    struct change *next;
    bool remove;
    bool announce; /* somebody asked for this path by name, so watches fire on it */
    struct blob *value;
    struct perms *perms;
    char path[];
};

struct edit {
    struct node *root;
    int domid; /* who edits */
    struct change *first, **tail;
    struct usage_deltas deltas;
};

extern struct node *store_root;

/* Makes the empty store: the nodes that a fresh xenstored has. */
void store_init(void);
void store_free(void);

void edit_begin(struct edit *e, int domid);
void edit_drop(struct edit *e);

/*
 * The two changes there are. edit_set makes the node if it is missing (its parent must be there)
 * and gives it value and permissions; edit_remove takes out a node, which must be there and not be
 * the root, with all below it.
 */
void edit_set(struct edit *e, const char *path, struct blob *value, struct perms *perms, bool announce);
void edit_remove(struct edit *e, const char *path);

/*
 * Makes the edit's tree the store, provided the store is still the one it began from: counts it,
 * writes it to the journal, fires watches. The edit is empty afterwards.
 */
void edit_commit(struct edit *e);

/*
 * What a node costs its owner in bytes; the rule of QUOTA_NODE_SIZE and QUOTA_MEMORY: a header,
 * each permission, the value and the names of the children, as xenstored 4.17 counts them.
 */
#define COST_NODE                20
#define COST_PERM                12
#define COST_OF(perms, data_len) (COST_NODE + COST_PERM * (long)(perms) + (long)(data_len))
long node_cost(const struct node *n);

/* Length of the path of the parent; 1 for children of the root. */
size_t path_parent_len(const char *path);

#endif
