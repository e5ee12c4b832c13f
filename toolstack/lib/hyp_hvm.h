/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of the hypervisor on domains with hardware-assisted paging (PVH and HVM), as hyp.h has
 * them for all: parameters, memory map, paging pool, CPU state, CPUID policy. The builders call in.
 */
#ifndef ORLOP_LIB_HYP_HVM_H
#define ORLOP_LIB_HYP_HVM_H

#include "hyp.h"

/* One entry of the map that XENMEM_memory_map gives to the guest: as the BIOS interface lays it out. */
struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

/* HVM_PARAM_*. */
int hyp_hvm_param_set(struct hyp *h, uint32_t domid, uint32_t index, uint64_t value, struct err **err);

/* What the guest is told of its memory. */
int hyp_memory_map_set(struct hyp *h, uint32_t domid, const struct e820_entry *map, unsigned int count,
                       struct err **err);

/* Memory for the guest's nested page tables, in bytes: whole megabytes. */
int hyp_paging_pool_set(struct hyp *h, uint32_t domid, uint64_t size, struct err **err);

/* The whole state of a domain as records of <xen/hvm/save.h>. get: *data from malloc, its size in *size. */
int hyp_hvm_context_get(struct hyp *h, uint32_t domid, void **data, uint32_t *size, struct err **err);
int hyp_hvm_context_set(struct hyp *h, uint32_t domid, const void *data, uint32_t size, struct err **err);

/*
 * A CPUID policy of the host (XEN_SYSCTL_cpu_policy_*): *leaves from malloc, their number; and giving
 * a domain one. Model-specific registers keep the domain's defaults.
 */
int hyp_cpu_policy_host(struct hyp *h, uint32_t index, xen_cpuid_leaf_t **leaves, uint32_t *count, struct err **err);
int hyp_cpu_policy_set(struct hyp *h, uint32_t domid, const xen_cpuid_leaf_t *leaves, uint32_t count, struct err **err);

#endif
