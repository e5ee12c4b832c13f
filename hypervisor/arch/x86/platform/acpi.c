/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's ACPI: finds the tables at boot and answers who is near whom (NUMA). Reading the
 * tables is acpi_tables.c's part; the fixed hardware for power off and reset is worked by
 * shutdown.c.
 */
#include <arch/x86/platform/acpi.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <boot/boot.h>
#include <boot/param.h>

#define MAX_NODES 64

struct acpi_info acpi_info;

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
    paddr_t rsdp = rsdp_find();

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
