/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Xen made of files, as a preload library: grants are pages of ring-DOMID, the event channel
 * device is a FIFO of port numbers, and the list of domains is a text file. With it any store
 * daemon, ours or Debian's, serves guests that are played by a test program on a machine without
 * a hypervisor. Nothing of the daemon is in here. conformance.py is the other side.
 *
 * $FAKEXEN_DIR/domains      lines "DOMID FLAGS", flags of letters d(ying) s(hutdown) or -
 * $FAKEXEN_DIR/ring-DOMID   the page shared for the store (4096 bytes)
 * $FAKEXEN_DIR/console-DOMID  the page shared for the console
 * $FAKEXEN_DIR/xsd_port     text, the port of dom0's own ring
 * $FAKEXEN_DIR/evtchn       FIFO: the test writes 32-bit local ports to wake the daemon; another
 * name is in $FAKEXEN_EVTCHN where two daemons run Local ports: 1 is the domain exception VIRQ,
 * 1000 + DOMID is a domain's channel.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xencall.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/domctl.h>

#define VIRQ_PORT   1
#define DOMAIN_PORT 1000

static int event_fd = -1;

static void fake_path(char *buf, size_t size, const char *name)
{
    snprintf(buf, size, "%s/%s", getenv("FAKEXEN_DIR"), name);
}

/* Finds the first domain numbered `first` or above. */
static bool domain_find(unsigned int first, unsigned int *domid, char flags[16])
{
    char path[512];
    unsigned int id;
    char letters[16];
    bool found = false;
    FILE *f;

    fake_path(path, sizeof(path), "domains");
    f = fopen(path, "re");
    while (f && fscanf(f, "%u %15s", &id, letters) == 2) {
        if (id >= first && (!found || id < *domid)) {
            *domid = id;
            strcpy(flags, letters);
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    char path[512];

    (void)logger;
    (void)flags;
    fake_path(path, sizeof(path), getenv("FAKEXEN_EVTCHN") ? getenv("FAKEXEN_EVTCHN") : "evtchn");
    if (mkfifo(path, 0600) && errno != EEXIST)
        return NULL;
    event_fd = open(path, O_RDWR | O_CLOEXEC); /* blocks when empty, as the device does */
    return (xenevtchn_handle *)&event_fd;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    (void)xce;
    return close(event_fd);
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return event_fd;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote_port)
{
    (void)xce;
    (void)remote_port;
    return DOMAIN_PORT + domid;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    (void)xce;
    (void)virq;
    return VIRQ_PORT;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint32_t port;

    (void)xce;
    return read(event_fd, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    (void)flags;
    return (xengnttab_handle *)&event_fd;
}

int xengnttab_close(xengnttab_handle *xgt)
{
    (void)xgt;
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    (void)xgt;
    (void)count;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    char name[32], path[512];
    void *page;
    int fd;

    (void)xgt;
    snprintf(name, sizeof(name), "%s-%u", ref == GNTTAB_RESERVED_CONSOLE ? "console" : "ring", domid);
    fake_path(path, sizeof(path), name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    page = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *page, uint32_t count)
{
    (void)xgt;
    return munmap(page, 4096 * count);
}

/* dom0's own ring is given by files of the kernel; here they are files of the test. */
int open(const char *path, int flags, ...)
{
    static int (*real_open)(const char *, int, ...);
    char fake[512];
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    if (!real_open)
        real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    if (!strcmp(path, "/proc/xen/xsd_port") || !strcmp(path, "/proc/xen/xsd_kva") ||
        !strcmp(path, "/dev/xen/xsd_kva")) {
        fake_path(fake, sizeof(fake), strstr(path, "port") ? "xsd_port" : "ring-0");
        path = fake;
    }
    return real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/*
 * With $FAKEXEN_DIE=N, one write in N is the process's last: it is killed just before or just after
 * it. The store daemon writes nothing but its journal with this call.
 */
ssize_t write(int fd, const void *data, size_t len)
{
    static ssize_t (*real_write)(int, const void *, size_t);
    const char *die = getenv("FAKEXEN_DIE");
    struct timespec now;
    ssize_t done = 0;
    bool last;

    if (!real_write)
        real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    clock_gettime(CLOCK_MONOTONIC, &now);
    last = die && now.tv_nsec / 16 % atoi(die) == 0;
    if (!last || now.tv_nsec & 8)
        done = real_write(fd, data, len);
    if (last)
        kill(getpid(), SIGKILL);
    return done;
}

/* What Debian's daemon uses to ask for domains. */
xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom_logger, unsigned int flags)
{
    (void)logger;
    (void)dom_logger;
    (void)flags;
    return (xc_interface *)&event_fd;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
    unsigned int count, domid;
    char flags[16];

    (void)xch;
    for (count = 0; count < max && domain_find(first, &domid, flags); count++) {
        memset(&info[count], 0, sizeof(info[count]));
        info[count].domid = domid;
        info[count].dying = strchr(flags, 'd') != NULL;
        info[count].shutdown = strchr(flags, 's') != NULL;
        first = domid + 1;
    }
    return count;
}

/* What ours uses. */
xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    (void)flags;
    return (xencall_handle *)&event_fd;
}

int xencall_close(xencall_handle *xcall)
{
    (void)xcall;
    return 0;
}

void *xencall_alloc_buffer(xencall_handle *xcall, size_t size)
{
    (void)xcall;
    return calloc(1, size);
}

void xencall_free_buffer(xencall_handle *xcall, void *p)
{
    (void)xcall;
    free(p);
}

int xencall1(xencall_handle *xcall, unsigned int op, uint64_t arg1)
{
    struct xen_domctl *ctl = (struct xen_domctl *)arg1;
    unsigned int domid;
    char flags[16];

    (void)xcall;
    if (op != __HYPERVISOR_domctl || ctl->cmd != XEN_DOMCTL_getdomaininfo) {
        errno = ENOSYS;
        return -1;
    }
    if (!domain_find(ctl->domain, &domid, flags)) {
        errno = ESRCH;
        return -1;
    }
    memset(&ctl->u, 0, sizeof(ctl->u));
    ctl->domain = ctl->u.getdomaininfo.domain = domid;
    if (strchr(flags, 'd'))
        ctl->u.getdomaininfo.flags |= XEN_DOMINF_dying;
    if (strchr(flags, 's'))
        ctl->u.getdomaininfo.flags |= XEN_DOMINF_shutdown;
    return 0;
}
