/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the journal back at start: one function per kind of record, run in the order in which
 * they were written. A journal ends at its first group that is not whole. Called from journal.c.
 */
#include "journal_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "journal.h"
#include "ring.h"
#include "transaction.h"
#include "watch.h"

/* A place in a group. Once `bad` is set, everything read is zero. */
struct reader {
    const char *at, *end;
    bool bad;
};

uint32_t journal_hash(const char *data, size_t len)
{
    uint32_t h = 2166136261u;
    size_t i;

    for (i = 0; i < len; i++)
        h = (h ^ (unsigned char)data[i]) * 16777619u;
    return h;
}

void journal_magic(struct buf *out)
{
    char boot[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (f && !fgets(boot, sizeof(boot), f))
        boot[0] = '\0';
    if (f)
        fclose(f);
    boot[strcspn(boot, "\n")] = '\0';
    buf_addf(out, "orlop-store-1 %s\n", boot);
}

static void get_bytes(struct reader *r, void *out, size_t len)
{
    memset(out, 0, len);
    if ((size_t)(r->end - r->at) < len)
        r->bad = true;
    if (r->bad)
        return;
    memcpy(out, r->at, len);
    r->at += len;
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t value;

    get_bytes(r, &value, sizeof(value));
    return value;
}

/* A copy with a NUL behind it, to be freed. */
static char *get_string(struct reader *r, size_t *len)
{
    char *s;

    *len = get_u32(r);
    if ((size_t)(r->end - r->at) < *len)
        r->bad = true;
    if (r->bad)
        *len = 0;
    s = memcpy(xmalloc(*len + 1), r->at, *len);
    s[*len] = '\0';
    r->at += *len;
    return s;
}

/* An absolute path whose parent is there: anything else in the file would be our own fault. */
static bool path_fits(const char *path)
{
    size_t len;
    char *above;
    bool fits;

    if (path[0] != '/')
        return false;
    len = path_parent_len(path);
    above = memcpy(xmalloc(len + 1), path, len);
    above[len] = '\0';
    fits = tree_find(store_root, above) != NULL;
    free(above);
    return fits;
}

static void load_node(struct reader *r)
{
    size_t path_len, value_len;
    char *path = get_string(r, &path_len);
    char *value = get_string(r, &value_len);
    uint32_t count = get_u32(r), i;
    struct perms *perms;
    struct blob *blob;
    struct edit e;

    if (count < 1 || count > (size_t)(r->end - r->at) / 8)
        r->bad = true;
    perms = perms_new(r->bad ? 1 : count);
    for (i = 0; i < perms->count; i++) {
        perms->entry[i].domid = (int)get_u32(r);
        perms->entry[i].rights = get_u32(r) & (PERM_READ | PERM_WRITE);
    }
    if (!path_fits(path))
        r->bad = true;
    if (!r->bad) {
        blob = blob_new(value, value_len);
        edit_begin(&e, 0);
        edit_set(&e, path, blob, perms, false);
        edit_commit(&e);
        blob_put(blob);
    }
    perms_put(perms);
    free(path);
    free(value);
}

static void load_remove(struct reader *r)
{
    size_t len;
    char *path = get_string(r, &len);
    struct edit e;

    if (!path_fits(path) || !path[1] || !tree_find(store_root, path))
        r->bad = true;
    if (!r->bad) {
        edit_begin(&e, 0);
        edit_remove(&e, path);
        edit_commit(&e);
    }
    free(path);
}

static void load_domain(struct reader *r)
{
    uint32_t domid = get_u32(r), port;
    struct domain *d;
    uint64_t mfn;

    get_bytes(r, &mfn, sizeof(mfn));
    port = get_u32(r);
    if (r->bad)
        return;
    d = domain_restore(domid, mfn, port);
    d->shutdown = get_u32(r);
    d->conn->target = (int)get_u32(r);
}

/* The connection of the domain whose number comes next; NULL (and bad) if it is not known. */
static struct connection *get_connection(struct reader *r)
{
    struct domain *d = domain_find(get_u32(r));

    if (!d)
        r->bad = true;
    return d ? d->conn : NULL;
}

static void load_release(struct reader *r)
{
    int domid = get_u32(r);

    if (!r->bad && domid)
        domain_release(domid);
}

static void load_watch(struct reader *r, bool add)
{
    struct connection *c = get_connection(r);
    size_t len;
    char *given = get_string(r, &len);
    char *token = get_string(r, &len);
    char *path = c ? wire_path(given, c->domid, true) : NULL;

    if (!path)
        r->bad = true;
    if (!r->bad && add)
        watch_add(c, path, given, token);
    if (!r->bad && !add)
        watch_remove(c, path, token);
    free(given);
    free(token);
    free(path);
}

static void load_reset(struct reader *r)
{
    struct connection *c = get_connection(r);

    if (c)
        watch_remove_all(c);
}

static void load_transaction(struct reader *r, bool open)
{
    struct connection *c = get_connection(r);
    uint32_t id = get_u32(r);
    struct transaction *tx = r->bad ? NULL : transaction_find(c, id);

    if (tx && !open)
        transaction_end(c, tx, false);
    if (!r->bad && !tx && open)
        transaction_restore(c, id);
}

static void load_bytes(struct reader *r, char kind)
{
    struct connection *c = get_connection(r);
    uint32_t index = get_u32(r);
    size_t len;
    char *data = get_string(r, &len);
    struct buf *saved;

    if (!r->bad && kind == JOURNAL_INPUT && len < sizeof(c->in)) {
        memcpy(c->in, data, len);
        c->in_len = len;
        c->ring->saved.input_end = index;
    } else if (!r->bad) {
        saved = kind == JOURNAL_REPLY ? &c->ring->saved.reply : &c->ring->saved.rest;
        saved->len = 0;
        buf_add(saved, data, len);
        if (kind == JOURNAL_REPLY)
            c->ring->saved.request_end = index;
        else
            c->ring->saved.rest_start = index;
    }
    free(data);
}

static void load_record(struct reader *r)
{
    char kind;

    get_bytes(r, &kind, 1);
    switch (kind) {
    case JOURNAL_NODE: load_node(r); break;
    case JOURNAL_REMOVE: load_remove(r); break;
    case JOURNAL_DOMAIN: load_domain(r); break;
    case JOURNAL_RELEASE: load_release(r); break;
    case JOURNAL_WATCH: load_watch(r, true); break;
    case JOURNAL_UNWATCH: load_watch(r, false); break;
    case JOURNAL_RESET: load_reset(r); break;
    case JOURNAL_TX_OPEN: load_transaction(r, true); break;
    case JOURNAL_TX_CLOSE: load_transaction(r, false); break;
    case JOURNAL_REPLY:
    case JOURNAL_INPUT:
    case JOURNAL_OUTPUT: load_bytes(r, kind); break;
    default: r->bad = true;
    }
}

static void load_groups(const char *data, size_t len)
{
    while (len >= JOURNAL_GROUP_HEADER) {
        struct reader r;
        uint32_t head[2];

        memcpy(head, data, sizeof(head));
        data += JOURNAL_GROUP_HEADER;
        len -= JOURNAL_GROUP_HEADER;
        if (head[0] > len || journal_hash(data, head[0]) != head[1]) {
            log_error("the journal ends in a group that was cut off: dropped");
            return;
        }
        r = (struct reader){.at = data, .end = data + head[0]};
        while (r.at < r.end && !r.bad)
            load_record(&r);
        if (r.bad)
            log_error("the journal has a record that cannot be understood: dropped");
        data += head[0];
        len -= head[0];
    }
}

bool journal_load(const char *path)
{
    struct buf all = {0}, magic = {0};
    char chunk[65536];
    FILE *f = fopen(path, "re");
    size_t got;
    bool ok;

    if (!f)
        return false;
    while ((got = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&all, chunk, got);
    fclose(f);
    journal_magic(&magic);
    ok = all.len > magic.len && !memcmp(all.data, magic.data, magic.len);
    journal_loading = true;
    if (ok)
        load_groups(all.data + magic.len, all.len - magic.len);
    journal_loading = false;
    buf_free(&all);
    buf_free(&magic);
    return ok;
}
