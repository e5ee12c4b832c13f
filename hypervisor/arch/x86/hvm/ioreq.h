/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioreq servers: device models outside the hypervisor that answer accesses of an HVM guest (xen/hvm/ioreq.h,
 * xen/hvm/dm_op.h). Requests go by one page per server with a slot for each vCPU, and writes that need no answer by a
 * ring on another page.
 */
#ifndef ARCH_X86_HVM_IOREQ_H
#define ARCH_X86_HVM_IOREQ_H

#include <lib/types.h>
#include <xen/xen.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/dm_op.h>

struct domain;
struct vcpu;

/* ---- life ---- */

int ioreq_domain_create(struct domain *d); /* 0 or -ENOMEM */
/* The domain is dying, no vCPU runs: servers, their pages and ports are given back. May be called twice. */
void ioreq_domain_free(struct domain *d);

/*
 * XENMEM_resource_ioreq_server: the machine frame of page `frame` (XENMEM_resource_ioreq_server_frame_*) of server id,
 * made when it is asked for first. 0; -ENOENT: no such server; -EINVAL: it has no such page; -ENOMEM. privileged
 * caller, no locks.
 */
int ioreq_server_frame(struct domain *d, ioservid_t id, unsigned long frame, mfn_t *mfn);

/* Tells every device model that memory was taken out of d's physical map (IOREQ_TYPE_INVALIDATE): the current vCPU of
 * d waits until all have let go of their mappings. From decrease_reservation and the like. */
void hvm_mapcache_invalidate(struct vcpu *v);
/* The guest set its clock: the device models are told how many seconds it is ahead now (IOREQ_TYPE_TIMEOFFSET). */
void hvm_send_timeoffset(struct domain *d, s64 seconds);

/* Is d's server of this page type mapped (XEN_DMOP_map_mem_type_to_ioreq_server)? */
bool ioreq_server_has_mem_type(struct domain *d);

/* HYPERVISOR_dm_op. bufs: xen_dm_op_buf_t[nr_bufs]. */
long do_dm_op(domid_t domid, unsigned int nr_bufs, void __guest *bufs);
/* HYPERVISOR_hvm_op: HVMOP_*. */
long do_hvm_op(unsigned long op, void __guest *arg);

#endif
