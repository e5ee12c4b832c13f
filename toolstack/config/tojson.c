/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as JSON: names and order of libxl's generated output, values at their default
 * left out, so that scripts that read `xl list -l` or `xl create -N` find what they look for.
 */
#include <json-c/json.h>

#include "config.h"
#include "lib/json.h"

static void put_cpu_sets(struct json_object *b, const char *key, const struct cpu_set *sets, unsigned int count,
                         unsigned int vcpus)
{
    struct json_object *all;
    unsigned int i, cpu;

    if (!count)
        return;
    all = json_object_new_array();
    for (i = 0; i < (count == 1 ? vcpus : count); i++) {
        struct json_object *one = json_object_new_array();

        for (cpu = 0; cpu < CPU_MAX; cpu++)
            if (cpu_set_has(&sets[count == 1 ? 0 : i], cpu))
                json_object_array_add(one, json_object_new_int(cpu));
        json_object_array_add(all, one);
    }
    json_object_object_add(b, key, all);
}

static void put_opt(struct json_object *o, const char *key, const char *value)
{
    if (value)
        json_put_str(o, key, value);
}

static void put_vcpus(struct json_object *b, const struct guest_config *c)
{
    unsigned int i;

    if (c->vcpus_given) {
        struct json_object *avail = json_object_new_array();

        json_put_int(b, "max_vcpus", c->max_vcpus);
        for (i = 0; i < c->vcpus; i++)
            json_object_array_add(avail, json_object_new_int(i));
        json_object_object_add(b, "avail_vcpus", avail);
    }
    put_cpu_sets(b, "vcpu_hard_affinity", c->hard, c->nr_hard, c->max_vcpus);
    put_cpu_sets(b, "vcpu_soft_affinity", c->soft, c->nr_soft, c->max_vcpus);
    if (c->nr_hard || c->nr_soft)
        json_put_str(b, "numa_placement", "False");
    put_opt(b, "tsc_mode", c->tsc_mode);
}

static void put_strings(struct json_object *o, const char *key, char *const *list, unsigned int count)
{
    struct json_object *all = json_object_new_array();

    for (unsigned int i = 0; i < count; i++)
        json_object_array_add(all, json_object_new_string(list[i]));
    json_object_object_add(o, key, all);
}

/* What differs from the default, like libxl. */
static void put_bool(struct json_object *o, const char *key, bool value, bool standard)
{
    if (value != standard)
        json_put_str(o, key, value ? "True" : "False");
}

static void put_display(struct json_object *o, const struct hvm_config *h)
{
    static const char *const cards[] = {[VGA_NONE] = "none", [VGA_STD] = "std"};
    struct json_object *vga = json_put_object(o, "vga"), *vnc = json_put_object(o, "vnc");

    if (h->vga != VGA_CIRRUS)
        json_put_str(vga, "kind", cards[h->vga]);
    json_put_str(vnc, "enable", h->vnc ? "True" : "False");
    put_opt(vnc, "listen", h->vnc_listen);
    put_opt(vnc, "passwd", h->vnc_password);
    if (h->vnc_display >= 0)
        json_put_int(vnc, "display", h->vnc_display);
    put_bool(vnc, "findunused", h->vnc_unused, true);
    put_opt(o, "keymap", h->keymap);
    json_put_object(o, "sdl");
    json_put_object(o, "spice");
}

static void put_hvm(struct json_object *b, const struct hvm_config *h)
{
    struct json_object *o = json_put_object(b, "type.hvm");

    put_bool(o, "pae", h->pae, true);
    put_bool(o, "apic", h->apic, true);
    put_bool(o, "acpi", h->acpi, true);
    put_bool(o, "acpi_s3", h->acpi_s3, true);
    put_bool(o, "acpi_s4", h->acpi_s4, true);
    put_bool(o, "nx", h->nx, true);
    put_bool(o, "hpet", h->hpet, true);
    put_bool(o, "vpt_align", h->vpt_align, true);
    put_display(o, h);
    put_bool(o, "usb", h->usb, false);
    if (h->nr_usb_devices)
        put_strings(o, "usbdevice_list", h->usb_devices, h->nr_usb_devices);
    put_bool(o, "xen_platform_pci", h->xen_platform_pci, true);
    if (h->nr_serial == 1)
        json_put_str(o, "serial", h->serial[0]);
    if (h->nr_serial > 1)
        put_strings(o, "serial_list", h->serial, h->nr_serial);
    put_opt(o, "boot", h->boot);
    if (h->ahci)
        json_put_str(o, "hdtype", "ahci");
    json_put_object(o, "rdm");
}

static void put_type(struct json_object *b, const struct guest_config *c)
{
    if (c->type == GUEST_HVM)
        put_hvm(b, &c->hvm);
    else
        json_put_object(b, c->type == GUEST_PVH ? "type.pvh" : "type.pv");
}

static void put_build_info(struct json_object *b, const struct guest_config *c, bool created)
{
    struct json_object *sched, *x86;

    put_vcpus(b, c);
    if (c->memory_given) {
        json_put_int(b, "max_memkb", c->max_memory_kb);
        json_put_int(b, "target_memkb", c->memory_kb);
    }
    if (created)
        json_put_int(b, "video_memkb", c->hvm.video_kb);
    if (c->no_migrate)
        json_put_str(b, "disable_migrate", "True");
    if (c->max_grant_frames >= 0)
        json_put_int(b, "max_grant_frames", c->max_grant_frames);
    if (c->max_maptrack_frames >= 0)
        json_put_int(b, "max_maptrack_frames", c->max_maptrack_frames);
    sched = json_put_object(b, "sched_params");
    if (c->cpu_weight >= 0)
        json_put_int(sched, "weight", c->cpu_weight);
    if (c->cpu_cap >= 0)
        json_put_int(sched, "cap", c->cpu_cap);
    json_put_str(b, "claim_mode", "True");
    if (c->event_channels)
        json_put_int(b, "event_channels", c->event_channels);
    put_opt(b, "kernel", c->kernel);
    put_opt(b, "cmdline", c->cmdline);
    put_opt(b, "ramdisk", c->ramdisk);
    put_type(b, c);
    json_put_object(b, "arch_arm");
    x86 = json_put_object(b, "arch_x86");
    if (created)
        json_put_str(x86, "msr_relaxed", "False");
}

static struct json_object *disk_json(const struct disk_config *d, bool created)
{
    struct json_object *o = json_object_new_object();

    put_opt(o, "backend_domname", d->backend_domain);
    put_opt(o, "pdev_path", d->path);
    put_opt(o, "vdev", d->vdev);
    put_opt(o, "backend", d->backend_type);
    put_opt(o, "format", d->format);
    put_opt(o, "script", d->script);
    if (d->removable)
        json_put_int(o, "removable", 1);
    if (d->writable)
        json_put_int(o, "readwrite", 1);
    if (d->cdrom)
        json_put_int(o, "is_cdrom", 1);
    if (d->direct_io_safe)
        json_object_object_add(o, "direct_io_safe", json_object_new_boolean(1));
    if (d->discard >= 0)
        json_put_str(o, "discard_enable", d->discard ? "True" : "False");
    if (created)
        json_put_str(o, "colo_restore_enable", "False");
    return o;
}

static struct json_object *nic_json(const struct guest_config *c, const struct nic_config *n, bool created)
{
    struct json_object *o = json_object_new_object();
    char mac[18];

    put_opt(o, "backend_domname", n->backend_domain);
    json_put_int(o, "devid", n->devid);
    if (n->mtu)
        json_put_int(o, "mtu", n->mtu);
    put_opt(o, "model", n->model);
    if (n->mac_given) {
        snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3],
                 n->mac[4], n->mac[5]);
        json_put_str(o, "mac", mac);
    }
    put_opt(o, "ip", n->ip);
    put_opt(o, "bridge", n->bridge);
    put_opt(o, "ifname", n->ifname);
    put_opt(o, "script", n->script);
    put_opt(o, "nictype", n->type ? n->type : !created ? NULL : nic_emulated(c, n) ? "vif_ioemu" : "vif");
    if (n->rate_bytes) {
        json_put_int(o, "rate_bytes_per_interval", n->rate_bytes);
        json_put_int(o, "rate_interval_usecs", n->rate_usecs);
    }
    put_opt(o, "gatewaydev", n->gatewaydev);
    return o;
}

static void put_devices(struct json_object *o, const struct guest_config *c, bool created)
{
    struct json_object *list;
    unsigned int i;

    if (c->nr_disks) {
        list = json_object_new_array();
        for (i = 0; i < c->nr_disks; i++)
            json_object_array_add(list, disk_json(&c->disks[i], created));
        json_object_object_add(o, "disks", list);
    }
    if (c->nr_nics) {
        list = json_object_new_array();
        for (i = 0; i < c->nr_nics; i++)
            json_object_array_add(list, nic_json(c, &c->nics[i], created));
        json_object_object_add(o, "nics", list);
    }
}

static void put_action(struct json_object *o, const char *key, enum action a)
{
    if (a != ACTION_DESTROY)
        json_put_str(o, key, action_json_name(a));
}

struct json_object *config_to_json(const struct guest_config *c, bool created)
{
    struct json_object *o = json_object_new_object(), *info;
    char uuid[37];

    uuid_format(c->uuid, uuid);
    info = json_put_object(o, "c_info");
    json_put_str(info, "type", guest_type_name(c->type));
    json_put_str(info, "name", c->name);
    if (created)
        json_put_int(info, "domid", UINT32_MAX);
    json_put_str(info, "uuid", uuid);
    json_put_str(info, "run_hotplug_scripts", "True");
    put_build_info(json_put_object(o, "b_info"), c, created);
    put_devices(o, c, created);
    put_action(o, "on_poweroff", c->on_poweroff);
    put_action(o, "on_reboot", c->on_reboot);
    put_action(o, "on_watchdog", c->on_watchdog);
    put_action(o, "on_crash", c->on_crash);
    put_action(o, "on_soft_reset", c->on_soft_reset);
    return o;
}
