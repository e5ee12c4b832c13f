/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message interrupts of PCI devices: MSI and MSI-X (PCI Local Bus 3.0, 6.8). A message goes to one
 * CPU by its APIC id, as an edge (Intel SDM vol. 3, 11.11). A device's enable bit belongs to dom0's
 * driver; we set it too when the interrupt is first wanted, because dom0 need not know that it is
 * not alone. Several messages by one MSI capability are not given out: without interrupt remapping
 * they cannot be steered.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/platform/irq.h>
#include <arch/x86/platform/pci.h>
#include <asm/paging.h>
#include <lib/lib.h>
#include <mm/heap.h>

#define MSI_CONTROL         2
#define MSI_ADDRESS         4
#define MSI_CONTROL_ENABLE  0x0001
#define MSI_CONTROL_MULTI   0x0070
#define MSI_CONTROL_64BIT   0x0080
#define MSI_CONTROL_MASKING 0x0100

#define MSIX_CONTROL          2
#define MSIX_TABLE            4
#define MSIX_CONTROL_ENABLE   0x8000
#define MSIX_CONTROL_MASK_ALL 0x4000
#define MSIX_CONTROL_SIZE     0x07ff

/* One entry of the table, in 32-bit words. */
enum { ENTRY_ADDRESS, ENTRY_ADDRESS_HIGH, ENTRY_DATA, ENTRY_CONTROL, ENTRY_WORDS };
#define ENTRY_MASKED 1U

#define MESSAGE_ADDRESS 0xfee00000U

static u32 message_address(const struct irq *irq) { return MESSAGE_ADDRESS | cpu_apic_id[irq->cpu] << 12; }

/* ---- MSI ---- */

static unsigned int msi_data_register(u16 control) { return control & MSI_CONTROL_64BIT ? 12 : 8; }

/* Where the function can mask; where it cannot, a message nobody wants is dropped on arrival. */
static void msi_mask_write(struct irq *irq, bool masked)
{
    struct pci_device *dev = irq->dev;
    u16 control = pci_conf_read(dev->address, dev->msi + MSI_CONTROL, 2);

    irq->masked = masked;
    if (control & MSI_CONTROL_MASKING)
        pci_conf_write(dev->address, dev->msi + msi_data_register(control) + 4, 4, masked);
}

static void msi_mask(struct irq *irq) { msi_mask_write(irq, true); }

static void msi_enable(struct pci_device *dev, bool on)
{
    u16 control = pci_conf_read(dev->address, dev->msi + MSI_CONTROL, 2);

    control &= ~(MSI_CONTROL_MULTI | MSI_CONTROL_ENABLE);
    pci_conf_write(dev->address, dev->msi + MSI_CONTROL, 2, control | (on ? MSI_CONTROL_ENABLE : 0));
}

static void msi_unmask(struct irq *irq)
{
    msi_mask_write(irq, false);
    msi_enable(irq->dev, true);
}

/* Usually only the address changes, and that is one write; when the vector changes too, the message
 * is held back for it. */
static void msi_route(struct irq *irq)
{
    struct pci_device *dev = irq->dev;
    u16 control = pci_conf_read(dev->address, dev->msi + MSI_CONTROL, 2);
    unsigned int data = dev->msi + msi_data_register(control);
    bool hold = irq->vector != (pci_conf_read(dev->address, data, 2) & 255) && (control & MSI_CONTROL_ENABLE);

    if (hold)
        pci_conf_write(dev->address, dev->msi + MSI_CONTROL, 2, control & ~MSI_CONTROL_ENABLE);
    pci_conf_write(dev->address, dev->msi + MSI_ADDRESS, 4, message_address(irq));
    if (control & MSI_CONTROL_64BIT)
        pci_conf_write(dev->address, dev->msi + MSI_ADDRESS + 4, 4, 0);
    pci_conf_write(dev->address, data, 2, irq->vector);
    if (hold)
        pci_conf_write(dev->address, dev->msi + MSI_CONTROL, 2, control);
}

static const struct irq_chip msi_chip = {.name = "MSI", .mask = msi_mask, .unmask = msi_unmask, .route = msi_route};

/* ---- MSI-X ---- */

static volatile u32 *msix_entry(const struct irq *irq) { return irq->dev->msix_table + irq->entry * ENTRY_WORDS; }

static void msix_mask_write(struct irq *irq, bool masked)
{
    volatile u32 *e = msix_entry(irq);

    irq->masked = masked;
    e[ENTRY_CONTROL] = masked ? ENTRY_MASKED : 0;
    /* Read back: it has reached the device. */
    (void)e[ENTRY_CONTROL];
}

static void msix_mask(struct irq *irq) { msix_mask_write(irq, true); }

static void msix_unmask(struct irq *irq)
{
    struct pci_device *dev = irq->dev;
    u16 control = pci_conf_read(dev->address, dev->msix + MSIX_CONTROL, 2);

    msix_mask_write(irq, false);
    if (!(control & MSIX_CONTROL_ENABLE))
        pci_conf_write(dev->address, dev->msix + MSIX_CONTROL, 2,
                       (control & ~MSIX_CONTROL_MASK_ALL) | MSIX_CONTROL_ENABLE);
}

static void msix_route(struct irq *irq)
{
    volatile u32 *e = msix_entry(irq);
    bool masked = irq->masked;

    if (!masked)
        msix_mask_write(irq, true);
    e[ENTRY_ADDRESS] = message_address(irq);
    e[ENTRY_ADDRESS_HIGH] = 0;
    e[ENTRY_DATA] = irq->vector;
    if (!masked)
        msix_mask_write(irq, false);
}

static const struct irq_chip msix_chip = {
    .name = "MSI-X", .mask = msix_mask, .unmask = msix_unmask, .route = msix_route};

/* Where the BAR says that the table lies; 0: no memory BAR, or not assigned. */
static paddr_t msix_table_address(const struct pci_device *dev)
{
    u32 where = pci_conf_read(dev->address, dev->msix + MSIX_TABLE, 4);
    unsigned int bar = PCI_BAR0 + 4 * (where & 7);
    paddr_t base;
    u32 low;

    if ((where & 7) > 5)
        return 0;
    low = pci_conf_read(dev->address, bar, 4);
    if (low & 1)
        return 0;
    base = low & ~15U;
    if ((low & 6) == 4)
        base |= (paddr_t)pci_conf_read(dev->address, bar + 4, 4) << 32;
    return base ? base + (where & ~7U) : 0;
}

/* The table stays mapped for the next user: drivers come and go, BARs hardly ever move. */
static int msix_table_map(struct pci_device *dev)
{
    paddr_t pa = msix_table_address(dev);
    u16 entries = (pci_conf_read(dev->address, dev->msix + MSIX_CONTROL, 2) & MSIX_CONTROL_SIZE) + 1;

    if (!pa || !(pci_conf_read(dev->address, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return -ENXIO;
    if (dev->msix_table && (dev->msix_paddr != pa || dev->msix_entries != entries)) {
        if (dev->msix_used)
            return -EBUSY;
        device_unmap((void *)dev->msix_table, dev->msix_entries * ENTRY_WORDS * 4);
        dev->msix_table = NULL;
    }
    if (!dev->msix_table) {
        dev->msix_table = device_map(pa, entries * ENTRY_WORDS * 4);
        dev->msix_paddr = pa;
        dev->msix_entries = entries;
    }
    return dev->msix_table ? 0 : -ENOMEM;
}

/* ---- both ---- */

static int msix_slot(struct pci_device *dev, unsigned int entry, struct irq ***slot)
{
    int rc;

    if (!dev->msix)
        return -ENODEV;
    rc = msix_table_map(dev);
    if (rc)
        return rc;
    if (entry >= dev->msix_entries)
        return -EINVAL;
    if (!dev->irqs) {
        dev->irqs = mem_alloc_array(struct irq *, dev->msix_entries);
        if (!dev->irqs)
            return -ENOMEM;
    }
    *slot = &dev->irqs[entry];
    return 0;
}

int msi_create(struct pci_device *dev, bool msix, unsigned int entry, struct irq **out)
{
    struct irq **slot = &dev->msi_irq;
    int rc = 0;

    /* A function uses one kind at a time (PCI Local Bus 3.0, 6.8.2). */
    if (msix ? dev->msi_irq != NULL : dev->msix_used != 0)
        return -EBUSY;
    if (msix)
        rc = msix_slot(dev, entry, &slot);
    else if (!dev->msi)
        rc = -ENODEV;
    if (rc)
        return rc;
    if (*slot)
        return -EEXIST;
    *slot = mem_alloc_object(struct irq);
    if (!*slot)
        return -ENOMEM;
    irq_init_desc(*slot, msix ? &msix_chip : &msi_chip);
    (*slot)->dev = dev;
    (*slot)->entry = msix ? entry : 0;
    (*slot)->chip->mask(*slot);
    dev->msix_used += msix;
    *out = *slot;
    return 0;
}

static void nothing(void *unused) { (void)unused; }

void msi_destroy(struct irq *irq)
{
    struct pci_device *dev = irq->dev;
    bool msix = irq->chip == &msix_chip;
    unsigned long flags = spin_lock_irqsave(&irq->lock);

    irq->chip->mask(irq);
    if (!msix)
        msi_enable(dev, false);
    irq_unplace(irq);
    spin_unlock_irqrestore(&irq->lock, flags);
    /* A CPU that found it by its vector before is through with it when it can be interrupted again. */
    arch_call_on(&cpu_online_map, nothing, NULL);
    if (msix) {
        dev->irqs[irq->entry] = NULL;
        if (--dev->msix_used == 0) {
            mem_free(dev->irqs);
            dev->irqs = NULL;
        }
    } else {
        dev->msi_irq = NULL;
    }
    mem_free(irq);
}

static void message_restore(struct irq *irq)
{
    unsigned long flags = spin_lock_irqsave(&irq->lock);

    if (irq->vector)
        irq->chip->route(irq);
    if (irq->masked)
        irq->chip->mask(irq);
    else
        irq->chip->unmask(irq);
    spin_unlock_irqrestore(&irq->lock, flags);
}

void msi_restore(struct pci_device *dev)
{
    if (dev->msi_irq)
        message_restore(dev->msi_irq);
    for (unsigned int i = 0; dev->msix_used && i < dev->msix_entries; i++)
        if (dev->irqs[i])
            message_restore(dev->irqs[i]);
}
