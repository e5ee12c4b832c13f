/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables of the machine and the hypervisor's own part of them (arch/x86/mm/). The tables of
 * guests are arch/x86/pv's.
 */
#ifndef ASM_PAGING_H
#define ASM_PAGING_H

struct domain;

/* Bits of entries, all levels (AMD APM vol. 2, 5.3; Intel SDM vol. 3, 4.5). */
#define PTE_P    (1UL << 0)
#define PTE_RW   (1UL << 1)
#define PTE_US   (1UL << 2)
#define PTE_PWT  (1UL << 3)
#define PTE_PCD  (1UL << 4)
#define PTE_A    (1UL << 5)
#define PTE_D    (1UL << 6)
#define PTE_PAT  (1UL << 7) /* level 1 */
#define PTE_PS   (1UL << 7) /* levels 2 and 3 */
#define PTE_G    (1UL << 8)
#define PTE_NX   (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

struct page_table {
    u64 e[512];
};

/* Place of va in its table of the given level, 1..4. */
static inline unsigned int pt_index(unsigned long va, unsigned int level) { return va >> (12 + 9 * (level - 1)) & 511; }

/* Rights for our own mappings. */
#define MAP_RO     (PTE_P | PTE_A | PTE_G | PTE_NX)
#define MAP_RX     (PTE_P | PTE_A | PTE_G)
#define MAP_RW     (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define MAP_DEVICE (MAP_RW | PTE_PCD | PTE_PWT)

/*
 * The root of the idle vCPUs and the template for guests: slots 256..271 are complete when boot
 * phase "memory" is through and never change afterwards (only what is below them does), so they are
 * copied into each guest's root once. Slot 260 is the domain's own. Lies below 4 GB. Slot 0 has the
 * trampoline page at its own address, nothing else.
 */
extern struct page_table *hyp_l4;

/*
 * Maps [pa, pa + size) for devices, uncached, any alignment; from the boot phase "memory" on. NULL:
 * no memory. Each call gives new addresses. Any context that may take LOCK_HEAP. device_unmap:
 * addresses as given, all CPUs are flushed by the caller when it matters; the addresses are not
 * used again.
 */
void *device_map(paddr_t pa, size_t size);
void device_unmap(void *va, size_t size);
/* The same for tables that the firmware left: by the direct map where they are in RAM or ACPI
 * memory. Read only what is asked for. */
const void *firmware_map(paddr_t pa, size_t size);
/* Is all of [pa, pa + size) in the direct map? */
bool direct_mapped(paddr_t pa, size_t size);

/*
 * The per-domain slot. create: d->arch.perdomain_l3, empty; 0 or -ENOMEM. ptes: the 32 level-1
 * entries of the vCPU's window (16 of GDT, 16 of LDT: asm/layout.h), zero at first; NULL: no
 * memory. free: the tables, not what they map. Under the domctl lock.
 */
int perdomain_create(struct domain *d);
u64 *perdomain_ptes(struct domain *d, unsigned int vcpu_id);
void perdomain_free(struct domain *d);

/*
 * A CPU's stack area (guard pages unmapped), per-CPU variables, cpu_info: 0 or -ENOMEM. CPU 0 has
 * its own since boot. Its first stack pointer is STACK_TOP(cpu) - sizeof(struct cpu_info).
 */
int cpu_areas_alloc(unsigned int cpu);

/*
 * Maps in root what this CPU touches before it has loaded our tables and after it left them: entry
 * code, IDT, the top of its main stack and its exception stacks. 0 or -ENOMEM.
 */
int entry_map(struct page_table *root);

/* A page below 640 kB for the start of other CPUs, at its own address in hyp_l4 (executable) and in
 * the direct map (writable). */
paddr_t boot_trampoline_page(void);

/*
 * Root of page tables in which the EFI runtime regions lie at their own addresses and the
 * hypervisor where it always is: to be loaded while runtime services are called. 0: not booted by
 * EFI or no memory map from the loader. Built once at boot.
 */
paddr_t efi_page_tables(void);

/* The time stamp counter at our first instruction. */
extern u64 boot_tsc;

#endif
