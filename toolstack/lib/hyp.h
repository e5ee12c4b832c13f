/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to the hypervisor: one handle, and one thin function per operation over Debian's stable
 * libraries (libxencall, libxenforeignmemory). Structures are those of <xen/domctl.h> and
 * <xen/sysctl.h> at interface version 0x15. Nothing here keeps state about domains; everything
 * above (domain/, cli/) calls in. Calls may block for as long as the hypercall runs.
 */
#ifndef ORLOP_LIB_HYP_H
#define ORLOP_LIB_HYP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/version.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "err.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)

struct hyp;

/* Open /dev/xen/privcmd. Fails when not on a Xen-compatible hypervisor or not privileged. */
struct hyp *hyp_open(struct err **err);
void hyp_close(struct hyp *h);

/* Memory that hypercalls may point to. NULL when there is none. Contents start as zero. */
void *hyp_buffer(struct hyp *h, size_t size);
void hyp_buffer_free(struct hyp *h, void *p);

/*
 * A raw domctl or sysctl: fills the interface version, copies the structure in and out. Returns
 * 0 or -1 with errno as the hypervisor gave it; callers that know the object word the error.
 */
int hyp_domctl(struct hyp *h, struct xen_domctl *op);
int hyp_sysctl(struct hyp *h, struct xen_sysctl *op);

/* XENVER_* with `size` bytes of argument copied in and out; result or -1 with errno. */
long hyp_version(struct hyp *h, int cmd, void *arg, size_t size);

/* Life of a domain. `domid` 0xffff asks for any free one; the one given comes back. */
int hyp_domain_create(struct hyp *h, const struct xen_domctl_createdomain *c, uint32_t *domid, struct err **err);
int hyp_domain_destroy(struct hyp *h, uint32_t domid, struct err **err);
int hyp_domain_pause(struct hyp *h, uint32_t domid, struct err **err);
int hyp_domain_unpause(struct hyp *h, uint32_t domid, struct err **err);
/* SCHEDOP_remote_shutdown: mark the domain as shut down with SHUTDOWN_* `reason`. */
int hyp_domain_shutdown(struct hyp *h, uint32_t domid, unsigned int reason, struct err **err);

/*
 * Exactly this domain. Returns 1 found, 0 no such domain, -1 error.
 */
int hyp_domain_info(struct hyp *h, uint32_t domid, struct xen_domctl_getdomaininfo *info, struct err **err);
/* Up to `max` domains from `first` up in order of domid; the count, or -1. */
int hyp_domain_list(struct hyp *h, uint32_t first, struct xen_domctl_getdomaininfo *info, unsigned int max,
                    struct err **err);

int hyp_set_max_vcpus(struct hyp *h, uint32_t domid, unsigned int vcpus, struct err **err);
int hyp_set_max_mem(struct hyp *h, uint32_t domid, uint64_t kb, struct err **err);
int hyp_set_address_size(struct hyp *h, uint32_t domid, unsigned int bits, struct err **err);
int hyp_set_vcpu_context(struct hyp *h, uint32_t domid, unsigned int vcpu, const struct vcpu_guest_context *ctx,
                         struct err **err);
int hyp_hypercall_page(struct hyp *h, uint32_t domid, uint64_t gmfn, struct err **err);
int hyp_vcpu_info(struct hyp *h, uint32_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info,
                  struct err **err);

/* CPU masks are byte arrays of `bytes` bytes, bit n of byte n/8. A NULL mask is left alone. */
int hyp_affinity_get(struct hyp *h, uint32_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft, size_t bytes,
                     struct err **err);
int hyp_affinity_set(struct hyp *h, uint32_t domid, unsigned int vcpu, const uint8_t *hard, const uint8_t *soft,
                     size_t bytes, bool force, struct err **err);

/* Scheduler of the host: XEN_SCHEDULER_*. */
int hyp_sched_id(struct hyp *h, uint32_t *id, struct err **err);
int hyp_credit2_get(struct hyp *h, uint32_t domid, struct xen_domctl_sched_credit2 *p, struct err **err);
int hyp_credit2_set(struct hyp *h, uint32_t domid, const struct xen_domctl_sched_credit2 *p, struct err **err);

/*
 * Populate guest memory of `domid`: `count` extents of 2^order pages; pfns[] holds the first pfn
 * of each and receives the first mfn of each. The number of extents that were populated, or -1.
 */
long hyp_populate(struct hyp *h, uint32_t domid, xen_pfn_t *pfns, unsigned long count, unsigned int order,
                  struct err **err);

/*
 * Whether what hyp_populate gives is all zeros. Ours says so; the ABI does not, and Xen fills it with a pattern in
 * builds for debugging.
 */
bool hyp_zeroes_memory(struct hyp *h);

/* One mmuext operation on `domid` (MMUEXT_PIN_L4_TABLE and the like) with a frame argument. */
int hyp_mmuext(struct hyp *h, uint32_t domid, unsigned int cmd, uint64_t mfn, struct err **err);

/* An event channel in `domid` that `remote` may bind; the port, or -1. */
int hyp_evtchn_alloc(struct hyp *h, uint32_t domid, uint32_t remote, struct err **err);

/* Map `count` frames of a domain in order, readable and writable; hyp_unmap takes the count. */
void *hyp_map(struct hyp *h, uint32_t domid, const xen_pfn_t *mfns, size_t count, struct err **err);
void hyp_unmap(struct hyp *h, void *p, size_t count);

/* Write one entry of a new domain's grant table: `frame` may be mapped by `to`. */
int hyp_grant_seed(struct hyp *h, uint32_t domid, unsigned int ref, uint32_t to, uint64_t frame, struct err **err);

/* A raw memory_op or hvm_op: its argument copied in and out; the result or -1 with errno. */
long hyp_memory_op(struct hyp *h, unsigned int cmd, void *arg, size_t size);
long hyp_hvm_op(struct hyp *h, unsigned int cmd, void *arg, size_t size);

int hyp_physinfo(struct hyp *h, struct xen_sysctl_physinfo *info, struct err **err);

#endif
