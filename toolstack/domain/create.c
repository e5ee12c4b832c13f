/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating a domain, as a list of steps. A step either succeeds or leaves the steps before it to
 * be undone, in reverse order. What each does is one function here; the work is in build_pv.c,
 * build_hvm.c, nodes.c, vbd.c and vif.c. The command line calls domain_create; supervise.c for restarts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#include <xen/grant_table.h>

#include "build.h"
#include "device.h"
#include "devmodel.h"
#include "domain.h"
#include "nodes.h"

/* What the toolstack allows on top of a guest's memory, in kB: libxl's figure. */
#define MAX_MEM_SLACK 1024
/* And for the boot program that each emulated network card brings along. */
#define NIC_ROM_SLACK 512
/* Ports a guest may use when its configuration does not say: libxl's figure. */
#define EVENT_CHANNELS 1023
/* The security identifier that tools give to guests when there is no policy (libxl). */
#define SSID_DOMU 12

struct create {
    struct ctx *c;
    struct guest_config *cfg;
    struct guest_build g;
};

static int check_name(struct create *k, struct err **err)
{
    if (domain_by_name(k->c, k->cfg->name) >= 0)
        return err_new(err, ERR_FAIL, "Domain with name \"%s\" already exists.", k->cfg->name);
    return 0;
}

static int check_device_model(struct create *k, struct err **err) { return dm_check(k->cfg, err); }

static int make_domain(struct create *k, struct err **err)
{
    const struct guest_config *cfg = k->cfg;
    struct xen_domctl_createdomain cd = {
        .ssidref = SSID_DOMU,
        .max_vcpus = cfg->max_vcpus,
        .max_evtchn_port = cfg->event_channels ? cfg->event_channels : EVENT_CHANNELS,
        .max_grant_frames = cfg->max_grant_frames,
        .max_maptrack_frames = cfg->max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(2),
    };

    if (cfg->type != GUEST_PV) {
        cd.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        cd.arch.emulation_flags = cfg->type == GUEST_PVH ? XEN_X86_EMU_LAPIC : XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI;
    }

    memcpy(cd.handle, cfg->uuid, sizeof(cd.handle));
    k->g.domid = 0xffff;
    return hyp_domain_create(k->c->hyp, &cd, &k->g.domid, err);
}

static void unmake_domain(struct create *k)
{
    struct err *e = NULL;

    hyp_domain_destroy(k->c->hyp, k->g.domid, &e);
    err_drop(&e);
}

/* How far the guest's clock is from the world's. */
static int set_clock(struct create *k, struct err **err)
{
    const struct hvm_config *c = &k->cfg->hvm;
    struct xen_domctl op = {.cmd = XEN_DOMCTL_settimeoffset, .domain = k->g.domid};
    time_t now = time(NULL);
    struct tm t;

    op.u.settimeoffset.time_offset_seconds = c->rtc_offset + (c->localtime ? localtime_r(&now, &t)->tm_gmtoff : 0);
    if (op.u.settimeoffset.time_offset_seconds && hyp_domctl(k->c->hyp, &op) < 0)
        return err_sys(err, errno, "cannot set the clock of domain %u", k->g.domid);
    return 0;
}

static int set_limits(struct create *k, struct err **err)
{
    uint64_t slack = MAX_MEM_SLACK + (k->cfg->type == GUEST_HVM ? k->cfg->nr_nics * NIC_ROM_SLACK : 0);

    if (hyp_set_max_vcpus(k->c->hyp, k->g.domid, k->cfg->max_vcpus, err) < 0 ||
        hyp_set_max_mem(k->c->hyp, k->g.domid, k->cfg->max_memory_kb + slack, err) < 0)
        return -1;
    if (k->cfg->type == GUEST_HVM && set_clock(k, err) < 0)
        return -1;
    return k->cfg->type == GUEST_PV ? hyp_set_address_size(k->c->hyp, k->g.domid, 64, err) : 0;
}

/* The set for a vCPU: the common one, its own, or NULL when the list says nothing about it. */
static const uint8_t *set_for(const struct cpu_set *sets, unsigned int count, unsigned int vcpu)
{
    if (count == 1)
        return sets[0].bits;
    return vcpu < count ? sets[vcpu].bits : NULL;
}

static int set_scheduling(struct create *k, struct err **err)
{
    const struct guest_config *cfg = k->cfg;
    struct xen_domctl_sched_credit2 p;
    unsigned int i;

    for (i = 0; i < cfg->max_vcpus && (cfg->nr_hard || cfg->nr_soft); i++) {
        const uint8_t *hard = set_for(cfg->hard, cfg->nr_hard, i);
        const uint8_t *soft = set_for(cfg->soft, cfg->nr_soft, i);

        if ((hard || soft) && hyp_affinity_set(k->c->hyp, k->g.domid, i, hard, soft, CPU_BYTES, false, err) < 0)
            return -1;
    }
    if (cfg->cpu_weight < 0 && cfg->cpu_cap < 0)
        return 0;
    if (hyp_credit2_get(k->c->hyp, k->g.domid, &p, err) < 0)
        return -1;
    if (cfg->cpu_weight >= 0)
        p.weight = cfg->cpu_weight;
    if (cfg->cpu_cap >= 0)
        p.cap = cfg->cpu_cap;
    return hyp_credit2_set(k->c->hyp, k->g.domid, &p, err);
}

static int write_nodes(struct create *k, struct err **err) { return nodes_write(k->c, k->g.domid, k->cfg, err); }

static void unwrite_nodes(struct create *k) { nodes_remove(k->c, k->g.domid); }

static int build(struct create *k, struct err **err)
{
    int port = hyp_evtchn_alloc(k->c->hyp, k->g.domid, k->g.store_domid, err);

    if (port < 0)
        return -1;
    k->g.store_port = port;
    port = hyp_evtchn_alloc(k->c->hyp, k->g.domid, k->g.console_domid, err);
    if (port < 0)
        return -1;
    k->g.console_port = port;
    k->g.cfg = k->cfg;
    return k->cfg->type == GUEST_PV ? pv_build(k->c->hyp, &k->g, err) : hvm_build(k->c->hyp, &k->g, err);
}

int build_seed_grants(struct hyp *h, const struct guest_build *g, struct err **err)
{
    if (hyp_grant_seed(h, g->domid, GNTTAB_RESERVED_CONSOLE, g->console_domid, g->console_frame, err) < 0)
        return -1;
    return hyp_grant_seed(h, g->domid, GNTTAB_RESERVED_XENSTORE, g->store_domid, g->store_frame, err);
}

static int introduce(struct create *k, struct err **err) { return nodes_introduce(k->c, &k->g, err); }

static int attach_devices(struct create *k, struct err **err)
{
    unsigned int i;

    for (i = 0; i < k->cfg->nr_disks; i++)
        if (!disk_is_drive(k->cfg, &k->cfg->disks[i]) && vbd_attach(k->c, k->g.domid, &k->cfg->disks[i], err) < 0)
            return -1;
    for (i = 0; i < k->cfg->nr_nics; i++)
        if (vif_attach(k->c, k->g.domid, &k->cfg->nics[i], nic_emulated(k->cfg, &k->cfg->nics[i]), err) < 0)
            return -1;
    return 0;
}

/* Also undoes what attach_devices did before it failed: it goes by what is in the store. */
static void detach_devices(struct create *k)
{
    struct err *e = NULL;

    device_detach_all(k->c, k->g.domid, &e);
    err_drop(&e);
}

static int finish_devices(struct create *k, struct err **err)
{
    const struct guest_config *cfg = k->cfg;
    struct device *list = calloc(cfg->nr_disks + cfg->nr_nics + 1, sizeof(*list));
    unsigned int n = 0, i;
    int rc;

    for (i = 0; i < cfg->nr_disks; i++)
        if (!disk_is_drive(cfg, &cfg->disks[i]))
            list[n++] = (struct device){k->g.domid, "vbd", cfg->disks[i].devid};
    for (i = 0; i < cfg->nr_nics; i++)
        list[n++] = (struct device){k->g.domid, "vif", cfg->nics[i].devid};
    rc = device_wait_ready(k->c, list, n, err);
    free(list);
    for (i = 0; i < cfg->nr_disks && !rc; i++)
        if (!disk_is_drive(cfg, &cfg->disks[i]))
            rc = vbd_finish(k->c, k->g.domid, &cfg->disks[i], err);
    for (i = 0; i < cfg->nr_nics && !rc; i++)
        rc = vif_finish(k->c, k->g.domid, &cfg->nics[i], err);
    return rc;
}

/* It makes the emulated interfaces itself; we bring them to their bridges. */
static int start_device_model(struct create *k, struct err **err)
{
    const struct guest_config *cfg = k->cfg;

    if (cfg->type != GUEST_HVM)
        return 0;
    if (devmodel_start(k->c, k->g.domid, cfg, err) < 0)
        return -1;
    for (unsigned int i = 0; i < cfg->nr_nics; i++) {
        char *tap = dm_tap_name(k->g.domid, &cfg->nics[i]);
        int rc = nic_emulated(cfg, &cfg->nics[i]) ? vif_join_tap(tap, k->g.domid, &cfg->nics[i], err) : 0;

        free(tap);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static void stop_device_model(struct create *k) { devmodel_stop(k->c, k->g.domid); }

static int record(struct create *k, struct err **err)
{
    struct json_object *o = config_to_json(k->cfg, true);
    int rc = record_save(k->g.domid, k->cfg->uuid, o, err);

    json_object_put(o);
    return rc;
}

static void unrecord(struct create *k) { record_remove(k->g.domid, k->cfg->uuid); }

static const struct step {
    const char *what;
    int (*run)(struct create *k, struct err **err);
    void (*undo)(struct create *k);
    bool undo_itself; /* undo also when this very step fails: it may have been half done */
} steps[] = {
    {"check that the name is free", check_name, NULL, false},
    {"check that its device model can be had", check_device_model, NULL, false},
    {"make an empty domain", make_domain, unmake_domain, false},
    {"set its vCPUs and memory limit", set_limits, NULL, false},
    {"set its place on the CPUs", set_scheduling, NULL, false},
    {"write its nodes in the store", write_nodes, unwrite_nodes, true},
    {"build the guest in its memory", build, NULL, false},
    {"introduce it to the store and console daemons", introduce, NULL, false},
    {"attach its devices", attach_devices, detach_devices, true},
    {"wait for their backends and connect them", finish_devices, NULL, false},
    {"start its device model", start_device_model, stop_device_model, true},
    {"record its configuration", record, unrecord, true},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void undo_from(struct create *k, size_t i)
{
    for (; i-- > 0;) {
        if (!steps[i].undo)
            continue;
        if (k->c->trace)
            fprintf(k->c->trace, "undo: %s\n", steps[i].what);
        steps[i].undo(k);
    }
}

int domain_create(struct ctx *c, struct guest_config *cfg, uint32_t *domid, struct err **err)
{
    struct create k = {.c = c, .cfg = cfg};

    for (size_t i = 0; i < STEPS; i++) {
        if (c->trace)
            fprintf(c->trace, "step %zu: %s\n", i + 1, steps[i].what);
        if (steps[i].run(&k, err) == 0)
            continue;
        undo_from(&k, i + steps[i].undo_itself);
        return err_wrap(err, "cannot create %s", cfg->name);
    }
    *domid = k.g.domid;
    return 0;
}

void domain_create_plan(const struct guest_config *cfg, FILE *to)
{
    unsigned int i;

    for (size_t s = 0; s < STEPS; s++) {
        fprintf(to, "%2zu. %s\n", s + 1, steps[s].what);
        if (steps[s].run == build)
            fprintf(to, "      %s %s, %llu MB\n", cfg->type == GUEST_HVM ? "firmware" : "kernel",
                    cfg->type == GUEST_HVM ? HVM_LOADER : cfg->kernel, (unsigned long long)cfg->memory_kb >> 10);
        if (steps[s].run != attach_devices)
            continue;
        for (i = 0; i < cfg->nr_disks; i++)
            fprintf(to, "      disk %s: %s\n", cfg->disks[i].vdev, cfg->disks[i].path ? cfg->disks[i].path : "(empty)");
        for (i = 0; i < cfg->nr_nics; i++)
            fprintf(to, "      network interface %u: bridge %s\n", cfg->nics[i].devid,
                    cfg->nics[i].bridge ? cfg->nics[i].bridge : "(default)");
    }
}
