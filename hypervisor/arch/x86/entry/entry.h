/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What entry.S and its C side give to the rest of the architecture.
 */
#ifndef ARCH_X86_ENTRY_ENTRY_H
#define ARCH_X86_ENTRY_ENTRY_H

#include <xen/xen.h>

struct vcpu;

/* One for all CPUs, a page. */
extern struct idt_entry {
    u64 lo, hi;
} idt[256];

/* Boot, first CPU: the IDT. Then traps_cpu_init for it as for every other. */
void traps_init(void);
/* This CPU's GDT, TSS, IDT register, syscall MSRs, CR4 bits. Its stack area and per-CPU data exist.
 * Interrupts off. */
void traps_cpu_init(void);

/* entry.S: the end of a context switch. */
void reset_stack_to_guest(struct vcpu *v) __noreturn;
void reset_stack_to_idle(void) __noreturn;

/* This CPU's GDT page (the reserved part, entries from 0x1c00 on), in the direct map. */
u64 *this_cpu_gdt(void);
/* Loads GDTR with `base`; the reserved entries are at FIRST_RESERVED_GDT_BYTE from there. */
void gdt_load(unsigned long base);
/* The base with which this CPU runs the idle vCPU: its reserved page at the right distance. */
unsigned long gdt_idle_base(void);
/* IDTR: the table by which NMI, #DB, #DF and #MC come on stacks of their own; or, as long as the task register is an
 * HVM guest's, on the one that is in use. */
void idt_load(bool own_stacks);
/* LDTR: `entries` descriptors at base; 0: none. */
void ldt_load(unsigned long base, unsigned int entries);

#endif
