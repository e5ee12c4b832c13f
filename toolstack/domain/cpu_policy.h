/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID shows to a PVH or HVM guest: the host's default policy for such guests, with the
 * topology of its vCPUs and what its configuration asks for. Arithmetic on the list of leaves;
 * build_hvm.c fetches and sets it.
 */
#ifndef ORLOP_DOMAIN_CPU_POLICY_H
#define ORLOP_DOMAIN_CPU_POLICY_H

#include "config/config.h"
#include "lib/hyp.h"

/*
 * Shape `count` leaves of the default policy for the guest. `host` are the leaves that the machine's
 * CPUs show ('k' and 's' in cpuid= take bits from there). Fails when a rule names a leaf that is not there.
 */
int cpu_policy_shape(xen_cpuid_leaf_t *leaves, uint32_t count, const xen_cpuid_leaf_t *host, uint32_t host_count,
                     const struct guest_config *cfg, struct err **err);

#endif
