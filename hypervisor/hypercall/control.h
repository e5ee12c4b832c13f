/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the control ABI share: domctl*.c and sysctl.c. All run for a privileged domain,
 * with the domctl lock held (domctl) or none (sysctl), interrupts on.
 */
#ifndef HYPERCALL_CONTROL_H
#define HYPERCALL_CONTROL_H

#include <lib/cpumask.h>
#include <lib/types.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

struct domain;
struct vcpu;

/* The vCPU `id` of d, NULL if there is none. */
struct vcpu *domain_vcpu(struct domain *d, unsigned int id);

/* CPU sets of the ABI: bits beyond what the caller has room for are dropped, bits beyond NR_CPUS
 * ignored. 0 or -EFAULT. */
int bitmap_from_guest(struct cpumask *m, const struct xenctl_bitmap *b);
int bitmap_to_guest(struct xenctl_bitmap *b, const struct cpumask *m, unsigned int nr_bits);

/* XEN_DOMCTL_getdomaininfo's answer for d. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_vcpu.c: operations on vCPUs. copyback: the caller wants op back. -ENOSYS: not one of them. */
long domctl_vcpu_op(struct xen_domctl *op, struct domain *d, bool *copyback);

#endif
