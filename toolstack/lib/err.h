/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object of the tools. A failure is a chain: the newest link says what was asked, each
 * older link (cause) says why it could not be done, the last is usually an errno. Functions take
 * `struct err **` as the last parameter, leave it untouched on success and return -1 (or NULL) on
 * failure. Printing and the exit code belong to the command line; libraries never print or exit.
 */
#ifndef ORLOP_LIB_ERR_H
#define ORLOP_LIB_ERR_H

#include <stdio.h>

/*
 * Codes are the negated libxl_error values, because `create` gives them as exit status and scripts
 * know them (libxl.h, enumeration libxl_error).
 */
enum err_code {
    ERR_NONSPECIFIC = 1,
    ERR_FAIL = 3,
    ERR_NOMEM = 5,
    ERR_INVAL = 6,
    ERR_TIMEDOUT = 9,
    ERR_NODOMAIN = 21,
};

struct err {
    enum err_code code;
    char *what;
    struct err *cause;
};

/* Start a chain with a message. Returns -1, so that callers can `return err_new(...)`. */
int err_new(struct err **err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Start a chain with a message and the text of `errnum` (an errno value). ENOMEM keeps its code. */
int err_sys(struct err **err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put what was being attempted in front of an existing chain; its code stays. Returns -1. */
int err_wrap(struct err **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print the chain in one line, newest first, parts joined by ": ". */
void err_print(FILE *to, const struct err *err);

/* Free a chain and set the pointer to NULL. NULL is allowed. */
void err_drop(struct err **err);

#endif
