/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC, in either of its modes: used by interrupt, timer and SMP code.
 */
#ifndef ARCH_X86_CPU_APIC_H
#define ARCH_X86_CPU_APIC_H

#include <lib/cpumask.h>

/* Registers (Intel SDM vol. 3, table 11-1), as offsets of the xAPIC page; x2APIC MSR is 0x800 +
 * offset / 16. */
enum apic_reg {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SPIV = 0xf0,
    APIC_ISR = 0x100,
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INIT = 0x380,
    APIC_TIMER_COUNT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0,
};

#define APIC_SPIV_ENABLE      0x100
#define APIC_LVT_MASKED       0x10000
#define APIC_LVT_TSC_DEADLINE 0x40000
#define APIC_DM_NMI           0x400
#define APIC_DM_INIT          0x500
#define APIC_DM_STARTUP       0x600
#define APIC_INT_ASSERT       0x4000

extern bool x2apic_mode;
/* APIC ids and ACPI processor ids of our CPUs. */
extern u32 cpu_apic_id[NR_CPUS], cpu_acpi_id[NR_CPUS];

u32 apic_read(enum apic_reg reg);
void apic_write(enum apic_reg reg, u32 value);
/* Ends the interrupt in service. */
void apic_eoi(void);

/* Another CPU's turn of apic_init: enables its own in the chosen mode. */
void apic_cpu_init(void);

/* Sends vector, or APIC_DM_NMI, to a CPU or to a set of them (this one included if it is in the
 * set). Any context. */
void apic_send_ipi(unsigned int cpu, u32 what);
void apic_send_ipi_mask(const struct cpumask *m, u32 what);
/* The same by raw id, for CPUs that are not up: INIT and STARTUP. */
void apic_send_raw(u32 apic_id, u32 what);

/* Is the interrupt controller's mode such that a level interrupt's EOI is broadcast: see
 * platform/ioapic.c. */
bool apic_vector_in_service(u8 vector);

#endif
