/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-commands about the host: info, dmesg, debug-keys, and init-dom0, which the service script
 * runs once after the store daemon has started.
 */
#include <errno.h>
#include <stdarg.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli.h"
#include "lib/json.h"

struct info {
    struct cli *cli;
    const char *only; /* print just this value; NULL: all, with names */
};

__attribute__((format(printf, 3, 4))) static void line(const struct info *i, const char *key, const char *fmt, ...)
{
    va_list ap;

    if (i->only && strcmp(i->only, key))
        return;
    if (!i->only)
        printf("%-23s: ", key);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

static void print_uname(const struct info *i)
{
    struct utsname u;

    if (uname(&u) < 0)
        return;
    line(i, "host", "%s", u.nodename);
    line(i, "release", "%s", u.release);
    line(i, "version", "%s", u.version);
    line(i, "machine", "%s", u.machine);
}

static void print_virt_caps(const struct info *i, uint32_t caps)
{
    static const struct {
        uint32_t need;
        const char *name;
    } names[] = {
        {XEN_SYSCTL_PHYSCAP_pv, " pv"},
        {XEN_SYSCTL_PHYSCAP_hvm, " hvm"},
        {XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_directio, " hvm_directio"},
        {XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_directio, " pv_directio"},
        {XEN_SYSCTL_PHYSCAP_hap, " hap"},
        {XEN_SYSCTL_PHYSCAP_shadow, " shadow"},
        {XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, " iommu_hap_pt_share"},
        {XEN_SYSCTL_PHYSCAP_vmtrace, " vmtrace"},
        {XEN_SYSCTL_PHYSCAP_vpmu, " vpmu"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v1, " gnttab-v1"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v2, " gnttab-v2"},
    };
    char text[256] = "";

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        if ((caps & names[n].need) == names[n].need)
            strcat(text, names[n].name);
    line(i, "virt_caps", "%s", *text ? text + 1 : "");
}

/* CPUs that are in no pool; 0 where the hypervisor has none. */
static unsigned int free_cpus(struct hyp *h)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op};
    uint8_t *map = hyp_buffer(h, CPU_BYTES);
    unsigned int n = 0, b;

    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, map);
    op.u.cpupool_op.cpumap.nr_bits = CPU_MAX;
    if (map && hyp_sysctl(h, &op) == 0)
        for (b = 0; b < CPU_BYTES; b++)
            n += __builtin_popcount(map[b]);
    hyp_buffer_free(h, map);
    return n;
}

static int print_physical(const struct info *i, struct xen_sysctl_physinfo *p, struct err **err)
{
    struct hyp *h = i->cli->ctx.hyp;

    if (hyp_physinfo(h, p, err) < 0)
        return -1;
    line(i, "nr_cpus", "%u", p->nr_cpus);
    line(i, "max_cpu_id", "%u", p->max_cpu_id);
    line(i, "nr_nodes", "%u", p->nr_nodes);
    line(i, "cores_per_socket", "%u", p->cores_per_socket);
    line(i, "threads_per_core", "%u", p->threads_per_core);
    line(i, "cpu_mhz", "%u.%03u", p->cpu_khz / 1000, p->cpu_khz % 1000);
    line(i, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", p->hw_cap[0], p->hw_cap[1], p->hw_cap[2],
         p->hw_cap[3], p->hw_cap[4], p->hw_cap[5], p->hw_cap[6], p->hw_cap[7]);
    print_virt_caps(i, p->capabilities);
    line(i, "total_memory", "%llu", (unsigned long long)p->total_pages >> 8);
    line(i, "free_memory", "%llu", (unsigned long long)(p->free_pages - p->outstanding_pages) >> 8);
    line(i, "sharing_freed_memory", "%d", 0);
    line(i, "sharing_used_memory", "%d", 0);
    line(i, "outstanding_claims", "%llu", (unsigned long long)p->outstanding_pages >> 8);
    line(i, "free_cpus", "%u", free_cpus(h));
    return 0;
}

static void print_topology(struct cli *cli, const struct xen_sysctl_physinfo *p)
{
    unsigned int n = p->max_cpu_id + 1, i;
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cputopoinfo};
    struct xen_sysctl_cputopo *t = hyp_buffer(cli->ctx.hyp, n * sizeof(*t));

    printf("cpu_topology           :\ncpu:    core    socket     node\n");
    op.u.cputopoinfo.num_cpus = n;
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, t);
    if (t && hyp_sysctl(cli->ctx.hyp, &op) == 0)
        for (i = 0; i < n && i < op.u.cputopoinfo.num_cpus; i++)
            if (t[i].core != XEN_INVALID_CORE_ID)
                printf("%3u:    %4u     %4u     %4u\n", i, t[i].core, t[i].socket, t[i].node);
    hyp_buffer_free(cli->ctx.hyp, t);
    printf("device topology        :\ndevice           node\nNo device topology data available\n");
}

static void print_numa(struct cli *cli, const struct xen_sysctl_physinfo *p)
{
    unsigned int n = p->max_node_id + 1, i, j;
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_numainfo};
    struct xen_sysctl_meminfo *m = hyp_buffer(cli->ctx.hyp, n * sizeof(*m));
    uint32_t *dist = hyp_buffer(cli->ctx.hyp, n * n * sizeof(*dist));

    printf("numa_info              :\nnode:    memsize    memfree    distances\n");
    op.u.numainfo.num_nodes = n;
    set_xen_guest_handle(op.u.numainfo.meminfo, m);
    set_xen_guest_handle(op.u.numainfo.distance, dist);
    if (m && dist && hyp_sysctl(cli->ctx.hyp, &op) == 0) {
        for (i = 0; i < n && i < op.u.numainfo.num_nodes; i++) {
            if (m[i].memsize == XEN_INVALID_MEM_SZ)
                continue;
            printf("%4u:    %6llu     %6llu      ", i, (unsigned long long)m[i].memsize >> 20,
                   (unsigned long long)m[i].memfree >> 20);
            for (j = 0; j < op.u.numainfo.num_nodes; j++)
                printf(j ? ",%u" : "%u", dist[i * op.u.numainfo.num_nodes + j]);
            printf("\n");
        }
    }
    hyp_buffer_free(cli->ctx.hyp, dist);
    hyp_buffer_free(cli->ctx.hyp, m);
}

static const char *scheduler_name(struct hyp *h)
{
    static const char *const names[] = {[XEN_SCHEDULER_CREDIT] = "credit",
                                        [XEN_SCHEDULER_CREDIT2] = "credit2",
                                        [XEN_SCHEDULER_ARINC653] = "arinc653",
                                        [XEN_SCHEDULER_RTDS] = "rtds",
                                        [XEN_SCHEDULER_NULL] = "null"};
    struct err *err = NULL;
    uint32_t id = 0;

    if (hyp_sched_id(h, &id, &err) < 0)
        err_drop(&err);
    return id < sizeof(names) / sizeof(names[0]) && names[id] ? names[id] : "unknown";
}

/* A string of the hypervisor's, empty when it does not tell. */
static const char *version_string(struct hyp *h, int cmd, char *buf, size_t size)
{
    memset(buf, 0, size);
    if (hyp_version(h, cmd, buf, size) < 0)
        *buf = '\0';
    buf[size - 1] = '\0';
    return buf;
}

static void print_build_id(const struct info *i)
{
    struct {
        uint32_t len;
        uint8_t bytes[64];
    } id = {.len = sizeof(id.bytes)};
    long n = hyp_version(i->cli->ctx.hyp, XENVER_build_id, &id, sizeof(id)), b;
    char text[2 * sizeof(id.bytes) + 1] = "";

    for (b = 0; b < n && b < (long)sizeof(id.bytes); b++)
        sprintf(text + 2 * b, "%02x", id.bytes[b]);
    line(i, "build_id", "%s", text);
}

static void print_version(const struct info *i)
{
    struct hyp *h = i->cli->ctx.hyp;
    struct xen_compile_info cc = {0};
    struct xen_platform_parameters pp = {0};
    char extra[XEN_EXTRAVERSION_LEN], text[1024];
    long v = hyp_version(h, XENVER_version, NULL, 0);

    version_string(h, XENVER_extraversion, extra, sizeof(extra));
    line(i, "xen_major", "%ld", v >> 16);
    line(i, "xen_minor", "%ld", v & 0xffff);
    line(i, "xen_extra", "%s", extra);
    line(i, "xen_version", "%ld.%ld%s", v >> 16, v & 0xffff, extra);
    line(i, "xen_caps", "%s", version_string(h, XENVER_capabilities, text, sizeof(text)));
    line(i, "xen_scheduler", "%s", scheduler_name(h));
    line(i, "xen_pagesize", "%ld", hyp_version(h, XENVER_pagesize, NULL, 0));
    hyp_version(h, XENVER_platform_parameters, &pp, sizeof(pp));
    line(i, "platform_params", "virt_start=0x%lx", (unsigned long)pp.virt_start);
    line(i, "xen_changeset", "%s", version_string(h, XENVER_changeset, text, XEN_CHANGESET_INFO_LEN));
    line(i, "xen_commandline", "%s", version_string(h, XENVER_commandline, text, sizeof(text)));
    hyp_version(h, XENVER_compile_info, &cc, sizeof(cc));
    line(i, "cc_compiler", "%.64s", cc.compiler);
    line(i, "cc_compile_by", "%.16s", cc.compile_by);
    line(i, "cc_compile_domain", "%.32s", cc.compile_domain);
    line(i, "cc_compile_date", "%.32s", cc.compile_date);
    print_build_id(i);
    line(i, "xend_config_format", "%d", 4);
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"numa", 0, 0, 'n'}, {NULL, 0, NULL, 0}};
    struct info i = {.cli = cli};
    struct xen_sysctl_physinfo p;
    struct err *err = NULL;
    bool numa = false;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "n", longs, 0, &rc)) >= 0)
        numa = true;
    if (o == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    i.only = optind < argc ? argv[optind] : NULL;
    print_uname(&i);
    if (print_physical(&i, &p, &err) < 0)
        return cli_fail(cli, err);
    if (numa && !i.only) {
        print_topology(cli, &p);
        print_numa(cli, &p);
    }
    print_version(&i);
    return EXIT_OK;
}

int cmd_dmesg(struct cli *cli, int argc, char **argv)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole};
    struct xen_sysctl_readconsole *r = &op.u.readconsole;
    const uint32_t room = 32768;
    struct err *err = NULL;
    bool clear = false;
    char *buf;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "c", NULL, 0, &rc)) >= 0)
        clear = true;
    if (o == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    buf = hyp_buffer(cli->ctx.hyp, room);
    if (!buf)
        return cli_fail(cli, NULL);
    /* The ring is read in pieces; index says where the next one begins. */
    r->clear = clear;
    r->incremental = 1;
    do {
        r->count = room;
        set_xen_guest_handle(r->buffer, buf);
        if (hyp_sysctl(cli->ctx.hyp, &op) < 0) {
            err_sys(&err, errno, "cannot read the hypervisor's log");
            break;
        }
        fwrite(buf, 1, r->count, stdout);
    } while (r->count);
    hyp_buffer_free(cli->ctx.hyp, buf);
    return err ? cli_fail(cli, err) : EXIT_OK;
}

int cmd_debug_keys(struct cli *cli, int argc, char **argv)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys};
    struct err *err = NULL;
    char *keys;
    size_t len;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 1, &rc) == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    len = strlen(argv[optind]);
    keys = hyp_buffer(cli->ctx.hyp, len + 1);
    if (!keys)
        return EXIT_FAIL;
    memcpy(keys, argv[optind], len);
    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = len;
    rc = hyp_sysctl(cli->ctx.hyp, &op);
    hyp_buffer_free(cli->ctx.hyp, keys);
    if (!rc)
        return EXIT_OK;
    err_sys(&err, errno, "cannot send debugging keys: %s", argv[optind]);
    return cli_fail(cli, err);
}

/* dom0's configuration as stock tools expect to find it recorded. */
static int record_dom0(const struct xen_domctl_getdomaininfo *info, struct err **err)
{
    static const uint8_t no_uuid[16];
    struct json_object *o = json_object_new_object(), *b;
    int rc;

    json_put_str(json_put_object(o, "c_info"), "type", "pv");
    b = json_put_object(o, "b_info");
    json_put_int(b, "max_memkb", info->max_pages << (PAGE_SHIFT - 10));
    json_put_int(b, "target_memkb", info->tot_pages << (PAGE_SHIFT - 10));
    json_put_object(b, "sched_params");
    json_put_object(b, "type.pv");
    json_put_object(b, "arch_arm");
    json_put_object(b, "arch_x86");
    rc = record_save(0, no_uuid, o, err);
    json_object_put(o);
    return rc;
}

/*
 * dom0's own nodes: its name and number, its memory, which shutdowns it takes, and the one CPU
 * pool. Stock tools read them all.
 */
int cmd_init_dom0(struct cli *cli, int argc, char **argv)
{
    struct xen_domctl_getdomaininfo info;
    struct err *err = NULL;
    struct store *s;
    const char *dom = "/local/domain/0";
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, 0, &rc) == -2)
        return rc;
    if (!cli_open(cli))
        return EXIT_FAIL;
    s = &cli->ctx.store;
    if (hyp_domain_info(cli->ctx.hyp, 0, &info, &err) <= 0)
        return cli_fail(cli, err);
    if (store_write(s, dom, "domid", "0", &err) < 0 || store_write(s, dom, "name", "Domain-0", &err) < 0 ||
        store_write(s, dom, "control/feature-poweroff", "1", &err) < 0 ||
        store_write(s, dom, "control/feature-reboot", "1", &err) < 0 ||
        store_writef(s, &err, dom, "memory/target", "%llu", (unsigned long long)info.tot_pages << (PAGE_SHIFT - 10)) <
            0 ||
        store_writef(s, &err, dom, "memory/static-max", "%llu",
                     (unsigned long long)info.max_pages << (PAGE_SHIFT - 10)) < 0 ||
        store_write(s, "/local/pool/0", "name", "Pool-0", &err) < 0 || store_write(s, "/vm", NULL, "", &err) < 0 ||
        store_write(s, "/libxl", NULL, "", &err) < 0 || record_dom0(&info, &err) < 0)
        return cli_fail(cli, err);
    return EXIT_OK;
}
