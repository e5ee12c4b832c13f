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

static void add_disk(struct args *a, const struct dm_launch *l, unsigned int i, bool *controller)
{
    const struct disk_config *d = &l->cfg->disks[i];
    bool scsi;
    unsigned int place = disk_place(d, &scsi);
    char *file, *name;

    if (d->cdrom) {
        add_cdrom(a, d, l->disk_nodes[i], place);
        return;
    }
    /* Further disks are there for drivers of ours only, as under xl. */
    if (place > (scsi ? 15 : l->cfg->hvm.ahci ? 5 : 3))
        return;
    file = quoted(l->disk_nodes[i]);
    name = dm_drive_name(d);
    if ((scsi || l->cfg->hvm.ahci) && !*controller) {
        option(a, "-device", scsi ? "lsi53c895a,id=ctl0" : "ahci,id=ctl0");
        *controller = true;
    }
    if (scsi || l->cfg->hvm.ahci) {
        option(a, "-drive", "file=%s,if=none,id=%s,format=raw,cache=writeback", file, name);
        option(a, "-device", scsi ? "scsi-hd,drive=%s,bus=ctl0.0,scsi-id=%u" : "ide-hd,drive=%s,bus=ctl0.%u", name,
               place);
    } else {
        option(a, "-drive", "file=%s,if=ide,index=%u,media=disk,format=raw,cache=writeback", file, place);
    }
    free(file);
    free(name);
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
    bool controller = false;
    struct args a = {NULL, 0};
    unsigned int i;

    add(&a, "%s", cfg->hvm.dm_path ? cfg->hvm.dm_path : DM_PATH);
    add_control(&a, l);
    add_display(&a, &cfg->hvm);
    add_ports(&a, &cfg->hvm);
    option(&a, "-boot", "order=%s", cfg->hvm.boot ? cfg->hvm.boot : "cda");
    option(&a, "-smp", "%u,maxcpus=%u", cfg->vcpus, cfg->max_vcpus);
    add_nics(&a, l);
    option(&a, "-machine", "%s,suppress-vmdesc=on", cfg->hvm.xen_platform_pci ? "xenfv" : "pc,accel=xen");
    option(&a, "-m", "%llu", (unsigned long long)(cfg->memory_kb - cfg->hvm.video_kb) >> 10);
    for (i = 0; i < cfg->nr_disks; i++)
        add_disk(&a, l, i, &controller);
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
