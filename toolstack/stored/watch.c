/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: see watch.h. Which commits fire is decided here; how an event gets to its client, and
 * what happens when the client does not read, is the connection's part. Called from request.c and
 * from every commit.
 */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "journal.h"

#define SLOTS 4096

static struct watch *slots[SLOTS];

static struct watch **watch_slot(const char *path, size_t len) { return &slots[hash_string(path, len) & (SLOTS - 1)]; }

static long watch_cost(const struct watch *w) { return sizeof(*w) + strlen(w->path) + strlen(w->token); }

int watch_add(struct connection *c, const char *path, const char *given, const char *token)
{
    size_t len = strlen(path);
    struct watch *w, **tail;
    struct usage *u = usage_of(c->domid);

    for (tail = &c->watches; *tail; tail = &(*tail)->next)
        if (!strcmp((*tail)->path, path) && !strcmp((*tail)->token, token))
            return EEXIST;
    if (quota_exceeded(c->domid, QUOTA_WATCHES, u->watches, 1) ||
        quota_exceeded(c->domid, QUOTA_MEMORY, u->bytes, sizeof(*w) + len + strlen(token)))
        return E2BIG;

    w = xcalloc(1, sizeof(*w) + len + 1);
    memcpy(w->path, path, len + 1);
    w->token = xstrdup(token);
    w->conn = c;
    w->strip = len - strlen(given);
    *tail = w;
    for (tail = watch_slot(path, len); *tail; tail = &(*tail)->hash_next)
        ;
    *tail = w;
    u->watches++;
    u->bytes += watch_cost(w);
    journal_watch(c, given, token, true);
    return 0;
}

static void watch_free(struct watch *w)
{
    struct watch **slot = watch_slot(w->path, strlen(w->path));
    struct usage *u = usage_of(w->conn->domid);

    while (*slot != w)
        slot = &(*slot)->hash_next;
    *slot = w->hash_next;
    u->watches--;
    u->bytes -= watch_cost(w);
    connection_forget_watch(w->conn, w);
    free(w->token);
    free(w);
}

int watch_remove(struct connection *c, const char *path, const char *token)
{
    struct watch **slot, *w;

    for (slot = &c->watches; (w = *slot) != NULL; slot = &w->next) {
        if (strcmp(w->path, path) || strcmp(w->token, token))
            continue;
        *slot = w->next;
        journal_watch(c, w->path + w->strip, token, false);
        watch_free(w);
        return 0;
    }
    return ENOENT;
}

void watch_remove_all(struct connection *c)
{
    while (c->watches) {
        struct watch *w = c->watches;

        c->watches = w->next;
        watch_free(w);
    }
    journal_reset(c);
}

void watch_fire_all(struct connection *c)
{
    struct watch *w;

    for (w = c->watches; w; w = w->next)
        connection_send_event(c, w, w->path + w->strip);
}

/* A changed node with the permissions that decide who may hear of it. */
struct event {
    const char *path;
    const struct node *before, *after, *parent;
};

static bool may_read(const struct connection *c, const struct node *n)
{
    return n && (perms_rights(n->perms, c->domid, c->target) & PERM_READ);
}

/* One who can read the node, or could before, or can read its parent, may know that it changed. */
static void fire_at(const struct event *ev, const char *path, size_t len)
{
    struct watch *w;

    for (w = *watch_slot(path, len); w; w = w->hash_next) {
        if (strncmp(w->path, path, len) || w->path[len])
            continue;
        if (may_read(w->conn, ev->before) || may_read(w->conn, ev->after) || may_read(w->conn, ev->parent))
            connection_send_event(w->conn, w, ev->path + w->strip);
    }
}

static struct event event_make(const struct node *before, const struct node *after, const char *path)
{
    struct event ev = {.path = path};
    size_t len = path_parent_len(path);
    char *above = memcpy(xmalloc(len + 1), path, len);

    above[len] = '\0';
    ev.before = tree_find(before, path);
    ev.after = tree_find(after, path);
    ev.parent = tree_find(after, above);
    if (!ev.parent)
        ev.parent = tree_find(before, above);
    free(above);
    return ev;
}

struct fire_removed {
    const struct node *before, *after;
    const char *top;
};

/* A node that went because one above it was removed: told to those who watch that very node. */
static bool fire_removed(const struct node *n, const char *path, void *arg)
{
    struct fire_removed *f = arg;
    struct event ev;

    (void)n;
    if (!*watch_slot(path, strlen(path)) || !strcmp(path, f->top) || tree_find(f->after, path))
        return true;
    ev = event_make(f->before, f->after, path);
    fire_at(&ev, path, strlen(path));
    return true;
}

static bool announced_before(const struct change *first, const struct change *c)
{
    for (; first != c; first = first->next)
        if (first->announce && !strcmp(first->path, c->path))
            return true;
    return false;
}

static bool removed_by(const struct change *c, const char *path)
{
    for (; c; c = c->next)
        if (c->remove && !strcmp(c->path, path))
            return true;
    return false;
}

void watch_fire_changes(const struct node *before, const struct node *after, const struct change *changes)
{
    const struct change *c;

    if (journal_loading)
        return;
    for (c = changes; c; c = c->next) {
        struct event ev;
        size_t len;

        if (!c->announce || announced_before(changes, c))
            continue;
        ev = event_make(before, after, c->path);
        if (!ev.before && !ev.after)
            continue;
        if (ev.before && ev.before->kids && removed_by(c, c->path)) {
            struct buf path = {0};

            buf_add(&path, c->path, strlen(c->path));
            tree_walk(ev.before, &path, fire_removed, &(struct fire_removed){before, after, c->path});
            buf_free(&path);
        }
        fire_at(&ev, "/", 1);
        for (len = 1; c->path[len]; len++)
            if (c->path[len] == '/')
                fire_at(&ev, c->path, len);
        if (len > 1)
            fire_at(&ev, c->path, len);
    }
}

void watch_fire_special(const char *name)
{
    size_t len = strlen(name);
    struct watch *w;

    if (journal_loading)
        return;
    for (w = *watch_slot(name, len); w; w = w->hash_next)
        if (!strcmp(w->path, name) && !w->conn->domid)
            connection_send_event(w->conn, w, name);
}
