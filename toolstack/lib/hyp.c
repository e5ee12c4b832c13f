/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercalls behind hyp.h. An argument of a hypercall has to lie in memory that cannot fault
 * while the hypervisor copies it, which is what libxencall's buffers are for: each function copies
 * its structure into one, makes the call and copies back.
 */
#include "hyp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xencall.h>
#include <xenforeignmemory.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

struct hyp {
    xencall_handle *call;
    xenforeignmemory_handle *mem;
};

struct hyp *hyp_open(struct err **err)
{
    struct hyp *h = calloc(1, sizeof(*h));

    if (!h)
        goto fail;
    h->call = xencall_open(NULL, 0);
    if (!h->call)
        goto fail;
    h->mem = xenforeignmemory_open(NULL, 0);
    if (!h->mem)
        goto fail;
    return h;
fail:
    err_sys(err, errno, "cannot talk to the hypervisor (is this dom0, and are you root?)");
    hyp_close(h);
    return NULL;
}

void hyp_close(struct hyp *h)
{
    if (!h)
        return;
    if (h->mem)
        xenforeignmemory_close(h->mem);
    if (h->call)
        xencall_close(h->call);
    free(h);
}

void *hyp_buffer(struct hyp *h, size_t size)
{
    void *p = xencall_alloc_buffer(h->call, size);

    if (p)
        memset(p, 0, size);
    return p;
}

void hyp_buffer_free(struct hyp *h, void *p)
{
    int saved = errno;

    if (p)
        xencall_free_buffer(h->call, p);
    errno = saved;
}

/* A hypercall whose one pointer argument is a structure that is copied in and out. */
static int call_struct(struct hyp *h, unsigned int op, void *arg, size_t size)
{
    void *buf = hyp_buffer(h, size);
    int rc;

    if (!buf) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(buf, arg, size);
    rc = xencall1(h->call, op, (uintptr_t)buf);
    memcpy(arg, buf, size);
    hyp_buffer_free(h, buf);
    return rc;
}

/* The same for hypercalls that take a sub-operation first. */
static long call_sub(struct hyp *h, unsigned int op, unsigned int cmd, void *arg, size_t size)
{
    void *buf = hyp_buffer(h, size);
    long rc;

    if (!buf) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(buf, arg, size);
    rc = xencall2L(h->call, op, cmd, (uintptr_t)buf);
    memcpy(arg, buf, size);
    hyp_buffer_free(h, buf);
    return rc;
}

int hyp_domctl(struct hyp *h, struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return call_struct(h, __HYPERVISOR_domctl, op, sizeof(*op));
}

int hyp_sysctl(struct hyp *h, struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call_struct(h, __HYPERVISOR_sysctl, op, sizeof(*op));
}

long hyp_version(struct hyp *h, int cmd, void *arg, size_t size)
{
    if (!arg)
        return xencall2(h->call, __HYPERVISOR_xen_version, cmd, 0);
    return call_sub(h, __HYPERVISOR_xen_version, cmd, arg, size);
}

long hyp_memory_op(struct hyp *h, unsigned int cmd, void *arg, size_t size)
{
    return call_sub(h, __HYPERVISOR_memory_op, cmd, arg, size);
}

long hyp_hvm_op(struct hyp *h, unsigned int cmd, void *arg, size_t size)
{
    return call_sub(h, __HYPERVISOR_hvm_op, cmd, arg, size);
}

/* A domctl without arguments of its own. */
static int domctl_simple(struct hyp *h, uint32_t cmd, uint32_t domid, const char *what, struct err **err)
{
    struct xen_domctl op = {.cmd = cmd, .domain = domid};

    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot %s domain %u", what, domid);
    return 0;
}

int hyp_domain_create(struct hyp *h, const struct xen_domctl_createdomain *c, uint32_t *domid, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain, .domain = *domid};

    op.u.createdomain = *c;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "the hypervisor cannot make a domain");
    *domid = op.domain;
    return 0;
}

int hyp_domain_destroy(struct hyp *h, uint32_t domid, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_destroydomain, .domain = domid};
    int rc;

    /* EAGAIN: its memory is being given back in slices. */
    do {
        rc = hyp_domctl(h, &op);
    } while (rc < 0 && errno == EAGAIN);
    if (rc < 0)
        return err_sys(err, errno, "cannot destroy domain %u", domid);
    return 0;
}

int hyp_domain_pause(struct hyp *h, uint32_t domid, struct err **err)
{
    return domctl_simple(h, XEN_DOMCTL_pausedomain, domid, "pause", err);
}

int hyp_domain_unpause(struct hyp *h, uint32_t domid, struct err **err)
{
    return domctl_simple(h, XEN_DOMCTL_unpausedomain, domid, "unpause", err);
}

int hyp_domain_shutdown(struct hyp *h, uint32_t domid, unsigned int reason, struct err **err)
{
    struct sched_remote_shutdown arg = {.domain_id = domid, .reason = reason};

    if (call_sub(h, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &arg, sizeof(arg)) < 0)
        return err_sys(err, errno, "cannot shut down domain %u", domid);
    return 0;
}

int hyp_domain_info(struct hyp *h, uint32_t domid, struct xen_domctl_getdomaininfo *info, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = domid};

    if (hyp_domctl(h, &op) < 0) {
        if (errno == ESRCH)
            return 0;
        return err_sys(err, errno, "cannot look at domain %u", domid);
    }
    if (op.domain != domid)
        return 0;
    *info = op.u.getdomaininfo;
    return 1;
}

int hyp_domain_list(struct hyp *h, uint32_t first, struct xen_domctl_getdomaininfo *info, unsigned int max,
                    struct err **err)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_getdomaininfolist};
    size_t bytes = max * sizeof(*info);
    void *buf = hyp_buffer(h, bytes);
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot list domains");
    op.u.getdomaininfolist.first_domain = first;
    op.u.getdomaininfolist.max_domains = max;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, buf);
    rc = hyp_sysctl(h, &op);
    if (!rc)
        memcpy(info, buf, op.u.getdomaininfolist.num_domains * sizeof(*info));
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot list domains");
    return op.u.getdomaininfolist.num_domains;
}

int hyp_set_max_vcpus(struct hyp *h, uint32_t domid, unsigned int vcpus, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_vcpus, .domain = domid};

    op.u.max_vcpus.max = vcpus;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot give domain %u %u vCPUs", domid, vcpus);
    return 0;
}

int hyp_set_max_mem(struct hyp *h, uint32_t domid, uint64_t kb, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_mem, .domain = domid};

    op.u.max_mem.max_memkb = kb;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot allow domain %u %llu kB", domid, (long long)kb);
    return 0;
}

int hyp_set_address_size(struct hyp *h, uint32_t domid, unsigned int bits, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_set_address_size, .domain = domid};

    op.u.address_size.size = bits;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot make domain %u a %u-bit one", domid, bits);
    return 0;
}

int hyp_set_vcpu_context(struct hyp *h, uint32_t domid, unsigned int vcpu, const struct vcpu_guest_context *ctx,
                         struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext, .domain = domid};
    struct vcpu_guest_context *buf = hyp_buffer(h, sizeof(*buf));
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot set up vCPU %u of domain %u", vcpu, domid);
    memcpy(buf, ctx, sizeof(*ctx));
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, buf);
    rc = hyp_domctl(h, &op);
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot set up vCPU %u of domain %u", vcpu, domid);
    return 0;
}

int hyp_hypercall_page(struct hyp *h, uint32_t domid, uint64_t gmfn, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_hypercall_init, .domain = domid};

    op.u.hypercall_init.gmfn = gmfn;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot make the hypercall page of domain %u", domid);
    return 0;
}

int hyp_vcpu_info(struct hyp *h, uint32_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info,
                  struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuinfo, .domain = domid};

    op.u.getvcpuinfo.vcpu = vcpu;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot look at vCPU %u of domain %u", vcpu, domid);
    *info = op.u.getvcpuinfo;
    return 0;
}

static void bitmap_point(struct xenctl_bitmap *map, void *buf, size_t bytes)
{
    set_xen_guest_handle(map->bitmap, buf);
    map->nr_bits = bytes * 8;
}

int hyp_affinity_get(struct hyp *h, uint32_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft, size_t bytes,
                     struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuaffinity, .domain = domid};
    uint8_t *buf = hyp_buffer(h, 2 * bytes);
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot get the affinity of vCPU %u", vcpu);
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    bitmap_point(&op.u.vcpuaffinity.cpumap_hard, buf, bytes);
    bitmap_point(&op.u.vcpuaffinity.cpumap_soft, buf + bytes, bytes);
    rc = hyp_domctl(h, &op);
    memcpy(hard, buf, bytes);
    memcpy(soft, buf + bytes, bytes);
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot get the affinity of vCPU %u of domain %u", vcpu, domid);
    return 0;
}

int hyp_affinity_set(struct hyp *h, uint32_t domid, unsigned int vcpu, const uint8_t *hard, const uint8_t *soft,
                     size_t bytes, bool force, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpuaffinity, .domain = domid};
    uint8_t *buf = hyp_buffer(h, 2 * bytes);
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot set the affinity of vCPU %u", vcpu);
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = force ? XEN_VCPUAFFINITY_FORCE : 0;
    if (hard) {
        memcpy(buf, hard, bytes);
        op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_HARD;
        bitmap_point(&op.u.vcpuaffinity.cpumap_hard, buf, bytes);
    }
    if (soft) {
        memcpy(buf + bytes, soft, bytes);
        op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_SOFT;
        bitmap_point(&op.u.vcpuaffinity.cpumap_soft, buf + bytes, bytes);
    }
    rc = hyp_domctl(h, &op);
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot set the affinity of vCPU %u of domain %u", vcpu, domid);
    return 0;
}

int hyp_sched_id(struct hyp *h, uint32_t *id, struct err **err)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};

    if (hyp_sysctl(h, &op) < 0)
        return err_sys(err, errno, "cannot ask for the scheduler");
    *id = op.u.sched_id.sched_id;
    return 0;
}

int hyp_credit2_get(struct hyp *h, uint32_t domid, struct xen_domctl_sched_credit2 *p, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = domid};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot get the weight of domain %u", domid);
    *p = op.u.scheduler_op.u.credit2;
    return 0;
}

int hyp_credit2_set(struct hyp *h, uint32_t domid, const struct xen_domctl_sched_credit2 *p, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = domid};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2 = *p;
    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot set the weight of domain %u", domid);
    return 0;
}

long hyp_populate(struct hyp *h, uint32_t domid, xen_pfn_t *pfns, unsigned long count, unsigned int order,
                  struct err **err)
{
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = order, .domid = domid};
    xen_pfn_t *buf = hyp_buffer(h, count * sizeof(*buf));
    long rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot populate domain %u", domid);
    memcpy(buf, pfns, count * sizeof(*buf));
    set_xen_guest_handle(r.extent_start, buf);
    rc = call_sub(h, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, sizeof(r));
    if (rc > 0)
        memcpy(pfns, buf, rc * sizeof(*buf));
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot populate domain %u", domid);
    return rc;
}

bool hyp_zeroes_memory(struct hyp *h)
{
    xen_extraversion_t extra = {0};

    return hyp_version(h, XENVER_extraversion, extra, sizeof(extra)) >= 0 &&
           !strncmp(extra, "-orlop", strlen("-orlop"));
}

int hyp_mmuext(struct hyp *h, uint32_t domid, unsigned int cmd, uint64_t mfn, struct err **err)
{
    struct mmuext_op *op = hyp_buffer(h, sizeof(*op));
    int rc;

    if (!op)
        return err_sys(err, ENOMEM, "cannot do mmuext operation %u", cmd);
    op->cmd = cmd;
    op->arg1.mfn = mfn;
    rc = xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)op, 1, 0, domid);
    hyp_buffer_free(h, op);
    if (rc < 0)
        return err_sys(err, errno, "mmuext operation %u on frame %#llx of domain %u", cmd, (long long)mfn, domid);
    return 0;
}

int hyp_evtchn_alloc(struct hyp *h, uint32_t domid, uint32_t remote, struct err **err)
{
    struct evtchn_alloc_unbound a = {.dom = domid, .remote_dom = remote};

    if (call_sub(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a)) < 0)
        return err_sys(err, errno, "cannot make an event channel for domain %u", domid);
    return a.port;
}

void *hyp_map(struct hyp *h, uint32_t domid, const xen_pfn_t *mfns, size_t count, struct err **err)
{
    void *p = xenforeignmemory_map(h->mem, domid, PROT_READ | PROT_WRITE, count, mfns, NULL);

    if (!p)
        err_sys(err, errno, "cannot map %zu frames of domain %u", count, domid);
    return p;
}

void hyp_unmap(struct hyp *h, void *p, size_t count)
{
    if (p)
        xenforeignmemory_unmap(h->mem, p, count);
}

int hyp_grant_seed(struct hyp *h, uint32_t domid, unsigned int ref, uint32_t to, uint64_t frame, struct err **err)
{
    void *table = NULL;
    grant_entry_v1_t *e;
    xenforeignmemory_resource_handle *res =
        xenforeignmemory_map_resource(h->mem, domid, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared,
                                      0, 1, &table, PROT_READ | PROT_WRITE, 0);

    if (!res)
        return err_sys(err, errno, "cannot map the grant table of domain %u", domid);
    e = (grant_entry_v1_t *)table + ref;
    e->domid = to;
    e->frame = frame;
    /* The flags make the entry valid: last. */
    __atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_RELEASE);
    xenforeignmemory_unmap_resource(h->mem, res);
    return 0;
}

int hyp_physinfo(struct hyp *h, struct xen_sysctl_physinfo *info, struct err **err)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

    if (hyp_sysctl(h, &op) < 0)
        return err_sys(err, errno, "cannot ask for the machine's resources");
    *info = op.u.physinfo;
    return 0;
}
