/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt descriptors: one for each line of an IO-APIC and for each message of a PCI device that
 * is in use. Shared between irq.c (vectors, dispatch), ioapic.c and msi.c (the hardware) and pirq.c
 * (guests); others use <asm/irq.h>.
 */
#ifndef ARCH_X86_PLATFORM_IRQ_H
#define ARCH_X86_PLATFORM_IRQ_H

#include <arch/x86/platform/pci.h>
#include <lib/spinlock.h>
#include <time/timer.h>

/* How the hardware behind a descriptor is worked. All with the descriptor's lock held, interrupts
 * off. */
struct irq_chip {
    const char *name;
    void (*mask)(struct irq *irq);
    void (*unmask)(struct irq *irq);
    /* Writes irq->vector and irq->cpu to the hardware; what was masked stays so. */
    void (*route)(struct irq *irq);
};

struct irq {
    struct spinlock lock; /* LOCK_IRQ, always with interrupts off */
    const struct irq_chip *chip;
    u32 gsi; /* of a line; ~0: a message */
    bool level;
    bool in_progress; /* its handler or its guest is being called without the lock */
    bool again;       /* it came once more meanwhile */
    bool wants_eoi;   /* level: masked until the guest has served the device */

    /* Where it arrives; vector 0: nowhere. The old place stays reserved until the first one arrives
     * at the new. */
    u8 vector, old_vector;
    u16 cpu, old_cpu;

    /* Level: a line that comes again before its guest has executed anything behind the EOI, so many times in a row.
     * Then it stays masked until the timer comes, so that a line which nobody quietens leaves the guest time for
     * something else. */
    u32 at_once;
    u64 eoi_rip;
    struct timer rest;

    /* Who gets it: a driver of ours, or a guest, or nobody. */
    void (*fn)(void *data);
    void *data;
    struct domain *guest;
    u32 pirq;

    /* Messages only. */
    struct pci_device *dev;
    u16 entry; /* of the MSI-X table */
    bool masked;

    u64 count;
};

/* The line's descriptor, NULL when no IO-APIC has it. */
struct irq *irq_of_gsi(unsigned int gsi);
unsigned int nr_gsis(void);
/* Trigger and polarity of a line, as dom0's AML or the MADT says; 0, -ENODEV, -EBUSY when in use
 * otherwise. */
int gsi_configure(unsigned int gsi, bool level, bool low);

void irq_init_desc(struct irq *irq, const struct irq_chip *chip);
/* Level: the guest has served the device, for which it was waited. Lock held. */
void irq_guest_eoi(struct irq *irq);
/*
 * Gives irq a vector on `cpu`, or on any CPU that can be reached if it has none yet and none is
 * left there, and writes the route. 0 or -ENOSPC; 1: it moved on before the move before was seen to
 * be through, and an interrupt that was still on its way to the old place may be lost. Lock held.
 */
int irq_place(struct irq *irq, unsigned int cpu);
/* It is masked, and nothing can be on its way to the old place. Lock held. */
void irq_settle(struct irq *irq);
/* Takes it all back. Masked before. Lock held. */
void irq_unplace(struct irq *irq);

/* ioapic.c */
void ioapic_init(void);
/* The raw registers, for PHYSDEVOP_apic_*: 0 or -EINVAL when there is no IO-APIC at base. */
int ioapic_read_register(paddr_t base, u32 reg, u32 *value);

/* msi.c: the message interrupt of a device's MSI (entry 0) or MSI-X entry; masked, on this CPU. 0; -ENODEV no such
 * capability; -EBUSY the other kind is in use; -ENXIO, -EINVAL no such entry; -EEXIST; -ENOMEM, -ENOSPC. pci_lock held.
 */
int msi_create(struct pci_device *dev, bool msix, unsigned int entry, struct irq **out);
/* Nobody's any more: taken off the hardware and freed. pci_lock held, interrupts on. */
void msi_destroy(struct irq *irq);
/* Writes all of the device's messages again, after it was reset. pci_lock held. */
void msi_restore(struct pci_device *dev);

/* ---- pirq.c: a domain's numbers; what event channels need is in <asm/irq.h> ---- */

/* Called from dispatch, interrupts off, no lock held. */
void pirq_deliver(struct domain *d, u32 pirq, bool wants_eoi);
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
