/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What smp.c gives to interrupt dispatch, to the NMI handler and to panic(), and how the CPUs compare their clocks.
 */
#ifndef ARCH_X86_CPU_SMP_H
#define ARCH_X86_CPU_SMP_H

struct cpu_user_regs;

/* VECTOR_CALL arrived. Interrupts off. */
void smp_call_interrupt(void);

/*
 * Panic or shutdown: every other CPU runs show(its registers), one after the other, and halts for
 * good; show may be NULL. A CPU that does not answer within 100 ms is named in the log. Any
 * context; a second caller halts.
 */
void smp_stop_others(void (*show)(const struct cpu_user_regs *regs));
/* First thing in the NMI handler: was it smp_stop_others? Then it does not return. */
void smp_nmi(const struct cpu_user_regs *regs);

/* This CPU's part when the host ends. */
static inline void __noreturn halt_forever(void)
{
    for (;;)
        __asm__ __volatile__("cli; hlt");
}

/*
 * tsc_sync.c, for smp.c's two sides only. On the new CPU: waits for its turn, compares, and waits until it is let go.
 * Interrupts off.
 */
void tsc_sync_target(void);
/* On the first: compares with `cpu`. False when a reading went backwards, or it did not come within
 * `patience` of our ticks. */
bool tsc_sync_source(unsigned int cpu, u64 patience);
/* Lets the new CPU go on, when what follows from the answer is done. */
void tsc_sync_release(void);

#endif
