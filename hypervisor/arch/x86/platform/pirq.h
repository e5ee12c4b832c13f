/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's numbers for the machine's interrupts, as physdev_op.c changes and asks them. What
 * event channels need is in <asm/irq.h>.
 */
#ifndef ARCH_X86_PLATFORM_PIRQ_H
#define ARCH_X86_PLATFORM_PIRQ_H

#include <arch/x86/platform/pci.h>
#include <lib/types.h>

struct domain;

/*
 * All: d's table must exist (it is the hardware domain), else -EINVAL; interrupts on, no locks
 * held. pirq_map_gsi: *pirq < 0: any number. 0, -EINVAL no such line or number, -EEXIST the number
 * is something else. pirq_map_msi: msix with `entry`, else the one of MSI. 0; -ENODEV unknown
 * device or capability; -EEXIST; -ENOSPC ... pirq_unmap: 0; -EINVAL not mapped; the port stays open
 * but silent when it is still bound.
 */
int pirq_map_gsi(struct domain *d, int gsi, int *pirq);
int pirq_map_msi(struct domain *d, struct pci_address a, bool msix, unsigned int entry, int *pirq);
int pirq_unmap(struct domain *d, int pirq);
/* A number that is free: 0 or -ENOSPC. msi: outside of those that are GSIs. */
int pirq_find_free(struct domain *d, bool msi, u32 *pirq);
/* One past the highest number; 0: no table. */
unsigned int pirq_limit(const struct domain *d);

/*
 * The guest's page in which bit n tells whether pirq n needs an EOI. 0; -EINVAL not a page of its;
 * -EBUSY has one.
 */
int pirq_set_eoi_page(struct domain *d, u64 gfn);
/* XENIRQSTAT_*. */
u32 pirq_status(struct domain *d, u32 pirq);

#endif
