/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: what other parts call. Everything else is private to core/grant*.c.
 */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include <xen/grant_table.h>

struct domain;

/* Domain life. max_*: limits in frames from createdomain, version: highest allowed version 1 or 2.
 * 0, -ENOMEM, -EINVAL. */
int grant_domain_init(struct domain *d, int max_grant_frames, int max_maptrack_frames, unsigned int max_version);
/* d dies: undoes all mappings that d holds of others; 0 or -ERESTART. */
int grant_domain_release_mappings(struct domain *d);
void grant_domain_free(struct domain *d);

/* The hypercall. */
long do_grant_table_op(unsigned int cmd, void __guest *uop, unsigned int count);

/* XENMAPSPACE_grant_table: frame idx of d's table, growing it when needed. 0 or -EINVAL/-ENOMEM. */
int grant_table_frame(struct domain *d, unsigned long idx, bool status, mfn_t *mfn);

/* How many such frames d may have. */
unsigned int grant_table_max_frames(const struct domain *d, bool status);

/*
 * A guest maps or unmaps by reference into its own page tables: done by the PV page-table code.
 * arch_grant_map: puts mfn (reference and type already held for the mapping) at `host_addr`: a
 * virtual address, or, with GNTMAP_contains_pte, the machine address of a PTE. flags GNTMAP_*. 0 or
 * GNTST_*. arch_grant_unmap: takes it away, checking that it is what is there. (declared in
 * arch/arch.h)
 */
void grant_dump(struct domain *d);

#endif
