/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of nodes, as a persistent data structure: whoever holds a reference to a root sees that
 * tree unchanged for as long as he likes, and taking the reference costs nothing. That is what a
 * transaction stands on, and what makes undoing a failed operation a matter of forgetting it.
 *
 * The children of a node are a treap ordered by name whose links are in the children themselves:
 *
 *        parent.kids --> [ "console" ]
 *                        /           \          every step down is O(log children),
 *                 [ "backend" ]    [ "name" ]   every change copies only the steps it took
 *
 * A node with one reference is changed in place, one with more is copied first (tree_own and
 * below). Permissions of domains, quotas, transactions and watches are not known here.
 */
#ifndef STORED_TREE_H
#define STORED_TREE_H

#include "lib/daemon.h"
#include "perms.h"

struct blob {
    unsigned int refs;
    uint32_t len;
    char data[];
};

struct node {
    unsigned int refs;
    uint32_t weight; /* of the treap: a hash of the name */
    struct node *left, *right;
    struct node *kids;
    uint32_t kids_count;
    uint32_t kids_bytes; /* their names with a NUL each: what DIRECTORY would answer */
    struct blob *value;  /* NULL: empty */
    struct perms *perms;
    uint64_t generation;
    int writer; /* the domain whose change made this generation */
    uint16_t name_len;
    char name[];
};

struct blob *blob_new(const void *data, size_t len);
struct blob *blob_get(struct blob *b);
void blob_put(struct blob *b);

struct node *node_new(const char *name, size_t name_len, struct perms *perms);
struct node *node_get(struct node *n);
void node_put(struct node *n);
void node_set_value(struct node *n, struct blob *value);
void node_set_perms(struct node *n, struct perms *perms);

/* All paths here are absolute and valid ("/", "/a/b"). The result is good while the root is. */
const struct node *tree_find(const struct node *root, const char *path);

/* The node at `path` ready to be changed in *root's tree only, or NULL if there is none. */
struct node *tree_own(struct node **root, const char *path);

/* Puts `kid` (the reference goes over) below `parent`, which must be owned and lack that name. */
void tree_add(struct node *parent, struct node *kid);

/* Takes the node at `path` (not "/") out with everything below it; false if there is none. */
bool tree_remove(struct node **root, const char *path);

/* First child in order of names, and the child after the one called `name`. NULL at the end. */
const struct node *tree_first_kid(const struct node *parent);
const struct node *tree_next_kid(const struct node *parent, const char *name);

/*
 * Calls fn for `top` and for everything below it, parents first. `path` holds the path of `top`
 * and is used for building those of the others; fn sees the full path in it. Stops when fn says
 * false and then returns false.
 */
typedef bool (*tree_visitor)(const struct node *n, const char *path, void *arg);
bool tree_walk(const struct node *top, struct buf *path, tree_visitor fn, void *arg);

#endif
