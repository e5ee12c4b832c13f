/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks. The syntax with its two generations and prefixes is parsed by libxlutil, so that it
 * cannot differ from xl's; only its result is taken over here.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "devices.h"

static const char *format_name(libxl_disk_format f)
{
    static const char *const names[] = {
        [LIBXL_DISK_FORMAT_QCOW] = "qcow", [LIBXL_DISK_FORMAT_QCOW2] = "qcow2", [LIBXL_DISK_FORMAT_VHD] = "vhd",
        [LIBXL_DISK_FORMAT_RAW] = "raw",   [LIBXL_DISK_FORMAT_EMPTY] = "empty", [LIBXL_DISK_FORMAT_QED] = "qed",
    };

    return f < sizeof(names) / sizeof(names[0]) ? names[f] : NULL;
}

static const char *backend_name(libxl_disk_backend b)
{
    static const char *const names[] = {
        [LIBXL_DISK_BACKEND_PHY] = "phy",
        [LIBXL_DISK_BACKEND_TAP] = "tap",
        [LIBXL_DISK_BACKEND_QDISK] = "qdisk",
        [LIBXL_DISK_BACKEND_STANDALONE] = "standalone",
    };

    return b < sizeof(names) / sizeof(names[0]) ? names[b] : NULL;
}

static char *copy_or_null(const char *s) { return s ? strdup(s) : NULL; }

/* Letters of a disk name as a number, "a" is 0, "aa" is 26; how many were read in *len. */
static long letters(const char *s, size_t *len)
{
    long n = 0;

    for (*len = 0; s[*len] >= 'a' && s[*len] <= 'z' && *len < 4; ++*len)
        n = n * 26 + s[*len] - 'a' + 1;
    return n - 1;
}

/* Numbers from xen-vbd-interface(7), "Concrete encoding in the VBD interface". */
static long encode(char kind, long disk, long part)
{
    if (kind == 'x')
        return disk < 16 && part < 16         ? 202 << 8 | disk << 4 | part
               : disk < 1 << 20 && part < 256 ? 1 << 28 | disk << 8 | part
                                              : -1;
    if (kind == 's')
        return disk < 16 && part < 16 ? 8 << 8 | disk << 4 | part : -1;
    if (disk >= 4 || part >= 64)
        return -1;
    return (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | part;
}

long disk_devid(const char *vdev)
{
    static const struct {
        const char *prefix;
        char kind;
    } kinds[] = {{"xvd", 'x'}, {"sd", 's'}, {"hd", 'h'}};
    unsigned long n;
    size_t i, len;
    char *end;

    if (isdigit((unsigned char)*vdev)) {
        n = strtoul(vdev, &end, 0);
        return *end || n >= 1ul << 29 ? -1 : (long)n;
    }
    if (*vdev == 'd' && isdigit((unsigned char)vdev[1])) {
        unsigned long part = 0;

        n = strtoul(vdev + 1, &end, 10);
        if (*end == 'p' && isdigit((unsigned char)end[1]))
            part = strtoul(end + 1, &end, 10);
        return *end || n >= 1 << 20 || part >= 256 ? -1 : encode('x', n, part);
    }
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *p = vdev + strlen(kinds[i].prefix);
        long disk, part = 0;

        if (strncmp(vdev, kinds[i].prefix, strlen(kinds[i].prefix)))
            continue;
        disk = letters(p, &len);
        p += len;
        if (*p && (!isdigit((unsigned char)*p) || *p == '0'))
            return -1;
        if (*p) {
            part = strtol(p, &end, 10);
            if (*end || part > 255)
                return -1;
        }
        return disk < 0 ? -1 : encode(kinds[i].kind, disk, part);
    }
    return -1;
}

static void disk_take(const libxl_device_disk *x, struct disk_config *d)
{
    memset(d, 0, sizeof(*d));
    d->path = x->pdev_path && *x->pdev_path ? strdup(x->pdev_path) : NULL;
    d->vdev = copy_or_null(x->vdev);
    d->format = copy_or_null(format_name(x->format));
    d->backend_type = copy_or_null(backend_name(x->backend));
    d->backend_domain = copy_or_null(x->backend_domname);
    d->script = copy_or_null(x->script);
    d->writable = x->readwrite;
    d->cdrom = x->is_cdrom;
    d->removable = x->removable;
    d->direct_io_safe = x->direct_io_safe;
    d->discard = x->discard_enable.val == 0 ? -1 : x->discard_enable.val > 0;
}

static void disk_drop(libxl_device_disk *x)
{
    free(x->pdev_path);
    free(x->vdev);
    free(x->backend_domname);
    free(x->script);
}

int disk_parse(const char *spec, struct disk_config *d, struct err **err)
{
    libxl_device_disk x = {0};
    XLU_Config *cfg;
    char *text = NULL, *end;
    size_t len;
    FILE *report = open_memstream(&text, &len);
    long devid;
    int rc;

    if (!report || !(cfg = xlu_cfg_init(report, "disk")))
        abort();
    rc = xlu_disk_parse(cfg, 1, &spec, &x);
    xlu_cfg_destroy(cfg);
    fclose(report);
    if (rc) {
        /* libxlutil says "NAME: reason\n"; the name is a stand-in. */
        end = strchr(text, '\n');
        if (end)
            *end = '\0';
        err_new(err, ERR_INVAL, "%s", strstr(text, ": ") ? strstr(text, ": ") + 2 : text);
        free(text);
        disk_drop(&x);
        return -1;
    }
    free(text);
    disk_take(&x, d);
    disk_drop(&x);
    devid = disk_devid(d->vdev);
    if (devid < 0) {
        err_new(err, ERR_INVAL, "there is no disk called `%s' in `%s'", d->vdev, spec);
        disk_free(d);
        return -1;
    }
    d->devid = devid;
    return 0;
}

void disk_free(struct disk_config *d)
{
    free(d->path);
    free(d->vdev);
    free(d->format);
    free(d->backend_type);
    free(d->backend_domain);
    free(d->script);
    memset(d, 0, sizeof(*d));
}
