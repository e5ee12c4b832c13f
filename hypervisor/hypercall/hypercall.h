/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercalls: one row each in table.h, one function per operation, one file per family. A
 * handler decodes and checks first, changing nothing, then commits. All run on the caller's vCPU,
 * interrupts on, no locks held.
 */
#ifndef HYPERCALL_HYPERCALL_H
#define HYPERCALL_HYPERCALL_H

#include <core/continuation.h>

/* Entered by number, by the guests of each kind: dispatch.c. */
#define NR_HYPERCALLS 64
typedef long (*hypercall_fn)(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long);
extern const hypercall_fn hypercall_table[NR_HYPERCALLS], hvm_hypercall_table[NR_HYPERCALLS];
/* Those of 32-bit code in HVM guests: arch/x86/hvm/compat.c. */
extern const hypercall_fn compat_hypercall_table[NR_HYPERCALLS];

/* Numbers that are none. */
long no_such_hypercall(void);
/* The table for the hypercalls that the current vCPU, of an HVM domain, makes now: by the width of its code. */
const hypercall_fn *arch_hvm_hypercalls(void);

/* The files of memory_op share these. A continued reservation has the extents that are done above the command. */
#define MEMORY_OP_SHIFT 6
#define MEMORY_OP_MASK  ((1UL << MEMORY_OP_SHIFT) - 1)
/* memory_reservation.c. The first: how many extents are done, counting `start`, or -EPERM. */
long memory_reservation(unsigned int op, unsigned long start, void __guest *arg);
long memory_exchange(void __guest *arg);
long memory_claim(const void __guest *arg);

/* Implemented in hypercall/ or the layer that owns the object. */
long do_xen_version(int cmd, void __guest *arg);
long do_console_io(unsigned int cmd, unsigned int count, char __guest *buffer);
long do_memory_op(unsigned long cmd, void __guest *arg);
long do_vcpu_op(int cmd, unsigned int vcpuid, void __guest *arg);
long do_vm_assist(unsigned int cmd, unsigned int type);
long do_multicall(void __guest *calls, unsigned int nr);
long do_domctl(void __guest *op);
long do_sysctl(void __guest *op);
long do_platform_op(void __guest *op);
long do_physdev_op(int cmd, void __guest *arg);
long do_mca(void __guest *uop);
long do_callback_op(int cmd, const void __guest *arg);
long do_nmi_op(unsigned int cmd, void __guest *arg);
/* x86 HVM (arch/x86/hvm); dm_op: bufs is xen_dm_op_buf_t[nr_bufs] */
long do_hvm_op(unsigned long op, void __guest *arg);
long do_dm_op(u16 domid, unsigned int nr_bufs, void __guest *bufs);
/* x86 PV (arch/x86/pv) */
long do_set_trap_table(const void __guest *traps);
long do_mmu_update(void __guest *reqs, unsigned int count, unsigned int __guest *done, unsigned int foreigndom);
long do_mmuext_op(void __guest *ops, unsigned int count, unsigned int __guest *done, unsigned int foreigndom);
long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, u16 domid);
long do_set_gdt(const void __guest *frames, unsigned int entries);
long do_update_descriptor(u64 gaddr, u64 desc);
long do_stack_switch(unsigned long ss, unsigned long sp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(int set);
long do_set_debugreg(int reg, unsigned long value);
unsigned long do_get_debugreg(int reg);
long do_set_segment_base(unsigned int which, unsigned long base);
long do_iret(void);

#endif
