/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercalls behind hyp_hvm.h: <xen/hvm/hvm_op.h>, <xen/hvm/params.h>, <xen/memory.h>,
 * <xen/domctl.h>.
 */
#include "hyp_hvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

int hyp_hvm_param_set(struct hyp *h, uint32_t domid, uint32_t index, uint64_t value, struct err **err)
{
    struct xen_hvm_param p = {.domid = domid, .index = index, .value = value};

    if (hyp_hvm_op(h, HVMOP_set_param, &p, sizeof(p)) < 0)
        return err_sys(err, errno, "cannot set HVM parameter %u of domain %u to %#llx", index, domid,
                       (unsigned long long)value);
    return 0;
}

int hyp_memory_map_set(struct hyp *h, uint32_t domid, const struct e820_entry *map, unsigned int count,
                       struct err **err)
{
    struct xen_foreign_memory_map m = {.domid = domid, .map.nr_entries = count};
    void *buf = hyp_buffer(h, count * sizeof(*map));
    long rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot set the memory map of domain %u", domid);
    memcpy(buf, map, count * sizeof(*map));
    set_xen_guest_handle(m.map.buffer, buf);
    rc = hyp_memory_op(h, XENMEM_set_memory_map, &m, sizeof(m));
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot set the memory map of domain %u", domid);
    return 0;
}

int hyp_paging_pool_set(struct hyp *h, uint32_t domid, uint64_t size, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_set_paging_mempool_size, .domain = domid};
    int rc;

    op.u.paging_mempool.size = size;
    /* EINTR: it takes the memory in slices. */
    do {
        rc = hyp_domctl(h, &op);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return err_sys(err, errno, "cannot give domain %u %llu kB for its page tables", domid,
                       (unsigned long long)size >> 10);
    return 0;
}

int hyp_hvm_context_get(struct hyp *h, uint32_t domid, void **data, uint32_t *size, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_gethvmcontext, .domain = domid};
    void *buf = NULL;

    if (hyp_domctl(h, &op) < 0)
        return err_sys(err, errno, "cannot ask for the state of domain %u", domid);
    *size = op.u.hvmcontext.size;
    *data = malloc(*size);
    buf = hyp_buffer(h, *size);
    if (!*data || !buf) {
        free(*data);
        hyp_buffer_free(h, buf);
        return err_sys(err, ENOMEM, "cannot hold the state of domain %u", domid);
    }
    set_xen_guest_handle(op.u.hvmcontext.buffer, buf);
    if (hyp_domctl(h, &op) < 0) {
        err_sys(err, errno, "cannot get the state of domain %u", domid);
        free(*data);
        *data = NULL;
    } else {
        *size = op.u.hvmcontext.size;
        memcpy(*data, buf, *size);
    }
    hyp_buffer_free(h, buf);
    return *data ? 0 : -1;
}

int hyp_hvm_context_set(struct hyp *h, uint32_t domid, const void *data, uint32_t size, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_sethvmcontext, .domain = domid};
    void *buf = hyp_buffer(h, size);
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot set the state of domain %u", domid);
    memcpy(buf, data, size);
    op.u.hvmcontext.size = size;
    set_xen_guest_handle(op.u.hvmcontext.buffer, buf);
    rc = hyp_domctl(h, &op);
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot set the state of domain %u", domid);
    return 0;
}

int hyp_cpu_policy_host(struct hyp *h, uint32_t index, xen_cpuid_leaf_t **leaves, uint32_t *count, struct err **err)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_policy};
    uint32_t leaf_room, msr_room;
    void *buf;

    /* Without buffers it says how much there can be. */
    op.u.cpu_policy.index = index;
    if (hyp_sysctl(h, &op) < 0)
        return err_sys(err, errno, "cannot ask for the host's CPUID policy");
    leaf_room = op.u.cpu_policy.nr_leaves;
    msr_room = op.u.cpu_policy.nr_msrs;
    buf = hyp_buffer(h, leaf_room * sizeof(**leaves) + msr_room * sizeof(xen_msr_entry_t));
    *leaves = calloc(leaf_room, sizeof(**leaves));
    if (!buf || !*leaves) {
        hyp_buffer_free(h, buf);
        free(*leaves);
        return err_sys(err, ENOMEM, "cannot hold the host's CPUID policy");
    }
    set_xen_guest_handle(op.u.cpu_policy.leaves, buf);
    set_xen_guest_handle(op.u.cpu_policy.msrs, (void *)((xen_cpuid_leaf_t *)buf + leaf_room));
    if (hyp_sysctl(h, &op) < 0) {
        err_sys(err, errno, "cannot get the host's CPUID policy");
        hyp_buffer_free(h, buf);
        free(*leaves);
        return -1;
    }
    *count = op.u.cpu_policy.nr_leaves;
    memcpy(*leaves, buf, *count * sizeof(**leaves));
    hyp_buffer_free(h, buf);
    return 0;
}

int hyp_cpu_policy_set(struct hyp *h, uint32_t domid, const xen_cpuid_leaf_t *leaves, uint32_t count, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_set_cpu_policy, .domain = domid};
    void *buf = hyp_buffer(h, count * sizeof(*leaves));
    int rc;

    if (!buf)
        return err_sys(err, ENOMEM, "cannot set the CPUID policy of domain %u", domid);
    memcpy(buf, leaves, count * sizeof(*leaves));
    op.u.cpu_policy.nr_leaves = count;
    set_xen_guest_handle(op.u.cpu_policy.leaves, buf);
    rc = hyp_domctl(h, &op);
    hyp_buffer_free(h, buf);
    if (rc < 0)
        return err_sys(err, errno, "cannot set the CPUID policy of domain %u (leaf %#x, %#x)", domid,
                       op.u.cpu_policy.err_leaf, op.u.cpu_policy.err_subleaf);
    return 0;
}
