/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client side of XenStore over libxenstore: writing with permissions, reading with a copy that
 * the caller frees, waiting for a node to take a value. The server is stored/ (or a stock one).
 */
#ifndef ORLOP_LIB_STORE_H
#define ORLOP_LIB_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

#include "err.h"

struct store {
    struct xs_handle *xs;
    xs_transaction_t t; /* XBT_NULL outside of a transaction */
};

int store_open(struct store *s, struct err **err);
void store_close(struct store *s);

/* A path or value by format; freed by the caller. Ends the program when memory is out. */
char *store_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Begin a transaction; store_commit returns 1 done, 0 somebody was faster: do it all again. */
int store_begin(struct store *s, struct err **err);
int store_commit(struct store *s, struct err **err);
void store_abort(struct store *s);

/* Write `value` at `dir`/`key` (key may be NULL: at dir). Permissions are inherited. */
int store_write(struct store *s, const char *dir, const char *key, const char *value, struct err **err);
int store_writef(struct store *s, struct err **err, const char *dir, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The value at `dir`/`key`, or NULL if there is none. The caller frees. */
char *store_read(struct store *s, const char *dir, const char *key);

/* Numbers as the nodes hold them, or `none` when absent or not a number. */
long store_read_long(struct store *s, const char *dir, const char *key, long none);

/* Make a node with the given owner and one more reader (-1: none), replacing its permissions. */
int store_mkdir(struct store *s, const char *path, unsigned int owner, int reader, struct err **err);
int store_set_perms(struct store *s, const char *path, unsigned int owner, int reader, struct err **err);

/* Remove a subtree; one that is absent is fine. */
int store_remove(struct store *s, const char *path, struct err **err);

/* Remove `path` and then its parents upwards while they are empty, `levels` of them at most. */
void store_prune(struct store *s, const char *path, unsigned int levels);

/* Names of the children, NULL if there is no such node; one free() for all. */
char **store_list(struct store *s, const char *path, unsigned int *count);

/*
 * Wait until done(arg) says 1 (or -1: failed, with its own error), looking again whenever a node
 * under one of `paths` changes. 0 when `seconds` are over. Not within a transaction.
 */
int store_wait(struct store *s, const char *const *paths, unsigned int count, unsigned int seconds,
               int (*done)(struct store *s, void *arg, struct err **err), void *arg, struct err **err);

#endif
