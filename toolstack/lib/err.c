/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building, printing and freeing error chains (err.h). Memory for a link that cannot be had ends
 * the program: there is nothing useful left to do for a command that cannot hold a sentence.
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void link_push(struct err **err, enum err_code code, const char *fmt, va_list ap)
{
    struct err *e = calloc(1, sizeof(*e));

    if (!e || vasprintf(&e->what, fmt, ap) < 0)
        abort();
    e->code = code;
    e->cause = err ? *err : NULL;
    if (err)
        *err = e;
    else
        err_drop(&e);
}

int err_new(struct err **err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    link_push(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_sys(struct err **err, int errnum, const char *fmt, ...)
{
    enum err_code code = errnum == ENOMEM ? ERR_NOMEM : ERR_FAIL;
    va_list ap;

    err_new(err, code, "%s", strerror(errnum));
    va_start(ap, fmt);
    link_push(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_wrap(struct err **err, const char *fmt, ...)
{
    enum err_code code = err && *err ? (*err)->code : ERR_FAIL;
    va_list ap;

    va_start(ap, fmt);
    link_push(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

void err_print(FILE *to, const struct err *err)
{
    for (; err; err = err->cause)
        fprintf(to, "%s%s", err->what, err->cause ? ": " : "\n");
}

void err_drop(struct err **err)
{
    struct err *e = *err, *next;

    for (; e; e = next) {
        next = e->cause;
        free(e->what);
        free(e);
    }
    *err = NULL;
}
