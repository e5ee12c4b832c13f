/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's memory map as the ABI has it (xen/memory.h: entries in the format of INT 15h, E820).
 * memory_op.c.
 */
#ifndef ARCH_X86_MM_MEMORY_MAP_H
#define ARCH_X86_MM_MEMORY_MAP_H

struct domain;

#define E820_MAX 128

struct e820_entry {
    u64 addr, size;
    u32 type;
} __packed;

/* Boot: privileged domains may map the machine-to-physical table read-only, as frames of DOMID_XEN. */
void m2p_share(void);
/* From arch_domain_free. */
void memory_map_free(struct domain *d);

/* physmap.c: XENMEM_add_to_physmap, _batch (start: how many are done), XENMEM_remove_from_physmap. */
long physmap_op(unsigned int op, unsigned long start, void __guest *arg);
/* The page of d at gfn `from` goes to `to` (XENMAPSPACE_gmfn). 0, -EINVAL, -ENOMEM. */
int physmap_relocate(struct domain *d, unsigned long from, unsigned long to);

#endif
