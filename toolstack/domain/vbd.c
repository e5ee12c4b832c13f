/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks, served by the kernel's xen-blkback. The backend needs a block device number in
 * physical-device: that of the device named, or of a loop device over the file named. It is
 * written along with everything else, so no script and no second round is needed. With script=
 * the script finds the device, as under xl.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device.h"

static struct device vbd_device(uint32_t domid, const struct disk_config *disk)
{
    return (struct device){.domid = domid, .kind = "vbd", .devid = disk->devid};
}

/* Refuse what the kernel's backend cannot serve. */
static int vbd_check(const struct disk_config *d, struct err **err)
{
    if (d->format && strcmp(d->format, "raw"))
        return err_new(err, ERR_INVAL, "format %s is not supported by this version", d->format);
    if (d->backend_type && strcmp(d->backend_type, "phy"))
        return err_new(err, ERR_INVAL, "backend type %s is not supported by this version", d->backend_type);
    if (d->backend_domain && strcmp(d->backend_domain, "0") && strcmp(d->backend_domain, "Domain-0"))
        return err_new(err, ERR_INVAL, "backends outside of dom0 are not supported");
    if (!d->path)
        return err_new(err, ERR_INVAL, "only an HVM guest's CD drive can be empty");
    return 0;
}

/*
 * The same disk writable in two guests destroys its content: refuse, as the block script does.
 * Files are compared by the path they were given, devices by number.
 */
static int vbd_check_shared(struct ctx *c, const struct disk_config *d, const char *number, struct err **err)
{
    unsigned int n = 0, i, m, j;
    char **doms = store_list(&c->store, "/local/domain/0/backend/vbd", &n);
    int rc = 0;

    for (i = 0; i < n && !rc; i++) {
        char *dir = store_fmt("/local/domain/0/backend/vbd/%s", doms[i]);
        char **devs = store_list(&c->store, dir, &m);

        for (j = 0; devs && j < m && !rc; j++) {
            char *back = store_fmt("%s/%s", dir, devs[j]);
            char *mode = store_read(&c->store, back, "mode");
            char *its = store_read(&c->store, back, number ? "physical-device" : "params");

            if (its && !strcmp(its, number ? number : d->path) && (d->writable || (mode && *mode == 'w')))
                rc = err_new(err, ERR_FAIL, "%s is in use by domain %s, and one of them writes", d->path, doms[i]);
            free(its);
            free(mode);
            free(back);
        }
        free(devs);
        free(dir);
    }
    free(doms);
    return rc;
}

/* Find or make the block device: its node, and its number as the backend reads it. */
static int vbd_open(struct ctx *c, const struct disk_config *d, char **node, char **number, struct err **err)
{
    struct stat st;

    if (stat(d->path, &st) < 0)
        return err_sys(err, errno, "cannot use %s", d->path);
    if (S_ISBLK(st.st_mode)) {
        *number = store_fmt("%x:%x", major(st.st_rdev), minor(st.st_rdev));
        *node = store_fmt("%s", d->path);
        return vbd_check_shared(c, d, *number, err);
    }
    if (!S_ISREG(st.st_mode))
        return err_new(err, ERR_INVAL, "%s is neither a file nor a block device", d->path);
    if (vbd_check_shared(c, d, NULL, err) < 0 || loop_attach(d->path, d->writable, node, err) < 0)
        return -1;
    if (stat(*node, &st) < 0) {
        loop_detach(*node);
        return err_sys(err, errno, "cannot use %s", *node);
    }
    *number = store_fmt("%x:%x", major(st.st_rdev), minor(st.st_rdev));
    return 0;
}

static int vbd_write(struct ctx *c, uint32_t domid, const struct disk_config *d, const char *script, const char *node,
                     const char *number, struct err **err)
{
    struct device dev = vbd_device(domid, d);
    const char *type = d->cdrom ? "cdrom" : "disk";
    char *devid = store_fmt("%u", d->devid);
    const struct node front[] = {
        {"virtual-device", devid}, {"device-type", type}, {"trusted", "1"}, {"protocol", "x86_64-abi"}, {NULL, NULL}};
    const struct node back[] = {{"params", d->path},
                                {"script", script},
                                {"removable", d->removable ? "1" : "0"},
                                {"bootable", "1"},
                                {"dev", d->vdev},
                                {"type", "phy"},
                                {"mode", d->writable ? "w" : "r"},
                                {"device-type", type},
                                {"discard-enable", d->discard ? "1" : "0"},
                                {"specification", "xen"},
                                {"direct-io-safe", d->direct_io_safe ? "1" : NULL},
                                {"node", node},
                                {"physical-device-path", node},
                                {"physical-device", number},
                                {"hotplug-status", number ? "connected" : NULL},
                                {NULL, NULL}};
    int rc = device_write(c, &dev, front, back, err);

    free(devid);
    return rc;
}

int vbd_attach(struct ctx *c, uint32_t domid, const struct disk_config *d, struct err **err)
{
    char *script = d->script ? hotplug_path(d->script) : NULL, *node = NULL, *number = NULL;
    int rc = vbd_check(d, err);

    if (!rc && !script)
        rc = vbd_open(c, d, &node, &number, err);
    if (!rc) {
        rc = vbd_write(c, domid, d, script ? script : BLOCK_SCRIPT, node, number, err);
        if (rc < 0 && node && strcmp(node, d->path))
            loop_detach(node);
    }
    if (rc < 0)
        err_wrap(err, "cannot attach disk %s", d->vdev);
    free(script);
    free(node);
    free(number);
    return rc;
}

int vbd_finish(struct ctx *c, uint32_t domid, const struct disk_config *d, struct err **err)
{
    struct device dev = vbd_device(domid, d);
    char *script;
    int rc;

    (void)c;
    if (!d->script)
        return 0;
    script = hotplug_path(d->script);
    rc = hotplug_run(&dev, script, "add", NULL, err);
    free(script);
    return rc < 0 ? err_wrap(err, "cannot attach disk %s", d->vdev) : 0;
}

void vbd_release(struct ctx *c, const struct device *d)
{
    char *back = device_backend(d), *script = store_read(&c->store, back, "script");
    char *node = store_read(&c->store, back, "node"), *file = store_read(&c->store, back, "params");
    struct err *e = NULL;

    if (script && strcmp(script, BLOCK_SCRIPT))
        hotplug_run(d, script, "remove", NULL, &e);
    else if (node && file && strcmp(node, file) && !strncmp(node, "/dev/loop", 9))
        loop_detach(node);
    err_drop(&e);
    free(back);
    free(script);
    free(node);
    free(file);
}
