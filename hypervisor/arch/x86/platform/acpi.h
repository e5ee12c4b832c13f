/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor needs from the ACPI tables. AML is dom0's affair; we read static tables only.
 * The parser (acpi_tables.c) depends on nothing but a way to read memory, so it is tested on the
 * build host with hostile tables; acpi.c finds the tables of this machine, shutdown.c uses the
 * fixed hardware: sleep, reset.
 */
#ifndef ARCH_X86_PLATFORM_ACPI_H
#define ARCH_X86_PLATFORM_ACPI_H

#define ACPI_MAX_CPUS      256
#define ACPI_MAX_IOAPICS   32
#define ACPI_MAX_OVERRIDES 32
#define ACPI_MAX_SEGMENTS  16
#define ACPI_MAX_MEMORY    128

/* Generic address structure (ACPI 6.4, 5.2.3.2). */
struct acpi_address {
    u8 space; /* ACPI_SPACE_* */
    u8 bit_width, bit_offset, access_size;
    u64 address;
} __packed;
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1

struct acpi_info {
    unsigned int nr_cpus; /* usable ones; the first entry need not be the boot CPU */
    struct acpi_cpu {
        u32 apic_id, acpi_id;
    } cpu[ACPI_MAX_CPUS];
    unsigned int nr_cpus_ignored; /* usable, but more than ACPI_MAX_CPUS */

    unsigned int nr_ioapics;
    struct acpi_ioapic {
        u32 address, gsi_base;
    } ioapic[ACPI_MAX_IOAPICS];

    unsigned int nr_overrides; /* ISA interrupts that are not identity, edge, high */
    struct acpi_override {
        u32 gsi;
        u16 flags; /* MADT: polarity in bits 1:0, trigger in bits 3:2 */
    } override[ACPI_MAX_OVERRIDES];

    /* FADT; address 0: not there. */
    struct acpi_address pm1a_event, pm1a_control, pm1b_control, pm_timer, reset;
    u8 reset_value;
    bool pm_timer_32bit;
    u8 century_register; /* of the CMOS; 0: none */
    paddr_t dsdt;
    bool s5_known; /* SLP_TYP values for power off were found in the DSDT */
    u8 s5_type[2];

    paddr_t hpet; /* 0: none */

    unsigned int nr_segments;
    struct acpi_segment {
        paddr_t base; /* of bus 0, whatever first_bus is */
        u16 segment;
        u8 first_bus, last_bus;
    } segment[ACPI_MAX_SEGMENTS];

    unsigned int nr_memory; /* SRAT */
    struct acpi_memory {
        paddr_t start, end;
        u32 domain;
    } memory[ACPI_MAX_MEMORY];
    unsigned int nr_affinities;
    struct acpi_affinity {
        u32 apic_id, domain;
    } affinity[ACPI_MAX_CPUS];
};

extern struct acpi_info acpi_info;

/*
 * Gives `size` readable bytes at physical address pa, or NULL if it cannot. What it gave stays
 * valid until the next call.
 */
typedef const void *(*acpi_map_fn)(paddr_t pa, size_t size);

/* The root pointer's address when it lies in the 16-byte steps of [start, start + size), 0 if not. */
paddr_t acpi_find_rsdp(acpi_map_fn map, paddr_t start, size_t size);

/*
 * Reads everything reachable from the root pointer. Damaged tables are left out with a line in the
 * log. 0; -EINVAL when the root is damaged.
 */
int acpi_parse(acpi_map_fn map, paddr_t rsdp, struct acpi_info *info);

/*
 * Writes the values of the PM1 control registers that dom0's AML gave for S5, SLP_EN added. Returns
 * only when the machine did not go off: -ENODEV without PM1 registers, -EIO otherwise.
 */
int acpi_enter_sleep(u16 control_a, u16 control_b);

/* Node of a frame or of a CPU by the SRAT: proximity domains renumbered from 0 up. */
unsigned int numa_node_of(mfn_t mfn);
unsigned int numa_node_of_apic(u32 apic_id);

#endif
