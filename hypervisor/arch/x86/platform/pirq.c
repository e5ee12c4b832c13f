/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's interrupts as a guest has them: its numbers (pirqs), to whom they are bound, and
 * the end of level interrupts. A GSI is a pirq of the same number from the start; messages get
 * numbers behind those. Only the hardware domain has a table. Event channels (core/evtchn.c) bind
 * and unbind, dispatch (irq.c) delivers, physdev_op.c maps.
 */
#include <arch/arch.h>
#include <arch/x86/platform/irq.h>
#include <asm/irq.h>
#include <core/domain.h>
#include <core/evtchn.h>
#include <mm/heap.h>

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
    for (unsigned int gsi = 0; gsi < nr_gsis(); gsi++)
        t->irq[gsi] = irq_of_gsi(gsi);
    d->arch.pirqs = t;
    return 0;
}

void pirq_domain_free(struct domain *d)
{
    struct pirq_table *t = d->arch.pirqs;

    if (!t)
        return;
    for (unsigned int pirq = 0; pirq < t->nr; pirq++)
        pirq_unmap(d, pirq);
    if (t->eoi_map)
        frame_put_and_type(virt_frame(t->eoi_map));
    d->arch.pirqs = NULL;
    mem_free(t);
}

unsigned int pirq_limit(const struct domain *d) { return d->arch.pirqs ? d->arch.pirqs->nr : 0; }

/* ---- numbers of messages; pci_lock held: nobody else gives them out ---- */

int pirq_map_msi(struct domain *d, struct pci_address a, bool msix, unsigned int entry, int *pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned int number = *pirq < 0 ? nr_gsis() : (unsigned int)*pirq;
    struct pci_device *dev;
    struct irq *irq;
    int rc;

    spin_guard(&pci_lock);
    dev = pci_device_find(a);
    if (!dev)
        return -ENODEV;
    while (*pirq < 0 && number < t->nr && t->irq[number])
        number++;
    if (number >= t->nr)
        return *pirq < 0 ? -ENOSPC : -EINVAL;
    rc = t->irq[number] ? -EEXIST : msi_create(dev, msix, entry, &irq);
    if (rc)
        return rc;
    WRITE_ONCE(t->irq[number], irq);
    *pirq = number;
    return 0;
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    struct irq *irq;

    if (pirq >= t->nr)
        return -EINVAL;
    pirq_guest_unbind(d, pirq);
    spin_guard(&pci_lock);
    irq = t->irq[pirq];
    if (irq && irq->gsi == ~0U) {
        spin_lock(&t->lock);
        t->irq[pirq] = NULL;
        spin_unlock(&t->lock);
        msi_destroy(irq);
    }
    return irq ? 0 : -EINVAL;
}

/* ---- binding ---- */

/* What is bound to d by this number, NULL: nothing. Table lock held. */
static struct irq *bound_irq(struct domain *d, u32 pirq)
{
    struct pirq_table *t = d->arch.pirqs;
    struct irq *irq = pirq < t->nr ? t->irq[pirq] : NULL;

    return irq && READ_ONCE(irq->guest) == d && irq->pirq == pirq ? irq : NULL;
}

int pirq_guest_bind(struct vcpu *v, u32 pirq)
{
    struct domain *d = v->domain;
    struct pirq_table *t = d->arch.pirqs;
    struct irq *irq;
    int rc;

    if (!t || pirq >= t->nr)
        return -EINVAL;
    spin_guard(&t->lock);
    irq = t->irq[pirq];
    if (!irq)
        return -EINVAL;
    spin_guard_irqsave(&irq->lock);
    rc = irq->fn || irq->guest ? -EBUSY : irq_place(irq, v->processor);
    if (rc < 0)
        return rc;
    irq_settle(irq);
    irq->guest = d;
    irq->pirq = pirq;
    irq->wants_eoi = false;
    if (t->eoi_map)
        (irq->level ? set_bit : clear_bit)(pirq, t->eoi_map);
    irq->chip->unmask(irq);
    return 0;
}

void pirq_guest_unbind(struct domain *d, u32 pirq)
{
    unsigned long flags;
    struct irq *irq;

    spin_guard(&d->arch.pirqs->lock);
    irq = bound_irq(d, pirq);
    if (!irq)
        return;
    flags = spin_lock_irqsave(&irq->lock);
    irq->chip->mask(irq);
    irq->guest = NULL;
    irq->wants_eoi = false;
    spin_unlock_irqrestore(&irq->lock, flags);
    /* Until no CPU is telling the guest of it any more. */
    while (READ_ONCE(irq->in_progress))
        cpu_relax();
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
    struct irq *irq;

    spin_guard(&d->arch.pirqs->lock);
    irq = bound_irq(d, pirq);
    if (!irq || !irq->wants_eoi)
        return;
    spin_guard_irqsave(&irq->lock);
    irq_guest_eoi(irq);
}

void pirq_set_affinity(struct domain *d, u32 pirq, const struct vcpu *v)
{
    struct irq *irq;
    int rc = 0;

    {
        spin_guard(&d->arch.pirqs->lock);
        irq = bound_irq(d, pirq);
        if (irq) {
            spin_guard_irqsave(&irq->lock);
            /* No vector left there: it stays where it is. */
            rc = irq_place(irq, v->processor);
        }
    }
    /* One too many does no harm, one too few stops a device. */
    if (rc == 1)
        evtchn_send_pirq(d, pirq);
}

/* ---- what the guest must do at the end ---- */

int pirq_set_eoi_page(struct domain *d, u64 gfn)
{
    struct pirq_table *t = d->arch.pirqs;
    unsigned long *map;
    struct frame *f;

    if (!t || !(f = mfn_get_writable(arch_gfn_to_mfn(d, _gfn(gfn)), d)))
        return -EINVAL;
    spin_guard(&t->lock);
    if (t->eoi_map) {
        frame_put_and_type(f);
        return -EBUSY;
    }
    map = mfn_to_virt(frame_mfn(f));
    for (u32 pirq = 0; pirq < t->nr; pirq++)
        if (bound_irq(d, pirq) && t->irq[pirq]->level)
            set_bit(pirq, map);
    t->eoi_map = map;
    return 0;
}

bool pirq_has_eoi_page(const struct domain *d) { return d->arch.pirqs->eoi_map != NULL; }
