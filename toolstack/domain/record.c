/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of running domains on disk: /var/lib/xen/userdata-d.DOMID.UUID.libxl-json. The
 * directory is on disk and domain numbers are used again after a reboot: the uuid in the name
 * keeps an old file from being taken for a new domain's.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"
#include "lib/json.h"

#define RECORD_DIR "/var/lib/xen"

static char *record_path(uint32_t domid, const uint8_t *uuid)
{
    char text[37];

    uuid_format(uuid, text);
    return store_fmt(RECORD_DIR "/userdata-d.%u.%s.libxl-json", domid, text);
}

int record_save(uint32_t domid, const uint8_t *uuid, struct json_object *config, struct err **err)
{
    char *path = record_path(domid, uuid), *tmp = store_fmt("%s.new", path);
    FILE *f = NULL;
    int fd, rc = -1;

    mkdir(RECORD_DIR, 0755);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        f = fdopen(fd, "w");
    if (!f) {
        err_sys(err, errno, "cannot write %s", tmp);
        goto out;
    }
    json_print(f, config);
    if (fclose(f) || rename(tmp, path) < 0) {
        err_sys(err, errno, "cannot write %s", path);
        goto out;
    }
    rc = 0;
out:
    free(tmp);
    free(path);
    return rc;
}

struct json_object *record_load(uint32_t domid, const uint8_t *uuid)
{
    char *path = record_path(domid, uuid);
    struct json_object *o = NULL;

    if (!access(path, R_OK))
        o = json_object_from_file(path);
    free(path);
    return o;
}

void record_remove(uint32_t domid, const uint8_t *uuid)
{
    char *path = record_path(domid, uuid);

    unlink(path);
    free(path);
}
