/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs of processes that stay behind for a guest: /var/log/xen/PREFIX-NAME.log, older ones kept as .1,
 * .2 and so on, as xl does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "domain.h"

#define LOG_DIR  "/var/log/xen"
#define LOG_KEEP 10

int log_open(const char *prefix, const char *name, struct err **err)
{
    char *path = store_fmt(LOG_DIR "/%s-%s.log", prefix, name);
    int fd, i;

    mkdir(LOG_DIR, 0750);
    for (i = LOG_KEEP - 1; i >= 0; i--) {
        char *from = i ? store_fmt("%s.%d", path, i) : store_fmt("%s", path);
        char *to = store_fmt("%s.%d", path, i + 1);

        rename(from, to);
        free(from);
        free(to);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        err_sys(err, errno, "cannot write %s", path);
    free(path);
    return fd;
}
