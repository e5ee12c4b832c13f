/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h): how a PV kernel deals with interrupts, I/O rights and PCI
 * devices of the machine. One function per operation, chosen by the table at the end. Everything
 * but EOI, status and a vCPU's own I/O rights is for the hardware domain.
 */
#include <arch/x86/platform/irq.h>
#include <asm/irq.h>
#include <core/continuation.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <xen/physdev.h>

/* The structures about a device begin with its address. */
static struct pci_address address_of(const struct physdev_pci_device *op)
{
    return (struct pci_address){.segment = op->seg, .bus = op->bus, .devfn = op->devfn};
}

static long physdev_eoi(struct domain *d, void *arg)
{
    const struct physdev_eoi *op = arg;

    if (op->irq >= pirq_limit(d))
        return -EINVAL;
    pirq_guest_eoi(d, op->irq);
    return 0;
}

static long physdev_eoi_page(struct domain *d, void *arg)
{
    return pirq_set_eoi_page(d, ((struct physdev_pirq_eoi_gmfn *)arg)->gmfn);
}

static long physdev_irq_status(struct domain *d, void *arg)
{
    struct physdev_irq_status_query *op = arg;

    if (op->irq >= pirq_limit(d))
        return -EINVAL;
    op->flags = pirq_has_eoi_page(d) ? 0 : XENIRQSTAT_needs_eoi;
    return 0;
}

static long physdev_set_iopl(struct domain *d __unused, void *arg)
{
    const struct physdev_set_iopl *op = arg;

    if (op->iopl > 3)
        return -EINVAL;
    current->arch.pv.iopl = op->iopl;
    return 0;
}

/* The bitmap stays in the guest's memory and is read at each access. */
static long physdev_set_iobitmap(struct domain *d __unused, void *arg)
{
    const struct physdev_set_iobitmap *op = arg;

    if (op->nr_ports > 65536)
        return -EINVAL;
    current->arch.pv.iobmp = (const u8 __guest *)op->bitmap.p;
    current->arch.pv.iobmp_limit = op->nr_ports;
    return 0;
}

static long physdev_apic_read(struct domain *d __unused, void *arg)
{
    struct physdev_apic *op = arg;

    return ioapic_read_register(op->apic_physbase, op->reg, &op->value);
}

/* The vector is a formality since kernels bind by pirq; what they check is that it is not an error. */
static long physdev_alloc_irq_vector(struct domain *d __unused, void *arg)
{
    struct physdev_irq *op = arg;

    op->vector = op->irq;
    return irq_of_gsi(op->irq) ? 0 : -EINVAL;
}

static long physdev_setup_gsi(struct domain *d __unused, void *arg)
{
    const struct physdev_setup_gsi *op = arg;
    long rc;

    if (op->gsi < 0 || op->triggering > 1 || op->polarity > 1)
        return -EINVAL;
    rc = gsi_configure(op->gsi, op->triggering, op->polarity);
    return rc == -ENODEV ? -EINVAL : rc;
}

/* What is asked for another domain is for passthrough. */
static bool is_self(const struct domain *d, domid_t id) { return id == DOMID_SELF || id == d->id; }

static long physdev_map_pirq(struct domain *d, void *arg)
{
    struct physdev_map_pirq *m = arg;
    struct pci_address address = {.bus = m->bus, .devfn = m->devfn};

    if (!is_self(d, m->domid))
        return hypercall_unknown("map_pirq for another domain", m->type, -EOPNOTSUPP);
    switch (m->type) {
    case MAP_PIRQ_TYPE_GSI:
        if (m->index < 0 || !irq_of_gsi(m->index))
            return -EINVAL;
        if (m->pirq >= 0 && m->pirq != m->index)
            return -EEXIST;
        m->pirq = m->index;
        return 0;
    case MAP_PIRQ_TYPE_MULTI_MSI:
        if (m->entry_nr != 1)
            return m->entry_nr <= 0 || m->entry_nr > 32 ? -EDOM : -EOPNOTSUPP;
        fallthrough;
    case MAP_PIRQ_TYPE_MSI_SEG: address.segment = (u32)m->bus >> 16; fallthrough;
    case MAP_PIRQ_TYPE_MSI:
        /* Without a table it is MSI, entry_nr then meaning nothing. */
        return pirq_map_msi(d, address, m->table_base != 0, m->table_base ? m->entry_nr : 0, &m->pirq);
    default: return -EINVAL;
    }
}

static long physdev_unmap_pirq(struct domain *d, void *arg)
{
    const struct physdev_unmap_pirq *op = arg;

    if (!is_self(d, op->domid))
        return hypercall_unknown("unmap_pirq for another domain", op->pirq, -EOPNOTSUPP);
    return pirq_unmap(d, op->pirq);
}

static long physdev_pci_device_add(struct domain *d __unused, void *arg) { return pci_device_add(address_of(arg)); }

static long physdev_pci_device_remove(struct domain *d __unused, void *arg)
{
    return pci_device_remove(address_of(arg));
}

static long physdev_restore_msi(struct domain *d __unused, void *arg)
{
    struct pci_device *dev;

    spin_guard(&pci_lock);
    dev = pci_device_find(address_of(arg));
    if (!dev)
        return -ENODEV;
    msi_restore(dev);
    return 0;
}

/* The table is mapped when its first entry is wanted and looked up again each time: nothing to
 * prepare or to let go. */
static long physdev_known_device(struct domain *d __unused, void *arg)
{
    spin_guard(&pci_lock);
    return pci_device_find(address_of(arg)) ? 0 : -ENODEV;
}

static long physdev_mmcfg_reserved(struct domain *d __unused, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *op = arg;

    if (op->flags & ~XEN_PCI_MMCFG_RESERVED)
        return -EINVAL;
    return pci_mmcfg_confirm(op->address, op->segment, op->start_bus, op->end_bus);
}

/* We use no EHCI debug port, so its reset needs no care. */
static long physdev_dbgp(struct domain *d __unused, void *arg)
{
    const struct physdev_dbgp_op *op = arg;

    return op->op == PHYSDEVOP_DBGP_RESET_PREPARE || op->op == PHYSDEVOP_DBGP_RESET_DONE ? 0 : -EINVAL;
}

static const struct operation operations[] = {
#define OP(name, handler, type, flags) [PHYSDEVOP_##name] = {handler, sizeof(struct physdev_##type), flags}
    OP(irq_status_query, physdev_irq_status, irq_status_query, OP_BACK),
    OP(set_iopl, physdev_set_iopl, set_iopl, 0),
    OP(set_iobitmap, physdev_set_iobitmap, set_iobitmap, 0),
    OP(apic_read, physdev_apic_read, apic, OP_HARDWARE | OP_BACK),
    OP(alloc_irq_vector, physdev_alloc_irq_vector, irq, OP_HARDWARE | OP_BACK),
    OP(eoi, physdev_eoi, eoi, 0),
    OP(map_pirq, physdev_map_pirq, map_pirq, OP_HARDWARE | OP_BACK),
    OP(unmap_pirq, physdev_unmap_pirq, unmap_pirq, OP_HARDWARE),
    OP(setup_gsi, physdev_setup_gsi, setup_gsi, OP_HARDWARE),
    OP(pci_mmcfg_reserved, physdev_mmcfg_reserved, pci_mmcfg_reserved, OP_HARDWARE),
    OP(pci_device_add, physdev_pci_device_add, pci_device_add, OP_HARDWARE),
    OP(pci_device_remove, physdev_pci_device_remove, pci_device, OP_HARDWARE),
    OP(restore_msi_ext, physdev_restore_msi, pci_device, OP_HARDWARE),
    OP(pirq_eoi_gmfn_v2, physdev_eoi_page, pirq_eoi_gmfn, 0),
    OP(dbgp_op, physdev_dbgp, dbgp_op, OP_HARDWARE),
    OP(prepare_msix, physdev_known_device, pci_device, OP_HARDWARE),
    OP(release_msix, physdev_known_device, pci_device, OP_HARDWARE),
#undef OP
};

/*
 * cmd: PHYSDEVOP_*, arg: its structure. -EFAULT, -EPERM for what is the hardware domain's, -ENOSYS
 * for what is not there, -EINVAL and others as the operation says. Hypercall context.
 */
long do_physdev_op(int cmd, void __guest *arg)
{
    return operation_run("physdev_op", operations, ARRAY_SIZE(operations), cmd, arg);
}
