/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space by ports (PCI Local Bus 3.0, 3.2.2.3.2), behind the first segment by
 * memory (PCI Express Base 3.0, 7.2.2), and the list of devices, which dom0 keeps up to date
 * because it is the one that scans the buses.
 */
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/pci.h>
#include <asm/paging.h>
#include <core/domain.h>
#include <mm/heap.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  (1U << 31)
#define CONFIG_BITS    0x80fffffcU /* enable, bus, device and function, register */

struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI);
static struct list devices = LIST_INIT(devices);

/* Address and data ports are two accesses. */
static DEFINE_SPINLOCK(config_lock, LOCK_PLATFORM);

static u32 config_read(u32 cf8, unsigned int offset, unsigned int size)
{
    spin_guard_irqsave(&config_lock);
    outl(CONFIG_ADDRESS, cf8 & CONFIG_BITS);
    return io_read(CONFIG_DATA + offset, size);
}

static void config_write(u32 cf8, unsigned int offset, unsigned int size, u32 value)
{
    spin_guard_irqsave(&config_lock);
    outl(CONFIG_ADDRESS, cf8 & CONFIG_BITS);
    io_write(CONFIG_DATA + offset, size, value);
}

static u32 cf8_of(const struct pci_device *dev, unsigned int reg)
{
    return CONFIG_ENABLE | dev->address.bus << 16 | dev->address.devfn << 8 | reg;
}

u32 pci_conf_read(const struct pci_device *dev, unsigned int reg)
{
    return dev->config ? dev->config[reg / 4] : config_read(cf8_of(dev, reg), 0, 4);
}

void pci_conf_write(const struct pci_device *dev, unsigned int reg, u32 value)
{
    if (dev->config)
        dev->config[reg / 4] = value;
    else
        config_write(cf8_of(dev, reg), 0, 4, value);
}

/* Where the capability lies in configuration space; 0: the device has none. */
static unsigned int find_capability(const struct pci_device *dev, u8 id)
{
    unsigned int at = pci_conf_read(dev, PCI_CAPABILITIES) & 0xfc;

    if (!(pci_conf_read(dev, PCI_COMMAND) & PCI_STATUS_CAPABILITIES))
        return 0;
    /* 48 is as many as fit: a list that goes in circles ends here. */
    for (unsigned int i = 0; i < 48 && at >= 0x40; i++) {
        u32 head = pci_conf_read(dev, at);

        if ((head & 255) == id)
            return at;
        at = head >> 8 & 0xfc;
    }
    return 0;
}

/* ---- dom0's ports ---- */

u32 pci_port_read(struct domain *d, u16 port, unsigned int size)
{
    u32 cf8 = d->arch.pci_cf8;

    if (port < CONFIG_DATA)
        return cf8;
    return (cf8 & CONFIG_ENABLE) && (port & 3) + size <= 4 ? config_read(cf8, port & 3, size) : ~0U;
}

void pci_port_write(struct domain *d, u16 port, unsigned int size, u32 value)
{
    if (port < CONFIG_DATA)
        d->arch.pci_cf8 = value;
    else if ((d->arch.pci_cf8 & CONFIG_ENABLE) && (port & 3) + size <= 4)
        config_write(d->arch.pci_cf8, port & 3, size, value);
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

/* Where the firmware's table says that a bus has its registers in memory, NULL: nowhere. */
static const struct acpi_segment *segment_find(u16 segment, u8 bus)
{
    for (const struct acpi_segment *s = acpi_info.segment; s < acpi_info.segment + acpi_info.nr_segments; s++)
        if (s->segment == segment && s->first_bus <= bus && bus <= s->last_bus)
            return s;
    return NULL;
}

int pci_device_add(struct pci_address a)
{
    struct pci_device *dev;

    spin_guard(&pci_lock);
    if (pci_device_find(a))
        return 0;
    dev = mem_alloc_object(struct pci_device);
    if (!dev)
        return -ENOMEM;
    dev->address = a;
    if (a.segment) {
        const struct acpi_segment *s = segment_find(a.segment, a.bus);

        dev->config = s ? device_map(s->base + ((paddr_t)a.bus << 20) + (a.devfn << 12), PAGE_SIZE) : NULL;
        if (!dev->config) {
            mem_free(dev);
            return -ENODEV;
        }
    }
    dev->msi = find_capability(dev, PCI_CAP_MSI);
    dev->msix = find_capability(dev, PCI_CAP_MSIX);
    list_add_tail(&dev->link, &devices);
    log_debug("PCI: %04x:%02x:%02x.%u\n", a.segment, a.bus, a.devfn >> 3, a.devfn & 7);
    return 0;
}

int pci_device_remove(struct pci_address a)
{
    struct pci_device *dev;

    spin_guard(&pci_lock);
    dev = pci_device_find(a);
    if (!dev)
        return -ENODEV;
    if (dev->nr_irqs)
        return -EBUSY;
    list_del(&dev->link);
    msix_table_unmap(dev);
    if (dev->config)
        device_unmap((void *)dev->config, PAGE_SIZE);
    mem_free(dev);
    return 0;
}

int pci_mmcfg_confirm(u64 base, u16 segment, u8 first_bus, u8 last_bus)
{
    const struct acpi_segment *s = segment_find(segment, first_bus);

    return s && s->base == base && last_bus <= s->last_bus ? 0 : -ENODEV;
}
