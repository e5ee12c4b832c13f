/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h): how a PV kernel deals with interrupts, I/O rights and PCI
 * devices of the machine. One function per operation, chosen by the table at the end. Everything
 * but EOI, status and a vCPU's own I/O rights is for the hardware domain.
 */
#include <arch/arch.h>
#include <arch/x86/platform/irq.h>
#include <arch/x86/platform/pirq.h>
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
    struct physdev_manage_pci manage;
    struct physdev_manage_pci_ext manage_ext;
    struct physdev_setup_gsi setup_gsi;
    struct physdev_get_free_pirq free_pirq;
    struct physdev_pci_mmcfg_reserved mmcfg;
    struct physdev_pci_device_add add;
    struct physdev_pci_device device;
    struct physdev_dbgp_op dbgp;
};

static struct pci_address address_of(u16 segment, u8 bus, u8 devfn)
{
    return (struct pci_address){.segment = segment, .bus = bus, .devfn = devfn};
}

static long physdev_eoi(union physdev_args *a)
{
    struct domain *d = current->domain;

    if (a->eoi.irq >= pirq_limit(d))
        return -EINVAL;
    pirq_guest_eoi(d, a->eoi.irq);
    return 0;
}

static long physdev_eoi_page(union physdev_args *a) { return pirq_set_eoi_page(current->domain, a->eoi_page.gmfn); }

static long physdev_irq_status(union physdev_args *a)
{
    struct domain *d = current->domain;

    if (a->status.irq >= pirq_limit(d))
        return -EINVAL;
    a->status.flags = pirq_status(d, a->status.irq);
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

/* The entries are ours: a PV kernel asks by setup_gsi and binding. Old kernels get a success and no
 * effect, as they expect. */
static long physdev_apic_write(union physdev_args *a)
{
    u32 value;

    return ioapic_read_register(a->apic.apic_physbase, a->apic.reg, &value);
}

/* The vector is a formality since kernels bind by pirq; what they check is that it is not an error. */
static long physdev_alloc_irq_vector(union physdev_args *a)
{
    if (!irq_of_gsi(a->irq.irq))
        return -EINVAL;
    a->irq.vector = a->irq.irq;
    return 0;
}

static long physdev_setup_gsi(union physdev_args *a)
{
    long rc;

    if (a->setup_gsi.gsi < 0 || a->setup_gsi.triggering > 1 || a->setup_gsi.polarity > 1)
        return -EINVAL;
    rc = gsi_configure(a->setup_gsi.gsi, a->setup_gsi.triggering, a->setup_gsi.polarity);
    return rc == -ENODEV ? -EINVAL : rc;
}

static long map_message(struct domain *d, struct physdev_map_pirq *m)
{
    u16 segment = m->type == MAP_PIRQ_TYPE_MSI ? 0 : (u32)m->bus >> 16;

    /* Without a table it is MSI, entry_nr then meaning nothing. */
    return pirq_map_msi(d, address_of(segment, m->bus, m->devfn), m->table_base != 0, m->entry_nr, &m->pirq);
}

static long physdev_map_pirq(union physdev_args *a)
{
    struct physdev_map_pirq *m = &a->map;
    struct domain *d = domain_get_by_id_or_self(m->domid);
    long rc;

    if (!d)
        return -ESRCH;
    if (d != current->domain)
        rc = hypercall_unknown("map_pirq for another domain", m->type, -EOPNOTSUPP);
    else if (m->type == MAP_PIRQ_TYPE_GSI)
        rc = pirq_map_gsi(d, m->index, &m->pirq);
    else if (m->type == MAP_PIRQ_TYPE_MSI || m->type == MAP_PIRQ_TYPE_MSI_SEG)
        rc = map_message(d, m);
    else if (m->type == MAP_PIRQ_TYPE_MULTI_MSI && m->entry_nr == 1)
        rc = map_message(d, m);
    else if (m->type == MAP_PIRQ_TYPE_MULTI_MSI)
        rc = m->entry_nr <= 0 || m->entry_nr > 32 ? -EDOM : -EOPNOTSUPP;
    else
        rc = -EINVAL;
    domain_put(d);
    return rc;
}

static long physdev_unmap_pirq(union physdev_args *a)
{
    struct domain *d = domain_get_by_id_or_self(a->unmap.domid);
    long rc;

    if (!d)
        return -ESRCH;
    if (d != current->domain) {
        rc = hypercall_unknown("unmap_pirq for another domain", a->unmap.pirq, -EOPNOTSUPP);
    } else {
        if (a->unmap.pirq >= 0)
            pirq_guest_unbind(d, a->unmap.pirq);
        rc = pirq_unmap(d, a->unmap.pirq);
    }
    domain_put(d);
    return rc;
}

static long physdev_manage_pci_add(union physdev_args *a)
{
    return pci_device_add(address_of(0, a->manage.bus, a->manage.devfn));
}

static long physdev_manage_pci_remove(union physdev_args *a)
{
    return pci_device_remove(address_of(0, a->manage.bus, a->manage.devfn));
}

static long physdev_manage_pci_add_ext(union physdev_args *a)
{
    return pci_device_add(address_of(0, a->manage_ext.bus, a->manage_ext.devfn));
}

static long physdev_pci_device_add(union physdev_args *a)
{
    return pci_device_add(address_of(a->add.seg, a->add.bus, a->add.devfn));
}

static long physdev_pci_device_remove(union physdev_args *a)
{
    return pci_device_remove(address_of(a->device.seg, a->device.bus, a->device.devfn));
}

static long restore_msi(struct pci_address address)
{
    struct pci_device *dev;

    spin_lock(&pci_lock);
    dev = pci_device_find(address);
    if (dev)
        msi_restore(dev);
    spin_unlock(&pci_lock);
    return dev ? 0 : -ENODEV;
}

static long physdev_restore_msi(union physdev_args *a)
{
    return restore_msi(address_of(0, a->manage.bus, a->manage.devfn));
}

static long physdev_restore_msi_ext(union physdev_args *a)
{
    return restore_msi(address_of(a->device.seg, a->device.bus, a->device.devfn));
}

/* The table is mapped when its first entry is wanted and looked up again each time: nothing to
 * prepare or to let go. */
static long physdev_known_device(union physdev_args *a)
{
    struct pci_device *dev;

    spin_lock(&pci_lock);
    dev = pci_device_find(address_of(a->device.seg, a->device.bus, a->device.devfn));
    spin_unlock(&pci_lock);
    return dev ? 0 : -ENODEV;
}

static long physdev_mmcfg_reserved(union physdev_args *a)
{
    if (a->mmcfg.flags & ~XEN_PCI_MMCFG_RESERVED)
        return -EINVAL;
    return pci_mmcfg_confirm(a->mmcfg.address, a->mmcfg.segment, a->mmcfg.start_bus, a->mmcfg.end_bus);
}

static long physdev_get_free_pirq(union physdev_args *a)
{
    return pirq_find_free(current->domain, a->free_pirq.type != MAP_PIRQ_TYPE_GSI, &a->free_pirq.pirq);
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
    ROW(PHYSDEVOP_apic_write, physdev_apic_write, apic, 0),
    ROW(PHYSDEVOP_alloc_irq_vector, physdev_alloc_irq_vector, irq, OUT),
    ROW(PHYSDEVOP_eoi, physdev_eoi, eoi, ANYONE),
    ROW(PHYSDEVOP_map_pirq, physdev_map_pirq, map, OUT),
    ROW(PHYSDEVOP_unmap_pirq, physdev_unmap_pirq, unmap, 0),
    ROW(PHYSDEVOP_manage_pci_add, physdev_manage_pci_add, manage, 0),
    ROW(PHYSDEVOP_manage_pci_remove, physdev_manage_pci_remove, manage, 0),
    ROW(PHYSDEVOP_restore_msi, physdev_restore_msi, manage, 0),
    ROW(PHYSDEVOP_manage_pci_add_ext, physdev_manage_pci_add_ext, manage_ext, 0),
    ROW(PHYSDEVOP_setup_gsi, physdev_setup_gsi, setup_gsi, 0),
    ROW(PHYSDEVOP_get_free_pirq, physdev_get_free_pirq, free_pirq, OUT),
    ROW(PHYSDEVOP_pci_mmcfg_reserved, physdev_mmcfg_reserved, mmcfg, 0),
    ROW(PHYSDEVOP_pci_device_add, physdev_pci_device_add, add, 0),
    ROW(PHYSDEVOP_pci_device_remove, physdev_pci_device_remove, device, 0),
    ROW(PHYSDEVOP_restore_msi_ext, physdev_restore_msi_ext, device, 0),
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
