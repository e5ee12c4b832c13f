/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space by ports (PCI Local Bus 3.0, 3.2.2.3.2) and by memory (PCI Express
 * Base 3.0, 7.2.2), and the list of devices, which dom0 keeps up to date because it is the one that
 * scans the buses.
 */
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/pci.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <core/domain.h>
#include <lib/lib.h>
#include <mm/heap.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  (1U << 31)

#define BUS_SIZE 0x100000UL

struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI);
static struct list devices = LIST_INIT(devices);

/* Address and data ports are two accesses. */
static DEFINE_SPINLOCK(config_lock, LOCK_PLATFORM);
/* Memory-mapped buses by segment entry, mapped when first used; guarded by pci_lock for writers. */
static volatile u8 **bus_maps[ACPI_MAX_SEGMENTS];

static volatile u8 *mmcfg_register(struct pci_address a, unsigned int reg)
{
    for (unsigned int i = 0; i < acpi_info.nr_segments; i++) {
        volatile u8 *bus;

        if (acpi_info.segment[i].segment != a.segment || !bus_maps[i] || a.bus < acpi_info.segment[i].first_bus ||
            a.bus > acpi_info.segment[i].last_bus)
            continue;
        bus = READ_ONCE(bus_maps[i][a.bus]);
        if (!bus) {
            bus = device_map(acpi_info.segment[i].base + a.bus * BUS_SIZE, BUS_SIZE);
            /* Two CPUs may both map it; the second mapping is only a few spare addresses. */
            WRITE_ONCE(bus_maps[i][a.bus], bus);
        }
        return bus ? bus + (a.devfn << 12) + reg : NULL;
    }
    return NULL;
}

static u16 config_select(struct pci_address a, unsigned int reg)
{
    outl(CONFIG_ADDRESS, CONFIG_ENABLE | a.bus << 16 | a.devfn << 8 | (reg & 0xfc));
    return CONFIG_DATA + (reg & 3);
}

u32 pci_conf_read(struct pci_address a, unsigned int reg, unsigned int size)
{
    unsigned long flags;
    u32 value;
    u16 port;

    if (a.segment || reg > 255) {
        volatile u8 *p = mmcfg_register(a, reg);

        if (!p)
            return ~0U;
        return size == 1 ? *p : size == 2 ? *(volatile u16 *)p : *(volatile u32 *)p;
    }
    flags = spin_lock_irqsave(&config_lock);
    port = config_select(a, reg);
    value = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
    spin_unlock_irqrestore(&config_lock, flags);
    return value;
}

void pci_conf_write(struct pci_address a, unsigned int reg, unsigned int size, u32 value)
{
    unsigned long flags;
    u16 port;

    if (a.segment || reg > 255) {
        volatile u8 *p = mmcfg_register(a, reg);

        if (!p)
            return;
        if (size == 1)
            *p = value;
        else if (size == 2)
            *(volatile u16 *)p = value;
        else
            *(volatile u32 *)p = value;
        return;
    }
    flags = spin_lock_irqsave(&config_lock);
    port = config_select(a, reg);
    if (size == 1)
        outb(port, value);
    else if (size == 2)
        outw(port, value);
    else
        outl(port, value);
    spin_unlock_irqrestore(&config_lock, flags);
}

unsigned int pci_find_capability(struct pci_address a, u8 id)
{
    unsigned int at;

    if (!(pci_conf_read(a, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
        return 0;
    at = pci_conf_read(a, PCI_CAPABILITIES, 1) & ~3U;
    /* 48 is as many as fit: a list that goes in circles ends here. */
    for (unsigned int i = 0; i < 48 && at >= 0x40; i++) {
        u32 head = pci_conf_read(a, at, 2);

        if ((head & 255) == id)
            return at;
        at = head >> 8 & ~3U;
    }
    return 0;
}

/* ---- dom0's ports ---- */

static struct pci_address cf8_address(u32 cf8)
{
    return (struct pci_address){.bus = cf8 >> 16 & 255, .devfn = cf8 >> 8 & 255};
}

u32 pci_port_read(struct domain *d, u16 port, unsigned int size)
{
    u32 cf8 = d->arch.pci_cf8;

    if (port < CONFIG_DATA)
        return cf8;
    if (!(cf8 & CONFIG_ENABLE) || (port & 3) + size > 4)
        return ~0U;
    return pci_conf_read(cf8_address(cf8), (cf8 & 0xfc) | (port & 3), size);
}

void pci_port_write(struct domain *d, u16 port, unsigned int size, u32 value)
{
    u32 cf8 = d->arch.pci_cf8;

    if (port < CONFIG_DATA)
        d->arch.pci_cf8 = value;
    else if ((cf8 & CONFIG_ENABLE) && (port & 3) + size <= 4)
        pci_conf_write(cf8_address(cf8), (cf8 & 0xfc) | (port & 3), size, value);
}

/* ---- devices ---- */

struct pci_device *pci_device_find(struct pci_address a)
{
    struct pci_device *dev;

    list_for_each (dev, &devices, link)
        if (dev->address.segment == a.segment && dev->address.bus == a.bus && dev->address.devfn == a.devfn)
            return dev;
    return NULL;
}

int pci_device_add(struct pci_address a)
{
    struct pci_device *dev;
    int rc = 0;

    spin_lock(&pci_lock);
    if (!pci_device_find(a)) {
        dev = mem_alloc_object(struct pci_device);
        if (dev) {
            dev->address = a;
            dev->msi = pci_find_capability(a, PCI_CAP_MSI);
            dev->msix = pci_find_capability(a, PCI_CAP_MSIX);
            list_add_tail(&dev->link, &devices);
            log_debug("PCI: %04x:%02x:%02x.%u\n", a.segment, a.bus, a.devfn >> 3, a.devfn & 7);
        } else {
            rc = -ENOMEM;
        }
    }
    spin_unlock(&pci_lock);
    return rc;
}

int pci_device_remove(struct pci_address a)
{
    struct pci_device *dev;
    int rc = 0;

    spin_lock(&pci_lock);
    dev = pci_device_find(a);
    if (!dev) {
        rc = -ENODEV;
    } else if (dev->msi_irq || dev->msix_used) {
        rc = -EBUSY;
    } else {
        list_del(&dev->link);
        if (dev->msix_table)
            device_unmap((void *)dev->msix_table, dev->msix_entries * 16);
        mem_free(dev);
    }
    spin_unlock(&pci_lock);
    return rc;
}

int pci_mmcfg_confirm(u64 base, u16 segment, u8 first_bus, u8 last_bus)
{
    for (unsigned int i = 0; i < acpi_info.nr_segments; i++)
        if (acpi_info.segment[i].base == base && acpi_info.segment[i].segment == segment &&
            acpi_info.segment[i].first_bus <= first_bus && acpi_info.segment[i].last_bus >= last_bus)
            return 0;
    return -ENODEV;
}

void pci_dump(void)
{
    struct pci_device *dev;

    spin_lock(&pci_lock);
    list_for_each (dev, &devices, link)
        log_info("PCI: %04x:%02x:%02x.%u: %u message interrupts\n", dev->address.segment, dev->address.bus,
                 dev->address.devfn >> 3, dev->address.devfn & 7, dev->msix_used + !!dev->msi_irq);
    spin_unlock(&pci_lock);
}

void __init pci_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_segments; i++) {
        bus_maps[i] = mem_alloc_array(volatile u8 *, 256);
        log_info("PCI: segment %u, buses %u to %u at %#lx\n", acpi_info.segment[i].segment,
                 acpi_info.segment[i].first_bus, acpi_info.segment[i].last_bus, acpi_info.segment[i].base);
    }
}
