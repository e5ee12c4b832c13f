/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions, inheritance and quotas of node operations, by the XenStore protocol document and by
 * what xenstored 4.17 answers (tests/unit/stored/conformance.py compares the two). Called from
 * request.c; changes the store through edits only.
 */
#include "nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

/* The closest node above a path that has none; there is always the root. */
static const struct node *nearest_above(struct view *v, const char *path)
{
    char *above = xstrdup(path);
    const struct node *n;

    do {
        above[path_parent_len(above)] = '\0';
        n = tree_find(v->edit->root, above);
        transaction_saw(v->tx, above, n);
    } while (!n);
    free(above);
    return n;
}

/*
 * Finds a node on which the asker has all rights in `want`. One who could not even have used the
 * nearest node above is not told that there is nothing: EACCES, not ENOENT.
 */
int nodes_find(struct view *v, const char *path, unsigned int want, const struct node **out)
{
    const struct node *n = tree_find(v->edit->root, path);

    *out = n;
    transaction_saw(v->tx, path, n);
    if (n) {
        if ((perms_rights(n->perms, v->domid, v->target) & want) != want)
            return EACCES;
    } else {
        n = nearest_above(v, path);
        if (!(perms_rights(n->perms, v->domid, v->target) & want))
            return EACCES;
    }
    if (transaction_full(v->tx))
        return ENOSPC;
    return *out ? 0 : ENOENT;
}

/* Would one more node, or `bytes` more, be too much for `owner`? Only guests are asked this. */
static bool over_quota(struct view *v, int owner, long nodes, long bytes)
{
    struct usage *u = usage_of(owner);
    struct usage_delta d = deltas_of(&v->edit->deltas, owner);

    return v->domid && (quota_exceeded(owner, QUOTA_NODES, u->nodes + d.nodes, nodes) ||
                        quota_exceeded(owner, QUOTA_MEMORY, u->bytes + d.bytes, bytes));
}

static bool node_too_big(struct view *v, long cost) { return v->domid && cost >= (long)quotas[QUOTA_NODE_SIZE].limit; }

/* Makes the node at `path`, whose parent is there. `perms` is what it inherits. */
static int node_create(struct view *v, const char *path, struct blob *value, struct perms *perms, bool announce)
{
    size_t above_len = path_parent_len(path);
    size_t leaf_size = strlen(strrchr(path, '/') + 1) + 1;
    char *above = memcpy(xmalloc(above_len + 1), path, above_len);
    const struct node *parent;
    long cost = COST_OF(perms->count, value ? value->len : 0);

    above[above_len] = '\0';
    parent = tree_find(v->edit->root, above);
    free(above);
    if (node_too_big(v, cost) || node_too_big(v, node_cost(parent) + leaf_size) ||
        over_quota(v, perms->entry[0].domid, 1, cost))
        return ENOSPC;
    edit_set(v->edit, path, value, perms, announce);
    return 0;
}

/* Makes `path` and what is missing above it, inheriting from the nearest node there is. */
static int nodes_create(struct view *v, const char *path, struct blob *value)
{
    const struct node *above = nearest_above(v, path);
    struct perms *perms = v->domid ? perms_with_owner(above->perms, v->domid) : perms_get(above->perms);
    char *partial = xstrdup(path);
    char *end = partial;
    int err = 0;

    do {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        if (!tree_find(v->edit->root, partial))
            err = node_create(v, partial, end ? NULL : value, perms, !end);
        if (end)
            *end = '/';
    } while (end && !err);
    free(partial);
    perms_put(perms);
    return err;
}

int nodes_write(struct view *v, const char *path, const void *data, size_t len)
{
    const struct node *n;
    struct blob *value;
    int err = nodes_find(v, path, PERM_WRITE, &n);

    if (err && err != ENOENT)
        return err;
    value = blob_new(data, len);
    if (!n) {
        err = nodes_create(v, path, value);
    } else {
        long more = (long)len - (n->value ? n->value->len : 0);

        if (node_too_big(v, node_cost(n) + more) || over_quota(v, n->perms->entry[0].domid, 0, more))
            err = ENOSPC;
        else
            edit_set(v->edit, path, value, n->perms, true);
    }
    blob_put(value);
    return err;
}

int nodes_mkdir(struct view *v, const char *path)
{
    const struct node *n;
    int err = nodes_find(v, path, PERM_WRITE, &n);

    return err == ENOENT ? nodes_create(v, path, NULL) : err;
}

static bool saw_removed(const struct node *n, const char *path, void *arg)
{
    transaction_saw(arg, path, n);
    return true;
}

int nodes_remove(struct view *v, const char *path)
{
    const struct node *n, *parent;
    struct buf name = {0};
    int err = nodes_find(v, path, PERM_WRITE, &n);

    if (err && err != ENOENT)
        return err;
    if (!strcmp(path, "/"))
        return EINVAL;
    buf_add(&name, path, path_parent_len(path));
    parent = tree_find(v->edit->root, name.data);
    transaction_saw(v->tx, name.data, parent);
    if (n) {
        name.len = 0;
        buf_add(&name, path, strlen(path));
        if (v->tx)
            tree_walk(n, &name, saw_removed, v->tx);
        edit_remove(v->edit, path);
    }
    buf_free(&name);
    return parent ? 0 : ENOENT;
}

int nodes_set_perms(struct view *v, const char *path, struct perms *perms)
{
    const struct node *n;
    long more;
    int err;

    if (v->domid && perms->count > quotas[QUOTA_PERMS].limit)
        return ENOSPC;
    err = nodes_find(v, path, PERM_WRITE | PERM_OWNER, &n);
    if (err)
        return err;
    if (v->domid && perms->entry[0].domid != n->perms->entry[0].domid)
        return EPERM;
    more = COST_PERM * ((long)perms->count - (long)n->perms->count);
    if (node_too_big(v, node_cost(n) + more) || over_quota(v, perms->entry[0].domid, 0, more))
        return ENOSPC;
    edit_set(v->edit, path, n->value, perms, true);
    return 0;
}

struct forget {
    int domid;
    struct edit *edit;
};

/* Collects the work first: the tree must not change under the walk. */
static bool forget_collect(const struct node *n, const char *path, void *arg)
{
    struct forget *f = arg;
    struct perms *kept;

    if (n->perms->entry[0].domid == f->domid) {
        if (tree_find(f->edit->root, path) && strcmp(path, "/"))
            edit_remove(f->edit, path);
        return true;
    }
    kept = perms_without(n->perms, f->domid);
    if (kept && tree_find(f->edit->root, path))
        edit_set(f->edit, path, n->value, kept, false);
    perms_put(kept);
    return true;
}

void nodes_forget_domain(int domid)
{
    struct node *before = node_get(store_root);
    struct buf name = {0};
    struct edit e;

    edit_begin(&e, 0);
    buf_add(&name, "/", 1);
    tree_walk(before, &name, forget_collect, &(struct forget){domid, &e});
    buf_free(&name);
    if (e.first)
        edit_commit(&e);
    else
        edit_drop(&e);
    node_put(before);
}
