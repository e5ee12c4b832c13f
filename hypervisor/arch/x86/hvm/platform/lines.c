/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wires between devices and interrupt controllers, as the virtual PC has them: ISA irqs, PCI INTx with a pin of the
 * IO-APIC for each (the ACPI tables of Debian's hvmloader say which) and, wired together, four links that the PCI-ISA
 * bridge routes to ISA irqs (xen/arch-x86/hvm/save.h, struct hvm_hw_pci_link); and the wire by which events are told.
 * A line is asserted while anybody asserts it.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <arch/x86/hvm/platform/vlapic.h>
#include <xen/hvm/params.h>

/* ---- lines ---- */

static void line_change(struct platform *p, unsigned int line, bool level)
{
    if (level ? p->line_count[line]++ : --p->line_count[line])
        return;
    if (line < 16)
        vpic_line(p, line, level);
    if (level)
        vioapic_line(p, line);
}

void own_line_set(struct platform *p, unsigned int line, bool level)
{
    if (!!(p->own_wires & 1UL << line) == level)
        return;
    p->own_wires ^= 1UL << line;
    line_change(p, line, level);
}

void own_line_pulse(struct platform *p, unsigned int line)
{
    own_line_set(p, line, true);
    own_line_set(p, line, false);
}

/* ---- ISA ---- */

/* Irq 2 is the cascade of the 8259 pair: no device has it. */
static bool isa_possible(unsigned int irq) { return irq < 16 && irq != 2; }

static void isa_set(struct platform *p, unsigned int irq, bool level)
{
    if (!isa_possible(irq) || !!(p->isa_wires & 1U << irq) == level)
        return;
    p->isa_wires ^= 1U << irq;
    line_change(p, irq, level);
}

void hvm_isa_irq_set(struct domain *d, unsigned int irq, bool level)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    isa_set(p, irq, level);
}

/* ---- PCI ---- */

/* Of wire = device * 4 + intx. */
static unsigned int intx_line(unsigned int wire) { return ((wire & ~3U) + (wire >> 5) + (wire & 3)) % 32 + 16; }
static unsigned int intx_link(unsigned int wire) { return ((wire >> 2) + wire) & 3; }

static void intx_set(struct platform *p, unsigned int wire, bool level)
{
    unsigned int link = intx_link(wire);

    if (test_bit(wire, p->pci_intx) == level)
        return;
    p->pci_intx[wire / 64] ^= 1UL << wire % 64;
    line_change(p, intx_line(wire), level);
    if (!(level ? p->link_count[link]++ : --p->link_count[link]) && p->link_route[link])
        line_change(p, p->link_route[link], level);
}

void hvm_pci_intx_set(struct domain *d, unsigned int device, unsigned int intx, bool level)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    if (device < 32 && intx < 4)
        intx_set(p, device * 4 + intx, level);
}

static void link_route(struct platform *p, unsigned int link, u8 irq)
{
    u8 old = p->link_route[link];

    p->link_route[link] = irq;
    if (p->link_count[link] && old)
        line_change(p, old, false);
    if (p->link_count[link] && irq)
        line_change(p, irq, true);
}

void hvm_pci_link_route(struct domain *d, unsigned int link, u8 irq)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    if (link < 4 && isa_possible(irq))
        link_route(p, link, irq);
}

/* ---- events ---- */

static void callback_set(struct platform *p, bool level)
{
    if (p->callback_asserted == level)
        return;
    p->callback_asserted = level;
    if (p->callback_type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
        intx_set(p, p->callback_wire, level);
    else if (p->callback_wire)
        line_change(p, p->callback_wire, level);
}

/* Has the callback a wire, so that it is vCPU 0's alone? */
static bool callback_wired(const struct platform *p)
{
    return platform_has(p, XEN_X86_EMU_IOAPIC) && !p->d->arch.hvm->callback_vector &&
           (p->callback_type || p->callback_wire);
}

void callback_update(struct platform *p)
{
    if (callback_wired(p))
        callback_set(p, p->d->vcpu[0] && READ_ONCE(p->d->vcpu[0]->info->evtchn_upcall_pending));
}

int hvm_set_callback_via(struct domain *d, u64 via)
{
    struct platform *p = d->arch.hvm->platform;
    unsigned int type = via >> 56, wire = via;

    if (type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
        wire = (via >> 11 & 31) * 4 + (via & 3);
    else if (type == HVM_PARAM_CALLBACK_TYPE_GSI)
        wire = via == 2 ? 0 : via < NR_PINS ? via : 0; /* pin 2 is the timer's */
    else if (type != HVM_PARAM_CALLBACK_TYPE_VECTOR)
        type = wire = 0; /* nowhere */
    spin_guard_irqsave(&p->lock);
    if (callback_wired(p))
        callback_set(p, false);
    p->callback_type = type;
    p->callback_wire = type == HVM_PARAM_CALLBACK_TYPE_VECTOR ? 0 : wire;
    WRITE_ONCE(d->arch.hvm->callback_vector, type == HVM_PARAM_CALLBACK_TYPE_VECTOR ? via : 0);
    callback_update(p);
    return 0;
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

void pci_wires_out(struct platform *p, unsigned int n __unused, void *record)
{
    struct hvm_hw_pci_irqs *r = record;

    memcpy(r->i, p->pci_intx, sizeof(r->i));
    /* The callback's wire is asserted again by the flag in vcpu_info. */
    if (p->callback_asserted && p->callback_type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
        __clear_bit(p->callback_wire, r->i);
}

int pci_wires_in(struct platform *p, unsigned int n __unused, const void *record)
{
    if (callback_wired(p))
        callback_set(p, false);
    for (unsigned int wire = 0; wire < 128; wire++)
        intx_set(p, wire, test_bit(wire, ((const struct hvm_hw_pci_irqs *)record)->i));
    callback_update(p);
    return 0;
}

void isa_wires_out(struct platform *p, unsigned int n __unused, void *record)
{
    ((struct hvm_hw_isa_irqs *)record)->i[0] = p->isa_wires;
}

int isa_wires_in(struct platform *p, unsigned int n __unused, const void *record)
{
    for (unsigned int irq = 0; irq < 16; irq++)
        isa_set(p, irq, ((const struct hvm_hw_isa_irqs *)record)->i[0] & 1UL << irq);
    return 0;
}

void pci_links_out(struct platform *p, unsigned int n __unused, void *record)
{
    memcpy(((struct hvm_hw_pci_link *)record)->route, p->link_route, sizeof(p->link_route));
}

int pci_links_in(struct platform *p, unsigned int n __unused, const void *record)
{
    const u8 *route = ((const struct hvm_hw_pci_link *)record)->route;

    for (unsigned int link = 0; link < 4; link++)
        if (!isa_possible(route[link]))
            return -EINVAL;
    for (unsigned int link = 0; link < 4; link++)
        link_route(p, link, route[link]);
    return 0;
}
