/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioreq servers: device models outside the hypervisor that answer accesses of an HVM guest (xen/hvm/ioreq.h,
 * xen/hvm/dm_op.h). Requests go by one page per server with a slot for each vCPU, and writes that need no answer by a
 * ring on another page.
 */
#ifndef ARCH_X86_HVM_IOREQ_H
#define ARCH_X86_HVM_IOREQ_H

#include <arch/x86/hvm/io.h>
#include <xen/xen.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/dm_op.h>

/* ---- life ---- */

int ioreq_domain_create(struct domain *d); /* 0 or -ENOMEM */
/* d is dying, no vCPU runs: servers and their pages are given back. May be called twice. */
void ioreq_domain_free(struct domain *d);
/* v is new: every server gets a channel for it. 0 or as evtchn_open_internal(). */
int ioreq_vcpu_create(struct vcpu *v);

/* ---- requests; v is current, no locks ---- */

/*
 * Gives r (type, addr, data, count, size, dir, df, data_is_ptr) to the server that has its range. DONE: it went by the
 * ring; RETRY: v has to wait (HVM_WORK_IO is set); NOBODY: there is no such server.
 */
enum hvm_io_result ioreq_send(struct vcpu *v, const struct ioreq *r);
/* To every server, for v to wait until all have answered. */
void ioreq_broadcast(struct vcpu *v, const struct ioreq *r);
/* Has d a server? */
bool ioreq_any(const struct domain *d);
/* Have all that v waits for answered? What the last one said is in hvm_vcpu_io.answer. */
bool ioreq_answered(struct vcpu *v);

/* ---- news; they are sent before the guest runs on: io.c ---- */

/*
 * From decrease_reservation and the like: the device models have to let go of what they mapped of the current vCPU's
 * domain (IOREQ_TYPE_INVALIDATE).
 */
void hvm_mapcache_invalidate(struct vcpu *v);
/* The current vCPU set its domain's clock: the device models are told how many seconds it is ahead of before
 * (IOREQ_TYPE_TIMEOFFSET). Any locks. */
void hvm_send_timeoffset(s64 seconds);

/* ---- what the toolstack and the device models ask for; errors as real Xen gives them ---- */

/*
 * XENMEM_resource_ioreq_server: the machine frame of page `frame` (XENMEM_resource_ioreq_server_frame_*) of server id,
 * made when it is asked for first. 0; -ENOENT: no such server; -EINVAL: it has no such page; -ENOMEM.
 */
int ioreq_server_frame(struct domain *d, ioservid_t id, unsigned long frame, mfn_t *mfn);

/* XEN_DMOP_{create,destroy}_ioreq_server, _get_ioreq_server_info, _set_ioreq_server_state, _{map,unmap}_io_range_*. */
long ioreq_dm_op(struct domain *d, struct xen_dm_op *op);

#endif
