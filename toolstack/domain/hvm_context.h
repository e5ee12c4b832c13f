/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that vCPUs of a PVH or HVM guest start with, as records of <xen/hvm/save.h>.
 */
#ifndef ORLOP_DOMAIN_HVM_CONTEXT_H
#define ORLOP_DOMAIN_HVM_CONTEXT_H

#include "lib/hyp_hvm.h"

/*
 * The first vCPU at `entry` in 32-bit protected mode without paging, flat segments, `start_info` in EBX
 * (<xen/arch-x86/hvm/start_info.h>). `mtrrs`: also give all `vcpus` memory types as firmware would leave
 * them, for guests that have none.
 */
int hvm_context_start(struct hyp *h, uint32_t domid, uint64_t entry, uint64_t start_info, unsigned int vcpus,
                      bool mtrrs, struct err **err);

#endif
