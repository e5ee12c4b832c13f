/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the journal and making it anew: see journal.h for what is in it. Reading it back is
 * journal_load.c's part. Called from whatever changes something that must be kept.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "journal_format.h"
#include "ring.h"
#include "transaction.h"
#include "watch.h"

/* A journal is made anew when it is this many times as long as what it says, and this long. */
#define RENEW_FACTOR 4
#define RENEW_MIN    (1 << 20)

bool journal_loading;

static int journal_fd = -1;
static char *journal_path;
static size_t journal_size, journal_fresh_size;
static struct buf group;
static unsigned int depth;

static void write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t done = write(fd, data, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            die("cannot write the journal: %s", strerror(errno));
        data += done;
        len -= done;
    }
}

static bool journal_wanted(void) { return journal_fd >= 0 && !journal_loading; }

static void put_string(const char *data, size_t len)
{
    buf_u32(&group, len);
    buf_add(&group, data, len);
}

static void put_record(char kind)
{
    if (!group.len)
        buf_add(&group, (char[JOURNAL_GROUP_HEADER]){0}, JOURNAL_GROUP_HEADER);
    buf_add(&group, &kind, 1);
}

static void group_write(int fd)
{
    uint32_t head[2];

    if (!group.len)
        return;
    head[0] = group.len - JOURNAL_GROUP_HEADER;
    head[1] = journal_hash(group.data + JOURNAL_GROUP_HEADER, head[0]);
    memcpy(group.data, head, sizeof(head));
    write_all(fd, group.data, group.len);
    journal_size += group.len;
    group.len = 0;
}

void journal_begin(void) { depth++; }

static void put_node(const char *path, const struct blob *value, const struct perms *perms)
{
    unsigned int i;

    put_record(JOURNAL_NODE);
    put_string(path, strlen(path));
    put_string(value ? value->data : "", value ? value->len : 0);
    buf_u32(&group, perms->count);
    for (i = 0; i < perms->count; i++) {
        buf_u32(&group, perms->entry[i].domid);
        buf_u32(&group, perms->entry[i].rights);
    }
}

static void put_domain(const struct domain *d)
{
    put_record(JOURNAL_DOMAIN);
    buf_u32(&group, d->domid);
    buf_add(&group, &(uint64_t){d->mfn}, sizeof(uint64_t));
    buf_u32(&group, d->port);
    buf_u32(&group, d->shutdown);
    buf_u32(&group, d->conn->target);
}

static void put_watch(int domid, const char *given, const char *token, bool add)
{
    put_record(add ? JOURNAL_WATCH : JOURNAL_UNWATCH);
    buf_u32(&group, domid);
    put_string(given, strlen(given));
    put_string(token, strlen(token));
}

static void put_transaction(int domid, uint32_t id, bool open)
{
    put_record(open ? JOURNAL_TX_OPEN : JOURNAL_TX_CLOSE);
    buf_u32(&group, domid);
    buf_u32(&group, id);
}

static void put_bytes(char kind, int domid, uint32_t index, const void *data, size_t len)
{
    put_record(kind);
    buf_u32(&group, domid);
    buf_u32(&group, index);
    put_string(data, len);
}

static bool put_tree_node(const struct node *n, const char *path, void *arg)
{
    int *fd = arg;

    put_node(path, n->value, n->perms);
    if (group.len > RENEW_MIN)
        group_write(*fd);
    return true;
}

/* What must follow the bytes that are in the ring already. */
static void put_begun_output(int domid, const struct connection *c)
{
    struct buf rest = {0};
    const struct out *o;

    for (o = c->out_first; o && (o->sent || o->raw); o = o->next)
        buf_add(&rest, o->data.data + o->sent, o->data.len - o->sent);
    if (rest.len)
        put_bytes(JOURNAL_OUTPUT, domid, c->ring->page->rsp_prod, rest.data, rest.len);
    buf_free(&rest);
}

/* Everything about one domain's connection as it is now. */
static void put_connection(const struct domain *d)
{
    const struct connection *c = d->conn;
    const struct transaction *tx;
    const struct watch *w;

    put_domain(d);
    for (w = c->watches; w; w = w->next)
        put_watch(d->domid, w->path + w->strip, w->token, true);
    for (tx = c->transactions; tx; tx = tx->next)
        put_transaction(d->domid, tx->id, true);
    if (!c->ring->page)
        return;
    if (c->in_len > c->ring->peeked)
        put_bytes(JOURNAL_INPUT, d->domid, c->ring->page->req_cons, c->in, c->in_len - c->ring->peeked);
    put_begun_output(d->domid, c);
    /* The journal is only renewed between requests: an answered one has its reply in line. */
    if (c->changed) {
        const struct out *o = c->out_first;

        while (o && !o->reply)
            o = o->next;
        if (o && !o->sent)
            put_bytes(JOURNAL_REPLY, d->domid, c->ring->page->req_cons + c->ring->peeked, o->data.data, o->data.len);
    }
}

/* Writes all there is to a new file and puts it in the place of the old one. */
static void journal_renew(void)
{
    char fresh[512];
    struct buf path = {0};
    const struct domain *d;
    int fd;

    snprintf(fresh, sizeof(fresh), "%s.new", journal_path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        die("cannot make %s: %s", fresh, strerror(errno));
    journal_magic(&path);
    write_all(fd, path.data, path.len);
    journal_size = path.len;
    path.len = 0;
    buf_add(&path, "/", 1);
    tree_walk(store_root, &path, put_tree_node, &fd);
    buf_free(&path);
    for (d = domains; d; d = d->next)
        put_connection(d);
    group_write(fd);
    if (rename(fresh, journal_path))
        die("cannot rename %s: %s", fresh, strerror(errno));
    if (journal_fd >= 0)
        close(journal_fd);
    journal_fd = fd;
    journal_fresh_size = journal_size;
}

void journal_end(void)
{
    if (--depth || !journal_wanted())
        return;
    group_write(journal_fd);
    if (journal_size > RENEW_MIN && journal_size > RENEW_FACTOR * journal_fresh_size)
        journal_renew();
}

void journal_open(const char *path)
{
    free(journal_path);
    journal_path = xstrdup(path);
    journal_renew();
}

void journal_close(void)
{
    if (journal_fd >= 0)
        close(journal_fd);
    journal_fd = -1;
    free(journal_path);
    journal_path = NULL;
    buf_free(&group);
}

void journal_changes(const struct change *c)
{
    if (!journal_wanted())
        return;
    journal_begin();
    for (; c; c = c->next) {
        if (c->remove) {
            put_record(JOURNAL_REMOVE);
            put_string(c->path, strlen(c->path));
        } else {
            put_node(c->path, c->value, c->perms);
        }
    }
    journal_end();
}

void journal_domain(const struct domain *d)
{
    if (!journal_wanted())
        return;
    journal_begin();
    put_domain(d);
    journal_end();
}

void journal_domain_release(int domid)
{
    if (!journal_wanted())
        return;
    journal_begin();
    put_record(JOURNAL_RELEASE);
    buf_u32(&group, domid);
    journal_end();
}

void journal_watch(const struct connection *c, const char *given, const char *token, bool add)
{
    if (!journal_wanted() || !c->ring)
        return;
    journal_begin();
    put_watch(c->domid, given, token, add);
    journal_end();
}

void journal_reset(const struct connection *c)
{
    if (!journal_wanted() || !c->ring)
        return;
    journal_begin();
    put_record(JOURNAL_RESET);
    buf_u32(&group, c->domid);
    journal_end();
}

void journal_transaction(const struct connection *c, uint32_t id, bool open)
{
    if (!journal_wanted() || !c->ring)
        return;
    journal_begin();
    put_transaction(c->domid, id, open);
    journal_end();
}

void journal_reply(const struct connection *c, const void *reply, size_t len)
{
    if (!journal_wanted() || !c->ring || !c->ring->page)
        return;
    journal_begin();
    put_bytes(JOURNAL_REPLY, c->domid, c->ring->page->req_cons + c->ring->peeked, reply, len);
    journal_end();
}

void journal_input(const struct connection *c, uint32_t end)
{
    if (!journal_wanted())
        return;
    journal_begin();
    put_bytes(JOURNAL_INPUT, c->domid, end, c->in, c->in_len);
    journal_end();
}

void journal_output(const struct connection *c, uint32_t start, const void *rest, size_t len)
{
    if (!journal_wanted())
        return;
    journal_begin();
    put_bytes(JOURNAL_OUTPUT, c->domid, start, rest, len);
    journal_end();
}
