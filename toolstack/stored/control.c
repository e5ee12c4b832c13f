/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONTROL: what an administrator may ask of the daemon itself (xenstore-control). The commands are
 * those of xenstored 4.17 that mean something here. Called from request.c's table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "domain.h"
#include "quota.h"
#include "request.h"

static int control_help(struct request *r, const char *argv[], unsigned int argc);

struct tree_check {
    long nodes;
    bool good;
};

/* Counts and compares: the treap must be in order, and every node have an owner. */
static bool check_node(const struct node *n, const char *path, void *arg)
{
    struct tree_check *t = arg;
    const struct node *kid, *last = NULL;
    uint32_t count = 0, bytes = 0;

    t->nodes++;
    for (kid = tree_first_kid(n); kid; kid = tree_next_kid(n, kid->name)) {
        if (last && strcmp(last->name, kid->name) >= 0)
            break;
        last = kid;
        count++;
        bytes += kid->name_len + 1;
    }
    if (kid || count != n->kids_count || bytes != n->kids_bytes || !n->perms->count) {
        log_error("check: %s is damaged", path);
        t->good = false;
    }
    return true;
}

static int control_check(struct request *r, const char *argv[], unsigned int argc)
{
    struct tree_check t = {.good = true};
    struct buf path = {0};

    (void)r;
    (void)argv;
    if (argc)
        return EINVAL;
    buf_add(&path, "/", 1);
    tree_walk(store_root, &path, check_node, &t);
    buf_free(&path);
    return t.good ? 0 : EIO;
}

static int control_log(struct request *r, const char *argv[], unsigned int argc)
{
    (void)r;
    if (argc != 1 || (strcmp(argv[0], "on") && strcmp(argv[0], "off")))
        return EINVAL;
    log_traces = !strcmp(argv[0], "on");
    return 0;
}

static int control_logfile(struct request *r, const char *argv[], unsigned int argc)
{
    (void)r;
    return argc == 1 ? log_open(argv[0]) : EINVAL;
}

static int control_print(struct request *r, const char *argv[], unsigned int argc)
{
    (void)r;
    if (argc != 1)
        return EINVAL;
    syslog(LOG_INFO, "control: %s", argv[0]);
    return 0;
}

static void reply_limits(struct request *r)
{
    unsigned int i;

    buf_addf(&r->reply, "Quota settings:\n");
    for (i = 0; i < QUOTA_COUNT; i++)
        buf_addf(&r->reply, "%-17s: %8u %s\n", quotas[i].name, quotas[i].limit, quotas[i].what);
    buf_add(&r->reply, "", 1);
}

static int reply_usage(struct request *r, int domid)
{
    const struct usage *u;

    if (domid && !domain_introduced(domid))
        return ENOENT;
    u = usage_of(domid);
    buf_addf(&r->reply, "Domain %d:\n", domid);
    buf_addf(&r->reply, "%-16s: %8ld\n", "nodes", u->nodes);
    buf_addf(&r->reply, "%-16s: %8ld\n", "watches", u->watches);
    buf_addf(&r->reply, "%-16s: %8ld\n", "transactions", u->transactions);
    buf_addf(&r->reply, "%-16s: %8ld\n", "outstanding", u->queued);
    buf_addf(&r->reply, "%-16s: %8ld\n", "memory", u->bytes);
    buf_add(&r->reply, "", 1);
    return 0;
}

static int control_quota(struct request *r, const char *argv[], unsigned int argc)
{
    if (!argc) {
        reply_limits(r);
        return 0;
    }
    if (argc == 3 && !strcmp(argv[0], "set"))
        return quota_set(argv[1], strtoul(argv[2], NULL, 10)) ? 0 : EINVAL;
    if (argc != 1)
        return EINVAL;
    return reply_usage(r, wire_domid(argv[0]));
}

static const struct {
    const char *name;
    const char *usage;
    int (*handle)(struct request *r, const char *argv[], unsigned int argc);
} commands[] = {
    {"check", "", control_check},
    {"log", "on|off", control_log},
    {"logfile", "<file>", control_logfile},
    {"print", "<string>", control_print},
    {"quota", "[set <name> <val>|<domid>]", control_quota},
    {"help", "", control_help},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int control_help(struct request *r, const char *argv[], unsigned int argc)
{
    size_t i;

    (void)argv;
    if (argc)
        return EINVAL;
    for (i = 0; i < COMMANDS; i++)
        buf_addf(&r->reply, "%s\t%s\n", commands[i].name, commands[i].usage);
    buf_add(&r->reply, "", 1);
    return 0;
}

int control_handle(struct request *r)
{
    const char *argv[8];
    unsigned int argc = wire_strings(r->body, r->hdr.len, argv, 8);
    size_t i;

    if (!argc || argc > 8)
        return EINVAL;
    for (i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[0], commands[i].name))
            return commands[i].handle(r, argv + 1, argc - 1);
    return EINVAL;
}
