/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen as the daemons need it, on Debian's stable libraries (libxencall, libxenevtchn, libxengnttab,
 * libxenforeignmemory): see daemon_xen.h. Called from the daemons' loops and their ring files.
 */
#include "daemon_xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

#define PAGE_SIZE 4096

static xencall_handle *calls;
static xenevtchn_handle *events;
static xengnttab_handle *grants;
static xenforeignmemory_handle *foreign;

bool xen_open(void)
{
    calls = xencall_open(NULL, 0);
    events = xenevtchn_open(NULL, 0);
    grants = xengnttab_open(NULL, 0);
    /* Only for domains whose grant is not there: a kernel without this still does. */
    foreign = xenforeignmemory_open(NULL, 0);
    if (!calls || !events || !grants)
        return false;
    /* Reading the next port waits for one unless told otherwise. */
    return fcntl(xenevtchn_fd(events), F_SETFL, O_NONBLOCK) == 0;
}

int xen_domain_next(int domid, unsigned int *state)
{
    struct xen_domctl *ctl;
    int found = -1;

    *state = 0;
    if (!calls)
        return -1;
    ctl = xencall_alloc_buffer(calls, sizeof(*ctl));
    if (!ctl)
        die("no memory for hypercalls");
    memset(ctl, 0, sizeof(*ctl));
    ctl->cmd = XEN_DOMCTL_getdomaininfo;
    ctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl->domain = domid;
    if (!xencall1(calls, __HYPERVISOR_domctl, (uintptr_t)ctl)) {
        found = ctl->u.getdomaininfo.domain;
        *state = XEN_DOMAIN_EXISTS;
        if (ctl->u.getdomaininfo.flags & XEN_DOMINF_dying)
            *state |= XEN_DOMAIN_DYING;
        if (ctl->u.getdomaininfo.flags & XEN_DOMINF_shutdown)
            *state |= XEN_DOMAIN_SHUTDOWN;
    }
    xencall_free_buffer(calls, ctl);
    return found;
}

unsigned int xen_domain_state(int domid)
{
    unsigned int state;

    return xen_domain_next(domid, &state) == domid ? state : 0;
}

/* Pages mapped by frame number: few, and needed again for unmapping. */
#define BY_FRAME_MAX 256
static void *by_frame[BY_FRAME_MAX];

static void *map_frame(int domid, unsigned long mfn)
{
    xen_pfn_t pfn = mfn;
    unsigned int i;

    if (!foreign)
        return NULL;
    for (i = 0; i < BY_FRAME_MAX; i++) {
        if (by_frame[i])
            continue;
        by_frame[i] = xenforeignmemory_map(foreign, domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);
        return by_frame[i];
    }
    errno = ENOSPC;
    return NULL;
}

void *xen_map_ring(int domid, unsigned int reserved_grant, unsigned long mfn)
{
    void *page = xengnttab_map_grant_ref(grants, domid, reserved_grant, PROT_READ | PROT_WRITE);

    return page ? page : map_frame(domid, mfn);
}

void xen_unmap_ring(void *page)
{
    unsigned int i;

    for (i = 0; i < BY_FRAME_MAX; i++) {
        if (by_frame[i] == page) {
            xenforeignmemory_unmap(foreign, page, 1);
            by_frame[i] = NULL;
            return;
        }
    }
    xengnttab_unmap(grants, page, 1);
}

void *xen_map_dom0_ring(void)
{
    int fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
    void *page;

    if (fd < 0)
        return NULL;
    page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

void xen_unmap_dom0_ring(void *page) { munmap(page, PAGE_SIZE); }

int xen_dom0_port(void)
{
    char text[32] = "";
    int fd = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return -1;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    return got > 0 ? atoi(text) : -1;
}

int xen_event_fd(void) { return events ? xenevtchn_fd(events) : -1; }

int xen_event_next(void) { return xenevtchn_pending(events); }

void xen_event_unmask(int port) { xenevtchn_unmask(events, port); }

int xen_event_bind(int domid, unsigned int remote_port)
{
    return xenevtchn_bind_interdomain(events, domid, remote_port);
}

int xen_event_bind_virq(unsigned int virq) { return xenevtchn_bind_virq(events, virq); }

void xen_event_unbind(int port) { xenevtchn_unbind(events, port); }

void xen_event_notify(int port) { xenevtchn_notify(events, port); }

long xen_read_console(char *data, size_t len, uint32_t *index)
{
    struct xen_sysctl *ctl = xencall_alloc_buffer(calls, sizeof(*ctl));
    char *bounce = xencall_alloc_buffer(calls, len);
    long got = -1;

    if (!ctl || !bounce)
        die("no memory for hypercalls");
    memset(ctl, 0, sizeof(*ctl));
    ctl->cmd = XEN_SYSCTL_readconsole;
    ctl->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    set_xen_guest_handle(ctl->u.readconsole.buffer, bounce);
    ctl->u.readconsole.count = len;
    ctl->u.readconsole.incremental = 1;
    ctl->u.readconsole.index = *index;
    if (!xencall1(calls, __HYPERVISOR_sysctl, (uintptr_t)ctl)) {
        got = ctl->u.readconsole.count;
        memcpy(data, bounce, got);
        *index = ctl->u.readconsole.index;
    }
    xencall_free_buffer(calls, bounce);
    xencall_free_buffer(calls, ctl);
    return got;
}
