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
 * d is the hardware domain; interrupts on, no locks held. pirq_map_msi: the message of MSI-X entry
 * `entry`, or the one of MSI (entry 0); *pirq < 0: any number. 0; -ENODEV unknown device; -EINVAL no
 * such number; -EEXIST the number is something else; -ENOSPC; and msi_create's. pirq_unmap: bound or
 * not. 0; -EINVAL not mapped; the port stays open but silent when it was bound; GSIs stay mapped.
 */
int pirq_map_msi(struct domain *d, struct pci_address a, bool msix, unsigned int entry, int *pirq);
int pirq_unmap(struct domain *d, unsigned int pirq);
/* One past the highest number; 0: no table. Any domain. */
unsigned int pirq_limit(const struct domain *d);

/*
 * The guest's page in which bit n tells whether pirq n needs an EOI. Any domain. 0; -EINVAL not a
 * page of its; -EBUSY has one.
 */
int pirq_set_eoi_page(struct domain *d, u64 gfn);
/* Without it a guest cannot see when an EOI is due, so it is always due. d has numbers. */
bool pirq_has_eoi_page(const struct domain *d);

#endif
