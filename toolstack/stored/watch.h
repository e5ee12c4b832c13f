/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who wants to hear of changes at or below which path. They are found by the path that
 * changed, one look-up for each of its components, however many watches there are.
 */
#ifndef STORED_WATCH_H
#define STORED_WATCH_H

#include "store.h"

struct connection;

struct watch {
    struct watch *next;      /* of the same connection, oldest first */
    struct watch *hash_next; /* of the same hash slot, oldest first */
    struct connection *conn;
    size_t strip; /* leading bytes of event paths not told: relative watches */
    bool pending; /* an event with the watch's own path waits to be sent */
    char *token;
    char path[];
};

/* path: absolute or '@...'; given: what the client said. Gives 0, EEXIST or E2BIG. */
int watch_add(struct connection *c, const char *path, const char *given, const char *token);

/* Gives 0 or ENOENT. */
int watch_remove(struct connection *c, const char *path, const char *token);
void watch_remove_all(struct connection *c);

/* Sends one event for every watch of `c`, as when they were made. */
void watch_fire_all(struct connection *c);

/* Tells of a commit: what was asked for by name, and nodes that went with a node above them. */
void watch_fire_changes(const struct node *before, const struct node *after, const struct change *changes);

/* "@introduceDomain" or "@releaseDomain"; told to the privileged only. */
void watch_fire_special(const char *name);

#endif
