/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the machine is dom0's: all interrupts, all ports but those of devices that we drive
 * ourselves, all addresses but those of the interrupt controllers.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/console_devices.h>
#include <arch/x86/pv/types.h>
#include <core/domain.h>
#include <core/rangeset.h>

/* First and last port of what stays ours. */
static const struct {
    u16 first, last;
} our_ports[] __initdata = {
    {0x20, 0x21},   {0xa0, 0xa1}, /* 8259s */
    {0x40, 0x43},                 /* PIT */
    {0x61, 0x61},                 /* its third channel's gate */
    {0xcf8, 0xcff},               /* PCI configuration: emulated */
    {0x70, 0x71},                 /* real-time clock: emulated */
};

/* Where every CPU sees its own local APIC, unless moved by firmware (Intel SDM vol. 3, 11.4.1). */
#define LAPIC_FRAME 0xfee00

static void __init must(int rc)
{
    if (rc)
        panic("no memory for dom0's rights");
}

void __init arch_dom0_grant_hardware(struct domain *d)
{
    must(rangeset_add(d->arch.ioport_caps, 0, 0xffff));
    for (unsigned int i = 0; i < ARRAY_SIZE(our_ports); i++)
        must(rangeset_remove(d->arch.ioport_caps, our_ports[i].first, our_ports[i].last));
    for (unsigned int i = 0, base; (base = serial_io_base(i)); i++)
        must(rangeset_remove(d->arch.ioport_caps, base, base + 7));
    must(rangeset_add(d->irq_caps, 0, ~0UL));
    must(rangeset_add(d->iomem_caps, 0, (1UL << (boot_cpu.phys_bits - PAGE_SHIFT)) - 1));
    must(rangeset_remove(d->iomem_caps, LAPIC_FRAME, LAPIC_FRAME));
    /* The firmware's own code reads the clock's registers to find out whether it is there. */
    iomem_readonly = clock_registers() >> PAGE_SHIFT;
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
        must(rangeset_remove(d->iomem_caps, acpi_info.ioapic[i].address >> PAGE_SHIFT,
                             acpi_info.ioapic[i].address >> PAGE_SHIFT));
}
