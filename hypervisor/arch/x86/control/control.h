/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What x86's parts of domctl and sysctl share.
 */
#ifndef ARCH_X86_CONTROL_CONTROL_H
#define ARCH_X86_CONTROL_CONTROL_H

#include <arch/x86/cpu/policy.h>
#include <lib/types.h>
#include <xen/xen.h>
#include <xen/domctl.h>

/*
 * A policy in the ABI's form. *nr_leaves: room, then how many there are (with a NULL handle: the
 * most there can be). There are no MSRs in it: *nr_msrs becomes 0. 0, -ENOBUFS, -EFAULT.
 */
long policy_to_guest(const struct cpu_policy *p, u32 *nr_leaves, u32 *nr_msrs,
                     const XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) * leaves);

#endif
