/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of PVH and HVM guests (xl.cfg(5), "Fully-virtualised (HVM) Guest Specific Options" and "PVH
 * Guest Specific Options"), with xl's names and defaults. What would make another guest and is not
 * built is refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/hvm_info_table.h>
#include <xen/hvm/params.h>

#include "parse.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Video memory in MB: what QEMU's cards need at least, which is also the default. */
#define CIRRUS_MB 8
#define STDVGA_MB 16

static const struct refused_key refused[] = {
    {"nestedhvm", "nested virtualization is not supported by this version"},
    {"viridian", "Hyper-V (viridian) interfaces are not supported by this version"},
    {"sdl", "SDL displays are not supported: use vnc=1"},
    {"spice", "SPICE displays are not supported: use vnc=1"},
    {"altp2m", "alternate p2m is not supported by this version"},
    {"altp2mhvm", "alternate p2m is not supported by this version"},
    {"gfx_passthru", "graphics pass-through is not supported by this version"},
    {"device_model_stubdomain_override", "device models in domains of their own are not supported by this version"},
    {"ms_vm_genid", "generation identifiers are not supported by this version"},
    {"acpi_firmware", "further ACPI tables are not supported by this version"},
    {"smbios_firmware", "further SMBIOS structures are not supported by this version"},
    {"usbversion", "USB controllers other than the default one are not supported by this version"},
    {"soundhw", "sound cards are not supported by this version"},
    {"vendor_device", "vendor devices are not supported by this version"},
};

static int take_platform(struct parse *p)
{
    static const char *const modes[] = {
        [HVMPTM_delay_for_missed_ticks] = "delay_for_missed_ticks",
        [HVMPTM_no_delay_for_missed_ticks] = "no_delay_for_missed_ticks",
        [HVMPTM_no_missed_ticks_pending] = "no_missed_ticks_pending",
        [HVMPTM_one_missed_tick_pending] = "one_missed_tick_pending",
    };
    struct hvm_config *c = &p->c->hvm;
    bool hap = true;
    long hole = 0, mode;

    if (parse_bool(p, "hap", &hap) < 0 || parse_bool(p, "pae", &c->pae) < 0 || parse_bool(p, "apic", &c->apic) < 0 ||
        parse_bool(p, "nx", &c->nx) < 0 || parse_long(p, "mmio_hole", 256, 3840, &hole) < 0)
        return -1;
    if (!hap)
        return parse_bad(p, "hap", "shadow paging is not supported: only hap=1");
    c->mmio_hole_kb = hole << 10;
    /* The modes have numbers, too. */
    if (!xlu_cfg_get_long(p->x, "timer_mode", &mode, 1)) {
        if (mode < 0 || mode >= (long)COUNT(modes))
            return parse_bad(p, "timer_mode", "must be from 0 to 3");
        c->timer_mode = mode;
        return 0;
    }
    return parse_choice(p, "timer_mode", modes, COUNT(modes), &c->timer_mode) < 0 ? -1 : 0;
}

static int take_firmware(struct parse *p)
{
    static const char *const kinds[] = {"seabios", "bios"};
    struct hvm_config *c = &p->c->hvm;
    char *override = NULL, *legacy = NULL;
    unsigned int kind;
    int rc = 0;

    c->bios_path = strdup(SEABIOS);
    if (parse_choice(p, "bios", kinds, COUNT(kinds), &kind) < 0 ||
        parse_choice(p, "firmware", kinds, COUNT(kinds), &kind) < 0 ||
        parse_string(p, "bios_path_override", &c->bios_path) < 0 || parse_string(p, "boot", &c->boot) < 0 ||
        parse_string(p, "firmware_override", &override) < 0 || parse_string(p, "kernel", &legacy) < 0)
        rc = -1;
    else if (override)
        rc = parse_bad(p, "firmware_override", "another firmware than the distribution's hvmloader is not supported");
    else if (legacy && !strstr(legacy, "hvmloader"))
        rc = parse_bad(p, "kernel", "an HVM guest starts from its disks: booting a kernel directly is not supported");
    else if (c->boot && strspn(c->boot, "acdn") != strlen(c->boot))
        rc = parse_bad(p, "boot", "must be of the letters a, c, d and n");
    free(override);
    free(legacy);
    return rc;
}

/* QEMU's names of what can be plugged in; a device of the host is passed through by none of them. */
static int check_usb(struct parse *p)
{
    static const char *const known[] = {"tablet", "mouse", "keyboard"};
    struct hvm_config *c = &p->c->hvm;

    for (unsigned int i = 0; i < c->nr_usb_devices; i++) {
        size_t k = 0;

        while (k < COUNT(known) && strcmp(c->usb_devices[i], known[k]))
            k++;
        if (k == COUNT(known))
            return parse_bad(p, "usbdevice", "must be of `tablet', `mouse' and `keyboard': others are not supported");
    }
    return 0;
}

static int take_devices(struct parse *p)
{
    static const char *const types[] = {"ide", "ahci"};
    unsigned int type = 0;
    struct hvm_config *c = &p->c->hvm;

    if (parse_bool(p, "acpi", &c->acpi) < 0 || parse_bool(p, "acpi_s3", &c->acpi_s3) < 0 ||
        parse_bool(p, "acpi_s4", &c->acpi_s4) < 0 || parse_bool(p, "hpet", &c->hpet) < 0 ||
        parse_bool(p, "vpt_align", &c->vpt_align) < 0 || parse_bool(p, "localtime", &c->localtime) < 0 ||
        parse_bool(p, "xen_platform_pci", &c->xen_platform_pci) < 0 ||
        parse_long(p, "rtc_timeoffset", -(1L << 40), 1L << 40, &c->rtc_offset) < 0 ||
        parse_strings(p, "serial", &c->serial, &c->nr_serial) < 0 || parse_bool(p, "usb", &c->usb) < 0 ||
        parse_strings(p, "usbdevice", &c->usb_devices, &c->nr_usb_devices) < 0 || check_usb(p) < 0 ||
        parse_choice(p, "hdtype", types, COUNT(types), &type) < 0)
        return -1;
    c->ahci = type;
    return 0;
}

static int take_vga(struct parse *p)
{
    static const char *const kinds[] = {[VGA_NONE] = "none", [VGA_STD] = "stdvga", [VGA_CIRRUS] = "cirrus"};
    struct hvm_config *c = &p->c->hvm;
    unsigned int kind = VGA_CIRRUS;
    bool std = false, none = false;
    long mb, least;

    if (parse_bool(p, "stdvga", &std) < 0 || parse_bool(p, "nographic", &none) < 0)
        return -1;
    if (std)
        kind = VGA_STD;
    if (parse_choice(p, "vga", kinds, COUNT(kinds), &kind) < 0)
        return -1;
    c->vga = none ? VGA_NONE : kind;
    mb = least = c->vga == VGA_STD ? STDVGA_MB : c->vga == VGA_CIRRUS ? CIRRUS_MB : 0;
    if (parse_long(p, "videoram", 0, 256, &mb) < 0)
        return -1;
    if (mb < least)
        return parse_bad(p, "videoram",
                         c->vga == VGA_STD ? "the standard card needs 16 MB" : "the Cirrus card needs 8 MB");
    c->video_kb = c->vga == VGA_NONE ? 0 : mb << 10;
    return 0;
}

static int take_display(struct parse *p)
{
    struct hvm_config *c = &p->c->hvm;

    if (take_vga(p) < 0)
        return -1;
    c->vnc = c->vnc_unused = true;
    c->vnc_display = -1;
    if (parse_bool(p, "vnc", &c->vnc) < 0 || parse_string(p, "vnclisten", &c->vnc_listen) < 0 ||
        parse_long(p, "vncdisplay", 0, 59635, &c->vnc_display) < 0 || parse_bool(p, "vncunused", &c->vnc_unused) < 0 ||
        parse_string(p, "vncpasswd", &c->vnc_password) < 0 || parse_string(p, "keymap", &c->keymap) < 0)
        return -1;
    if (c->vga == VGA_NONE)
        c->vnc = false;
    return 0;
}

static int take_device_model(struct parse *p)
{
    static const char *const versions[] = {"qemu-xen"};
    struct hvm_config *c = &p->c->hvm;
    unsigned int version;

    if (parse_choice(p, "device_model_version", versions, COUNT(versions), &version) < 0 ||
        parse_string(p, "device_model_override", &c->dm_path) < 0 ||
        parse_string(p, "device_model_user", &c->dm_user) < 0 || parse_bool(p, "dm_restrict", &c->dm_restrict) < 0)
        return -1;
    return parse_strings(p,
                         keys_line(&p->keys, "device_model_args_hvm") ? "device_model_args_hvm" : "device_model_args",
                         &c->dm_args, &c->nr_dm_args) < 0
               ? -1
               : 0;
}

int hvm_take(struct parse *p)
{
    struct guest_config *g = p->c;
    struct hvm_config *c = &g->hvm;

    c->apic = c->pae = c->nx = true;
    c->timer_mode = HVMPTM_no_delay_for_missed_ticks;
    if (parse_refused(p, refused, COUNT(refused), "none") < 0 || take_platform(p) < 0)
        return -1;
    if (g->max_vcpus > HVM_MAX_VCPUS)
        return parse_bad(p, keys_line(&p->keys, "maxvcpus") ? "maxvcpus" : "vcpus",
                         "a guest of this type can have 128 vCPUs at most");
    if (g->max_memory_kb > g->memory_kb)
        return parse_bad(p, "maxmem",
                         "more than memory= needs populate-on-demand, which is not supported: "
                         "leave it out or make them equal");
    if (g->type == GUEST_PVH)
        return 0;
    c->acpi = c->acpi_s3 = c->acpi_s4 = c->hpet = c->vpt_align = c->xen_platform_pci = c->dm_restrict = true;
    if (take_devices(p) < 0 || take_display(p) < 0 || take_device_model(p) < 0 || take_firmware(p) < 0)
        return -1;
    if (c->video_kb + 2048 > g->memory_kb)
        return parse_bad(p, "memory", "is not more than the video memory");
    return 0;
}

static void free_strings(char **list, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void hvm_free(struct hvm_config *c)
{
    free_strings(c->serial, c->nr_serial);
    free_strings(c->usb_devices, c->nr_usb_devices);
    free_strings(c->dm_args, c->nr_dm_args);
    free(c->bios_path);
    free(c->boot);
    free(c->vnc_listen);
    free(c->vnc_password);
    free(c->keymap);
    free(c->dm_path);
    free(c->dm_user);
}
