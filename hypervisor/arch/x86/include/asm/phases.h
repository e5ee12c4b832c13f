/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phases of the boot that bring up the machine's own devices, in the order in which they run. All
 * on the first CPU, interrupts off until irq_init is through; each panics when the host cannot go
 * on.
 */
#ifndef ASM_PHASES_H
#define ASM_PHASES_H

/* What this CPU can do (arch/x86/cpu/identify.c). Needs nothing. */
void cpu_identify(void);
/* Finds and checks the tables (arch/x86/platform/acpi.c). Needs the direct map and device_map. */
void acpi_init(void);
/* Local APIC of this CPU, IPI vectors (arch/x86/cpu/apic.c). Needs acpi_init, the IDT. */
void apic_init(void);
/* Clocks measured, system time runs (arch/x86/platform/clock.c). Needs apic_init. */
void clock_init(void);
/* IO-APICs, the 8259s shut, vectors; interrupts may be enabled afterwards
 * (arch/x86/platform/irq.c). */
void irq_init(void);
/* EFI system table and runtime services, if any (arch/x86/platform/efi.c). */
void efi_init(void);
/* AMD-V or VT-x chosen and switched on (arch/x86/hvm/domain.c). Needs the heap; before the other CPUs, of which each
 * calls hvm_cpu_up. */
void hvm_init(void);
void hvm_cpu_up(void);
/* All other CPUs, up to the idle loop (arch/x86/cpu/smp.c). Needs everything that an idle loop
 * needs. */
void smp_boot(void);

/* From the trampoline, on the new CPU's own stack, paging on: arch/x86/cpu/smp.c. */
void ap_start(unsigned int cpu);

#endif
