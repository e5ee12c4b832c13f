/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space and the devices that dom0 told us of. Message interrupts are built on it
 * (msi.c).
 */
#ifndef ARCH_X86_PLATFORM_PCI_H
#define ARCH_X86_PLATFORM_PCI_H

#include <lib/list.h>

struct domain;
struct irq;

/* A function of a device: segment, bus, device and function. */
struct pci_address {
    u16 segment;
    u8 bus, devfn;
};

/* Registers and bits as words of 32 bits. */
#define PCI_COMMAND             0x04
#define PCI_COMMAND_MEMORY      0x00000002
#define PCI_STATUS_CAPABILITIES 0x00100000
#define PCI_BAR0                0x10
#define PCI_CAPABILITIES        0x34

#define PCI_CAP_MSI  0x05
#define PCI_CAP_MSIX 0x11

/* Known devices: guarded by pci_lock, which is also the lock of all changes to message interrupts. */
struct pci_device {
    struct list link;
    struct pci_address address;
    volatile u32 *config; /* NULL: by ports */
    u8 msi, msix;         /* capabilities; 0: none */

    /* Message interrupts in use, of the one kind or the other; of MSI the only one has the entry 0. */
    bool msix_used;
    u16 nr_irqs;
    struct irq **irqs; /* by entry; NULL: none is in use */

    /* MSI-X: the table once it was used. */
    volatile u32 *msix_table;
    paddr_t msix_paddr;
    u16 msix_entries;
};

/* 32 bits of the first 256 bytes of configuration space. Of what is not there all ones; writes to it are lost. */
u32 pci_conf_read(const struct pci_device *dev, unsigned int reg);
void pci_conf_write(const struct pci_device *dev, unsigned int reg, u32 value);

/*
 * A PV dom0's accesses to port 0xcf8 (4 bytes; kept per domain in d->arch.pci_cf8) and to
 * 0xcfc..0xcff (1, 2 or 4 bytes).
 */
u32 pci_port_read(struct domain *d, u16 port, unsigned int size);
void pci_port_write(struct domain *d, u16 port, unsigned int size, u32 value);

extern struct spinlock pci_lock;
/* NULL when dom0 has not told us of it. pci_lock held. */
struct pci_device *pci_device_find(struct pci_address a);
/* 0 (also when known already), -ENODEV when its segment is not known, -ENOMEM. */
int pci_device_add(struct pci_address a);
/* Its message interrupts must be gone: 0, -ENODEV unknown, -EBUSY. */
int pci_device_remove(struct pci_address a);
/* PHYSDEVOP_pci_mmcfg_reserved: 0, -ENODEV when the MCFG does not know of it. */
int pci_mmcfg_confirm(u64 base, u16 segment, u8 first_bus, u8 last_bus);

/* msi.c: the table is unmapped if it was mapped. pci_lock held, nothing in use. */
void msix_table_unmap(struct pci_device *dev);

#endif
