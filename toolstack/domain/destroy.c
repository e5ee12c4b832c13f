/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroying a domain: stop it, detach its devices while it still exists (backends hold mappings
 * of its memory), then the domain, then what is written about it. Each part is done even if one
 * before failed; the first failure is what is reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "devmodel.h"
#include "domain.h"
#include "nodes.h"

#define LOCK_DIR "/run/xen"

/*
 * A command and the domain's supervisor may both set out to destroy it: one at a time, lest the
 * second frees a loop device that meanwhile serves somebody else. The lock goes with the file
 * descriptor.
 */
static int lock(uint32_t domid)
{
    char *path = store_fmt(LOCK_DIR "/orlop-destroy-%u.lock", domid);
    int fd;

    mkdir(LOCK_DIR, 0755);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

static void unlock(uint32_t domid, int fd)
{
    char *path = store_fmt(LOCK_DIR "/orlop-destroy-%u.lock", domid);

    unlink(path);
    free(path);
    if (fd >= 0)
        close(fd);
}

/* Keep the first failure of several. */
static void note(struct err **first, struct err *e)
{
    if (*first)
        err_drop(&e);
    else
        *first = e;
}

int domain_destroy(struct ctx *c, uint32_t domid, struct err **err)
{
    struct xen_domctl_getdomaininfo info;
    struct err *first = NULL, *e = NULL;
    int fd = lock(domid), rc = hyp_domain_info(c->hyp, domid, &info, err);

    if (rc == 1) {
        hyp_domain_pause(c->hyp, domid, &e);
        err_drop(&e);
        devmodel_stop(c, domid);
        device_detach_all(c, domid, &e);
        note(&first, e);
        e = NULL;
        hyp_domain_destroy(c->hyp, domid, &e);
        note(&first, e);
        nodes_remove(c, domid);
        record_remove(domid, info.handle);
    } else if (!rc) {
        err_new(&first, ERR_NODOMAIN, "domain %u does not exist", domid);
    }
    unlock(domid, fd);
    if (first && err)
        *err = first;
    return rc < 0 || first ? -1 : 0;
}
