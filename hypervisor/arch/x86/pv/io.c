/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port accesses of PV guests: whether the guest's own settings allow them (I/O privilege level,
 * bitmap), whether the domain has the port, and the few ports that we share with dom0: PCI
 * configuration, the clock.
 */
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/pci.h>
#include <arch/x86/pv/pv.h>
#include <core/domain.h>
#include <core/rangeset.h>
#include <mm/guest_access.h>

/*
 * The guest's kernel is at level 1 of its own rings, its programs at 3 (ABI: PHYSDEVOP_set_iopl).
 * Otherwise all bits of its bitmap must be clear (PHYSDEVOP_set_iobitmap).
 */
bool pv_io_allowed(struct vcpu *v, u16 port, unsigned int size)
{
    unsigned int need = v->arch.pv.kernel_mode ? 1 : 3;
    u16 bits;

    if (v->arch.pv.iopl >= need)
        return true;
    if (!v->arch.pv.iobmp || port + size > v->arch.pv.iobmp_limit)
        return false;
    if (copy_from_guest(&bits, v->arch.pv.iobmp + port / 8, sizeof(bits)))
        return false;
    return !(bits >> (port & 7) & ((1U << size) - 1));
}

/* 0xcf8 and 0xcfc..0xcff: the address register is each domain's own, the access is done under our
 * lock. */
static bool is_pci(u16 port, unsigned int size) { return (port == 0xcf8 && size == 4) || (port & 0xfffc) == 0xcfc; }

u32 pv_io_read(struct vcpu *v, u16 port, unsigned int size)
{
    struct domain *d = v->domain;

    if (d->is_hardware) {
        if (is_pci(port, size))
            return pci_port_read(d, port, size);
        if ((port & ~1) == 0x70 && size == 1)
            return rtc_guest_read(d, port);
    }
    if (rangeset_contains(d->arch.ioport_caps, port, port + size - 1))
        return io_read(port, size);
    return ~0U;
}

void pv_io_write(struct vcpu *v, u16 port, unsigned int size, u32 value)
{
    struct domain *d = v->domain;

    if (d->is_hardware) {
        if (is_pci(port, size)) {
            pci_port_write(d, port, size, value);
            return;
        }
        if ((port & ~1) == 0x70 && size == 1) {
            rtc_guest_write(d, port, value);
            return;
        }
    }
    if (rangeset_contains(d->arch.ioport_caps, port, port + size - 1))
        io_write(port, size, value);
}
