/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which domains have consoles: found by the hypervisor's list of domains, kept up to date by the
 * store's watches.
 */
#ifndef CONSOLED_GUESTS_H
#define CONSOLED_GUESTS_H

#include "console.h"

extern struct console *consoles;

/* (Re)connects to the store daemon if there is no connection: false if that fails. */
bool guests_connect(void);
int guests_fd(void);

/* Handles what the store has told; on a lost connection the next guests_connect looks anew. */
void guests_store_ready(void);

/* The console behind a local port, or NULL. */
struct console *guests_by_port(int port);

/* Is there a guest that waits for the next rate-limit period, or a dead one for its reader? */
bool guests_need_period(void);

/* That period began. */
void guests_period(void);

void guests_reopen_logs(void);

#endif
