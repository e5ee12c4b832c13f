/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space of the hypervisor: the one place where virtual addresses are given out.
 * docs/memory-map.md draws it. L4 slots 256..271 are ours by the PV ABI; everything else is the
 * guest's.
 */
#ifndef ASM_LAYOUT_H
#define ASM_LAYOUT_H

/* Slot 256: machine-to-physical table, as guests read it (ABI: arch-x86/xen-x86_64.h). */
#define M2P_RO_START 0xffff800000000000
/* Slot 257: devices (uncached): LAPIC, IO-APICs, HPET, PCI configuration, MSI-X tables. */
#define DEVICE_START 0xffff808000000000
#define DEVICE_END   0xffff810000000000
/* Slot 258: the M2P again, writable, for us. */
#define M2P_RW_START 0xffff810000000000
/* Slot 259: the frame table, 24 bytes a frame. */
#define FRAME_TABLE_START 0xffff818000000000
/* Slot 260: differs from domain to domain: GDT and LDT windows of its vCPUs. */
#define PERDOMAIN_START 0xffff820000000000
#define PERDOMAIN_SLOT  260
/*
 * Slot 261: our image, then the stack areas of the CPUs, each followed by as much that is not
 * mapped. The system call stubs reach their CPU's stack by RIP-relative addresses, so the two stay
 * within 2 GB.
 */
#define IMAGE_START  0xffff828000000000
#define STACKS_START 0xffff828040000000
/* Slots 262..271: all RAM, 5 TB. */
#define DIRECT_START 0xffff830000000000
#define DIRECT_END   0xffff880000000000

#define HYPERVISOR_START 0xffff800000000000
#define HYPERVISOR_END   0xffff880000000000
/* What a PV guest may not name: from the end of its lower half to the end of ours. */
#define GUEST_HOLE_START      0x0000800000000000
#define GUEST_HOLE_SIZE       (HYPERVISOR_END - GUEST_HOLE_START)
#define HYPERVISOR_FIRST_SLOT 256
#define HYPERVISOR_LAST_SLOT  271

/* Where the image is linked to lie in physical memory; the entry code works wherever it was put. */
#define IMAGE_LOAD_PADDR 0x200000

/* A CPU's stack area: 8 pages, aligned to its size. From the bottom: the stacks of NMI, of #DF and #MC, of #DB, two
 * guards, three for the main stack. */
#define STACK_ORDER    3
#define STACK_SIZE     (4096 << STACK_ORDER)
#define STACK_TOP(cpu) (STACKS_START + (cpu)*2 * STACK_SIZE + STACK_SIZE)

/* A vCPU's window in the per-domain slot: 16 pages of GDT, then 16 of LDT. */
#define GDT_LDT_WINDOW_SHIFT 17
#define GDT_WINDOW(vcpu_id)  (PERDOMAIN_START + ((vcpu_id) << GDT_LDT_WINDOW_SHIFT))
#define LDT_WINDOW(vcpu_id)  (GDT_WINDOW(vcpu_id) + 0x10000)

/* Selectors in the reserved GDT pages (FIRST_RESERVED_GDT_ENTRY = 0x1c00); the ring 3 ones are ABI. */
#define SEL_HYP_CS  0xe008
#define SEL_HYP_DS  0xe010
#define SEL_R3_CS32 0xe023
#define SEL_R3_DS   0xe02b
#define SEL_R3_CS64 0xe033
#define SEL_TSS     0xe040
#define SEL_LDT     0xe050
#define SEL_PERCPU  0xe060 /* limit is the CPU's number: LSL tells it without memory */

#endif
