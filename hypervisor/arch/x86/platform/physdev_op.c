/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h): how a PV kernel deals with interrupts, I/O rights and PCI
 * devices of the machine. One function per operation, chosen by the table at the end. Everything
 * but EOI, status and a vCPU's own I/O rights is for the hardware domain.
 */
#include <arch/arch.h>
#include <arch/x86/platform/irq.h>
#include <asm/irq.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <xen/physdev.h>

/* Every structure of the interface fits. */
union physdev_args {
    struct physdev_eoi eoi;
    struct physdev_pirq_eoi_gmfn eoi_page;
    struct physdev_irq_status_query status;
    struct physdev_set_iopl iopl;
    struct physdev_set_iobitmap iobitmap;
    struct physdev_apic apic;
    struct physdev_irq irq;
    struct physdev_map_pirq map;
    struct physdev_unmap_pirq unmap;
    struct physdev_setup_gsi setup_gsi;
    struct physdev_pci_mmcfg_reserved mmcfg;
    struct physdev_pci_device_add add;
    struct physdev_pci_device device;
    struct physdev_dbgp_op dbgp;
};

/* The structures about a device begin with its address. */
static struct pci_address address_of(const union physdev_args *a)
{
    return (struct pci_address){.segment = a->device.seg, .bus = a->device.bus, .devfn = a->device.devfn};
}

static long physdev_eoi(union physdev_args *a)
{
    if (a->eoi.irq >= pirq_limit(current->domain))
        return -EINVAL;
    pirq_guest_eoi(current->domain, a->eoi.irq);
    return 0;
}

static long physdev_eoi_page(union physdev_args *a) { return pirq_set_eoi_page(current->domain, a->eoi_page.gmfn); }

static long physdev_irq_status(union physdev_args *a)
{
    if (a->status.irq >= pirq_limit(current->domain))
        return -EINVAL;
    a->status.flags = pirq_has_eoi_page(current->domain) ? 0 : XENIRQSTAT_needs_eoi;
    return 0;
}

static long physdev_set_iopl(union physdev_args *a)
{
    if (a->iopl.iopl > 3)
        return -EINVAL;
    current->arch.pv.iopl = a->iopl.iopl;
    return 0;
}

/* The bitmap stays in the guest's memory and is read at each access. */
static long physdev_set_iobitmap(union physdev_args *a)
{
    if (a->iobitmap.nr_ports > 65536)
        return -EINVAL;
    current->arch.pv.iobmp = (const u8 __guest *)a->iobitmap.bitmap.p;
    current->arch.pv.iobmp_limit = a->iobitmap.nr_ports;
    return 0;
}

static long physdev_apic_read(union physdev_args *a)
{
    return ioapic_read_register(a->apic.apic_physbase, a->apic.reg, &a->apic.value);
}

/* The vector is a formality since kernels bind by pirq; what they check is that it is not an error. */
static long physdev_alloc_irq_vector(union physdev_args *a)
{
    a->irq.vector = a->irq.irq;
    return irq_of_gsi(a->irq.irq) ? 0 : -EINVAL;
}

static long physdev_setup_gsi(union physdev_args *a)
{
    long rc;

    if (a->setup_gsi.gsi < 0 || a->setup_gsi.triggering > 1 || a->setup_gsi.polarity > 1)
        return -EINVAL;
    rc = gsi_configure(a->setup_gsi.gsi, a->setup_gsi.triggering, a->setup_gsi.polarity);
    return rc == -ENODEV ? -EINVAL : rc;
}

/* What is asked for another domain is for passthrough. */
static bool is_self(domid_t id) { return id == DOMID_SELF || id == current->domain->id; }

static long physdev_map_pirq(union physdev_args *a)
{
    struct physdev_map_pirq *m = &a->map;
    struct pci_address address = {.bus = m->bus, .devfn = m->devfn};

    if (!is_self(m->domid))
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
        return pirq_map_msi(current->domain, address, m->table_base != 0, m->table_base ? m->entry_nr : 0, &m->pirq);
    default: return -EINVAL;
    }
}

static long physdev_unmap_pirq(union physdev_args *a)
{
    if (!is_self(a->unmap.domid))
        return hypercall_unknown("unmap_pirq for another domain", a->unmap.pirq, -EOPNOTSUPP);
    return pirq_unmap(current->domain, a->unmap.pirq);
}

static long physdev_pci_device_add(union physdev_args *a) { return pci_device_add(address_of(a)); }

static long physdev_pci_device_remove(union physdev_args *a) { return pci_device_remove(address_of(a)); }

static long physdev_restore_msi(union physdev_args *a)
{
    struct pci_device *dev;

    spin_guard(&pci_lock);
    dev = pci_device_find(address_of(a));
    if (!dev)
        return -ENODEV;
    msi_restore(dev);
    return 0;
}

/* The table is mapped when its first entry is wanted and looked up again each time: nothing to
 * prepare or to let go. */
static long physdev_known_device(union physdev_args *a)
{
    spin_guard(&pci_lock);
    return pci_device_find(address_of(a)) ? 0 : -ENODEV;
}

static long physdev_mmcfg_reserved(union physdev_args *a)
{
    if (a->mmcfg.flags & ~XEN_PCI_MMCFG_RESERVED)
        return -EINVAL;
    return pci_mmcfg_confirm(a->mmcfg.address, a->mmcfg.segment, a->mmcfg.start_bus, a->mmcfg.end_bus);
}

/* We use no EHCI debug port, so its reset needs no care. */
static long physdev_dbgp(union physdev_args *a)
{
    return a->dbgp.op == PHYSDEVOP_DBGP_RESET_PREPARE || a->dbgp.op == PHYSDEVOP_DBGP_RESET_DONE ? 0 : -EINVAL;
}

#define ANYONE 1 /* also domains without hardware */
#define OUT    2 /* the structure goes back to the caller */
#define ROW(nr, handler, member, row_flags) \
    [nr] = {.fn = (handler), .size = sizeof(((union physdev_args *)0)->member), .flags = (row_flags)}

static const struct {
    long (*fn)(union physdev_args *a);
    u8 size, flags;
} operations[] = {
    ROW(PHYSDEVOP_irq_status_query, physdev_irq_status, status, ANYONE | OUT),
    ROW(PHYSDEVOP_set_iopl, physdev_set_iopl, iopl, ANYONE),
    ROW(PHYSDEVOP_set_iobitmap, physdev_set_iobitmap, iobitmap, ANYONE),
    ROW(PHYSDEVOP_apic_read, physdev_apic_read, apic, OUT),
    ROW(PHYSDEVOP_alloc_irq_vector, physdev_alloc_irq_vector, irq, OUT),
    ROW(PHYSDEVOP_eoi, physdev_eoi, eoi, ANYONE),
    ROW(PHYSDEVOP_map_pirq, physdev_map_pirq, map, OUT),
    ROW(PHYSDEVOP_unmap_pirq, physdev_unmap_pirq, unmap, 0),
    ROW(PHYSDEVOP_setup_gsi, physdev_setup_gsi, setup_gsi, 0),
    ROW(PHYSDEVOP_pci_mmcfg_reserved, physdev_mmcfg_reserved, mmcfg, 0),
    ROW(PHYSDEVOP_pci_device_add, physdev_pci_device_add, add, 0),
    ROW(PHYSDEVOP_pci_device_remove, physdev_pci_device_remove, device, 0),
    ROW(PHYSDEVOP_restore_msi_ext, physdev_restore_msi, device, 0),
    ROW(PHYSDEVOP_pirq_eoi_gmfn_v2, physdev_eoi_page, eoi_page, ANYONE),
    ROW(PHYSDEVOP_dbgp_op, physdev_dbgp, dbgp, 0),
    ROW(PHYSDEVOP_prepare_msix, physdev_known_device, device, 0),
    ROW(PHYSDEVOP_release_msix, physdev_known_device, device, 0),
};

/*
 * cmd: PHYSDEVOP_*, arg: its structure. -EFAULT, -EPERM for what is the hardware domain's, -ENOSYS
 * for what is not there, -EINVAL and others as the operation says. Hypercall context.
 */
long do_physdev_op(int cmd, void __guest *arg)
{
    union physdev_args a;
    long rc;

    if (cmd < 0 || (unsigned int)cmd >= ARRAY_SIZE(operations) || !operations[cmd].fn)
        return hypercall_unknown("physdev_op", cmd, -ENOSYS);
    if (!(operations[cmd].flags & ANYONE) && !current->domain->is_hardware)
        return -EPERM;
    if (copy_from_guest(&a, arg, operations[cmd].size))
        return -EFAULT;
    rc = operations[cmd].fn(&a);
    if (rc == 0 && (operations[cmd].flags & OUT) && copy_to_guest(arg, &a, operations[cmd].size))
        return -EFAULT;
    return rc;
}
