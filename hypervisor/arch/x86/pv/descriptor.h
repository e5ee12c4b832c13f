/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment descriptors of PV guests: which are harmless, and the frames that hold them.
 * (descriptor.c; pv.h has what the entry code and the control operations use.)
 */
#ifndef ARCH_X86_PV_DESCRIPTOR_H
#define ARCH_X86_PV_DESCRIPTOR_H

#include <lib/types.h>

struct vcpu;

/* May a guest have this descriptor? *desc is changed to what it gets instead where that does no
 * harm. */
bool descriptor_fix(u64 *desc);
/* Are all 512 of a frame harmless? They are changed as above. The frame is not writable by anybody
 * meanwhile. */
bool descriptors_fit(u64 *page);

/* MMUEXT_SET_LDT: the current vCPU's LDT is `entries` descriptors at the guest's address base. 0 or
 * -EINVAL. */
int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries);

#endif
