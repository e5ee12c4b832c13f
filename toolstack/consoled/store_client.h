/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console daemon's connection to the store daemon. It is made of plain blocking requests and a
 * list of watch events that came meanwhile, and it can break at any time: every call then fails and
 * store_connect begins anew.
 */
#ifndef CONSOLED_STORE_CLIENT_H
#define CONSOLED_STORE_CLIENT_H

#include "lib/daemon.h"

/* Connects to $XENSTORED_RUNDIR/socket. Gives the descriptor to wait on, or -1. */
int store_connect(void);
bool store_connected(void);
void store_disconnect(void);

/* The value at `path` as a string to free, or NULL. */
char *store_read(const char *path);
bool store_write(const char *path, const char *value);
bool store_watch(const char *path, const char *token);
bool store_unwatch(const char *path, const char *token);

/* The token of the next watch event, to be freed, or NULL if none is there now. Does not block. */
char *store_next_event(void);

#endif
