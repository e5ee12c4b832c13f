/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on nodes as a client sees them: what each may do, what it answers when it may not,
 * what it makes on the way. The same functions serve single requests and transactions.
 */
#ifndef STORED_NODES_H
#define STORED_NODES_H

#include "store.h"

struct transaction;

/* Who asks, and where: all checks need both. */
struct view {
    int domid;  /* 0: privileged */
    int target; /* also acts for this domain (SET_TARGET); -1: for none */
    struct edit *edit;
    struct transaction *tx; /* NULL outside of one: then the edit is committed by the caller */
};

/* All give 0 or an errno value that xs_wire.h knows. Paths are absolute and valid. */
int nodes_find(struct view *v, const char *path, unsigned int want, const struct node **out);
int nodes_write(struct view *v, const char *path, const void *data, size_t len);
int nodes_mkdir(struct view *v, const char *path);
int nodes_remove(struct view *v, const char *path);
int nodes_set_perms(struct view *v, const char *path, struct perms *perms);

/*
 * Drops every node that `domid` owns, with what is below it, and every permission it was given: it
 * is gone, and whoever gets the number next must not inherit. Commits by itself.
 */
void nodes_forget_domain(int domid);

#endif
