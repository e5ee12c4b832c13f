/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `create`: read the configuration, make the domain, leave a supervisor behind, let it run.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "lib/json.h"

struct options {
    const char *file;
    char *extra; /* key=value arguments, one a line */
    bool console, no_supervisor, foreground, dry_run, paused, quiet, viewer, viewer_password;
};

/* The whole file (or standard input, as "-") as text; NULL: complained. */
static char *read_file(const char *name)
{
    FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;
    char *text = NULL;
    size_t room = 0, len = 0, n;

    if (!f) {
        fprintf(stderr, "Failed to read config file: %s: %s\n", name, strerror(errno));
        return NULL;
    }
    do {
        if (room - len < 4096)
            text = realloc(text, room += 65536);
        if (!text)
            abort();
        n = fread(text + len, 1, room - len - 1, f);
        len += n;
    } while (n);
    text[len] = '\0';
    if (f != stdin)
        fclose(f);
    return text;
}

/* Arguments after the file: files come first, settings have an equals sign. */
static void take_arguments(struct options *o, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        char *all;

        if (!o->file && !strchr(argv[i], '=')) {
            o->file = argv[i];
            continue;
        }
        all = store_fmt("%s%s%s", o->extra ? o->extra : "", o->extra ? "\n" : "", argv[i]);
        free(o->extra);
        o->extra = all;
    }
}

/* 0 and the options, or -2 and an exit code. */
static int parse_options(struct cli *cli, int argc, char **argv, struct options *opt, int *rc)
{
    static const struct option longs[] = {{"dryrun", 0, 0, 'n'},    {"quiet", 0, 0, 'q'},
                                          {"defconfig", 1, 0, 'f'}, {"ignore-global-affinity-masks", 0, 0, 'i'},
                                          {"vncviewer", 0, 0, 'V'}, {"vncviewer-autopass", 0, 0, 'A'},
                                          {NULL, 0, NULL, 0}};
    int o;

    while ((o = cli_getopt(cli, argc, argv, "Fcdef:nApqV", longs, 0, rc)) >= 0) {
        switch (o) {
        case 'c': opt->console = true; break;
        case 'd': cli->verbose++; break;
        case 'e': opt->no_supervisor = true; break;
        case 'F': opt->foreground = true; break;
        case 'f': opt->file = optarg; break;
        case 'n': opt->dry_run = true; break;
        case 'p': opt->paused = true; break;
        case 'q': opt->quiet = true; break;
        case 'A': opt->viewer_password = true; /* fall through */
        case 'V': opt->viewer = true; break;
        default: break;
        }
    }
    if (o == -2)
        return -2;
    take_arguments(opt, argc - optind, argv + optind);
    opt->dry_run |= cli->dry_run;
    return 0;
}

static int dry_run(struct cli *cli, const struct guest_config *cfg)
{
    struct json_object *o = config_to_json(cfg, false);

    json_print(stdout, o);
    json_object_put(o);
    if (cli->verbose)
        domain_create_plan(cfg, stderr);
    return EXIT_OK;
}

static int create(struct cli *cli, const struct options *opt, struct guest_config *cfg)
{
    struct err *err = NULL;
    uint32_t domid;
    int code;

    if (!cli_open(cli))
        return ERR_FAIL;
    if (domain_create(&cli->ctx, cfg, &domid, &err) < 0) {
        code = err->code;
        cli_fail(cli, err);
        return code;
    }
    if (!opt->no_supervisor && !opt->foreground && supervise_start(cli->name, cfg, domid, &err) < 0) {
        /* The guest is there and well; only nobody will act on its end. */
        cli_fail(cli, err);
        err = NULL;
    }
    if (!opt->paused && hyp_domain_unpause(cli->ctx.hyp, domid, &err) < 0) {
        cli_fail(cli, err);
        return ERR_FAIL;
    }
    if (opt->viewer)
        return vncviewer_exec(cli, domid, opt->viewer_password);
    if (opt->console)
        return console_attach(cli, domid, CONSOLE_PV);
    if (opt->foreground)
        return supervise_run(cfg, domid);
    return EXIT_OK;
}

/* The number of CPUs, for what "all" means; a dry run must also work off a hypervisor. */
static unsigned int host_cpus(struct cli *cli)
{
    struct xen_sysctl_physinfo info;
    struct err *err = NULL;
    unsigned int n = sysconf(_SC_NPROCESSORS_CONF);

    if (access("/dev/xen/privcmd", F_OK) == 0)
        cli->ctx.hyp = hyp_open(&err);
    if (cli->ctx.hyp && hyp_physinfo(cli->ctx.hyp, &info, &err) == 0)
        n = info.max_cpu_id + 1;
    err_drop(&err);
    hyp_close(cli->ctx.hyp);
    cli->ctx.hyp = NULL;
    return n;
}

int cmd_create(struct cli *cli, int argc, char **argv)
{
    struct options opt = {0};
    struct guest_config cfg;
    struct err *err = NULL;
    char *text;
    int rc;

    if (parse_options(cli, argc, argv, &opt, &rc) < 0)
        return rc;
    if (!opt.file) {
        fprintf(stderr, "Config file not specified\n");
        return ERR_INVAL;
    }
    text = read_file(opt.file);
    if (!text)
        return ERR_FAIL;
    if (!opt.quiet)
        fprintf(stderr, "Parsing config from %s\n", opt.file);
    rc = config_parse(opt.file, text, opt.extra, host_cpus(cli), stderr, &cfg, &err);
    free(text);
    free(opt.extra);
    if (rc < 0) {
        err_print(stderr, err);
        err_drop(&err);
        return EXIT_FAIL;
    }
    rc = opt.dry_run ? dry_run(cli, &cfg) : create(cli, &opt, &cfg);
    config_free(&cfg);
    return rc;
}
