/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest's console: the shared ring on one side, a pseudo terminal and a log on the other.
 */
#ifndef CONSOLED_CONSOLE_H
#define CONSOLED_CONSOLE_H

#include <stdint.h>
#include <xen/io/console.h>

#include "console_log.h"

/* What main.c was told; read by all consoles. */
struct console_options {
    const char *log_dir;
    bool log_guests;
    bool guest_stamps;
    bool keep_old_data; /* a full buffer stops the guest's output instead of losing old data */
};

/* Of the rate limit, and of attempts to reach a store daemon that is away. */
#define PERIOD_MS 200

extern struct console_options console_options;
extern int console_epoll_fd;

struct console {
    struct console *next;
    int domid;
    char *base;  /* /local/domain/DOMID/console */
    char *token; /* of the watch on it */

    struct xencons_interface *ring; /* NULL: not connected */
    long ring_ref;
    int remote_port;
    int port; /* local, -1: none */

    int master, slave; /* pseudo terminal; -1: none. The slave is kept open to keep data in it */
    uint32_t interest; /* epoll events asked for */
    struct buf buffer; /* guest output that no one has read yet */
    size_t buffer_max;
    struct console_log log;

    unsigned int budget; /* bytes that may still be taken in this period */
    long period;         /* ... which is the one of this number since boot */
    bool masked;         /* the channel stays masked until the next period */
    bool dead;           /* the guest is gone; the last output still waits for a reader */
    unsigned int dead_periods;
};

/* Makes the console of a domain; console_update connects it. */
struct console *console_new(int domid);
void console_free(struct console *c);

/* Reads ring, port and type from the store and (re)connects if they changed. */
void console_update(struct console *c);

/* The guest signalled: `port` has been taken from the device and is masked. */
void console_event(struct console *c);

/* The terminal can be read or written. */
void console_terminal(struct console *c);

/* A new rate-limit period began, and this console waits for one. */
void console_period(struct console *c);

/* The guest is gone: takes what is left in the ring and gives the page back. */
void console_guest_died(struct console *c);

/* True when a dead guest's console has nothing left to tell. */
bool console_finished(const struct console *c);

#endif
