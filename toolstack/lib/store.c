/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of store.h. libxenstore speaks over the daemon's socket; each call is one message
 * and its reply, watches arrive on a descriptor that store_wait polls.
 */
#include "store.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int store_open(struct store *s, struct err **err)
{
    s->t = XBT_NULL;
    s->xs = xs_open(0);
    if (!s->xs)
        return err_sys(err, errno, "cannot connect to the store daemon");
    return 0;
}

void store_close(struct store *s)
{
    if (s->xs)
        xs_close(s->xs);
    s->xs = NULL;
}

char *store_fmt(const char *fmt, ...)
{
    va_list ap;
    char *out;

    va_start(ap, fmt);
    if (vasprintf(&out, fmt, ap) < 0)
        abort();
    va_end(ap);
    return out;
}

static char *join(const char *dir, const char *key)
{
    return key ? store_fmt("%s/%s", dir, key) : store_fmt("%s", dir);
}

int store_begin(struct store *s, struct err **err)
{
    s->t = xs_transaction_start(s->xs);
    if (s->t == XBT_NULL)
        return err_sys(err, errno, "cannot begin a store transaction");
    return 0;
}

int store_commit(struct store *s, struct err **err)
{
    bool ok = xs_transaction_end(s->xs, s->t, false);

    s->t = XBT_NULL;
    if (ok)
        return 1;
    if (errno == EAGAIN)
        return 0;
    return err_sys(err, errno, "cannot commit a store transaction");
}

void store_abort(struct store *s)
{
    if (s->t != XBT_NULL)
        xs_transaction_end(s->xs, s->t, true);
    s->t = XBT_NULL;
}

int store_write(struct store *s, const char *dir, const char *key, const char *value, struct err **err)
{
    char *path = join(dir, key);
    int rc = 0;

    if (!xs_write(s->xs, s->t, path, value, strlen(value)))
        rc = err_sys(err, errno, "cannot write %s", path);
    free(path);
    return rc;
}

int store_writef(struct store *s, struct err **err, const char *dir, const char *key, const char *fmt, ...)
{
    va_list ap;
    char *value;
    int rc;

    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    rc = store_write(s, dir, key, value, err);
    free(value);
    return rc;
}

char *store_read(struct store *s, const char *dir, const char *key)
{
    char *path = join(dir, key);
    unsigned int len;
    char *value = xs_read(s->xs, s->t, path, &len);

    free(path);
    return value;
}

long store_read_long(struct store *s, const char *dir, const char *key, long none)
{
    char *value = store_read(s, dir, key), *end;
    long n;

    if (!value)
        return none;
    n = strtol(value, &end, 10);
    if (end == value || *end)
        n = none;
    free(value);
    return n;
}

int store_set_perms(struct store *s, const char *path, unsigned int owner, int reader, struct err **err)
{
    struct xs_permissions p[2] = {{.id = owner, .perms = XS_PERM_NONE}, {.id = reader, .perms = XS_PERM_READ}};

    if (!xs_set_permissions(s->xs, s->t, path, p, reader < 0 ? 1 : 2))
        return err_sys(err, errno, "cannot set permissions of %s", path);
    return 0;
}

int store_mkdir(struct store *s, const char *path, unsigned int owner, int reader, struct err **err)
{
    if (!xs_mkdir(s->xs, s->t, path))
        return err_sys(err, errno, "cannot make %s", path);
    return store_set_perms(s, path, owner, reader, err);
}

int store_remove(struct store *s, const char *path, struct err **err)
{
    if (!xs_rm(s->xs, s->t, path) && errno != ENOENT)
        return err_sys(err, errno, "cannot remove %s", path);
    return 0;
}

void store_prune(struct store *s, const char *path, unsigned int levels)
{
    char *p = store_fmt("%s", path), *slash;

    xs_rm(s->xs, s->t, p);
    while (levels-- && (slash = strrchr(p, '/')) && slash != p) {
        unsigned int n = 0;
        char **kids;

        *slash = '\0';
        kids = store_list(s, p, &n);
        free(kids);
        if (!kids || n)
            break;
        xs_rm(s->xs, s->t, p);
    }
    free(p);
}

char **store_list(struct store *s, const char *path, unsigned int *count)
{
    return xs_directory(s->xs, s->t, path, count);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Take the watch events that have arrived off the queue; their content does not matter here. */
static void drain(struct store *s)
{
    char **event;

    while ((event = xs_check_watch(s->xs)))
        free(event);
}

int store_wait(struct store *s, const char *const *paths, unsigned int count, unsigned int seconds,
               int (*done)(struct store *s, void *arg, struct err **err), void *arg, struct err **err)
{
    int64_t end = now_ms() + seconds * 1000ll;
    unsigned int i;
    int rc = 0;

    for (i = 0; i < count && !rc; i++)
        if (!xs_watch(s->xs, paths[i], "wait"))
            rc = err_sys(err, errno, "cannot watch %s", paths[i]);
    while (!rc) {
        struct pollfd pfd = {.fd = xs_fileno(s->xs), .events = POLLIN};
        int64_t left = end - now_ms();

        rc = done(s, arg, err);
        if (rc || left <= 0)
            break;
        poll(&pfd, 1, left);
        drain(s);
    }
    while (i--)
        xs_unwatch(s->xs, paths[i], "wait");
    drain(s);
    return rc;
}
