/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of requests and their handlers: each reads its payload, calls the part of the daemon
 * whose business it is, and leaves the payload of the reply or an errno value. Called from
 * connection.c with one complete message at a time.
 */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "journal.h"
#include "transaction.h"
#include "watch.h"

static void reply_string(struct request *r, const char *text) { buf_add(&r->reply, text, strlen(text) + 1); }

/* Where node operations of this request work; `own` serves those outside of a transaction. */
static struct view request_view(struct request *r, struct edit *own)
{
    struct view v = {.domid = r->conn->domid, .target = r->conn->target, .tx = r->tx};

    if (r->tx) {
        v.edit = transaction_edit(r->tx);
    } else {
        edit_begin(own, v.domid);
        v.edit = own;
    }
    return v;
}

static int request_end_view(struct view *v, int err)
{
    if (v->tx)
        return err;
    if (err || !v->edit->first)
        edit_drop(v->edit);
    else
        edit_commit(v->edit);
    return err;
}

/* Looks up the path that is the payload's first string, for reading. */
static int read_node(struct request *r, struct view *v, struct edit *own, const struct node **n)
{
    char *path = wire_path(r->body, r->conn->domid, false);
    int err;

    if (!path)
        return EINVAL;
    *v = request_view(r, own);
    err = nodes_find(v, path, PERM_READ, n);
    free(path);
    if (err)
        request_end_view(v, err);
    return err;
}

static int do_read(struct request *r)
{
    const struct node *n;
    struct edit own;
    struct view v;
    int err = read_node(r, &v, &own, &n);

    if (err)
        return err;
    if (n->value)
        buf_add(&r->reply, n->value->data, n->value->len);
    r->raw_reply = true;
    return request_end_view(&v, 0);
}

static int do_directory(struct request *r)
{
    const struct node *n, *kid;
    struct edit own;
    struct view v;
    int err = read_node(r, &v, &own, &n);

    if (err)
        return err;
    if (n->kids_bytes > XENSTORE_PAYLOAD_MAX)
        return request_end_view(&v, E2BIG);
    for (kid = tree_first_kid(n); kid; kid = tree_next_kid(n, kid->name))
        reply_string(r, kid->name);
    r->raw_reply = true;
    return request_end_view(&v, 0);
}

/* The list of children from `offset` on, as whole names; one more NUL says that it is complete. */
static void directory_part(struct request *r, const struct node *n, size_t offset)
{
    const struct node *kid;
    size_t at = 0;

    buf_addf(&r->reply, "%llu", (unsigned long long)n->generation);
    buf_add(&r->reply, "", 1);
    for (kid = tree_first_kid(n); kid; kid = tree_next_kid(n, kid->name)) {
        size_t size = kid->name_len + 1;

        if (at + size > offset) {
            size_t skip = at < offset ? offset - at : 0;

            if (r->reply.len + size - skip > XENSTORE_PAYLOAD_MAX - 1)
                return;
            buf_add(&r->reply, kid->name + skip, size - skip);
        }
        at += size;
    }
    buf_add(&r->reply, "", 1);
}

static int do_directory_part(struct request *r)
{
    const struct node *n;
    const char *argv[2];
    struct edit own;
    struct view v;
    int err;

    if (wire_strings(r->body, r->hdr.len, argv, 2) != 2)
        return EINVAL;
    err = read_node(r, &v, &own, &n);
    if (err)
        return err;
    directory_part(r, n, strtoul(argv[1], NULL, 10));
    return request_end_view(&v, 0);
}

static int do_get_perms(struct request *r)
{
    const struct node *n;
    struct edit own;
    struct view v;
    int err = read_node(r, &v, &own, &n);

    if (err)
        return err;
    perms_format(n->perms, &r->reply);
    return request_end_view(&v, 0);
}

static int do_write(struct request *r)
{
    size_t name_size = strlen(r->body) + 1;
    struct edit own;
    struct view v;
    char *path;
    int err;

    if (name_size > r->hdr.len)
        return EINVAL;
    path = wire_path(r->body, r->conn->domid, false);
    if (!path)
        return EINVAL;
    v = request_view(r, &own);
    err = nodes_write(&v, path, r->body + name_size, r->hdr.len - name_size);
    free(path);
    return request_end_view(&v, err);
}

static int change_path(struct request *r, int (*change)(struct view *, const char *))
{
    char *path = wire_path(r->body, r->conn->domid, false);
    struct edit own;
    struct view v;
    int err;

    if (!path)
        return EINVAL;
    v = request_view(r, &own);
    err = change(&v, path);
    free(path);
    return request_end_view(&v, err);
}

static int do_mkdir(struct request *r) { return change_path(r, nodes_mkdir); }

static int do_rm(struct request *r) { return change_path(r, nodes_remove); }

static int do_set_perms(struct request *r)
{
    size_t name_size = strlen(r->body) + 1;
    struct perms *perms;
    struct edit own;
    struct view v;
    char *path;
    int err;

    if (name_size >= r->hdr.len)
        return EINVAL;
    perms = perms_parse(r->body + name_size, r->hdr.len - name_size);
    if (!perms)
        return EINVAL;
    path = wire_path(r->body, r->conn->domid, false);
    if (!path) {
        perms_put(perms);
        return EINVAL;
    }
    v = request_view(r, &own);
    err = nodes_set_perms(&v, path, perms);
    free(path);
    perms_put(perms);
    return request_end_view(&v, err);
}

static int do_watch(struct request *r)
{
    struct connection *c = r->conn;
    const char *argv[2];
    char *path;
    int err;

    if (wire_strings(r->body, r->hdr.len, argv, 2) != 2)
        return EINVAL;
    path = wire_path(argv[0], c->domid, true);
    if (!path)
        return EINVAL;
    err = watch_add(c, path, argv[0], argv[1]);
    if (!err) {
        struct watch *w = c->watches;

        while (w->next)
            w = w->next;
        connection_send_event(c, w, argv[0]);
    }
    free(path);
    return err;
}

static int do_unwatch(struct request *r)
{
    const char *argv[2];
    char *path;
    int err;

    if (wire_strings(r->body, r->hdr.len, argv, 2) != 2)
        return EINVAL;
    path = wire_path(argv[0], r->conn->domid, true);
    if (!path)
        return ENOENT;
    err = watch_remove(r->conn, path, argv[1]);
    free(path);
    return err;
}

static int do_reset_watches(struct request *r)
{
    watch_remove_all(r->conn);
    transaction_drop_all(r->conn);
    return 0;
}

static int do_transaction_start(struct request *r)
{
    uint32_t id;

    if (r->tx)
        return EBUSY;
    id = transaction_start(r->conn);
    if (!id)
        return ENOSPC;
    buf_addf(&r->reply, "%u", id);
    buf_add(&r->reply, "", 1);
    return 0;
}

static int do_transaction_end(struct request *r)
{
    struct transaction *tx = r->tx;

    if (r->hdr.len != 2 || (strcmp(r->body, "T") && strcmp(r->body, "F")))
        return EINVAL;
    if (!tx)
        return ENOENT;
    r->tx = NULL;
    r->ended = true;
    return transaction_end(r->conn, tx, *r->body == 'T');
}

static int do_introduce(struct request *r)
{
    const char *argv[3];

    if (wire_strings(r->body, r->hdr.len, argv, 3) < 3)
        return EINVAL;
    return domain_introduce(wire_domid(argv[0]), strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
}

/* The payload's only string as a domain id; false if there is no string. */
static bool domid_argument(struct request *r, int *domid)
{
    const char *arg;

    if (wire_strings(r->body, r->hdr.len, &arg, 1) < 1)
        return false;
    *domid = wire_domid(arg);
    return true;
}

static int do_release(struct request *r)
{
    int domid;

    if (!domid_argument(r, &domid) || !domid)
        return EINVAL;
    return domain_release(domid);
}

static int do_resume(struct request *r)
{
    int domid;

    if (!domid_argument(r, &domid) || !domid)
        return EINVAL;
    return domain_resume(domid);
}

static int do_set_target(struct request *r)
{
    const char *argv[2];

    if (wire_strings(r->body, r->hdr.len, argv, 2) < 2)
        return EINVAL;
    return domain_set_target(wire_domid(argv[0]), wire_domid(argv[1]));
}

static int do_get_domain_path(struct request *r)
{
    int domid;

    if (!domid_argument(r, &domid))
        return EINVAL;
    buf_addf(&r->reply, "/local/domain/%d", domid);
    buf_add(&r->reply, "", 1);
    return 0;
}

static int do_is_introduced(struct request *r)
{
    int domid;

    if (!domid_argument(r, &domid))
        return EINVAL;
    reply_string(r, domain_introduced(domid) ? "T" : "F");
    return 0;
}

enum {
    PRIV = 1,    /* dom0 only */
    ANY_TX = 2,  /* tx_id is not looked at */
    NO_REDO = 4, /* must not be done twice if the daemon dies before its reply is seen */
};

static const struct {
    int (*handle)(struct request *r);
    unsigned int flags;
} handlers[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {control_handle, PRIV},
    [XS_DIRECTORY] = {do_directory, 0},
    [XS_READ] = {do_read, 0},
    [XS_GET_PERMS] = {do_get_perms, 0},
    [XS_WATCH] = {do_watch, ANY_TX | NO_REDO},
    [XS_UNWATCH] = {do_unwatch, ANY_TX | NO_REDO},
    [XS_TRANSACTION_START] = {do_transaction_start, NO_REDO},
    [XS_TRANSACTION_END] = {do_transaction_end, NO_REDO},
    [XS_INTRODUCE] = {do_introduce, PRIV | NO_REDO},
    [XS_RELEASE] = {do_release, PRIV | NO_REDO},
    [XS_GET_DOMAIN_PATH] = {do_get_domain_path, 0},
    [XS_WRITE] = {do_write, NO_REDO},
    [XS_MKDIR] = {do_mkdir, NO_REDO},
    [XS_RM] = {do_rm, NO_REDO},
    [XS_SET_PERMS] = {do_set_perms, NO_REDO},
    [XS_IS_DOMAIN_INTRODUCED] = {do_is_introduced, PRIV},
    [XS_RESUME] = {do_resume, PRIV | NO_REDO},
    [XS_SET_TARGET] = {do_set_target, PRIV | NO_REDO},
    [XS_RESET_WATCHES] = {do_reset_watches, NO_REDO},
    [XS_DIRECTORY_PART] = {do_directory_part, 0},
};

static int request_dispatch(struct request *r)
{
    uint32_t type = r->hdr.type;
    unsigned int flags;

    if (type >= XS_TYPE_COUNT || !handlers[type].handle)
        return ENOSYS;
    flags = handlers[type].flags;
    if ((flags & PRIV) && r->conn->domid)
        return EACCES;
    if (r->hdr.tx_id && !(flags & ANY_TX)) {
        r->tx = transaction_find(r->conn, r->hdr.tx_id);
        if (!r->tx)
            return ENOENT;
    }
    return handlers[type].handle(r);
}

void request_handle(struct connection *c)
{
    struct request r = {.conn = c, .body = c->in + sizeof(struct xsd_sockmsg)};
    struct out *o = connection_begin_reply(c);
    uint32_t type;
    int err;

    memcpy(&r.hdr, c->in, sizeof(r.hdr));
    type = r.hdr.type;
    journal_begin();
    err = request_dispatch(&r);
    if (r.reply.len > XENSTORE_PAYLOAD_MAX)
        err = E2BIG;
    log_trace("dom%d %s tx %u \"%.*s\" -> %s", c->domid, wire_type_name(type), r.hdr.tx_id, (int)r.hdr.len, r.body,
              err ? wire_error_name(err) : "ok");
    if (err) {
        type = XS_ERROR;
        r.reply.len = 0;
        reply_string(&r, wire_error_name(err));
    } else if (!r.reply.len && !r.raw_reply) {
        reply_string(&r, "OK");
    }
    connection_end_reply(c, o, type, r.hdr.req_id, r.hdr.tx_id, r.reply.data, r.reply.len);
    /* A commit ends its transaction even if it comes to nothing; no other request that fails does anything. */
    c->changed = type != XS_ERROR ? handlers[type].flags & NO_REDO : r.ended;
    if (c->changed)
        journal_reply(c, o->data.data, o->data.len);
    journal_end();
    buf_free(&r.reply);
}
