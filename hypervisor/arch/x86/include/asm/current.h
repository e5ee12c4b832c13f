/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU knows of itself: struct cpu_info at the top of its stack area, found by masking the
 * stack pointer. No GS base is involved, so guests own theirs.
 */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <asm/layout.h>
#include <xen/xen.h>

struct vcpu;

/* Intel SDM vol. 3, figure 8-11. */
struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3, iomap_base;
} __packed;

/*
 * The guest's registers come first and are pushed by the entry code: rsp0 and the syscall stubs
 * point at guest_regs.es. Read by entry.S through asm-offsets.h.
 */
struct cpu_info {
    struct cpu_user_regs guest_regs;
    unsigned int cpu;
    unsigned int spec_ctrl_flags; /* SCF_*: what the entry and exit paths must do */
    struct vcpu *current_vcpu;
    unsigned long percpu_offset;
    unsigned long cr4;     /* as loaded */
    unsigned long scratch; /* the guest's RSP for a moment during SYSCALL */
    /* Of isolated guests (arch/x86/pv/isolate.c): the root that was left last, to be loaded on entry; the copy of it
     * that was loaded then, of which version; where this CPU's two copies are (8 kB, aligned; 0: it has none). */
    unsigned long root_cr3, copy_cr3;
    u64 root_version;
    unsigned long root_copies;
    /* How much from GUEST_HOLE_START on is no address of the current guest's that is mapped for us: GUEST_HOLE_SIZE; of
     * an HVM guest none is: ~0 (asm/guest_access.h). */
    unsigned long guest_hole;
    unsigned long pad; /* guest_regs.es must be aligned, see below */
    struct tss tss;    /* here, where isolated guests' page tables have it, too */
};
/* The CPU aligns the stack to 16 bytes when it enters from ring 3: guest_regs.es must stand on such
 * a place. */
_Static_assert(sizeof(struct cpu_info) % 16 == 8, "guest_regs.es is not aligned");

static __always_inline struct cpu_info *cpu_info(void)
{
    unsigned long sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

#define current            (cpu_info()->current_vcpu)
#define smp_processor_id() (cpu_info()->cpu)
/* Registers of the guest that this CPU was entered from. */
#define guest_regs() (&cpu_info()->guest_regs)

#endif
