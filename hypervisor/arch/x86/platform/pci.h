/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space and the devices that dom0 told us of. Message interrupts are built on it
 * (msi.c).
 */
#ifndef ARCH_X86_PLATFORM_PCI_H
#define ARCH_X86_PLATFORM_PCI_H

#include <lib/list.h>
#include <lib/types.h>

struct domain;
struct irq;

/* A function of a device: segment, bus, device and function. */
struct pci_address {
    u16 segment;
    u8 bus, devfn;
};

#define PCI_VENDOR_ID    0x00
#define PCI_COMMAND      0x04
#define PCI_STATUS       0x06
#define PCI_HEADER_TYPE  0x0e
#define PCI_BAR0         0x10
#define PCI_CAPABILITIES 0x34

#define PCI_COMMAND_MEMORY      0x0002
#define PCI_COMMAND_NO_INTX     0x0400
#define PCI_STATUS_CAPABILITIES 0x0010

#define PCI_CAP_MSI  0x05
#define PCI_CAP_MSIX 0x11

/*
 * size: 1, 2 or 4 bytes, reg aligned to it. Registers of what is not there read as ones, writes to
 * it are lost; so do registers above 255 where there is no memory-mapped access. Any context.
 */
u32 pci_conf_read(struct pci_address a, unsigned int reg, unsigned int size);
void pci_conf_write(struct pci_address a, unsigned int reg, unsigned int size, u32 value);
/* Where the capability `id` lies in configuration space; 0: the device has none. */
unsigned int pci_find_capability(struct pci_address a, u8 id);

/*
 * A PV dom0's accesses to port 0xcf8 (4 bytes; kept per domain in d->arch.pci_cf8) and to
 * 0xcfc..0xcff (1, 2 or 4 bytes).
 */
u32 pci_port_read(struct domain *d, u16 port, unsigned int size);
void pci_port_write(struct domain *d, u16 port, unsigned int size, u32 value);

/* Known devices: guarded by pci_lock, which is also the lock of all changes to message interrupts. */
struct pci_device {
    struct list link;
    struct pci_address address;
    u8 msi, msix; /* capabilities; 0: none */

    struct irq *msi_irq; /* NULL: MSI is not in use */

    /* MSI-X: the table once it was used, its interrupts by entry while some are. */
    volatile u32 *msix_table;
    paddr_t msix_paddr;
    u16 msix_entries, msix_used;
    struct irq **irqs;
};

extern struct spinlock pci_lock;
/* NULL when dom0 has not told us of it. pci_lock held. */
struct pci_device *pci_device_find(struct pci_address a);
/* 0 (also when known already), -ENODEV when nothing answers there, -ENOMEM. */
int pci_device_add(struct pci_address a);
/* Its message interrupts must be gone: 0, -ENODEV unknown, -EBUSY. */
int pci_device_remove(struct pci_address a);
/* PHYSDEVOP_pci_mmcfg_reserved: 0, -ENODEV when the MCFG does not know of it. */
int pci_mmcfg_confirm(u64 base, u16 segment, u8 first_bus, u8 last_bus);

void pci_dump(void);

#endif
