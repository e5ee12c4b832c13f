/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What smp.c gives to interrupt dispatch and to the host's shutdown.
 */
#ifndef ARCH_X86_CPU_SMP_H
#define ARCH_X86_CPU_SMP_H

#include <lib/compiler.h>

/* VECTOR_CALL and VECTOR_TLB arrived. Interrupts off. */
void smp_call_interrupt(void);
void flush_tlb_interrupt(void);

/* Shutdown: the others halt for good. Those that do not listen within 100 ms are left alone. Any
 * context. */
void smp_stop_others(void);
void smp_stop_interrupt(void) __noreturn;

/* What every CPU sets in the same way besides traps_cpu_init: PAT. */
void cpu_common_init(void);

#endif
