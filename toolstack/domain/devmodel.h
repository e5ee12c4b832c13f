/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device model of an HVM guest: Debian's QEMU, one process for each guest, restricted to that
 * guest. create.c, destroy.c, supervise.c and the command line call in.
 */
#ifndef ORLOP_DOMAIN_DEVMODEL_H
#define ORLOP_DOMAIN_DEVMODEL_H

#include <sys/types.h>

#include "domain.h"

#define DM_PATH "/usr/libexec/xen-qemu-system-i386"

/* Its process number, below the domain. */
#define DM_PID_NODE "image/device-model-pid"

/* What its arguments are made from. */
struct dm_launch {
    uint32_t domid;
    const struct guest_config *cfg;
    char *const *disk_nodes; /* for each disk: the file or device to open; NULL: an empty drive */
    const char *qmp;         /* path of the socket */
    const char *root;        /* directory for chroot; NULL: not restricted */
    uid_t uid;               /* when restricted */
    bool filter;             /* of system calls, when restricted */
};

/* The program for this guest. */
const char *dm_path(const struct guest_config *cfg);
/* Whether the program can have its system calls filtered (seccomp): 1, 0, or -1 when it does not tell. */
int dm_has_filter(const char *path, struct err **err);
/* Whether all disks can be emulated as they are to be. */
int dm_check_disks(const struct guest_config *cfg, struct err **err);
/* Whether the program is there and can do what the configuration asks of it: before anything is made. */
int dm_check(const struct guest_config *cfg, struct err **err);

/* argv, ended by NULL; one free for the strings each and for the list (dm_args_free). */
char **dm_args(const struct dm_launch *l);
void dm_args_free(char **argv);

/* The name of a network interface's emulated twin; the caller frees. */
char *dm_tap_name(uint32_t domid, const struct nic_config *nic);

/* QEMU's name for a drive, by which its medium is changed; the caller frees. */
char *dm_drive_name(const struct disk_config *disk);

/* Start it for a domain whose devices are described in the store, and wait until it serves the guest. */
int devmodel_start(struct ctx *c, uint32_t domid, const struct guest_config *cfg, struct err **err);

/* End it if there is one, and remove what it left. */
void devmodel_stop(struct ctx *c, uint32_t domid);

/* The process of a domain's device model, 0 when there is none. */
pid_t devmodel_pid(struct ctx *c, uint32_t domid);

/* Put `file` into a CD drive (NULL: take out what is in it). `vdev` is the drive's name in the configuration. */
int cdrom_change(struct ctx *c, uint32_t domid, const char *vdev, const char *file, struct err **err);

#endif
