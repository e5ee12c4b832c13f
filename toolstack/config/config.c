/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to struct guest_config: libxlutil reads the grammar, the table of keys below says what
 * each key must be, and a few functions look after the keys that need more than storing. A wrong
 * value is an error that names file, line and key; a key that nobody knows is ignored, as xl does;
 * one that would change the guest and is not supported is refused.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libxlutil.h>

#include "devices.h"
#include "parse.h"

/* What the PV ABI can number (xen.h lets 8192 be addressed). */
#define PV_MAX_VCPUS 8192

/*
 * The one function of libxl that libxlutil calls. Its values are private between it and
 * the reader: disk.c.
 */
void libxl_defbool_set(libxl_defbool *db, bool b) { db->val = b ? 1 : -1; }

static const struct {
    enum action action;
    const char *name, *json;
} actions[] = {
    {ACTION_DESTROY, "destroy", "destroy"},
    {ACTION_RESTART, "restart", "restart"},
    {ACTION_RENAME_RESTART, "rename-restart", "restart_rename"},
    {ACTION_PRESERVE, "preserve", "preserve"},
    {ACTION_SOFT_RESET, "soft-reset", "soft_reset"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *action_name(enum action a)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (actions[i].action == a)
            return actions[i].name;
    return "unknown";
}

const char *action_json_name(enum action a)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (actions[i].action == a)
            return actions[i].json;
    return "unknown";
}

void uuid_format(const uint8_t *u, char *out)
{
    static const uint8_t dash_before[16] = {[4] = 1, [6] = 1, [8] = 1, [10] = 1};

    for (int i = 0; i < 16; i++)
        out += sprintf(out, "%s%02x", dash_before[i] ? "-" : "", u[i]);
}

int uuid_parse(const char *text, uint8_t *uuid)
{
    int i, n = 0;

    for (i = 0; i < 16; i++) {
        if (*text == '-' && (i == 4 || i == 6 || i == 8 || i == 10))
            text++;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return -1;
        sscanf(text, "%2hhx%n", &uuid[i], &n);
        text += n;
    }
    return *text ? -1 : 0;
}

void uuid_make(uint8_t *uuid)
{
    if (getrandom(uuid, 16, 0) != 16)
        abort();
    /* RFC 4122: version 4, variant 1. */
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/*
 * Keys that make another guest than the one that would be built without them, and that are not
 * built: better no guest than a different one.
 */
static const struct refused_key refused[] = {
    {"bootloader", "bootloaders are not supported by this version: name kernel= and ramdisk="},
    {"pci", "passing PCI devices through is not supported by this version"},
    {"vfb", "virtual frame buffers are not supported by this version"},
    {"vkb", "virtual keyboards are not supported by this version"},
    {"vtpm", "virtual TPMs are not supported by this version"},
    {"vdispl", "virtual displays are not supported by this version"},
    {"vsnd", "virtual sound devices are not supported by this version"},
    {"usbctrl", "USB controllers are not supported by this version"},
    {"usbdev", "USB devices are not supported by this version"},
    {"p9", "9pfs devices are not supported by this version"},
    {"pvcalls", "pvcalls devices are not supported by this version"},
    {"channel", "channels are not supported by this version"},
    {"vnuma", "virtual NUMA is not supported by this version"},
    {"irqs", "interrupts of devices are not supported by this version"},
    {"iomem", "memory of devices is not supported by this version"},
    {"ioports", "ports of devices are not supported by this version"},
    {"seclabel", "security labels are not supported by this version"},
    {"pool", "CPU pools are not supported by this version"},
    {"loader", "a separate loader is not supported by this version: name kernel="},
    {"e820_host", "e820_host is not supported by this version"},
};

static int check_refused(struct parse *p) { return parse_refused(p, refused, COUNT(refused), NULL); }

const char *guest_type_name(enum guest_type t) { return t == GUEST_PV ? "pv" : t == GUEST_PVH ? "pvh" : "hvm"; }

static int take_type(struct parse *p)
{
    static const char *const types[] = {"pv", "pvh", "hvm"};
    static const char *const builders[] = {"generic", "hvm"};
    unsigned int type = GUEST_PV, builder = 0;
    int rc = parse_choice(p, "type", types, COUNT(types), &type);

    /* builder= is the older form, and counts where type= is not there. */
    if (!rc) {
        rc = parse_choice(p, "builder", builders, COUNT(builders), &builder);
        type = builder ? GUEST_HVM : GUEST_PV;
    }
    p->c->type = type;
    return rc < 0 ? -1 : 0;
}

static int take_name_and_uuid(struct parse *p)
{
    char *v = NULL, why[96];
    int rc = parse_string(p, "name", &p->c->name);

    if (rc < 0)
        return -1;
    if (!rc || !*p->c->name)
        return err_new(p->err, ERR_NONSPECIFIC, "Domain name must be specified.");
    if (strspn(p->c->name, "0123456789") == strlen(p->c->name))
        return parse_bad(p, "name", "a name of digits only would be taken for a domain id");
    if (strchr(p->c->name, '/') || strchr(p->c->name, '\n'))
        return parse_bad(p, "name", "must not contain a slash or a line break");
    rc = parse_string(p, "uuid", &v);
    if (rc < 0)
        return -1;
    if (!rc) {
        uuid_make(p->c->uuid);
        return 0;
    }
    rc = uuid_parse(v, p->c->uuid);
    snprintf(why, sizeof(why), "Failed to parse UUID: %.60s", v);
    free(v);
    return rc < 0 ? parse_bad(p, "uuid", why) : 0;
}

static int take_memory(struct parse *p)
{
    struct guest_config *c = p->c;
    long v;
    int rc = parse_long(p, "memory", 1, LONG_MAX >> 20, &v);

    if (rc < 0)
        return -1;
    c->memory_given = rc > 0;
    /* xl's own default. */
    c->memory_kb = c->max_memory_kb = rc ? v * 1024 : 128 * 1024;
    rc = parse_long(p, "maxmem", 1, LONG_MAX >> 20, &v);
    if (rc <= 0)
        return rc;
    if ((uint64_t)v * 1024 < c->memory_kb)
        return parse_bad(p, "maxmem", "is less than memory");
    c->max_memory_kb = v * 1024;
    c->memory_given = true;
    return 0;
}

static int take_vcpus(struct parse *p)
{
    struct guest_config *c = p->c;
    long v = 1;
    int rc = parse_long(p, "vcpus", 1, PV_MAX_VCPUS, &v);

    if (rc < 0)
        return -1;
    c->vcpus_given = rc > 0;
    c->vcpus = c->max_vcpus = v;
    rc = parse_long(p, "maxvcpus", 1, PV_MAX_VCPUS, &v);
    if (rc <= 0)
        return rc;
    if (v < c->vcpus)
        return parse_bad(p, "maxvcpus", "maxvcpus < vcpus");
    c->max_vcpus = v;
    c->vcpus_given = true;
    return 0;
}

static int take_cpu_sets(struct parse *p, const char *key, struct cpu_set **sets, unsigned int *nr)
{
    XLU_ConfigList *list;
    int entries, i, rc = xlu_cfg_get_list(p->x, key, &list, &entries, 1);
    char *v = NULL;

    if (rc == ESRCH)
        return 0;
    if (rc) {
        rc = parse_string(p, key, &v);
        *sets = calloc(1, sizeof(**sets));
        *nr = 1;
        if (rc > 0)
            rc = cpu_set_parse(v, p->host_cpus, *sets, p->err) < 0 ? parse_at(p, key) : 0;
        free(v);
        return rc;
    }
    *sets = calloc(entries + 1, sizeof(**sets));
    *nr = entries;
    for (i = 0; i < entries; i++) {
        const char *item = xlu_cfg_get_listitem(list, i);

        if (!item)
            return parse_bad(p, key, "must be a list of CPU lists");
        if (cpu_set_parse(item, p->host_cpus, *sets + i, p->err) < 0)
            return parse_at(p, key);
    }
    return 0;
}

static int take_kernel(struct parse *p)
{
    struct guest_config *c = p->c;
    char *root = NULL, *extra = NULL;
    int rc = 0;

    if (parse_string(p, "kernel", &c->kernel) < 0 || parse_string(p, "ramdisk", &c->ramdisk) < 0 ||
        parse_string(p, "cmdline", &c->cmdline) < 0 || parse_string(p, "root", &root) < 0 ||
        parse_string(p, "extra", &extra) < 0)
        rc = -1;
    else if (!c->kernel && c->type != GUEST_HVM)
        rc = err_new(p->err, ERR_NONSPECIFIC, "%s: no kernel= to start the guest with", p->file);
    else if (c->cmdline && (root || extra))
        fprintf(p->warn, "Warning: ignoring root= and extra= in favour of cmdline=\n");
    else if (root && asprintf(&c->cmdline, "root=%s%s%s", root, extra ? " " : "", extra ? extra : "") < 0)
        abort();
    else if (!root && extra)
        c->cmdline = strdup(extra);
    free(root);
    free(extra);
    return rc;
}

static int take_action(struct parse *p, const char *key, enum action *to)
{
    char *v = NULL, why[128];
    int rc = parse_string(p, key, &v);

    for (size_t i = 0; rc > 0 && i < COUNT(actions); i++) {
        if (!strcmp(v, actions[i].name)) {
            *to = actions[i].action;
            rc = 0;
        }
    }
    if (rc > 0) {
        snprintf(why, sizeof(why),
                 strncmp(v, "coredump-", 9) ? "Unknown %s action \"%.40s\" specified"
                                            : "%s action \"%.40s\": core dumps are not supported by this version",
                 key, v);
        rc = parse_bad(p, key, why);
    }
    free(v);
    return rc;
}

static int take_actions(struct parse *p)
{
    struct guest_config *c = p->c;

    c->on_poweroff = ACTION_DESTROY;
    c->on_reboot = ACTION_RESTART;
    c->on_watchdog = ACTION_DESTROY;
    c->on_crash = ACTION_DESTROY;
    c->on_soft_reset = ACTION_SOFT_RESET;
    if (take_action(p, "on_poweroff", &c->on_poweroff) < 0 || take_action(p, "on_reboot", &c->on_reboot) < 0 ||
        take_action(p, "on_watchdog", &c->on_watchdog) < 0 || take_action(p, "on_crash", &c->on_crash) < 0 ||
        take_action(p, "on_soft_reset", &c->on_soft_reset) < 0)
        return -1;
    return 0;
}

/* What belongs to the type of the guest. */
static int take_by_type(struct parse *p)
{
    char *firmware = NULL;
    int rc;

    if (p->c->type != GUEST_PV)
        return hvm_take(p) < 0 ? -1 : cpuid_take(p);
    if (keys_line(&p->keys, "cpuid"))
        return parse_bad(p, "cpuid", "CPUID settings of PV guests are not supported by this version");
    rc = parse_string(p, "firmware", &firmware);
    free(firmware);
    return rc > 0 ? parse_bad(p, "firmware", "PV guests have no firmware: name kernel=") : rc;
}

static int take_limits(struct parse *p)
{
    struct guest_config *c = p->c;
    long weight = -1, cap = -1, channels = 0, no_migrate = 0;

    c->max_grant_frames = c->max_maptrack_frames = -1;
    if (parse_long(p, "cpu_weight", 1, 65535, &weight) < 0 || parse_long(p, "cap", 0, 65535, &cap) < 0 ||
        parse_long(p, "event_channels", 1, 131071, &channels) < 0 ||
        parse_long(p, "max_event_channels", 1, 131071, &channels) < 0 ||
        parse_long(p, "max_grant_frames", 0, INT_MAX, &c->max_grant_frames) < 0 ||
        parse_long(p, "max_maptrack_frames", 0, INT_MAX, &c->max_maptrack_frames) < 0 ||
        parse_long(p, "nomigrate", 0, 1, &no_migrate) < 0 || parse_string(p, "tsc_mode", &c->tsc_mode) < 0)
        return -1;
    c->cpu_weight = weight;
    c->cpu_cap = cap;
    c->event_channels = channels;
    c->no_migrate = no_migrate;
    if (c->tsc_mode && strcmp(c->tsc_mode, "default") && strcmp(c->tsc_mode, "native"))
        return parse_bad(p, "tsc_mode", "only default and native are supported by this version");
    return 0;
}

static int take_disks(struct parse *p)
{
    struct guest_config *c = p->c;
    XLU_ConfigList *list;
    int entries, i, j, rc = xlu_cfg_get_list(p->x, "disk", &list, &entries, 1);

    if (rc == ESRCH)
        return 0;
    if (rc)
        return parse_bad(p, "disk", "must be a list: [ '...' ]");
    c->disks = calloc(entries + 1, sizeof(*c->disks));
    for (i = 0; i < entries; i++) {
        const char *item = xlu_cfg_get_listitem(list, i);

        if (!item)
            return parse_bad(p, "disk", "must be a list of strings");
        if (disk_parse(item, &c->disks[i], p->err) < 0)
            return parse_at(p, "disk");
        c->nr_disks++;
        for (j = 0; j < i; j++)
            if (c->disks[j].devid == c->disks[i].devid)
                return parse_bad(p, "disk", "two disks have the same name");
    }
    return 0;
}

static int take_nics(struct parse *p)
{
    struct guest_config *c = p->c;
    XLU_ConfigList *list;
    int entries, i, rc = xlu_cfg_get_list(p->x, "vif", &list, &entries, 1);
    char where[256];

    if (rc == ESRCH)
        return 0;
    if (rc)
        return parse_bad(p, "vif", "must be a list: [ '...' ]");
    snprintf(where, sizeof(where), "%s:%u", p->file, keys_line(&p->keys, "vif"));
    c->nics = calloc(entries + 1, sizeof(*c->nics));
    for (i = 0; i < entries; i++) {
        const char *item = xlu_cfg_get_listitem(list, i);

        if (!item)
            return parse_bad(p, "vif", "must be a list of strings");
        c->nics[i].devid = i;
        if (nic_parse(item, p->warn, where, &c->nics[i], p->err) < 0)
            return parse_at(p, "vif");
        c->nr_nics++;
    }
    return 0;
}

static int (*const takers[])(struct parse *p) = {
    take_type,    take_name_and_uuid, check_refused, take_memory, take_vcpus,   take_kernel,
    take_actions, take_limits,        take_disks,    take_nics,   take_by_type,
};

static int take_all(struct parse *p)
{
    for (size_t i = 0; i < COUNT(takers); i++)
        if (takers[i](p) < 0)
            return -1;
    if (take_cpu_sets(p, "cpus", &p->c->hard, &p->c->nr_hard) < 0)
        return -1;
    return take_cpu_sets(p, "cpus_soft", &p->c->soft, &p->c->nr_soft);
}

/* Run libxlutil over the text; its complaint (one line, with place) becomes the error. */
static int grammar(struct parse *p, const char *text)
{
    int rc;

    p->report = open_memstream(&p->report_text, &p->report_len);
    if (!p->report || !(p->x = xlu_cfg_init(p->report, p->file)))
        abort();
    rc = xlu_cfg_readdata(p->x, text, strlen(text));
    if (!rc)
        return 0;
    fflush(p->report);
    p->report_text[strcspn(p->report_text, "\n")] = '\0';
    return err_new(p->err, ERR_NONSPECIFIC, "%s", *p->report_text ? p->report_text : strerror(rc));
}

int config_parse(const char *name, const char *text, const char *extra, unsigned int host_cpus, FILE *warn,
                 struct guest_config *cfg, struct err **err)
{
    struct parse p = {.file = name, .host_cpus = host_cpus, .warn = warn, .c = cfg, .err = err};
    char *all;
    int rc;

    memset(cfg, 0, sizeof(*cfg));
    if (asprintf(&all, "%s%s%s", text, extra ? "\n" : "", extra ? extra : "") < 0)
        abort();
    rc = grammar(&p, all);
    if (!rc) {
        keys_scan(all, &p.keys);
        rc = take_all(&p);
        keys_free(&p.keys);
    }
    xlu_cfg_destroy(p.x);
    fclose(p.report);
    free(p.report_text);
    free(all);
    if (rc)
        config_free(cfg);
    return rc;
}

void config_free(struct guest_config *c)
{
    unsigned int i;

    for (i = 0; i < c->nr_disks; i++)
        disk_free(&c->disks[i]);
    for (i = 0; i < c->nr_nics; i++)
        nic_free(&c->nics[i]);
    free(c->disks);
    free(c->nics);
    free(c->hard);
    free(c->soft);
    hvm_free(&c->hvm);
    free(c->cpuid);
    free(c->name);
    free(c->kernel);
    free(c->ramdisk);
    free(c->cmdline);
    free(c->tsc_mode);
    memset(c, 0, sizeof(*c));
}
