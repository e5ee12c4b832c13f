/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's ACPI: finds the tables at boot, answers who is near whom (NUMA), and works the
 * fixed hardware for power off and reset. Reading the tables is acpi_tables.c's part; who decides
 * about sleep is dom0 (hypercall/platform_op.c) or shutdown.c.
 */
#include <arch/x86/platform/acpi.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <asm/system.h>
#include <boot/boot.h>
#include <boot/param.h>
#include <lib/lib.h>

#define MAX_NODES 64

#define PM1_SCI_EN      1U
#define PM1_SLP_EN      (1U << 13)
#define PM1_SLP_TYP(t)  ((u32)(t) << 10)
#define PM1_STATUS_WAKE (1U << 15)

struct acpi_info acpi_info;

static bool use_acpi = true;
BOOT_PARAM_BOOL("acpi", acpi, use_acpi);
static bool use_numa = true;
BOOT_PARAM_BOOL("numa", numa, use_numa);

static u32 node_domain[MAX_NODES];
static unsigned int nr_nodes;

/* The loader's word, else the first KB of the extended BIOS data area, else the BIOS
 * (ACPI 6.4, 5.2.5.1). */
static paddr_t rsdp_find(void)
{
    const u16 *ebda_segment;
    paddr_t pa = 0, ebda;

    if (boot_info.rsdp)
        return boot_info.rsdp;
    ebda_segment = firmware_map(0x40e, 2);
    ebda = ebda_segment ? (paddr_t)*ebda_segment << 4 : 0;
    if (ebda >= 0x80000 && ebda < 0xa0000)
        pa = acpi_find_rsdp(firmware_map, ebda, 1024);
    return pa ? pa : acpi_find_rsdp(firmware_map, 0xe0000, 0x20000);
}

static unsigned int node_of_domain(u32 domain)
{
    for (unsigned int i = 0; i < nr_nodes; i++)
        if (node_domain[i] == domain)
            return i;
    if (nr_nodes == MAX_NODES)
        return 0;
    node_domain[nr_nodes] = domain;
    return nr_nodes++;
}

void acpi_init(void)
{
    paddr_t rsdp = use_acpi ? rsdp_find() : 0;

    if (!rsdp || acpi_parse(firmware_map, rsdp, &acpi_info) != 0) {
        log_warning("ACPI: no tables; one CPU, no IO-APIC\n");
        return;
    }
    if (use_numa)
        for (unsigned int i = 0; i < acpi_info.nr_memory; i++)
            node_of_domain(acpi_info.memory[i].domain);
    log_info("ACPI: %u CPUs, %u IO-APICs, %u PCI segments, %u memory nodes\n", acpi_info.nr_cpus, acpi_info.nr_ioapics,
             acpi_info.nr_segments, max(nr_nodes, 1U));
    if (acpi_info.nr_cpus_ignored)
        log_warning("ACPI: %u more CPUs than supported are not used\n", acpi_info.nr_cpus_ignored);
}

unsigned int numa_node_of(mfn_t mfn)
{
    paddr_t pa = mfn_to_paddr(mfn);

    if (nr_nodes > 1)
        for (unsigned int i = 0; i < acpi_info.nr_memory; i++)
            if (pa >= acpi_info.memory[i].start && pa < acpi_info.memory[i].end)
                return node_of_domain(acpi_info.memory[i].domain);
    return 0;
}

unsigned int numa_node_of_apic(u32 apic_id)
{
    if (nr_nodes > 1)
        for (unsigned int i = 0; i < acpi_info.nr_affinities; i++)
            if (acpi_info.affinity[i].apic_id == apic_id)
                return node_of_domain(acpi_info.affinity[i].domain);
    return 0;
}

/* Registers of the fixed hardware that we touch are ports everywhere but on hardware-reduced
 * machines, which have none. */
static bool port_of(const struct acpi_address *a, u16 *port)
{
    *port = a->address;
    return a->space == ACPI_SPACE_IO && a->address && a->address < 0x10000;
}

int acpi_enter_sleep(u16 control_a, u16 control_b)
{
    u16 control, status;

    if (!port_of(&acpi_info.pm1a_control, &control))
        return -ENODEV;
    irq_disable();
    __asm__ __volatile__("wbinvd" ::: "memory");
    /* A wake status left over would end the sleep at once; it is cleared by writing a one. */
    if (port_of(&acpi_info.pm1a_event, &status))
        outw(status, PM1_STATUS_WAKE);
    outw(control, (control_a & ~PM1_SLP_EN));
    outw(control, control_a | PM1_SLP_EN);
    if (port_of(&acpi_info.pm1b_control, &control))
        outw(control, control_b | PM1_SLP_EN);
    /* The chipset may take a moment; a second of reads from a port that nobody has. */
    for (unsigned int i = 0; i < 1000000; i++)
        inb(0x80);
    return -EIO;
}

void acpi_power_off(void)
{
    u16 port;
    u32 sci;

    if (!acpi_info.s5_known || !port_of(&acpi_info.pm1a_control, &port))
        return;
    sci = inw(port) & PM1_SCI_EN;
    acpi_enter_sleep(PM1_SLP_TYP(acpi_info.s5_type[0]) | sci, PM1_SLP_TYP(acpi_info.s5_type[1]) | sci);
}

void acpi_reset(void)
{
    u16 port;

    if (port_of(&acpi_info.reset, &port)) {
        outb(port, acpi_info.reset_value);
        for (unsigned int i = 0; i < 100000; i++)
            inb(0x80);
    }
}
