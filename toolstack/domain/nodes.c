/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of nodes.h. Names and permissions follow what libxl 4.17 leaves in the store for a PV
 * guest, read off a running system: stock tools and kernels find what they look for.
 */
#include "nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/hvm/hvm_xs_strings.h>

#include "device.h"

/* Nodes below the domain that the guest itself owns and writes, all empty. */
static const char *const guest_nodes[] = {
    "device/suspend/event-channel",
    "control/shutdown",
    "control/feature-poweroff",
    "control/feature-reboot",
    "control/feature-suspend",
    "control/sysrq",
    "data",
    "drivers",
    "feature",
    "attr",
    "error",
};

/* The same for HVM guests only. */
static const char *const hvm_guest_nodes[] = {"control/feature-s3", "control/feature-s4"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int write_guest_nodes(struct store *s, uint32_t domid, const char *dom, const char *const *names, size_t count,
                             struct err **err)
{
    for (size_t i = 0; i < count; i++) {
        char *path = store_fmt("%s/%s", dom, names[i]);
        int rc = store_write(s, path, NULL, "", err);

        if (!rc)
            rc = store_set_perms(s, path, domid, -1, err);
        free(path);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* What an HVM guest's firmware reads (<xen/hvm/hvm_xs_strings.h>; platform/ as observed). */
static int write_firmware_nodes(struct store *s, uint32_t domid, const char *dom, const struct hvm_config *c,
                                struct err **err)
{
    const struct {
        const char *key, *value;
    } nodes[] = {{HVM_XS_BIOS, "seabios"},
                 {HVM_XS_ALLOW_MEMORY_RELOCATE, "0"},
                 {"platform/acpi", c->acpi ? "1" : "0"},
                 {"platform/acpi_s3", c->acpi_s3 ? "1" : "0"},
                 {"platform/acpi_s4", c->acpi_s4 ? "1" : "0"},
                 {"platform/acpi_laptop_slate", "0"},
                 {"platform/device-model", "qemu_xen"}};

    for (size_t i = 0; i < COUNT(nodes); i++)
        if (store_write(s, dom, nodes[i].key, nodes[i].value, err) < 0)
            return -1;
    if (c->mmio_hole_kb &&
        store_writef(s, err, dom, "platform/mmio_hole_size", "%llu", (unsigned long long)c->mmio_hole_kb << 10) < 0)
        return -1;
    return write_guest_nodes(s, domid, dom, hvm_guest_nodes, COUNT(hvm_guest_nodes), err);
}

/* For a PV guest, also what it was built from. */
static int write_image(struct store *s, const char *vm, const struct guest_config *cfg, struct err **err)
{
    if (cfg->type != GUEST_PV)
        return 0;
    if (store_write(s, vm, "image/ostype", "linux", err) < 0 ||
        store_write(s, vm, "image/kernel", cfg->kernel, err) < 0 ||
        (cfg->ramdisk && store_write(s, vm, "image/ramdisk", cfg->ramdisk, err) < 0))
        return -1;
    return cfg->cmdline ? store_write(s, vm, "image/cmdline", cfg->cmdline, err) : 0;
}

static int write_vcpus(struct store *s, const char *dom, const struct guest_config *cfg, struct err **err)
{
    unsigned int i;
    int rc = 0;

    for (i = 0; i < cfg->max_vcpus && !rc; i++) {
        char *dir = store_fmt("%s/cpu/%u", dom, i);

        rc = store_write(s, dir, "availability", i < cfg->vcpus ? "online" : "offline", err);
        free(dir);
    }
    return rc;
}

static int write_vm(struct store *s, uint32_t domid, const char *vm, const char *uuid, const struct guest_config *cfg,
                    struct err **err)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (store_mkdir(s, vm, 0, domid, err) < 0 || store_write(s, vm, "name", cfg->name, err) < 0 ||
        store_write(s, vm, "uuid", uuid, err) < 0 || write_image(s, vm, cfg, err) < 0)
        return -1;
    return store_writef(s, err, vm, "start_time", "%lld.%02d", (long long)now.tv_sec, (int)(now.tv_nsec / 10000000));
}

static int write_all(struct store *s, uint32_t domid, const char *dom, const struct guest_config *cfg, struct err **err)
{
    char uuid[37], *vm, *tools = store_fmt("/libxl/%u", domid);
    int rc = -1;

    uuid_format(cfg->uuid, uuid);
    vm = store_fmt("/vm/%s", uuid);
    if (store_mkdir(s, dom, 0, domid, err) < 0 || write_vm(s, domid, vm, uuid, cfg, err) < 0 ||
        store_write(s, dom, "vm", vm, err) < 0 || store_write(s, dom, "name", cfg->name, err) < 0 ||
        write_vcpus(s, dom, cfg, err) < 0 ||
        store_writef(s, err, dom, "memory/static-max", "%llu", (unsigned long long)cfg->max_memory_kb) < 0 ||
        store_writef(s, err, dom, "memory/target", "%llu", (unsigned long long)(cfg->memory_kb - cfg->hvm.video_kb)) <
            0 ||
        store_writef(s, err, dom, "memory/videoram", "%llu", (unsigned long long)cfg->hvm.video_kb) < 0 ||
        store_write(s, dom, "device", "", err) < 0 ||
        write_guest_nodes(s, domid, dom, guest_nodes, COUNT(guest_nodes), err) < 0 ||
        (cfg->type == GUEST_HVM && write_firmware_nodes(s, domid, dom, &cfg->hvm, err) < 0) ||
        store_write(s, dom, "control/platform-feature-multiprocessor-suspend", "1", err) < 0 ||
        store_write(s, dom, "control/platform-feature-xs_reset_watches", "1", err) < 0 ||
        store_writef(s, err, dom, "domid", "%u", domid) < 0)
        goto out;
    if (store_mkdir(s, tools, 0, -1, err) < 0 || store_write(s, tools, "device", "", err) < 0 ||
        store_write(s, tools, "type", guest_type_name(cfg->type), err) < 0)
        goto out;
    /* Stock tools read it for any guest, with a device model or not. */
    rc = store_write(s, tools, "dm-version", "qemu_xen", err);
out:
    free(tools);
    free(vm);
    return rc;
}

int nodes_write(struct ctx *c, uint32_t domid, const struct guest_config *cfg, struct err **err)
{
    char *dom = domain_path(domid, NULL);
    int done = 0;

    while (!done) {
        if (store_begin(&c->store, err) < 0) {
            done = -1;
        } else if (write_all(&c->store, domid, dom, cfg, err) < 0) {
            store_abort(&c->store);
            done = -1;
        } else {
            done = store_commit(&c->store, err);
        }
    }
    free(dom);
    return done < 0 ? -1 : 0;
}

int nodes_introduce(struct ctx *c, const struct guest_build *g, struct err **err)
{
    const struct device console = {.domid = g->domid, .kind = "console", .devid = 0};
    char *dom = domain_path(g->domid, NULL);
    char *ref = store_fmt("%llu", (unsigned long long)g->console_frame);
    char *port = store_fmt("%u", g->console_port);
    /* The console daemon looks at every change here and starts when ring and port are there. */
    const struct node front[] = {{"limit", "1048576"}, {"type", "xenconsoled"}, {"output", "pty"}, {"tty", ""},
                                 {"port", port},       {"ring-ref", ref},       {NULL, NULL}};
    const struct node back[] = {{"protocol", "vt100"}, {NULL, NULL}};
    int rc = -1;

    if (store_writef(&c->store, err, dom, "store/port", "%u", g->store_port) < 0 ||
        store_writef(&c->store, err, dom, "store/ring-ref", "%llu", (unsigned long long)g->store_frame) < 0)
        goto out;
    if (!xs_introduce_domain(c->store.xs, g->domid, g->store_frame, g->store_port)) {
        err_sys(err, errno, "the store daemon does not take domain %u", g->domid);
        goto out;
    }
    rc = device_write(c, &console, front, back, err);
out:
    free(dom);
    free(ref);
    free(port);
    return rc;
}

void nodes_remove(struct ctx *c, uint32_t domid)
{
    char *dom = domain_path(domid, NULL), *vm = store_read(&c->store, dom, "vm");
    char *tools = store_fmt("/libxl/%u", domid);
    struct err *e = NULL;

    if (vm && !strncmp(vm, "/vm/", 4))
        store_remove(&c->store, vm, &e);
    store_remove(&c->store, dom, &e);
    store_remove(&c->store, tools, &e);
    err_drop(&e);
    free(vm);
    free(dom);
    free(tools);
}
