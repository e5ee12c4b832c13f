/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-commands that act on one domain: pause, unpause, destroy, shutdown, reboot, rename, sysrq,
 * and the two that translate between name and number.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* The shape of most: one domain, no options, one hypervisor operation. */
static int one_domain(struct cli *cli, int argc, char **argv,
                      int (*op)(struct hyp *h, uint32_t domid, struct err **err))
{
    struct err *err = NULL;
    uint32_t domid;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 1, &rc) == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    if (op(cli->ctx.hyp, domid, &err) < 0)
        return cli_fail(cli, err);
    return EXIT_OK;
}

int cmd_pause(struct cli *cli, int argc, char **argv) { return one_domain(cli, argc, argv, hyp_domain_pause); }

int cmd_unpause(struct cli *cli, int argc, char **argv) { return one_domain(cli, argc, argv, hyp_domain_unpause); }

int cmd_destroy(struct cli *cli, int argc, char **argv)
{
    struct err *err = NULL;
    bool force = cli->force;
    uint32_t domid;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "f", NULL, 1, &rc)) >= 0)
        force = true;
    if (o == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    if (!domid && !force) {
        fprintf(stderr, "Not destroying domain 0; use -f to force.\n"
                        "This can only be done when using a disaggregated hardware domain and "
                        "toolstack.\n\n");
        return EXIT_FAIL;
    }
    if (domain_destroy(&cli->ctx, domid, &err) < 0)
        return cli_fail(cli, err);
    return EXIT_OK;
}

int cmd_domid(struct cli *cli, int argc, char **argv)
{
    long domid;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 1, &rc) == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    domid = domain_by_name(&cli->ctx, argv[optind]);
    if (domid < 0) {
        fprintf(stderr, "Can't get domid of domain name '%s', maybe this domain does not exist.\n", argv[optind]);
        return EXIT_FAIL;
    }
    printf("%ld\n", domid);
    return EXIT_OK;
}

int cmd_domname(struct cli *cli, int argc, char **argv)
{
    char *end, *name;
    unsigned long domid;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 1, &rc) == -2)
        return rc;
    domid = strtoul(argv[optind], &end, 10);
    if (end == argv[optind] || *end) {
        fprintf(stderr, "Invalid domain id.\n\n");
        return EXIT_FAIL;
    }
    if (!cli_open(cli))
        return EXIT_FAIL;
    name = domain_name(&cli->ctx, domid);
    if (!name) {
        fprintf(stderr,
                "Can't get domain name of domain id '%lu', maybe this domain does not "
                "exist.\n",
                domid);
        return EXIT_FAIL;
    }
    printf("%s\n", name);
    free(name);
    return EXIT_OK;
}

int cmd_rename(struct cli *cli, int argc, char **argv)
{
    struct err *err = NULL;
    uint32_t domid;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 2, &rc) == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    if (domain_rename(&cli->ctx, domid, argv[optind + 1], &err) < 0) {
        cli_fail(cli, err);
        fprintf(stderr, "Can't rename domain '%s'.\n", argv[optind]);
        return EXIT_FAIL;
    }
    return EXIT_OK;
}

int cmd_sysrq(struct cli *cli, int argc, char **argv)
{
    struct err *err = NULL;
    uint32_t domid;
    char *path;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 2, &rc) == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    if (strlen(argv[optind + 1]) != 1) {
        fprintf(stderr, "Invalid sysrq.\n\n");
        command_usage(cli, cli->command, stdout);
        return EXIT_FAIL;
    }
    path = domain_path(domid, "control/sysrq");
    rc = store_write(&cli->ctx.store, path, NULL, argv[optind + 1], &err);
    free(path);
    return rc < 0 ? cli_fail(cli, err) : EXIT_OK;
}

struct request {
    const char *word; /* "poweroff" or "reboot" */
    const char *feature;
    const char *telling;
    bool wait, fallback;
    uint32_t trigger; /* what a guest without drivers of ours understands */
    uint32_t *asked;
    unsigned int count;
};

/* Whether a guest has buttons: those without drivers of ours do not write their feature nodes. */
static bool is_hvm(struct cli *cli, uint32_t domid)
{
    char *path = store_fmt("/libxl/%u", domid), *type = store_read(&cli->ctx.store, path, "type");
    bool hvm = type && !strcmp(type, "hvm");

    free(path);
    free(type);
    return hvm;
}

/* Press a button of its machine. */
static int press(struct cli *cli, uint32_t domid, uint32_t trigger, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_sendtrigger, .domain = domid};

    op.u.sendtrigger.trigger = trigger;
    if (hyp_domctl(cli->ctx.hyp, &op) < 0)
        return err_sys(err, errno, "cannot send domain %u an ACPI event", domid);
    return 0;
}

/* Ask one guest, if it listens: a kernel that does says so with a feature node. */
static int ask(struct cli *cli, uint32_t domid, struct request *r)
{
    char *path = domain_path(domid, "control"), *listens;
    struct err *err = NULL;
    int rc;

    printf("%s domain %u\n", r->telling, domid);
    listens = store_read(&cli->ctx.store, path, r->feature);
    if (!listens)
        rc = err_new(&err, ERR_FAIL, "domain %u has no control nodes: it cannot be asked", domid);
    else if (is_hvm(cli, domid) && strcmp(listens, "1"))
        rc = r->fallback ? press(cli, domid, r->trigger, &err)
                         : err_new(&err, ERR_FAIL,
                                   "PV control interface not available: external graceful shutdown not possible, use "
                                   "\"-F\" to fall back to an ACPI event");
    else
        rc = store_write(&cli->ctx.store, path, "shutdown", r->word, &err);
    free(listens);
    free(path);
    if (rc < 0) {
        cli_fail(cli, err);
        fprintf(stderr, "%s domain %u failed\n", r->word, domid);
        return EXIT_FAIL;
    }
    r->asked = realloc(r->asked, (r->count + 1) * sizeof(*r->asked));
    if (!r->asked)
        abort();
    r->asked[r->count++] = domid;
    return EXIT_OK;
}

static int ask_guest(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    return d->domain ? ask(cli, d->domain, arg) : EXIT_OK;
}

/* 1 when the domain has shut down or gone, telling so; 0 while it runs. */
static int ended(struct cli *cli, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    struct err *err = NULL;
    int rc = hyp_domain_info(cli->ctx.hyp, domid, &info, &err);

    err_drop(&err);
    if (rc == 1 && !(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
        return 0;
    if (rc == 1 && info.flags & XEN_DOMINF_shutdown)
        printf("Domain %u has been shut down, reason code %u\n", domid,
               info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
    else
        printf("Domain %u has been destroyed\n", domid);
    return 1;
}

static int wait_for_all(struct cli *cli, struct request *r)
{
    struct pollfd pfd = {.events = POLLIN};
    unsigned int left = r->count, i;
    char **event;

    printf("Waiting for %u domains\n", left);
    fflush(stdout);
    if (!xs_watch(cli->ctx.store.xs, "@releaseDomain", "wait"))
        return EXIT_FAIL;
    pfd.fd = xs_fileno(cli->ctx.store.xs);
    while (left) {
        for (i = 0; i < left;) {
            if (ended(cli, r->asked[i]))
                r->asked[i] = r->asked[--left];
            else
                i++;
        }
        if (left && poll(&pfd, 1, 5000) < 0)
            break;
        while ((event = xs_check_watch(cli->ctx.store.xs)))
            free(event);
    }
    return left ? EXIT_FAIL : EXIT_OK;
}

static int shutdown_or_reboot(struct cli *cli, int argc, char **argv, struct request *r)
{
    static const struct option longs[] = {{"all", 0, 0, 'a'}, {"wait", 0, 0, 'w'}, {NULL, 0, NULL, 0}};
    bool all = false;
    uint32_t domid;
    int rc = EXIT_OK, o;

    while ((o = cli_getopt(cli, argc, argv, "aFw", longs, 0, &rc)) >= 0) {
        if (o == 'a')
            all = true;
        if (o == 'w')
            r->wait = true;
        if (o == 'F')
            r->fallback = true;
    }
    if (o == -2)
        return rc;
    if (all == (optind < argc)) {
        fprintf(stderr,
                all ? "You can't specify both -a and a domain id.\n\n" : "You must specify -a or a domain id.\n\n");
        return EXIT_FAIL;
    }
    if (all)
        rc = cli_each_domain(cli, NULL, ask_guest, r);
    else
        rc = cli_domain(cli, argv[optind], &domid) ? ask(cli, domid, r) : EXIT_FAIL;
    if (!rc && r->wait)
        rc = wait_for_all(cli, r);
    free(r->asked);
    return rc;
}

int cmd_shutdown(struct cli *cli, int argc, char **argv)
{
    struct request r = {.word = "poweroff",
                        .feature = "feature-poweroff",
                        .telling = "Shutting down",
                        .trigger = XEN_DOMCTL_SENDTRIGGER_POWER};

    return shutdown_or_reboot(cli, argc, argv, &r);
}

int cmd_reboot(struct cli *cli, int argc, char **argv)
{
    struct request r = {
        .word = "reboot", .feature = "feature-reboot", .telling = "Rebooting", .trigger = XEN_DOMCTL_SENDTRIGGER_RESET};

    return shutdown_or_reboot(cli, argc, argv, &r);
}
