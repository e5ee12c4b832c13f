/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the medium in an HVM guest's CD drive. The device model has no rights to open files: it is
 * handed an open one.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devmodel.h"
#include "qmp.h"

static struct json_object *arguments(const char *key, const char *value)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, key, json_object_new_string(value));
    return o;
}

static int insert(struct qmp *q, const char *drive, const char *file, struct err **err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC), rc = -1;
    struct json_object *set = NULL, *o;
    struct stat st;
    char *name;

    if (fd < 0)
        return err_sys(err, errno, "cannot open %s", file);
    if (qmp_run(q, "add-fd", NULL, fd, &set, err) == 0) {
        name = store_fmt("%s/dev/fdset/%lld", !fstat(fd, &st) && S_ISBLK(st.st_mode) ? "host_device:" : "",
                         (long long)json_object_get_int64(json_object_object_get(set, "fdset-id")));
        o = arguments("id", drive);
        json_object_object_add(o, "filename", json_object_new_string(name));
        json_object_object_add(o, "format", json_object_new_string("raw"));
        json_object_object_add(o, "read-only-mode", json_object_new_string("read-only"));
        rc = qmp_run(q, "blockdev-change-medium", o, -1, NULL, err);
        free(name);
        /* It keeps its own copy for as long as the medium is in the drive. */
        o = json_object_new_object();
        json_object_object_add(o, "fdset-id", json_object_get(json_object_object_get(set, "fdset-id")));
        qmp_run(q, "remove-fd", o, -1, NULL, NULL);
    }
    json_object_put(set);
    close(fd);
    return rc;
}

/* Note the medium in the recorded configuration. */
static void note(struct ctx *c, uint32_t domid, const char *vdev, const char *file)
{
    struct xen_domctl_getdomaininfo info;
    struct json_object *o, *disks;
    struct err *e = NULL;

    if (hyp_domain_info(c->hyp, domid, &info, &e) != 1 || !(o = record_load(domid, info.handle))) {
        err_drop(&e);
        return;
    }
    disks = json_object_object_get(o, "disks");
    for (size_t i = 0; disks && i < json_object_array_length(disks); i++) {
        struct json_object *d = json_object_array_get_idx(disks, i);
        const char *name = json_object_get_string(json_object_object_get(d, "vdev"));

        if (!name || strcmp(name, vdev))
            continue;
        json_object_object_del(d, "pdev_path");
        if (file)
            json_object_object_add(d, "pdev_path", json_object_new_string(file));
    }
    record_save(domid, info.handle, o, &e);
    err_drop(&e);
    json_object_put(o);
}

int cdrom_change(struct ctx *c, uint32_t domid, const char *vdev, const char *file, struct err **err)
{
    struct disk_config d = {.devid = 0};
    long devid = disk_devid(vdev);
    struct json_object *o;
    struct qmp *q;
    char *drive;
    int rc;

    if (devid < 0)
        return err_new(err, ERR_INVAL, "there is no disk called `%s'", vdev);
    if (!devmodel_pid(c, domid))
        return err_new(err, ERR_INVAL, "domain %u has no device model, and so no CD drive", domid);
    q = qmp_open(domid, 10, err);
    if (!q)
        return -1;
    d.devid = devid;
    drive = dm_drive_name(&d);
    if (file) {
        rc = insert(q, drive, file, err);
    } else {
        o = arguments("id", drive);
        json_object_object_add(o, "force", json_object_new_boolean(1));
        rc = qmp_run(q, "eject", o, -1, NULL, err);
    }
    if (!rc)
        note(c, domid, vdev, file);
    free(drive);
    qmp_close(q);
    return rc < 0 ? err_wrap(err, "cannot change the medium in %s", vdev) : 0;
}
