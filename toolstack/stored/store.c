/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live tree and edits of it: see store.h. Who may change what is decided in nodes.c and
 * transaction.c, which call in here; from here the journal and the watches hear of every commit.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "watch.h"

struct node *store_root;
static uint64_t generation;

long node_cost(const struct node *n) { return COST_OF(n->perms->count, n->value ? n->value->len : 0) + n->kids_bytes; }

size_t path_parent_len(const char *path)
{
    size_t len = strrchr(path, '/') - path;

    return len ? len : 1;
}

void store_init(void)
{
    struct perms *perms = perms_single(0, PERM_NONE);
    struct edit e;

    store_root = node_new("", 0, perms);
    usage_of(0)->nodes++;
    usage_of(0)->bytes += node_cost(store_root);
    edit_begin(&e, 0);
    edit_set(&e, "/tool", NULL, perms, false);
    edit_set(&e, "/tool/xenstored", NULL, perms, false);
    edit_commit(&e);
    perms_put(perms);
}

void store_free(void)
{
    node_put(store_root);
    store_root = NULL;
}

void edit_begin(struct edit *e, int domid)
{
    memset(e, 0, sizeof(*e));
    e->domid = domid;
    e->root = node_get(store_root);
    e->tail = &e->first;
}

void edit_drop(struct edit *e)
{
    while (e->first) {
        struct change *c = e->first;

        e->first = c->next;
        blob_put(c->value);
        perms_put(c->perms);
        free(c);
    }
    deltas_free(&e->deltas);
    node_put(e->root);
    memset(e, 0, sizeof(*e));
    e->tail = &e->first;
}

static struct change *change_add(struct edit *e, const char *path, bool remove)
{
    size_t size = strlen(path) + 1;
    struct change *c = xcalloc(1, sizeof(*c) + size);

    memcpy(c->path, path, size);
    c->remove = remove;
    *e->tail = c;
    e->tail = &c->next;
    return c;
}

static void node_stamp(struct edit *e, struct node *n)
{
    n->generation = ++generation;
    n->writer = e->domid;
}

/* The parent of `path`, owned and marked as changed, which it is when it gets or loses a child. */
static struct node *parent_own(struct edit *e, const char *path)
{
    size_t len = path_parent_len(path);
    char *above = memcpy(xmalloc(len + 1), path, len);
    struct node *parent;

    above[len] = '\0';
    parent = tree_own(&e->root, above);
    free(above);
    node_stamp(e, parent);
    return parent;
}

static void node_count(struct edit *e, const struct node *n, int sign)
{
    deltas_add(&e->deltas, n->perms->entry[0].domid, sign, sign * node_cost(n));
}

void edit_set(struct edit *e, const char *path, struct blob *value, struct perms *perms, bool announce)
{
    struct node *n = tree_own(&e->root, path);
    struct change *c;

    if (n) {
        node_count(e, n, -1);
    } else {
        struct node *parent = parent_own(e, path);
        const char *leaf = strrchr(path, '/') + 1;

        n = node_new(leaf, strlen(leaf), perms);
        node_count(e, parent, -1);
        tree_add(parent, n);
        node_count(e, parent, 1);
    }
    node_set_value(n, value);
    node_set_perms(n, perms);
    node_stamp(e, n);
    node_count(e, n, 1);

    c = change_add(e, path, false);
    c->announce = announce;
    c->value = blob_get(value);
    c->perms = perms_get(perms);
}

static bool count_removed(const struct node *n, const char *path, void *arg)
{
    (void)path;
    node_count(arg, n, -1);
    return true;
}

void edit_remove(struct edit *e, const char *path)
{
    struct buf name = {0};
    struct node *parent;

    buf_add(&name, path, strlen(path));
    tree_walk(tree_find(e->root, path), &name, count_removed, e);
    buf_free(&name);

    parent = parent_own(e, path);
    node_count(e, parent, -1);
    tree_remove(&e->root, path);
    node_count(e, parent, 1);
    change_add(e, path, true)->announce = true;
}

void edit_commit(struct edit *e)
{
    struct node *before = store_root;

    store_root = e->root;
    e->root = NULL;
    deltas_apply(&e->deltas);
    journal_changes(e->first);
    watch_fire_changes(before, store_root, e->first);
    node_put(before);
    edit_drop(e);
}
