/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must outlive the daemon: nodes, domains, watches and open transactions of guests, and what
 * is on its way through their rings. Every request's effects are one write to the journal before
 * its reply is sent; a start reads the journal back and goes on where the last daemon stopped.
 *
 * The file is in the run directory and dies with the machine, as the domains do. It is made anew,
 * as a list of all there is, whenever it has grown to several times of that.
 *
 *      magic, boot | group ... group          group:  length | hash | record ... record
 *
 * A group counts only if it is complete and its hash fits. Clients on sockets are not in it: their
 * connection ends with the daemon.
 */
#ifndef STORED_JOURNAL_H
#define STORED_JOURNAL_H

#include "connection.h"
#include "store.h"

struct domain;

/* True while records are read back: then nothing fires and nothing is written. */
extern bool journal_loading;

/* Makes the store what the journal at `path` says; false if there is none. Writes nothing. */
bool journal_load(const char *path);

/* Begins a journal at `path` with all there is now; from here on everything is written. */
void journal_open(const char *path);
void journal_close(void);

/* Puts all that follows up to journal_end into one group. Calls may nest. */
void journal_begin(void);
void journal_end(void);

void journal_changes(const struct change *first);
void journal_domain(const struct domain *d);
void journal_domain_release(int domid);

/* Of connections, only those of domains are written; others are passed over. */
void journal_watch(const struct connection *c, const char *given, const char *token, bool add);
void journal_reset(const struct connection *c);
void journal_transaction(const struct connection *c, uint32_t id, bool open);
void journal_reply(const struct connection *c, const void *reply, size_t len);
void journal_input(const struct connection *c, uint32_t end);
void journal_output(const struct connection *c, uint32_t start, const void *rest, size_t len);

#endif
