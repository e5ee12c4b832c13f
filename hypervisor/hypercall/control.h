/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the control ABI share: domctl*.c and sysctl.c. All run for a privileged domain,
 * with the domctl lock held (domctl) or none (sysctl), interrupts on.
 */
#ifndef HYPERCALL_CONTROL_H
#define HYPERCALL_CONTROL_H

#include <lib/cpumask.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

struct domain;

/* CPU sets of the ABI: bits beyond what the caller has room for are dropped. 0 or -EFAULT. */
int bitmap_to_guest(struct xenctl_bitmap *b, const struct cpumask *m, unsigned int nr_bits);

/* XEN_DOMCTL_getdomaininfo's answer for d. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* Puts nr numbers from first on, none above limit, into the rights r or out of them. Nobody can give what is not in
 * his own. 0, -EINVAL, -EPERM, -ENOMEM. */
struct rangeset;
long control_right(struct rangeset *own, struct rangeset *r, u64 first, u64 nr, u64 limit, bool allow);

#endif
