/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's interrupts as a guest has them: its numbers (pirqs), to whom they are bound, and
 * the end of level interrupts. A GSI has the same number as a pirq; messages get numbers behind
 * those. Only the hardware domain has a table. Event channels (core/evtchn.c) bind and unbind,
 * dispatch (irq.c) delivers, physdev_op.c maps.
 */
#include <arch/arch.h>
#include <arch/x86/platform/irq.h>
#include <arch/x86/platform/pirq.h>
#include <asm/irq.h>
#include <core/domain.h>
#include <core/evtchn.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <xen/physdev.h>

/* Numbers for messages: enough for one per queue and CPU of a few devices. */
#define MESSAGE_PIRQS 1024

struct pirq_table {
    struct spinlock lock; /* LOCK_PIRQ: the entries */
    unsigned int nr;
    unsigned long *eoi_map; /* the guest's page, NULL: none; stays for the domain's life */
    struct irq *irq[];      /* by pirq; NULL: not mapped */
};

int pirq_domain_init(struct domain *d)
{
    unsigned int nr = nr_gsis() + MESSAGE_PIRQS;
    struct pirq_table *t;

    if (!d->is_hardware)
        return 0;
    t = mem_alloc(sizeof(*t) + nr * sizeof(t->irq[0]));
    if (!t)
        return -ENOMEM;
    spin_lock_init(&t->lock, LOCK_PIRQ);
    t->nr = nr;
    d->arch.pirqs = t;
    return 0;
}

void pirq_domain_free(struct domain *d)
{
    struct pirq_table *t = d->arch.pirqs;

    if (!t)
        return;
    for (unsigned int pirq = 0; pirq < t->nr; pirq++) {
        pirq_guest_unbind(d, pirq);
        pirq_unmap(d, pirq);
    }
    if (t->eoi_map)
        frame_put_and_type(virt_frame(t->eoi_map));
    d->arch.pirqs = NULL;
    mem_free(t);
}

unsigned int pirq_limit(const struct domain *d) { return d->arch.pirqs ? d->arch.pirqs->nr : 0; }

/* ---- numbers ---- */

/* A GSI's own number needs no mapping first. Table lock held. */
static struct irq *pirq_irq(struct pirq_table *t, u32 pirq)
{
    if (pirq >= t->nr)
        return NULL;
    return t->irq[pirq] ? t->irq[pirq] : irq_of_gsi(pirq);
}

int pirq_find_free(struct domain *d, bool msi, u32 *pirq)
{
    struct pirq_table *t = d->arch.pirqs;

    if (!t)
        return -EINVAL;
    for (u32 i = msi ? nr_gsis() : 16; i < t->nr; i++)
        if (!pirq_irq(t, i)) {
            *pirq = i;
            return 0;
        }
    return -ENOSPC;
}

int pirq_map_gsi(struct domain *d, int gsi, int *pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    struct irq *irq;
    int rc = 0;

    if (!t || gsi < 0 || !(irq = irq_of_gsi(gsi)))
        return -EINVAL;
    if (*pirq < 0)
        *pirq = gsi;
    if ((unsigned int)*pirq >= t->nr)
        return -EINVAL;
    spin_lock(&t->lock);
    if (!t->irq[*pirq] && (*pirq == gsi || !irq_of_gsi(*pirq)))
        t->irq[*pirq] = irq;
    else if (t->irq[*pirq] != irq)
        rc = -EEXIST;
    spin_unlock(&t->lock);
    return rc;
}

/* pci_lock held: nobody else gives out numbers for messages. */
static int message_map(struct domain *d, struct pci_device *dev, bool msix, unsigned int entry, int *pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned long flags;
    struct irq *irq;
    u32 number = *pirq;
    int rc;

    if (*pirq < 0)
        rc = pirq_find_free(d, true, &number);
    else
        rc = number >= t->nr ? -EINVAL : pirq_irq(t, number) ? -EEXIST : 0;
    if (rc == 0)
        rc = msi_create(dev, msix, entry, &irq);
    if (rc)
        return rc;
    /* Somewhere to begin with: binding moves it to the vCPU that wants it. */
    flags = spin_lock_irqsave(&irq->lock);
    rc = irq_place(irq, smp_processor_id());
    spin_unlock_irqrestore(&irq->lock, flags);
    if (rc) {
        msi_destroy(irq);
        return rc;
    }
    spin_lock(&t->lock);
    t->irq[number] = irq;
    spin_unlock(&t->lock);
    *pirq = number;
    return 0;
}

int pirq_map_msi(struct domain *d, struct pci_address a, bool msix, unsigned int entry, int *pirq)
{
    struct pci_device *dev;
    int rc;

    if (!d->arch.pirqs)
        return -EINVAL;
    spin_lock(&pci_lock);
    dev = pci_device_find(a);
    rc = dev ? message_map(d, dev, msix, entry, pirq) : -ENODEV;
    spin_unlock(&pci_lock);
    return rc;
}

int pirq_unmap(struct domain *d, int pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    struct irq *irq;

    if (!t || pirq < 0 || (unsigned int)pirq >= t->nr)
        return -EINVAL;
    spin_lock(&pci_lock);
    spin_lock(&t->lock);
    irq = t->irq[pirq];
    t->irq[pirq] = NULL;
    spin_unlock(&t->lock);
    if (irq && irq->gsi == ~0U)
        msi_destroy(irq);
    spin_unlock(&pci_lock);
    return irq ? 0 : -EINVAL;
}

/* ---- binding ---- */

int pirq_guest_bind(struct vcpu *v, u32 pirq, bool share)
{
    struct domain *d = v->domain;
    struct pirq_table *t = d->arch.pirqs;
    unsigned long flags;
    struct irq *irq;
    int rc = -EINVAL;

    (void)share; /* lines are shared between drivers of dom0; between domains only with passthrough,
                    which is not built */
    if (!t)
        return -EINVAL;
    spin_lock(&t->lock);
    irq = pirq_irq(t, pirq);
    if (irq) {
        flags = spin_lock_irqsave(&irq->lock);
        rc = irq->fn || irq->guest ? -EBUSY : irq_place(irq, v->processor);
        if (rc >= 0) {
            irq_settle(irq);
            rc = 0;
            irq->guest = d;
            irq->pirq = pirq;
            irq->wants_eoi = false;
            if (t->eoi_map && irq->level)
                set_bit(pirq, t->eoi_map);
            else if (t->eoi_map)
                clear_bit(pirq, t->eoi_map);
            irq->chip->unmask(irq);
        }
        spin_unlock_irqrestore(&irq->lock, flags);
    }
    spin_unlock(&t->lock);
    return rc;
}

void pirq_guest_unbind(struct domain *d, u32 pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned long flags;
    struct irq *irq;

    if (!t)
        return;
    spin_lock(&t->lock);
    irq = pirq_irq(t, pirq);
    if (irq && READ_ONCE(irq->guest) == d && irq->pirq == pirq) {
        flags = spin_lock_irqsave(&irq->lock);
        irq->chip->mask(irq);
        irq->guest = NULL;
        irq->wants_eoi = false;
        spin_unlock_irqrestore(&irq->lock, flags);
        irq_synchronize(irq);
    }
    spin_unlock(&t->lock);
}

void pirq_deliver(struct domain *d, u32 pirq, bool wants_eoi)
{
    struct pirq_table *t = d->arch.pirqs;

    if (wants_eoi && t->eoi_map)
        set_bit(pirq, t->eoi_map);
    evtchn_send_pirq(d, pirq);
}

void pirq_guest_eoi(struct domain *d, u32 pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned long flags;
    struct irq *irq;

    if (!t)
        return;
    spin_lock(&t->lock);
    irq = pirq_irq(t, pirq);
    if (irq && irq->guest == d && irq->pirq == pirq && irq->wants_eoi) {
        flags = spin_lock_irqsave(&irq->lock);
        if (irq->wants_eoi) {
            irq->wants_eoi = false;
            irq->chip->unmask(irq);
        }
        spin_unlock_irqrestore(&irq->lock, flags);
    }
    spin_unlock(&t->lock);
}

void pirq_set_affinity(struct domain *d, u32 pirq, const struct vcpu *v)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned long flags;
    struct irq *irq;
    int rc = 0;

    if (!t)
        return;
    spin_lock(&t->lock);
    irq = pirq_irq(t, pirq);
    if (irq && irq->guest == d && irq->pirq == pirq) {
        flags = spin_lock_irqsave(&irq->lock);
        /* No vector left there: it stays where it is. */
        rc = irq_place(irq, v->processor);
        spin_unlock_irqrestore(&irq->lock, flags);
    }
    spin_unlock(&t->lock);
    /* One too many does no harm, one too few stops a device. */
    if (rc == 1)
        evtchn_send_pirq(d, pirq);
}

/* ---- what the guest must do at the end ---- */

int pirq_set_eoi_page(struct domain *d, u64 gfn)
{
    struct pirq_table *t = d->arch.pirqs;
    struct frame *f;
    int rc = -EBUSY;

    if (!t)
        return -EINVAL;
    f = mfn_get(arch_gfn_to_mfn(d, _gfn(gfn)), d);
    if (!f)
        return -EINVAL;
    if (frame_get_type(f, FT_WRITABLE)) {
        frame_put(f);
        return -EINVAL;
    }
    spin_lock(&t->lock);
    if (!t->eoi_map) {
        unsigned long *map = mfn_to_virt(frame_mfn(f));

        for (u32 pirq = 0; pirq < t->nr; pirq++) {
            struct irq *irq = pirq_irq(t, pirq);

            if (irq && irq->guest == d && irq->level)
                set_bit(pirq, map);
        }
        t->eoi_map = map;
        f = NULL;
        rc = 0;
    }
    spin_unlock(&t->lock);
    if (f)
        frame_put_and_type(f);
    return rc;
}

u32 pirq_status(struct domain *d, u32 pirq)
{
    struct pirq_table *t = d->arch.pirqs;

    (void)pirq;
    /* Without the page a guest cannot see when an EOI is due, so it is always due. */
    return t && t->eoi_map ? 0 : XENIRQSTAT_needs_eoi;
}
