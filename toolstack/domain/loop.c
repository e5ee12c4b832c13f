/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices for disks that are files, set up with one ioctl (loop(4), LOOP_CONFIGURE; Linux
 * 5.8). Direct I/O is asked for, so that dom0 does not cache a guest's disk a second time; the
 * kernel falls back by itself where the file system cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"

/* Give a free loop device to `fd`; 0, or an errno value. EBUSY: somebody else took it first. */
static int configure(int control, int fd, const char *file, bool writable, char **node)
{
    struct loop_config cfg = {.fd = fd};
    int n = ioctl(control, LOOP_CTL_GET_FREE), dev, rc = 0;

    if (n < 0)
        return errno;
    *node = store_fmt("/dev/loop%d", n);
    dev = open(*node, O_RDWR | O_CLOEXEC);
    if (dev < 0) {
        rc = errno;
        free(*node);
        return rc;
    }
    cfg.info.lo_flags = LO_FLAGS_DIRECT_IO | (writable ? 0 : LO_FLAGS_READ_ONLY);
    strncpy((char *)cfg.info.lo_file_name, file, LO_NAME_SIZE - 1);
    if (ioctl(dev, LOOP_CONFIGURE, &cfg) < 0) {
        rc = errno;
        free(*node);
    }
    close(dev);
    return rc;
}

int loop_attach(const char *file, bool writable, char **node, struct err **err)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd, rc;

    if (control < 0)
        return err_sys(err, errno, "no loop devices (is the module loop loaded?)");
    fd = open(file, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) {
        rc = err_sys(err, errno, "cannot open %s", file);
    } else {
        do {
            rc = configure(control, fd, file, writable, node);
        } while (rc == EBUSY);
        close(fd);
        if (rc)
            rc = err_sys(err, rc, "cannot make a loop device of %s", file);
    }
    close(control);
    return rc;
}

void loop_detach(const char *node)
{
    int dev = open(node, O_RDONLY | O_CLOEXEC);

    if (dev < 0)
        return;
    /* While someone still has it open the kernel defers this to the last close. */
    ioctl(dev, LOOP_CLR_FD);
    close(dev);
}
