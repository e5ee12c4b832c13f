/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing domains: `list`, `vm-list`, `uptime`. Columns are xl's to the space: scripts cut them.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "lib/json.h"

struct list_options {
    bool verbose, context, cpupool;
};

static uint64_t mem_kb(const struct xen_domctl_getdomaininfo *info)
{
    return (info->tot_pages + info->outstanding_pages) << (PAGE_SHIFT - 10);
}

static unsigned int shutdown_reason(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

static bool is_shut_down(const struct xen_domctl_getdomaininfo *info) { return info->flags & XEN_DOMINF_shutdown; }

static int list_one(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    const struct list_options *o = arg;
    char *name = cli_domain_name(cli, d->domain), uuid[37];

    printf("%-40s %5d %5llu %5d     %c%c%c%c%c%c  %8.1f", name, d->domain, (unsigned long long)mem_kb(d) / 1024,
           d->nr_online_vcpus, d->flags & XEN_DOMINF_running ? 'r' : '-', d->flags & XEN_DOMINF_blocked ? 'b' : '-',
           d->flags & XEN_DOMINF_paused ? 'p' : '-', is_shut_down(d) ? 's' : '-',
           is_shut_down(d) && shutdown_reason(d) == SHUTDOWN_crash ? 'c' : '-', d->flags & XEN_DOMINF_dying ? 'd' : '-',
           d->cpu_time / 1e9);
    free(name);
    if (o->verbose) {
        uuid_format(d->handle, uuid);
        printf(" %s", uuid);
        if (is_shut_down(d))
            printf(" %8x", shutdown_reason(d));
        else
            printf(" %8s", "-");
    }
    if (o->verbose || o->context)
        printf(" %16s", "-");
    if (o->cpupool)
        printf("%16s", "Pool-0");
    printf("\n");
    return EXIT_OK;
}

/* Bring recorded figures up to date with the store. */
static void refresh_memory(struct cli *cli, uint32_t domid, struct json_object *b)
{
    char *path = domain_path(domid, "memory");
    long max = store_read_long(&cli->ctx.store, path, "static-max", -1);
    long target = store_read_long(&cli->ctx.store, path, "target", -1);

    if (max >= 0)
        json_put_int(b, "max_memkb", max);
    if (target >= 0)
        json_put_int(b, "target_memkb", target);
    free(path);
}

static void refresh_vcpus(struct cli *cli, uint32_t domid, struct json_object *b)
{
    struct json_object *avail = json_object_new_array();
    char *path = domain_path(domid, "cpu"), **ids, *state;
    unsigned int n = 0, i;

    ids = store_list(&cli->ctx.store, path, &n);
    for (i = 0; i < n; i++) {
        char *key = store_fmt("%u/availability", i);

        state = store_read(&cli->ctx.store, path, key);
        if (state && !strcmp(state, "online"))
            json_object_array_add(avail, json_object_new_int(i));
        free(state);
        free(key);
    }
    if (n && json_object_object_get(b, "avail_vcpus"))
        json_object_object_add(b, "avail_vcpus", avail);
    else
        json_object_put(avail);
    free(ids);
    free(path);
}

static void refresh_sched(struct cli *cli, uint32_t domid, struct json_object *b)
{
    struct xen_domctl_sched_credit2 p;
    struct json_object *sched;
    struct err *err = NULL;

    if (hyp_credit2_get(cli->ctx.hyp, domid, &p, &err) < 0) {
        err_drop(&err);
        return;
    }
    if (!json_object_object_get_ex(b, "sched_params", &sched))
        sched = json_put_object(b, "sched_params");
    json_put_str(sched, "sched", "credit2");
    json_put_int(sched, "weight", p.weight);
    json_put_int(sched, "cap", p.cap);
}

static int list_long(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    struct json_object *config = record_load(d->domain, d->handle), *c, *b, *entry;
    char *name;

    if (!config || !json_object_object_get_ex(config, "c_info", &c) ||
        !json_object_object_get_ex(config, "b_info", &b)) {
        fprintf(stderr, "%s: there is no record of the configuration of domain %u\n", cli->name, d->domain);
        json_object_put(config);
        return EXIT_OK;
    }
    name = cli_domain_name(cli, d->domain);
    json_put_str(c, "name", name);
    free(name);
    refresh_memory(cli, d->domain, b);
    refresh_vcpus(cli, d->domain, b);
    refresh_sched(cli, d->domain, b);
    entry = json_object_new_object();
    json_put_int(entry, "domid", d->domain);
    json_object_object_add(entry, "config", config);
    json_object_array_add(arg, entry);
    return EXIT_OK;
}

static int print_long(struct cli *cli, const char *spec)
{
    struct json_object *list = json_object_new_array();
    int rc = cli_each_domain(cli, spec, list_long, list);

    if (!rc) {
        json_print(stdout, list);
        printf("\n");
    }
    json_object_put(list);
    return rc;
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"long", 0, 0, 'l'},
                                          {"verbose", 0, 0, 'v'},
                                          {"context", 0, 0, 'Z'},
                                          {"cpupool", 0, 0, 'c'},
                                          {NULL, 0, NULL, 0}};
    struct list_options o = {0};
    bool details = false;
    uint32_t domid;
    const char *spec;
    int opt, rc;

    while ((opt = cli_getopt(cli, argc, argv, "lvcZ", longs, 0, &rc)) >= 0) {
        switch (opt) {
        case 'l': details = true; break;
        case 'v': o.verbose = true; break;
        case 'Z': o.context = true; break;
        case 'c': o.cpupool = true; break;
        default: break;
        }
    }
    if (opt == -2)
        return rc;
    spec = optind < argc ? argv[optind] : NULL;
    /* A bad name is answered before any header. */
    if (spec && !cli_domain(cli, spec, &domid))
        return EXIT_FAIL;
    if (details)
        return print_long(cli, spec);
    printf("Name                                        ID   Mem VCPUs\tState\tTime(s)");
    if (o.verbose)
        printf("   UUID                            Reason-Code\tSecurity Label");
    if (o.context && !o.verbose)
        printf("   Security Label");
    if (o.cpupool)
        printf("         Cpupool");
    printf("\n");
    return cli_each_domain(cli, spec, list_one, &o);
}

static int vm_list_one(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    char *name = cli_domain_name(cli, d->domain), uuid[37];

    (void)arg;
    uuid_format(d->handle, uuid);
    printf("%s  %d    %-30s\n", uuid, d->domain, name);
    free(name);
    return EXIT_OK;
}

int cmd_vm_list(struct cli *cli, int argc, char **argv)
{
    int rc, opt = cli_getopt(cli, argc, argv, "", NULL, 0, &rc);

    if (opt == -2)
        return rc;
    printf("UUID                                  ID    name\n");
    return cli_each_domain(cli, NULL, vm_list_one, NULL);
}

/* Seconds that a domain has run: dom0 since the machine's start, guests since their own. */
static long uptime_seconds(struct cli *cli, uint32_t domid)
{
    struct timespec now;
    char *dom, *vm, *start;
    long seconds = 0;

    if (!domid) {
        clock_gettime(CLOCK_BOOTTIME, &now);
        return now.tv_sec;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    dom = domain_path(domid, NULL);
    vm = store_read(&cli->ctx.store, dom, "vm");
    start = vm ? store_read(&cli->ctx.store, vm, "start_time") : NULL;
    if (start)
        seconds = now.tv_sec - strtol(start, NULL, 10);
    free(start);
    free(vm);
    free(dom);
    return seconds;
}

static int uptime_one(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    char *name = cli_domain_name(cli, d->domain), text[64], clock[16];
    long s = uptime_seconds(cli, d->domain);
    time_t now = time(NULL);

    if (s >= 2 * 86400)
        snprintf(text, sizeof(text), "%ld days, %2ld:%02ld", s / 86400, s / 3600 % 24, s / 60 % 60);
    else if (s >= 86400)
        snprintf(text, sizeof(text), "1 day, %2ld:%02ld", s / 3600 % 24, s / 60 % 60);
    else
        snprintf(text, sizeof(text), *(bool *)arg ? "%2ld:%02ld" : "%2ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    if (*(bool *)arg) {
        strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
        printf(" %s up %s, %s (%d)\n", clock, text, name, d->domain);
    } else {
        printf("%-32s %5d %s\n", name, d->domain, text);
    }
    free(name);
    return EXIT_OK;
}

int cmd_uptime(struct cli *cli, int argc, char **argv)
{
    bool brief = false;
    int rc = EXIT_OK, opt, i;

    while ((opt = cli_getopt(cli, argc, argv, "s", NULL, 0, &rc)) >= 0)
        brief = true;
    if (opt == -2)
        return rc;
    if (!brief)
        printf("Name                                ID Uptime\n");
    if (optind == argc)
        return cli_each_domain(cli, NULL, uptime_one, &brief);
    for (i = optind; i < argc && !rc; i++)
        rc = cli_each_domain(cli, argv[i], uptime_one, &brief);
    return rc;
}
