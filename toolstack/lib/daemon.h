/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both daemons, store and console, lean on: memory that cannot fail, growing buffers, the log,
 * going to the background. Running out of memory ends the daemon: both are made to be killed at any
 * moment, and the next start goes on. Nothing about XenStore or consoles lives here.
 */
#ifndef ORLOP_LIB_DAEMON_H
#define ORLOP_LIB_DAEMON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
char *xstrdup(const char *s);

/* Appends `len` bytes; keeps a NUL behind the last one, which `len` does not count. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u32(struct buf *b, uint32_t value);
void buf_free(struct buf *b);

/* The log: errors go to stderr and, when one is open, to the log file; traces to the file only. */
extern bool log_traces;
int log_open(const char *path);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * Goes to the background. The parent stays until daemon_ready, and its exit status says whether it
 * came to that. Gives the handle for daemon_ready. A second process stays and starts the daemon
 * again, here, when it dies by anything but SIGTERM or an exit with 0.
 */
int daemon_start(void);
void daemon_ready(int handle);

/*
 * Writes this process's id to `path`, if that is not NULL, and holds a lock on it as long as the
 * process lives. Ends the program if another holds it: there must be one daemon of a kind.
 */
void daemon_write_pid(const char *path);

/* FNV-1a over a string, for hash tables whose keys a guest may choose: seeded at start. */
extern uint32_t hash_seed;
uint32_t hash_string(const char *s, size_t len);

#endif
