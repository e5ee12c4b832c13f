/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of boot that build our address space, in their order. All on the first CPU.
 */
#ifndef ARCH_X86_MM_SETUP_H
#define ARCH_X86_MM_SETUP_H

/* Lasting page tables, frame table, M2P. boot_info is in order and everything that must not be
 * overwritten is reserved. */
void memory_init(void);
/* The first CPU's lasting stack area; boot goes on there in fn. */
void boot_stack_init(void);
/* All free RAM to the heap: needs to know the NUMA nodes. */
void memory_heap_init(void);
/* Page tables for EFI runtime services, if there are any. */
void efi_tables_init(void);
/* What only the boot needed goes to the heap. Not called from there. */
void memory_boot_done(void);

#endif
