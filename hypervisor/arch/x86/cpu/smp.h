/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What smp.c gives to interrupt dispatch, to the NMI handler and to panic().
 */
#ifndef ARCH_X86_CPU_SMP_H
#define ARCH_X86_CPU_SMP_H

struct cpu_user_regs;

/* VECTOR_CALL and VECTOR_TLB arrived. Interrupts off. */
void smp_call_interrupt(void);
void flush_tlb_interrupt(void);

/*
 * Panic or shutdown: every other CPU runs show(its registers), one after the other, and halts for
 * good; show may be NULL. A CPU that does not answer within 100 ms is named in the log. Any
 * context; a second caller halts.
 */
void smp_stop_others(void (*show)(const struct cpu_user_regs *regs));
/* First thing in the NMI handler: was it smp_stop_others? Then it does not return. */
void smp_nmi(const struct cpu_user_regs *regs);

/* What every CPU sets in the same way besides traps_cpu_init: PAT. */
void cpu_common_init(void);

#endif
