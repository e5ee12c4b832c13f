/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all kinds of devices share: nodes, waiting for backends, detaching.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds that a backend has for coming up, and for closing. */
#define READY_SECONDS 20
#define CLOSE_SECONDS 10

char *device_backend(const struct device *d)
{
    return store_fmt("/local/domain/0/backend/%s/%u/%u", d->kind, d->domid, d->devid);
}

char *device_frontend(const struct device *d)
{
    if (!strcmp(d->kind, "console"))
        return domain_path(d->domid, "console");
    return store_fmt("/local/domain/%u/device/%s/%u", d->domid, d->kind, d->devid);
}

static char *device_tools(const struct device *d)
{
    return store_fmt("/libxl/%u/device/%s/%u", d->domid, d->kind, d->devid);
}

static int write_list(struct store *s, const char *dir, const struct node *list, struct err **err)
{
    for (; list->key; list++)
        if (list->value && store_write(s, dir, list->key, list->value, err) < 0)
            return -1;
    return 0;
}

/* Backend and tools' copy hold the same. */
static int write_back(struct store *s, const struct device *d, const char *dir, const char *front,
                      const struct node *list, struct err **err)
{
    if (store_write(s, dir, "frontend", front, err) < 0 ||
        store_writef(s, err, dir, "frontend-id", "%u", d->domid) < 0 || store_write(s, dir, "online", "1", err) < 0 ||
        write_list(s, dir, list, err) < 0)
        return -1;
    return store_writef(s, err, dir, "state", "%d", STATE_INITIALISING);
}

static int write_all(struct store *s, const struct device *d, const struct node *front_list,
                     const struct node *back_list, struct err **err)
{
    char *front = device_frontend(d), *back = device_backend(d), *tools = device_tools(d);
    bool console = !strcmp(d->kind, "console");
    int rc = -1;

    /* The console's frontend directory is read by the guest only: it lies with the domain's own. */
    if (store_mkdir(s, front, console ? 0 : d->domid, console ? (int)d->domid : 0, err) < 0 ||
        store_mkdir(s, back, 0, d->domid, err) < 0 || store_mkdir(s, tools, 0, -1, err) < 0)
        goto out;
    if (store_write(s, tools, "frontend", front, err) < 0 || store_write(s, tools, "backend", back, err) < 0 ||
        store_write(s, front, "backend", back, err) < 0 || store_write(s, front, "backend-id", "0", err) < 0 ||
        write_list(s, front, front_list, err) < 0 ||
        (!console && store_writef(s, err, front, "state", "%d", STATE_INITIALISING) < 0) ||
        write_back(s, d, tools, front, back_list, err) < 0)
        goto out;
    rc = write_back(s, d, back, front, back_list, err);
out:
    free(front);
    free(back);
    free(tools);
    return rc;
}

int device_write(struct ctx *c, const struct device *d, const struct node *front, const struct node *back,
                 struct err **err)
{
    int done = 0;

    while (!done) {
        if (store_begin(&c->store, err) < 0)
            return -1;
        if (write_all(&c->store, d, front, back, err) < 0) {
            store_abort(&c->store);
            return err_wrap(err, "cannot describe %s %u of domain %u", d->kind, d->devid, d->domid);
        }
        done = store_commit(&c->store, err);
    }
    return done < 0 ? -1 : 0;
}

struct wait {
    const struct device *list;
    char **backs;
    unsigned int n, late;
    bool closing;
};

/*
 * A backend that no driver has (any more) will not say so: a driver that was just about to write another state when
 * ours came overwrites it, and then forgets the device as one that was not asked to close.
 */
static bool has_driver(const struct device *d)
{
    char *path = store_fmt("/sys/bus/xen-backend/devices/%s-%u-%u/driver", d->kind, d->domid, d->devid);
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

static bool has_closed(long state, const struct device *d)
{
    return !state || state == STATE_CLOSED || (state != STATE_CLOSING && !has_driver(d));
}

static int all_there(struct store *s, void *arg, struct err **err)
{
    struct wait *w = arg;
    unsigned int i;

    (void)err;
    for (i = 0; i < w->n; i++) {
        long state = store_read_long(s, w->backs[i], "state", 0);

        if (w->closing ? !has_closed(state, &w->list[i]) : state != STATE_INIT_WAIT) {
            w->late = i;
            return 0;
        }
    }
    return 1;
}

int device_wait_ready(struct ctx *c, const struct device *d, unsigned int n, struct err **err)
{
    struct wait w = {.list = d, .n = n};
    unsigned int i;
    int rc;

    if (!n)
        return 0;
    w.backs = calloc(n, sizeof(*w.backs));
    for (i = 0; i < n; i++)
        w.backs[i] = device_backend(&d[i]);
    rc = store_wait(&c->store, (const char *const *)w.backs, n, READY_SECONDS, all_there, &w, err);
    if (!rc)
        rc = err_new(err, ERR_TIMEDOUT, "the backend of %s %u did not come up (is the module xen-%s loaded?)",
                     d[w.late].kind, d[w.late].devid, strcmp(d[w.late].kind, "vbd") ? "netback" : "blkback");
    for (i = 0; i < n; i++)
        free(w.backs[i]);
    free(w.backs);
    return rc < 0 ? -1 : 0;
}

/* Collect the devices of a domain from the tools' copies. */
static struct device *device_list(struct ctx *c, uint32_t domid, unsigned int *count)
{
    static const char *const kinds[] = {"vbd", "vif", "console"};
    struct device *list = NULL;

    *count = 0;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        char *dir = store_fmt("/libxl/%u/device/%s", domid, kinds[k]);
        unsigned int n = 0, i;
        char **ids = store_list(&c->store, dir, &n);

        free(dir);
        if (n && !(list = realloc(list, (*count + n) * sizeof(*list))))
            abort();
        for (i = 0; i < n; i++)
            list[(*count)++] = (struct device){.domid = domid, .kind = kinds[k], .devid = strtoul(ids[i], NULL, 10)};
        free(ids);
    }
    return list;
}

/*
 * Tell a backend to let go. Without a frontend it need not wait for the guest's part. Both change
 * at once: a backend that saw its frontend vanish first would close, and our word come too late.
 */
static void device_close(struct ctx *c, const struct device *d, const char *back)
{
    char *front = device_frontend(d);
    struct err *e = NULL;
    int done = 0;

    while (!done && store_begin(&c->store, &e) == 0) {
        long state = store_read_long(&c->store, back, "state", 0);

        store_remove(&c->store, front, &e);
        if (state && state != STATE_CLOSED) {
            store_write(&c->store, back, "online", "0", &e);
            store_writef(&c->store, &e, back, "state", "%d", STATE_CLOSING);
        }
        done = store_commit(&c->store, &e);
    }
    err_drop(&e);
    free(front);
}

static void device_forget(struct ctx *c, const struct device *d, const char *back)
{
    char *tools = device_tools(d);

    if (!strcmp(d->kind, "vbd"))
        vbd_release(c, d);
    if (!strcmp(d->kind, "vif"))
        vif_release(c, d);
    /* backend, kind and domain directories go with the last device in them. */
    store_prune(&c->store, back, 3);
    store_prune(&c->store, tools, 0);
    free(tools);
}

int device_detach_all(struct ctx *c, uint32_t domid, struct err **err)
{
    struct wait w = {.closing = true};
    unsigned int n, i;
    struct device *list = device_list(c, domid, &n);
    char **backs = calloc(n + 1, sizeof(*backs));
    int rc = 0;

    for (i = 0; i < n; i++) {
        backs[i] = device_backend(&list[i]);
        device_close(c, &list[i], backs[i]);
    }
    /* No kernel driver stands behind a console: only its nodes go. */
    w.backs = backs;
    w.list = list;
    while (w.n < n && strcmp(list[w.n].kind, "console"))
        w.n++;
    /* A driver that forgets a device writes nothing: look again each second. */
    for (i = 0; i < CLOSE_SECONDS && !rc; i++)
        rc = store_wait(&c->store, (const char *const *)backs, w.n, 1, all_there, &w, err);
    if (!rc)
        rc = err_new(err, ERR_TIMEDOUT, "the backend of %s %u of domain %u did not close", list[w.late].kind,
                     list[w.late].devid, domid);
    for (i = 0; i < n; i++) {
        device_forget(c, &list[i], backs[i]);
        free(backs[i]);
    }
    free(backs);
    free(list);
    return rc < 0 ? -1 : 0;
}
