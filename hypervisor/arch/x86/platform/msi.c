/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message interrupts of PCI devices: MSI and MSI-X (PCI Local Bus 3.0, 6.8). A message goes to one
 * CPU by its APIC id, as an edge (Intel SDM vol. 3, 11.11). Both kinds are the same four words, in
 * configuration registers or in a table in the device's memory; word_write() knows where, the rest
 * does not care. A device's enable bit belongs to dom0's driver; we set it too when the interrupt
 * is first wanted, because dom0 need not know that it is not alone. Several messages by one MSI
 * capability are not given out: without interrupt remapping they cannot be steered.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/platform/irq.h>
#include <asm/paging.h>
#include <asm/percpu.h>
#include <mm/heap.h>

/* The first register of the capabilities: id, link, and from bit 16 on the control word. */
#define MSI_ENABLE  (1U << 16)
#define MSI_MULTI   (7U << 20)
#define MSI_64BIT   (1U << 23)
#define MSI_MASKING (1U << 24)

#define MSIX_ENTRIES(head) (((head) >> 16 & 0x7ff) + 1)
#define MSIX_MASK_ALL      (1U << 30)
#define MSIX_ENABLE        (1U << 31)
#define MSIX_TABLE         4

/* A message as it lies in the table of MSI-X. */
enum { WORD_ADDRESS, WORD_ADDRESS_HIGH, WORD_DATA, WORD_MASK, WORDS };

#define MESSAGE_ADDRESS 0xfee00000U

/*
 * MSI has the high half of the address and the mask only if it says so. Where it cannot mask, a
 * message that nobody wants is dropped on arrival.
 */
static void word_write(struct irq *irq, unsigned int word, u32 value)
{
    struct pci_device *dev = irq->dev;
    u32 head;

    if (dev->msix_used) {
        volatile u32 *p = dev->msix_table + irq->entry * WORDS + word;

        *p = value;
        (void)*p; /* it has reached the device */
        return;
    }
    head = pci_conf_read(dev, dev->msi);
    if ((word == WORD_ADDRESS_HIGH && !(head & MSI_64BIT)) || (word == WORD_MASK && !(head & MSI_MASKING)))
        return;
    if (word > WORD_ADDRESS_HIGH && !(head & MSI_64BIT))
        word--;
    pci_conf_write(dev, dev->msi + 4 + 4 * word, value);
}

static void messages_enable(struct pci_device *dev, bool on)
{
    unsigned int at = dev->msix_used ? dev->msix : dev->msi;
    u32 enable = dev->msix_used ? MSIX_ENABLE : MSI_ENABLE;
    u32 head = pci_conf_read(dev, at), clear = enable | (dev->msix_used ? MSIX_MASK_ALL : MSI_MULTI);

    pci_conf_write(dev, at, (head & ~clear) | (on ? enable : 0));
}

static void message_mask(struct irq *irq)
{
    irq->masked = true;
    word_write(irq, WORD_MASK, 1);
}

static void message_unmask(struct irq *irq)
{
    irq->masked = false;
    word_write(irq, WORD_MASK, 0);
    messages_enable(irq->dev, true);
}

/* No message while the words do not fit together. */
static void message_hold(struct irq *irq, bool hold)
{
    if (irq->dev->msix_used)
        word_write(irq, WORD_MASK, hold);
    else
        messages_enable(irq->dev, !hold);
}

/* By MSI usually only one half of the address changes, and that is one write. */
static void message_route(struct irq *irq)
{
    bool hold = !irq->masked && (irq->dev->msix_used || irq->vector != irq->old_vector);

    if (hold)
        message_hold(irq, true);
    word_write(irq, WORD_ADDRESS, MESSAGE_ADDRESS | cpu_apic_id[irq->cpu] << 12);
    word_write(irq, WORD_ADDRESS_HIGH, 0);
    word_write(irq, WORD_DATA, irq->vector);
    if (hold)
        message_hold(irq, false);
}

static const struct irq_chip message_chip = {
    .name = "message", .mask = message_mask, .unmask = message_unmask, .route = message_route};

/*
 * The table is where a BAR says. It stays mapped for the next user: drivers come and go, BARs
 * hardly ever move.
 */
static int msix_table_map(struct pci_device *dev)
{
    u32 where = pci_conf_read(dev, dev->msix + MSIX_TABLE), low;
    unsigned int entries = MSIX_ENTRIES(pci_conf_read(dev, dev->msix)), bar = PCI_BAR0 + 4 * (where & 7);
    paddr_t pa;

    low = pci_conf_read(dev, bar);
    pa = low & ~15U;
    if ((low & 6) == 4)
        pa |= (paddr_t)pci_conf_read(dev, bar + 4) << 32;
    if ((where & 7) > 5 || (low & 1) || !pa || !(pci_conf_read(dev, PCI_COMMAND) & PCI_COMMAND_MEMORY))
        return -ENXIO;
    pa += where & ~7U;
    if (dev->msix_table && dev->msix_paddr == pa && dev->msix_entries == entries)
        return 0;
    if (dev->nr_irqs)
        return -EBUSY;
    msix_table_unmap(dev);
    dev->msix_table = device_map(pa, entries * WORDS * 4);
    dev->msix_paddr = pa;
    dev->msix_entries = entries;
    return dev->msix_table ? 0 : -ENOMEM;
}

void msix_table_unmap(struct pci_device *dev)
{
    if (dev->msix_table)
        device_unmap((void *)dev->msix_table, dev->msix_entries * WORDS * 4);
}

static unsigned int nr_entries(const struct pci_device *dev) { return dev->msix_used ? dev->msix_entries : 1; }

int msi_create(struct pci_device *dev, bool msix, unsigned int entry, struct irq **out)
{
    struct irq *irq;
    int rc = 0;

    if (!(msix ? dev->msix : dev->msi))
        return -ENODEV;
    /* A function uses one kind at a time (PCI Local Bus 3.0, 6.8.2). */
    if (dev->nr_irqs && dev->msix_used != msix)
        return -EBUSY;
    if (msix && (rc = msix_table_map(dev)) != 0)
        return rc;
    dev->msix_used = msix;
    if (entry >= nr_entries(dev))
        return -EINVAL;
    if (dev->nr_irqs && dev->irqs[entry])
        return -EEXIST;
    irq = mem_alloc_object(struct irq);
    if (irq && !dev->nr_irqs)
        dev->irqs = mem_alloc_array(struct irq *, nr_entries(dev));
    if (!irq || !dev->irqs) {
        mem_free(irq);
        return -ENOMEM;
    }
    irq_init_desc(irq, &message_chip);
    irq->dev = dev;
    irq->entry = entry;
    dev->irqs[entry] = irq;
    dev->nr_irqs++;
    {
        spin_guard_irqsave(&irq->lock);
        message_mask(irq);
        /* Somewhere to begin with: binding moves it to the vCPU that wants it. */
        rc = irq_place(irq, smp_processor_id());
    }
    if (rc)
        msi_destroy(irq);
    *out = irq;
    return rc;
}

static void nothing(void *unused) { (void)unused; }

void msi_destroy(struct irq *irq)
{
    struct pci_device *dev = irq->dev;

    {
        spin_guard_irqsave(&irq->lock);
        message_mask(irq);
        if (dev->nr_irqs == 1)
            messages_enable(dev, false);
        irq_unplace(irq);
    }
    /* A CPU that found it by its vector before is through with it when it can be interrupted again. */
    arch_call_on(&cpu_online_map, nothing, NULL);
    dev->irqs[irq->entry] = NULL;
    if (--dev->nr_irqs == 0) {
        mem_free(dev->irqs);
        dev->irqs = NULL;
    }
    mem_free(irq);
}

void msi_restore(struct pci_device *dev)
{
    for (unsigned int i = 0; dev->nr_irqs && i < nr_entries(dev); i++) {
        struct irq *irq = dev->irqs[i];

        if (!irq)
            continue;
        spin_guard_irqsave(&irq->lock);
        message_route(irq);
        (irq->masked ? message_mask : message_unmask)(irq);
    }
}
