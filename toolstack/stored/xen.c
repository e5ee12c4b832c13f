/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen as the store daemon needs it, on Debian's stable libraries (libxencall, libxenevtchn,
 * libxengnttab, libxenforeignmemory): see xen.h. Called from ring.c, domain.c and main.c.
 */
#include "xen.h"

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
#include <xen/grant_table.h>
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
    return calls && events && grants;
}

unsigned int xen_domain_state(int domid)
{
    struct xen_domctl *ctl;
    unsigned int state = 0;

    if (!calls)
        return 0;
    ctl = xencall_alloc_buffer(calls, sizeof(*ctl));
    if (!ctl)
        die("no memory for hypercalls");
    memset(ctl, 0, sizeof(*ctl));
    ctl->cmd = XEN_DOMCTL_getdomaininfo;
    ctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl->domain = domid;
    /* The operation finds the first domain of that number or above it. */
    if (!xencall1(calls, __HYPERVISOR_domctl, (uintptr_t)ctl) &&
        ctl->u.getdomaininfo.domain == domid) {
        state = XEN_DOMAIN_EXISTS;
        if (ctl->u.getdomaininfo.flags & XEN_DOMINF_dying)
            state |= XEN_DOMAIN_DYING;
        if (ctl->u.getdomaininfo.flags & XEN_DOMINF_shutdown)
            state |= XEN_DOMAIN_SHUTDOWN;
    }
    xencall_free_buffer(calls, ctl);
    return state;
}

/* Pages mapped by frame number: few, and needed again for unmapping. */
static void *by_frame[64];

static void *map_frame(int domid, unsigned long mfn)
{
    xen_pfn_t pfn = mfn;
    unsigned int i;

    for (i = 0; foreign && i < sizeof(by_frame) / sizeof(by_frame[0]); i++) {
        if (by_frame[i])
            continue;
        by_frame[i] = xenforeignmemory_map(foreign, domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);
        return by_frame[i];
    }
    errno = ENOSPC;
    return NULL;
}

void *xen_map_ring(int domid, unsigned long mfn)
{
    void *page =
        xengnttab_map_grant_ref(grants, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);

    return page ? page : map_frame(domid, mfn);
}

void xen_unmap_ring(int domid, void *page)
{
    unsigned int i;

    if (!domid) {
        munmap(page, PAGE_SIZE);
        return;
    }
    for (i = 0; i < sizeof(by_frame) / sizeof(by_frame[0]); i++) {
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

int xen_event_fd(void)
{
    return events ? xenevtchn_fd(events) : -1;
}

int xen_event_next(void)
{
    int port = xenevtchn_pending(events);

    if (port >= 0)
        xenevtchn_unmask(events, port);
    return port;
}

int xen_event_bind(int domid, unsigned int remote_port)
{
    return xenevtchn_bind_interdomain(events, domid, remote_port);
}

int xen_event_bind_exception(void)
{
    return xenevtchn_bind_virq(events, VIRQ_DOM_EXC);
}

void xen_event_unbind(int port)
{
    xenevtchn_unbind(events, port);
}

void xen_event_notify(int port)
{
    xenevtchn_notify(events, port);
}
