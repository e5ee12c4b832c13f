/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The persistent tree: see tree.h for the picture. The one rule is that a node that is written to
 * has been owned on the way down from the root, every step of it, so that no other holder of a root
 * can see the change. Called from nodes.c, transaction.c and the journal.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

struct blob *blob_new(const void *data, size_t len)
{
    struct blob *b;

    if (!len)
        return NULL;
    b = xmalloc(sizeof(*b) + len);
    b->refs = 1;
    b->len = len;
    memcpy(b->data, data, len);
    return b;
}

struct blob *blob_get(struct blob *b)
{
    if (b)
        b->refs++;
    return b;
}

void blob_put(struct blob *b)
{
    if (b && --b->refs == 0)
        free(b);
}

struct node *node_new(const char *name, size_t name_len, struct perms *perms)
{
    struct node *n = xcalloc(1, sizeof(*n) + name_len + 1);

    n->refs = 1;
    n->weight = hash_string(name, name_len);
    n->name_len = name_len;
    memcpy(n->name, name, name_len);
    n->perms = perms_get(perms);
    return n;
}

struct node *node_get(struct node *n)
{
    if (n)
        n->refs++;
    return n;
}

void node_put(struct node *n)
{
    if (!n || --n->refs)
        return;
    node_put(n->left);
    node_put(n->right);
    node_put(n->kids);
    blob_put(n->value);
    perms_put(n->perms);
    free(n);
}

void node_set_value(struct node *n, struct blob *value)
{
    blob_get(value);
    blob_put(n->value);
    n->value = value;
}

void node_set_perms(struct node *n, struct perms *perms)
{
    perms_get(perms);
    perms_put(n->perms);
    n->perms = perms;
}

/* Makes *slot a node that nobody else holds. The slot itself must be owned already. */
static struct node *node_own(struct node **slot)
{
    struct node *n = *slot, *copy;
    size_t size;

    if (n->refs == 1)
        return n;
    size = sizeof(*n) + n->name_len + 1;
    copy = memcpy(xmalloc(size), n, size);
    copy->refs = 1;
    node_get(copy->left);
    node_get(copy->right);
    node_get(copy->kids);
    blob_get(copy->value);
    perms_get(copy->perms);
    n->refs--;
    *slot = copy;
    return copy;
}

static int name_compare(const char *name, size_t len, const struct node *n)
{
    size_t shorter = len < n->name_len ? len : n->name_len;
    int diff = memcmp(name, n->name, shorter);

    return diff ? diff : (len > n->name_len) - (len < n->name_len);
}

static const struct node *kid_find(const struct node *parent, const char *name, size_t len)
{
    const struct node *n = parent->kids;

    while (n) {
        int diff = name_compare(name, len, n);

        if (!diff)
            return n;
        n = diff < 0 ? n->left : n->right;
    }
    return NULL;
}

/* Steps over the next component: gives its start and length, moves *path behind it. */
static const char *path_step(const char **path, size_t *len)
{
    const char *start = *path;

    if (*start == '/')
        start++;
    *len = strcspn(start, "/");
    *path = start + *len;
    return start;
}

const struct node *tree_find(const struct node *root, const char *path)
{
    const struct node *n = root;
    size_t len;

    while (n) {
        const char *name = path_step(&path, &len);

        if (!len)
            break;
        n = kid_find(n, name, len);
    }
    return n;
}

/* As kid_find for a child that is there, owning every step. The parent must be owned. */
static struct node **kid_own(struct node *parent, const char *name, size_t len)
{
    struct node **slot = &parent->kids;

    for (;;) {
        struct node *n = node_own(slot);
        int diff = name_compare(name, len, n);

        if (!diff)
            return slot;
        slot = diff < 0 ? &n->left : &n->right;
    }
}

struct node *tree_own(struct node **root, const char *path)
{
    struct node **slot = root;
    size_t len;

    if (!tree_find(*root, path))
        return NULL;
    for (;;) {
        struct node *n = node_own(slot);
        const char *name = path_step(&path, &len);

        if (!len)
            return n;
        slot = kid_own(n, name, len);
    }
}

/* Splits `n` into what sorts before and what sorts after `name`, which is not in it. */
static void treap_split(struct node *n, const char *name, size_t len, struct node **before, struct node **after)
{
    struct node **slot = &n;

    if (!n) {
        *before = *after = NULL;
        return;
    }
    n = node_own(slot);
    if (name_compare(name, len, n) < 0) {
        treap_split(n->left, name, len, before, &n->left);
        *after = n;
    } else {
        treap_split(n->right, name, len, &n->right, after);
        *before = n;
    }
}

static struct node *treap_merge(struct node *before, struct node *after)
{
    if (!before || !after)
        return before ? before : after;
    if (before->weight > after->weight) {
        node_own(&before);
        before->right = treap_merge(before->right, after);
        return before;
    }
    node_own(&after);
    after->left = treap_merge(before, after->left);
    return after;
}

void tree_add(struct node *parent, struct node *kid)
{
    struct node **slot = &parent->kids;

    while (*slot && (*slot)->weight >= kid->weight) {
        struct node *n = node_own(slot);

        slot = name_compare(kid->name, kid->name_len, n) < 0 ? &n->left : &n->right;
    }
    treap_split(*slot, kid->name, kid->name_len, &kid->left, &kid->right);
    *slot = kid;
    parent->kids_count++;
    parent->kids_bytes += kid->name_len + 1;
}

bool tree_remove(struct node **root, const char *path)
{
    const char *leaf = strrchr(path, '/');
    struct node *parent, *gone, **slot;
    char *above;

    if (!leaf[1] || !tree_find(*root, path))
        return false;
    above = xstrdup(path);
    above[leaf == path ? 1 : leaf - path] = '\0';
    parent = tree_own(root, above);
    free(above);

    leaf++;
    slot = kid_own(parent, leaf, strlen(leaf));
    gone = *slot;
    *slot = treap_merge(gone->left, gone->right);
    gone->left = gone->right = NULL;
    parent->kids_count--;
    parent->kids_bytes -= gone->name_len + 1;
    node_put(gone);
    return true;
}

const struct node *tree_first_kid(const struct node *parent)
{
    const struct node *n = parent->kids;

    while (n && n->left)
        n = n->left;
    return n;
}

const struct node *tree_next_kid(const struct node *parent, const char *name)
{
    const struct node *n = parent->kids, *best = NULL;
    size_t len = strlen(name);

    while (n) {
        if (name_compare(name, len, n) < 0) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

static bool walk_siblings(const struct node *n, struct buf *path, tree_visitor fn, void *arg)
{
    size_t len = path->len;

    if (!n)
        return true;
    if (!walk_siblings(n->left, path, fn, arg))
        return false;
    if (len != 1)
        buf_add(path, "/", 1);
    buf_add(path, n->name, n->name_len);
    if (!fn(n, path->data, arg) || !walk_siblings(n->kids, path, fn, arg))
        return false;
    path->len = len;
    path->data[len] = '\0';
    return walk_siblings(n->right, path, fn, arg);
}

bool tree_walk(const struct node *top, struct buf *path, tree_visitor fn, void *arg)
{
    return fn(top, path->data, arg) && walk_siblings(top->kids, path, fn, arg);
}
