/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's configuration says, after parsing and checking. Files are xl.cfg files; the
 * grammar is libxlutil's, which is what xl itself uses, and the meaning of keys is that of
 * xl.cfg(5). Nothing here looks at the host or at running domains: the same text gives the same
 * result anywhere. cli/ parses, domain/ builds from it.
 */
#ifndef ORLOP_CONFIG_CONFIG_H
#define ORLOP_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"

/* Where the distribution has the firmware of HVM guests. */
#define HVM_LOADER "/usr/lib/xen-4.17/boot/hvmloader"
#define SEABIOS    "/usr/share/seabios/bios-256k.bin"

#define CPU_MAX   512
#define CPU_BYTES (CPU_MAX / 8)

/* A set of physical CPUs. */
struct cpu_set {
    uint8_t bits[CPU_BYTES];
};

/* Values in the order of libxl_action_on_shutdown; names in action_name(). */
enum action {
    ACTION_DESTROY = 1,
    ACTION_RESTART,
    ACTION_RENAME_RESTART,
    ACTION_PRESERVE,
    ACTION_SOFT_RESET = 7,
};

struct disk_config {
    char *path;   /* NULL: an empty drive */
    char *vdev;   /* as written: xvda, sda1, hdc */
    char *format; /* raw, qcow2, ... as libxl names them; NULL: none said */
    char *backend_type;
    char *backend_domain;
    char *script;
    uint32_t devid; /* xen-vbd-interface(7) number of vdev */
    bool writable, cdrom, removable, direct_io_safe;
    int discard; /* -1 not said, 0 off, 1 on */
};

struct nic_config {
    unsigned int devid;
    char *backend_domain;
    unsigned int mtu;
    char *model;
    uint8_t mac[6];
    bool mac_given;
    char *ip, *bridge, *ifname, *script, *type, *gatewaydev;
    uint64_t rate_bytes; /* per interval; 0: no limit */
    uint32_t rate_usecs;
};

enum guest_type { GUEST_PV, GUEST_PVH, GUEST_HVM };

/* One register of one CPUID leaf: 32 of 0, 1, x, k, s, the highest bit first. */
struct cpuid_rule {
    uint32_t leaf, subleaf;
    unsigned int reg; /* 0 to 3: EAX to EDX */
    char bits[33];
};

enum vga_kind { VGA_NONE, VGA_STD, VGA_CIRRUS };

/* What only PVH and HVM guests have; for PVH the parts that are not about devices. */
struct hvm_config {
    bool apic, pae, nx;
    unsigned int timer_mode; /* HVMPTM_* of <xen/hvm/params.h> */
    uint64_t mmio_hole_kb;   /* 0: the usual one */
    uint64_t video_kb;       /* part of the guest's memory */
    /* From here on HVM only. */
    bool acpi, acpi_s3, acpi_s4, hpet, vpt_align, xen_platform_pci;
    bool localtime;
    long rtc_offset; /* seconds */
    char *bios_path;
    char *boot; /* letters of drives; NULL: not said */
    enum vga_kind vga;
    bool vnc, vnc_unused;
    char *vnc_listen, *vnc_password, *keymap;
    long vnc_display; /* -1: not said */
    char **serial;
    unsigned int nr_serial;
    bool usb;
    char **usb_devices;
    unsigned int nr_usb_devices;
    bool ahci;        /* disks on an AHCI controller instead of an IDE one */
    bool dm_restrict; /* run it without root's rights */
    char *dm_path, *dm_user;
    char **dm_args;
    unsigned int nr_dm_args;
};

struct guest_config {
    enum guest_type type;
    struct hvm_config hvm;
    struct cpuid_rule *cpuid;
    unsigned int nr_cpuid;
    char *name;
    uint8_t uuid[16];
    unsigned int vcpus, max_vcpus;
    uint64_t memory_kb, max_memory_kb;
    bool vcpus_given, memory_given;
    char *kernel, *ramdisk, *cmdline;
    /* One set for all vCPUs (count 1, all true) or one for each; count 0: not said. */
    struct cpu_set *hard, *soft;
    unsigned int nr_hard, nr_soft;
    int cpu_weight, cpu_cap; /* -1: not said */
    char *tsc_mode;
    bool no_migrate;
    unsigned int event_channels;
    long max_grant_frames, max_maptrack_frames; /* -1: the hypervisor's default */
    enum action on_poweroff, on_reboot, on_watchdog, on_crash, on_soft_reset;
    struct disk_config *disks;
    unsigned int nr_disks;
    struct nic_config *nics;
    unsigned int nr_nics;
};

/*
 * Parse `text`; `name` is what complaints call it. `extra` is further text as given on the
 * command line, one setting a line, NULL for none: it counts as appended to the file. `host_cpus`
 * bounds what "all" means in CPU lists. Warnings go to `warn`. A uuid that is not given is made.
 */
int config_parse(const char *name, const char *text, const char *extra, unsigned int host_cpus, FILE *warn,
                 struct guest_config *cfg, struct err **err);
void config_free(struct guest_config *cfg);

/* "pv", "pvh", "hvm". */
const char *guest_type_name(enum guest_type t);

/* Whether a disk is a CD drive that only the device model serves. */
static inline bool disk_is_drive(const struct guest_config *g, const struct disk_config *d)
{
    return g->type == GUEST_HVM && d->cdrom;
}

/* Whether an interface has an emulated twin, for systems without drivers of ours: all of HVM unless type=vif. */
static inline bool nic_emulated(const struct guest_config *g, const struct nic_config *n)
{
    return g->type == GUEST_HVM && (!n->type || strcmp(n->type, "vif"));
}

/* xl.cfg's name of an action ("rename-restart"), or libxl's ("restart_rename"). */
const char *action_name(enum action a);
const char *action_json_name(enum action a);

/* The number of a disk by name (xvda, xvda1, hda, sda, d0p1 or a plain number), or -1. */
long disk_devid(const char *vdev);

/* "0-3,^1,5", "all": into a set. `host_cpus` is the number that "all" stands for. */
int cpu_set_parse(const char *text, unsigned int host_cpus, struct cpu_set *set, struct err **err);
static inline bool cpu_set_has(const struct cpu_set *set, unsigned int cpu)
{
    return cpu < CPU_MAX && set->bits[cpu / 8] & 1 << cpu % 8;
}

/* As xl prints it. `created`: also what creating a domain fills in. The caller puts the object. */
struct json_object *config_to_json(const struct guest_config *cfg, bool created);

/* A uuid as text of 36 characters and a NUL. */
void uuid_format(const uint8_t *uuid, char *out);
int uuid_parse(const char *text, uint8_t *uuid);
/* A random one. */
void uuid_make(uint8_t *uuid);

#endif
