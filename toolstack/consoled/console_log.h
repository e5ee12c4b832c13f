/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files of consoles: plain, or with a time stamp before every line, or with escape characters
 * made harmless; reopened on demand so that they can be rotated.
 */
#ifndef CONSOLED_CONSOLE_LOG_H
#define CONSOLED_CONSOLE_LOG_H

#include "lib/daemon.h"

struct console_log {
    int fd; /* -1: nothing is logged */
    char *path;
    bool stamps;
    bool line_start;
    bool failed; /* a failure has been told */
};

/* How logs are written; set once at start. */
extern bool console_log_replace_escape;

/* Opens DIR/name.log for appending. path NULL: a log that takes nothing. */
void console_log_open(struct console_log *l, const char *dir, const char *name, bool stamps);
void console_log_reopen(struct console_log *l);
void console_log_write(struct console_log *l, const char *data, size_t len);
void console_log_close(struct console_log *l);

#endif
