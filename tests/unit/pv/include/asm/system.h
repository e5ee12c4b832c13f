/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CR3 and the TLB are the simulation's (machine.c); interrupts are always on.
 */
#ifndef ASM_SYSTEM_H
#define ASM_SYSTEM_H

#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

void cpu_relax(void);
void write_cr3(unsigned long cr3);
unsigned long read_cr3(void);
void invlpg(unsigned long va);

struct cpuid_regs {
    u32 a, b, c, d;
};
static inline struct cpuid_regs cpuid_count(u32 leaf, u32 subleaf) { return (struct cpuid_regs){leaf, 0, subleaf, 0}; }

static inline void irq_disable(void) {}

static inline void irq_enable(void) {}

static inline bool irqs_enabled(void) { return true; }

static inline unsigned long irq_save(void) { return 0; }

static inline void irq_restore(unsigned long flags) { (void)flags; }

#endif
