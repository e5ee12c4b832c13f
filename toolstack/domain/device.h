/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a guest: their nodes in the store, and what dom0 has to do on its side so that the
 * kernel's backend can serve them. create.c and destroy.c call in. A device has three places in
 * the store, as libxl has it: the frontend below the guest, the backend below dom0, and a copy
 * below /libxl that only tools can write, which is what detaching trusts.
 */
#ifndef ORLOP_DOMAIN_DEVICE_H
#define ORLOP_DOMAIN_DEVICE_H

#include "domain.h"

#define SCRIPT_DIR   "/etc/xen/scripts"
#define BLOCK_SCRIPT SCRIPT_DIR "/block"
#define VIF_SCRIPT   SCRIPT_DIR "/vif-bridge"

struct device {
    uint32_t domid;
    const char *kind; /* "vbd", "vif", "console" */
    uint32_t devid;
};

/* States of both ends, <xen/io/xenbus.h>. */
enum { STATE_INITIALISING = 1, STATE_INIT_WAIT, STATE_CONNECTED = 4, STATE_CLOSING, STATE_CLOSED };

struct node {
    const char *key, *value;
};

/*
 * Write the nodes of a device in one transaction. Lists end with a NULL key; the common nodes
 * (frontend, backend, -id, online, state) are added here.
 */
int device_write(struct ctx *c, const struct device *d, const struct node *front, const struct node *back,
                 struct err **err);
char *device_backend(const struct device *d);
char *device_frontend(const struct device *d);

/* Wait until the backends of all `n` devices say they are waiting for their frontends. */
int device_wait_ready(struct ctx *c, const struct device *d, unsigned int n, struct err **err);

/*
 * Run a hotplug script of the Xen convention for a device, with `action` ("add", "online", ...)
 * and the environment that those scripts expect. `vif` is the interface's name, NULL for disks.
 */
int hotplug_run(const struct device *d, const char *script, const char *action, const char *vif, struct err **err);
/* The same for the interface of an emulated network card. */
int hotplug_run_tap(const struct device *d, const char *script, const char *tap, struct err **err);
/* A script as named in a configuration: its full path, for the caller to free. */
char *hotplug_path(const char *script);

/* Loop devices. */
int loop_attach(const char *file, bool writable, char **node, struct err **err);
void loop_detach(const char *node);

/* A disk or interface: everything up to the backend's nodes; then what needs the backend. */
int vbd_attach(struct ctx *c, uint32_t domid, const struct disk_config *disk, struct err **err);
int vbd_finish(struct ctx *c, uint32_t domid, const struct disk_config *disk, struct err **err);
/* `emulated`: the device model serves a twin of it. */
int vif_attach(struct ctx *c, uint32_t domid, struct nic_config *nic, bool emulated, struct err **err);
int vif_finish(struct ctx *c, uint32_t domid, const struct nic_config *nic, struct err **err);

/* Bring the emulated twin's interface to the bridge that the configuration names. */
int vif_join_tap(const char *tap, uint32_t domid, const struct nic_config *nic, struct err **err);

/* dom0's side of a device whose backend has closed (or never opened). */
void vbd_release(struct ctx *c, const struct device *d);
void vif_release(struct ctx *c, const struct device *d);

/* Detach all devices of a domain at once: close, wait, release, remove the nodes. */
int device_detach_all(struct ctx *c, uint32_t domid, struct err **err);

#endif
