/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line for a guest (qemu-system(1)): the machine xenfv, whose CPUs and memory are the
 * hypervisor's, with the devices that the configuration names. What stock tools pass for the same
 * configuration was read off their log.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "devmodel.h"

#define IDE_DRIVES 4

struct args {
    char **v;
    size_t n;
};

static void add_text(struct args *a, char *text)
{
    a->v = realloc(a->v, (a->n + 2) * sizeof(*a->v));
    if (!a->v)
        abort();
    a->v[a->n++] = text;
    a->v[a->n] = NULL;
}

static void __attribute__((format(printf, 2, 3))) add(struct args *a, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    add_text(a, text);
}

/* An option with a value. */
#define option(a, name, ...) (add(a, "%s", name), add(a, __VA_ARGS__))

/* A file name within an option: commas are doubled. */
static char *quoted(const char *path)
{
    char *out = malloc(strlen(path) * 2 + 1), *to = out;

    if (!out)
        abort();
    for (; *path; path++) {
        if (*path == ',')
            *to++ = ',';
        *to++ = *path;
    }
    *to = '\0';
    return out;
}

char *dm_drive_name(const struct disk_config *disk) { return store_fmt("ide-%u", disk->devid); }

char *dm_tap_name(uint32_t domid, const struct nic_config *nic)
{
    if (nic->ifname)
        return store_fmt("%s-emu", nic->ifname);
    return store_fmt("vif%u.%u-emu", domid, nic->devid);
}

static void add_control(struct args *a, const struct dm_launch *l)
{
    option(a, "-xen-domid", "%u", l->domid);
    add(a, "-no-shutdown");
    option(a, "-chardev", "socket,id=libxl-cmd,path=%s,server=on,wait=off", l->qmp);
    option(a, "-mon", "chardev=libxl-cmd,mode=control");
    add(a, "-nodefaults");
    add(a, "-no-user-config");
    option(a, "-name", "%s", l->cfg->name);
    if (!l->root)
        return;
    add(a, "-xen-domid-restrict");
    option(a, "-chroot", "%s", l->root);
    option(a, "-runas", "%u:%u", l->uid, l->uid);
    /* The filter stands before it takes on that user: only that change of rights is left to it. */
    if (l->filter)
        option(a, "-sandbox", "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny");
}

static void add_display(struct args *a, const struct hvm_config *c)
{
    const char *listen = c->vnc_listen ? c->vnc_listen : "127.0.0.1";
    bool has_display = strrchr(listen, ':') && strspn(strrchr(listen, ':') + 1, "0123456789") > 0;

    if (c->vnc) {
        char *display = has_display ? store_fmt("%s", listen)
                                    : store_fmt("%s:%ld", listen, c->vnc_display < 0 ? 0 : c->vnc_display);

        option(a, "-vnc", "%s%s%s", display, c->vnc_password && *c->vnc_password ? ",password=on" : "",
               c->vnc_unused && c->vnc_display < 0 && !has_display ? ",to=99" : "");
        free(display);
    }
    option(a, "-display", "none");
    if (c->keymap)
        option(a, "-k", "%s", c->keymap);
    if (c->vga == VGA_STD)
        option(a, "-device", "VGA,vgamem_mb=%llu", (unsigned long long)c->video_kb >> 10);
    if (c->vga == VGA_CIRRUS)
        option(a, "-device", "cirrus-vga,vgamem_mb=%llu", (unsigned long long)c->video_kb >> 10);
}

static void add_ports(struct args *a, const struct hvm_config *c)
{
    unsigned int i;

    for (i = 0; i < c->nr_serial; i++)
        option(a, "-serial", "%s", c->serial[i]);
    if (c->usb || c->nr_usb_devices)
        add(a, "-usb");
    for (i = 0; i < c->nr_usb_devices; i++)
        option(a, "-usbdevice", "%s", c->usb_devices[i]);
}

/* How a disk's name places it: IDE drives 0 to 3 by hd and xvd, a SCSI controller's by sd. */
static unsigned int disk_place(const struct disk_config *d, bool *scsi)
{
    *scsi = d->devid >> 8 == 8;
    if (*scsi || d->devid >> 8 == 202)
        return d->devid >> 4 & 15;
    if (d->devid >> 8 == 3 || d->devid >> 8 == 22)
        return (d->devid >> 8 == 22 ? 2 : 0) + (d->devid >> 6 & 1);
    return 16;
}

static void add_cdrom(struct args *a, const struct disk_config *d, const char *node, unsigned int place)
{
    char *file = node ? quoted(node) : NULL, *name = dm_drive_name(d);

    option(a, "-drive", "if=none,readonly=on,id=%s%s%s%s", name, file ? ",format=raw,media=cdrom,file=" : "",
           file ? file : "", "");
    option(a, "-device", "ide-cd,id=%s,drive=%s,bus=ide.%u,unit=%u", name, name, place / 2, place % 2);
    free(file);
    free(name);
}

/* Disks on a controller that is added with the first of them: seven targets beside itself on the SCSI bus, six AHCI
 * ports. */
static const struct controller {
    const char *device, *id, *disk, *place;
    unsigned int places;
} scsi_controller = {"lsi53c895a", "scsi0", "scsi-hd", "bus=scsi0.0,scsi-id=", 7},
  ahci_controller = {"ahci", "ahci0", "ide-hd", "bus=ahci0.", 6};

/* Where a disk is emulated; *c NULL with true: on the board's IDE controller. Others are there for drivers of ours
 * only, as under xl. */
static bool find_controller(const struct guest_config *cfg, const struct disk_config *d, const struct controller **c,
                            unsigned int *place)
{
    bool scsi;

    *place = disk_place(d, &scsi);
    *c = scsi ? &scsi_controller : cfg->hvm.ahci ? &ahci_controller : NULL;
    return *place < (*c ? (*c)->places : IDE_DRIVES);
}

int dm_check_disks(const struct guest_config *cfg, struct err **err)
{
    const struct controller *c;
    unsigned int place, i;

    for (i = 0; i < cfg->nr_disks; i++) {
        const struct disk_config *d = &cfg->disks[i];

        /* Such drives have no way to tell that they cannot be written to. */
        if (!d->cdrom && !d->writable && find_controller(cfg, d, &c, &place) && c != &scsi_controller)
            return err_new(
                err, ERR_INVAL,
                "disk %s: an emulated IDE or AHCI disk cannot be read-only: name it sda to sdg, or make it a CD",
                d->vdev);
    }
    return 0;
}

static void add_on_controller(struct args *a, const struct controller *c, bool *added, const struct disk_config *d,
                              const char *file, unsigned int place)
{
    char *name = dm_drive_name(d);

    if (!*added)
        option(a, "-device", "%s,id=%s", c->device, c->id);
    *added = true;
    option(a, "-drive", "file=%s,if=none,id=%s,format=raw,cache=writeback%s", file, name,
           d->writable ? "" : ",readonly=on");
    option(a, "-device", "%s,drive=%s,%s%u", c->disk, name, c->place, place);
    free(name);
}

static void add_disk(struct args *a, const struct dm_launch *l, unsigned int i, bool added[2])
{
    const struct disk_config *d = &l->cfg->disks[i];
    const struct controller *c;
    unsigned int place;
    bool emulated = find_controller(l->cfg, d, &c, &place);
    char *file;

    if (d->cdrom)
        add_cdrom(a, d, l->disk_nodes[i], place);
    if (d->cdrom || !emulated)
        return;
    file = quoted(l->disk_nodes[i]);
    if (c)
        add_on_controller(a, c, &added[c == &scsi_controller], d, file, place);
    else
        option(a, "-drive", "file=%s,if=ide,index=%u,media=disk,format=raw,cache=writeback", file, place);
    free(file);
}

static void add_nics(struct args *a, const struct dm_launch *l)
{
    for (unsigned int i = 0; i < l->cfg->nr_nics; i++) {
        const struct nic_config *n = &l->cfg->nics[i];
        char *tap;

        if (!nic_emulated(l->cfg, n))
            continue;
        tap = dm_tap_name(l->domid, n);
        option(a, "-device", "%s,id=nic%u,netdev=net%u,mac=%02x:%02x:%02x:%02x:%02x:%02x",
               n->model ? n->model : "rtl8139", n->devid, n->devid, n->mac[0], n->mac[1], n->mac[2], n->mac[3],
               n->mac[4], n->mac[5]);
        option(a, "-netdev", "type=tap,id=net%u,ifname=%s,script=no,downscript=no", n->devid, tap);
        free(tap);
    }
}

char **dm_args(const struct dm_launch *l)
{
    const struct guest_config *cfg = l->cfg;
    bool added[2] = {false, false};
    struct args a = {NULL, 0};
    unsigned int i;

    add(&a, "%s", dm_path(cfg));
    add_control(&a, l);
    add_display(&a, &cfg->hvm);
    add_ports(&a, &cfg->hvm);
    option(&a, "-boot", "order=%s", cfg->hvm.boot ? cfg->hvm.boot : "cda");
    option(&a, "-smp", "%u,maxcpus=%u", cfg->vcpus, cfg->max_vcpus);
    add_nics(&a, l);
    option(&a, "-machine", "%s,suppress-vmdesc=on", cfg->hvm.xen_platform_pci ? "xenfv" : "pc,accel=xen");
    option(&a, "-m", "%llu", (unsigned long long)(cfg->memory_kb - cfg->hvm.video_kb) >> 10);
    for (i = 0; i < cfg->nr_disks; i++)
        add_disk(&a, l, i, added);
    for (i = 0; i < cfg->hvm.nr_dm_args; i++)
        add(&a, "%s", cfg->hvm.dm_args[i]);
    return a.v;
}

void dm_args_free(char **argv)
{
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
    free(argv);
}
