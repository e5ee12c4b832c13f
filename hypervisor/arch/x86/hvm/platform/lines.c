/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wires between devices and interrupt controllers, as the virtual PC has them: ISA irqs, PCI INTx with a pin of the
 * IO-APIC for each (the ACPI tables of Debian's hvmloader say which) and, wired together, four links that the PCI-ISA
 * bridge routes to ISA irqs (xen/arch-x86/hvm/save.h, struct hvm_hw_pci_link); and the wire by which events are told.
 * A line is asserted while anybody asserts it.
 */
#include <arch/x86/hvm/platform/private.h>
#include <xen/hvm/params.h>

/* ---- lines ---- */

/* Of wire = device * 4 + intx. */
static unsigned int intx_line(unsigned int wire) { return ((wire & ~3U) + (wire >> 5) + (wire & 3)) % 32 + 16; }
static unsigned int intx_link(unsigned int wire) { return ((wire >> 2) + wire) & 3; }

static u64 asserted_lines(const struct platform *p)
{
    unsigned long intx[2] = {p->pci.i[0], p->pci.i[1]};
    u64 lines = p->isa.i[0] | p->own_wires, links = 0;

    if (p->callback_asserted && p->callback_is_intx)
        __set_bit(p->callback_wire, intx);
    else if (p->callback_asserted)
        lines |= 1UL << p->callback_wire;
    for (unsigned int half = 0; half < 2; half++)
        for (u64 rest = intx[half]; rest; rest &= rest - 1) {
            unsigned int wire = half * 64 + ffs64(rest);

            lines |= 1UL << intx_line(wire);
            links |= 1UL << p->links.route[intx_link(wire)];
        }
    return lines | (links & ~1UL); /* route 0 is none */
}

void lines_update(struct platform *p)
{
    u64 lines = asserted_lines(p), risen = lines & ~p->lines;

    p->lines = lines;
    if (!p->board)
        return;
    vpic_lines(p, risen);
    for (; risen; risen &= risen - 1)
        vioapic_deliver(p, ffs64(risen) ?: 2);
}

static void wire_set(struct platform *p, unsigned long *wires, unsigned int n, bool level)
{
    (level ? __set_bit : __clear_bit)(n, wires);
    lines_update(p);
}

void own_lines_set(struct platform *p, u64 lines, u64 asserted)
{
    p->own_wires = (p->own_wires & ~lines) | asserted;
    lines_update(p);
}

void own_line_pulse(struct platform *p, u64 line)
{
    own_lines_set(p, line, line);
    own_lines_set(p, line, 0);
}

/* ---- what device models do ---- */

/* Irq 2 is the cascade of the 8259 pair: no device has it. */
#define ISA_IRQS 0xfffbU
static bool isa_possible(unsigned int irq) { return irq < 16 && ISA_IRQS >> irq & 1; }

void hvm_isa_irq_set(struct domain *d, unsigned int irq, bool level)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    if (isa_possible(irq))
        wire_set(p, p->isa.i, irq, level);
}

void hvm_pci_intx_set(struct domain *d, unsigned int device, unsigned int intx, bool level)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    if (device < 32 && intx < 4)
        wire_set(p, p->pci.i, device * 4 + intx, level);
}

void hvm_pci_link_route(struct domain *d, unsigned int link, u8 irq)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    if (link >= 4 || !isa_possible(irq))
        return;
    p->links.route[link] = irq;
    lines_update(p);
}

/* ---- events ---- */

static void callback_set(struct platform *p, bool level)
{
    p->callback_asserted = level;
    lines_update(p);
}

/* Has the callback a wire, so that it is vCPU 0's alone? */
static bool callback_wired(const struct platform *p) { return p->board && (p->callback_is_intx || p->callback_wire); }

void callback_update(struct platform *p)
{
    if (callback_wired(p))
        callback_set(p, p->d->vcpu[0] && READ_ONCE(p->d->vcpu[0]->info->evtchn_upcall_pending));
}

void hvm_set_callback_via(struct domain *d, u64 via)
{
    struct platform *p = d->arch.hvm->platform;
    unsigned int type = via >> 56, wire = 0;
    spin_guard_irqsave(&p->lock);

    if (type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
        wire = (via >> 11 & 31) * 4 + (via & 3);
    else if (type == HVM_PARAM_CALLBACK_TYPE_GSI && via < NR_PINS && via != 2) /* pin 2 is the timer's */
        wire = via;
    callback_set(p, false);
    p->callback_is_intx = type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX;
    p->callback_wire = wire;
    WRITE_ONCE(d->arch.hvm->callback_vector, type == HVM_PARAM_CALLBACK_TYPE_VECTOR ? via : 0);
    callback_update(p);
}

int hvm_set_upcall_vector(struct vcpu *v, u8 vector)
{
    if (vector && vector < 16)
        return -EINVAL;
    WRITE_ONCE(v->arch.hvm.upcall_vector, vector);
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        platform_events_pending(v);
    return 0;
}

void platform_events_pending(struct vcpu *v)
{
    struct platform *p = v->domain->arch.hvm->platform;
    u8 vector = READ_ONCE(v->arch.hvm.upcall_vector);

    if (vector) {
        vlapic_interrupt(v, vector);
    } else if (READ_ONCE(v->domain->arch.hvm->callback_vector)) {
        hvm_wake(v);
    } else if (v->id == 0 && callback_wired(p)) {
        spin_guard_irqsave(&p->lock);
        callback_set(p, false); /* the flag was down before: another edge, if it is edges that count */
        callback_update(p);
    }
}

/* ---- context ---- */

int lines_resume(struct platform *p, unsigned int n __unused)
{
    for (unsigned int link = 0; link < 4; link++)
        if (!isa_possible(p->links.route[link]))
            return -EINVAL;
    p->isa.i[0] &= ISA_IRQS;
    callback_update(p);
    lines_update(p);
    return 0;
}
