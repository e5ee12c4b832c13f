/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs, memory size and scheduling of running domains: vcpu-list, vcpu-pin, vcpu-set, mem-set,
 * mem-max, sched-credit2.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static unsigned int host_cpus(struct cli *cli)
{
    struct xen_sysctl_physinfo info;
    struct err *err = NULL;

    if (hyp_physinfo(cli->ctx.hyp, &info, &err) < 0) {
        err_drop(&err);
        return 1;
    }
    return info.max_cpu_id + 1;
}

static void print_cpu_set(const uint8_t *bits, unsigned int cpus)
{
    struct cpu_set set;
    unsigned int i, j, n = 0;
    const char *comma = "";

    memcpy(set.bits, bits, sizeof(set.bits));
    for (i = 0; i < cpus; i++)
        n += cpu_set_has(&set, i);
    if (n == cpus) {
        printf("all");
        return;
    }
    for (i = 0; i < cpus; i = j + 1) {
        for (j = i; cpu_set_has(&set, j) && cpu_set_has(&set, j + 1) && j + 1 < cpus; j++)
            ;
        if (!cpu_set_has(&set, i))
            continue;
        printf(i == j ? "%s%u" : "%s%u-%u", comma, i, j);
        comma = ",";
    }
    if (!n)
        printf("none");
}

static int print_vcpu(struct cli *cli, const struct xen_domctl_getdomaininfo *d, unsigned int vcpu, const char *name)
{
    uint8_t hard[CPU_BYTES] = {0}, soft[CPU_BYTES] = {0};
    struct xen_domctl_getvcpuinfo v;
    struct err *err = NULL;
    unsigned int cpus = host_cpus(cli);

    if (hyp_vcpu_info(cli->ctx.hyp, d->domain, vcpu, &v, &err) < 0 ||
        hyp_affinity_get(cli->ctx.hyp, d->domain, vcpu, hard, soft, CPU_BYTES, &err) < 0)
        return cli_fail(cli, err);
    printf("%-32s %5d %5u", name, d->domain, vcpu);
    if (v.online)
        printf("%5u %3c%c- ", v.cpu, v.running ? 'r' : '-', v.blocked ? 'b' : '-');
    else
        printf("%5c %3c%cp ", '-', '-', '-');
    printf("%9.1f  ", v.cpu_time / 1e9);
    print_cpu_set(hard, cpus);
    printf(" / ");
    print_cpu_set(soft, cpus);
    printf("\n");
    return EXIT_OK;
}

static int vcpu_list_one(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    char *name;
    unsigned int v;
    int rc = EXIT_OK;

    (void)arg;
    if (d->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID)
        return EXIT_OK;
    name = cli_domain_name(cli, d->domain);
    for (v = 0; v <= d->max_vcpu_id && !rc; v++)
        rc = print_vcpu(cli, d, v, name);
    free(name);
    return rc;
}

int cmd_vcpu_list(struct cli *cli, int argc, char **argv)
{
    int rc = EXIT_OK, i;

    if (cli_getopt(cli, argc, argv, "", NULL, 0, &rc) == -2)
        return rc;
    printf("Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
           "Soft)\n");
    if (optind == argc)
        return cli_each_domain(cli, NULL, vcpu_list_one, NULL);
    for (i = optind; i < argc && !rc; i++)
        rc = cli_each_domain(cli, argv[i], vcpu_list_one, NULL);
    return rc;
}

struct pin {
    const char *vcpu;
    const uint8_t *hard, *soft;
    bool force;
};

static int pin(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    const struct pin *p = arg;
    unsigned int v, from = 0, to = d->max_vcpu_id;
    struct err *err = NULL;
    char *end;

    if (strcmp(p->vcpu, "all")) {
        from = to = strtoul(p->vcpu, &end, 10);
        if (end == p->vcpu || *end) {
            fprintf(stderr, "Error: Invalid argument %s as VCPU.\n", p->vcpu);
            return EXIT_FAIL;
        }
    }
    for (v = from; v <= to; v++) {
        if (hyp_affinity_set(cli->ctx.hyp, d->domain, v, p->hard, p->soft, CPU_BYTES, p->force, &err) < 0) {
            cli_fail(cli, err);
            fprintf(stderr, "Could not set affinity for vcpu `%u'.\n", v);
            return EXIT_FAIL;
        }
    }
    return EXIT_OK;
}

int cmd_vcpu_pin(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {
        {"force", 0, 0, 'f'}, {"ignore-global-affinity-masks", 0, 0, 'i'}, {NULL, 0, NULL, 0}};
    struct cpu_set sets[2];
    struct pin p = {.force = cli->force};
    struct err *err = NULL;
    int rc, o, i;

    while ((o = cli_getopt(cli, argc, argv, "f", longs, 3, &rc)) >= 0)
        if (o == 'f')
            p.force = true;
    if (o == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    p.vcpu = argv[optind + 1];
    for (i = 0; i < 2 && optind + 2 + i < argc; i++) {
        const char *list = argv[optind + 2 + i];

        if (!strcmp(list, "-"))
            continue;
        if (cpu_set_parse(list, host_cpus(cli), &sets[i], &err) < 0)
            return cli_fail(cli, err);
        *(i ? &p.soft : &p.hard) = sets[i].bits;
    }
    return cli_each_domain(cli, argv[optind], pin, &p);
}

struct vcpu_set {
    unsigned int want;
    bool ignore_host;
};

static int vcpu_set(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    const struct vcpu_set *s = arg;
    unsigned int cpus = host_cpus(cli), i;
    struct err *err = NULL;
    int rc = 0;

    if (!s->ignore_host && s->want > cpus) {
        fprintf(stderr,
                "You are overcommmitting! You have %u physical CPUs and want %u vCPUs! "
                "Aborting, use --ignore-host to continue\n",
                cpus, s->want);
        return EXIT_FAIL;
    }
    if (!s->want || s->want > d->max_vcpu_id + 1) {
        fprintf(stderr, "domain %u can have from 1 to %u vCPUs\n", d->domain, d->max_vcpu_id + 1);
        return EXIT_FAIL;
    }
    for (i = 0; i <= d->max_vcpu_id && !rc; i++) {
        char *below = store_fmt("cpu/%u", i), *path = domain_path(d->domain, below);

        rc = store_write(&cli->ctx.store, path, "availability", i < s->want ? "online" : "offline", &err);
        free(below);
        free(path);
    }
    return rc < 0 ? cli_fail(cli, err) : EXIT_OK;
}

int cmd_vcpu_set(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"ignore-host", 0, 0, 'i'}, {NULL, 0, NULL, 0}};
    struct vcpu_set s = {0};
    char *end;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "i", longs, 2, &rc)) >= 0)
        s.ignore_host = true;
    if (o == -2)
        return rc;
    s.want = strtoul(argv[optind + 1], &end, 10);
    if (end == argv[optind + 1] || *end) {
        fprintf(stderr, "Error: Invalid argument.\n");
        return EXIT_FAIL;
    }
    return cli_each_domain(cli, argv[optind], vcpu_set, &s);
}

/* "100", "100m", "1g", ...: kB; plain numbers are MB. -1: not a size. */
static int64_t parse_size(const char *text)
{
    static const char units[] = "bkmgt";
    const char *u;
    char *end;
    uint64_t v = strtoull(text, &end, 10);
    unsigned int shift = 10;

    if (end == text || *text == '-')
        return -1;
    if (*end) {
        u = strchr(units, *end | 0x20);
        if (!u || end[1])
            return -1;
        if (u == units)
            return v >> 10;
        shift = (u - units - 1) * 10;
    }
    return v > (uint64_t)INT64_MAX >> shift ? -1 : (int64_t)(v << shift);
}

static int mem_max(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    int64_t kb = *(int64_t *)arg;
    char *path = domain_path(d->domain, "memory");
    struct err *err = NULL;
    int rc = -1;

    if (kb < store_read_long(&cli->ctx.store, path, "target", 0))
        err_new(&err, ERR_INVAL,
                "memory_static_max must be greater than or or equal to "
                "memory_dynamic_max");
    else if (!hyp_set_max_mem(cli->ctx.hyp, d->domain, kb + 1024, &err))
        rc = store_writef(&cli->ctx.store, &err, path, "static-max", "%lld", (long long)kb);
    free(path);
    if (!rc)
        return EXIT_OK;
    cli_fail(cli, err);
    fprintf(stderr, "cannot set domid %u static max memory to : %lldKB\n", d->domain, (long long)kb);
    return EXIT_FAIL;
}

/*
 * Set a new target, and the limit that goes with it: a guest that does not give memory back must
 * not get more, either.
 */
static int mem_set(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    int64_t kb = *(int64_t *)arg, max;
    char *path = domain_path(d->domain, "memory"), *vm, *dom;
    struct err *err = NULL;
    int rc = -1;

    max = store_read_long(&cli->ctx.store, path, "static-max", 0);
    if (max && kb > max)
        err_new(&err, ERR_INVAL,
                "memory_dynamic_max must be less than or equal to "
                "memory_static_max");
    else if (!hyp_set_max_mem(cli->ctx.hyp, d->domain, kb + 1024, &err))
        rc = store_writef(&cli->ctx.store, &err, path, "target", "%lld", (long long)kb);
    free(path);
    dom = domain_path(d->domain, NULL);
    vm = rc ? NULL : store_read(&cli->ctx.store, dom, "vm");
    if (vm)
        rc = store_writef(&cli->ctx.store, &err, vm, "memory", "%lld", (long long)kb / 1024);
    free(vm);
    free(dom);
    if (!rc)
        return EXIT_OK;
    cli_fail(cli, err);
    fprintf(stderr, "cannot set domid %u dynamic max memory to : %lldKB\n", d->domain, (long long)kb);
    return EXIT_FAIL;
}

static int mem_command(struct cli *cli, int argc, char **argv,
                       int (*fn)(struct cli *, const struct xen_domctl_getdomaininfo *, void *))
{
    int64_t kb;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 2, &rc) == -2)
        return rc;
    kb = parse_size(argv[optind + 1]);
    if (kb < 0) {
        fprintf(stderr, "invalid memory size: %s\n", argv[optind + 1]);
        return EXIT_FAIL;
    }
    return cli_each_domain(cli, argv[optind], fn, &kb);
}

int cmd_mem_max(struct cli *cli, int argc, char **argv) { return mem_command(cli, argc, argv, mem_max); }

int cmd_mem_set(struct cli *cli, int argc, char **argv) { return mem_command(cli, argc, argv, mem_set); }

struct sched {
    long weight, cap; /* -1: leave */
};

static int sched_show(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    struct xen_domctl_sched_credit2 p;
    struct err *err = NULL;
    char *name;

    (void)arg;
    if (hyp_credit2_get(cli->ctx.hyp, d->domain, &p, &err) < 0)
        return cli_fail(cli, err);
    name = cli_domain_name(cli, d->domain);
    printf("%-33s %4d %6d %4d\n", name, d->domain, p.weight, p.cap);
    free(name);
    return EXIT_OK;
}

static int sched_set(struct cli *cli, const struct xen_domctl_getdomaininfo *d, void *arg)
{
    const struct sched *s = arg;
    struct xen_domctl_sched_credit2 p;
    struct err *err = NULL;

    if (hyp_credit2_get(cli->ctx.hyp, d->domain, &p, &err) < 0)
        return cli_fail(cli, err);
    if (s->weight >= 0)
        p.weight = s->weight;
    if (s->cap >= 0)
        p.cap = s->cap;
    return hyp_credit2_set(cli->ctx.hyp, d->domain, &p, &err) < 0 ? cli_fail(cli, err) : EXIT_OK;
}

/* Show or set the scheduler's own parameter, the shortest time a vCPU runs. */
static int sched_ratelimit(struct cli *cli, long set)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_scheduler_op};
    struct err *err = NULL;

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = set < 0 ? XEN_SYSCTL_SCHEDOP_getinfo : XEN_SYSCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = set < 0 ? 0 : set;
    if (hyp_sysctl(cli->ctx.hyp, &op) < 0) {
        err_sys(&err, errno, "cannot reach the scheduler's parameters");
        return cli_fail(cli, err);
    }
    if (set < 0)
        printf("Cpupool Pool-0: ratelimit=%uus\n", op.u.scheduler_op.u.sched_credit2.ratelimit_us);
    return EXIT_OK;
}

static int sched_number(const char *text, long max, long *to)
{
    char *end;

    *to = strtol(text, &end, 10);
    return end == text || *end || *to < 0 || *to > max ? -1 : 0;
}

int cmd_sched_credit2(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {
        {"domain", 1, 0, 'd'},       {"weight", 1, 0, 'w'},  {"cap", 1, 0, 'c'}, {"schedparam", 0, 0, 's'},
        {"ratelimit_us", 1, 0, 'r'}, {"cpupool", 1, 0, 'p'}, {NULL, 0, NULL, 0}};
    struct sched s = {-1, -1};
    const char *domain = NULL;
    bool own = false;
    long rate = -1;
    int rc = 0, o;

    while ((o = cli_getopt(cli, argc, argv, "d:w:c:p:r:s", longs, 0, &rc)) >= 0) {
        switch (o) {
        case 'd': domain = optarg; break;
        case 'w': rc = sched_number(optarg, 65535, &s.weight); break;
        case 'c': rc = sched_number(optarg, 65535, &s.cap); break;
        case 'r': rc = sched_number(optarg, INT_MAX, &rate); break;
        case 's': own = true; break;
        case 'p': rc = strcmp(optarg, "Pool-0") && strcmp(optarg, "0") ? -1 : 0; break;
        default: break;
        }
        if (rc < 0) {
            fprintf(stderr, "unknown value `%s'\n", optarg);
            return EXIT_FAIL;
        }
    }
    if (o == -2)
        return rc;
    if (!domain && (s.weight >= 0 || s.cap >= 0)) {
        fprintf(stderr, "Must specify a domain.\n");
        return EXIT_FAIL;
    }
    if (!cli_open(cli))
        return EXIT_FAIL;
    if (own || (!domain && rate < 0))
        rc = sched_ratelimit(cli, rate);
    if (own || rc)
        return rc;
    if (s.weight >= 0 || s.cap >= 0)
        return cli_each_domain(cli, domain, sched_set, &s);
    if (domain && !cli_domain(cli, domain, &(uint32_t){0}))
        return EXIT_FAIL;
    printf("Name                                ID Weight  Cap\n");
    return cli_each_domain(cli, domain, sched_show, NULL);
}
