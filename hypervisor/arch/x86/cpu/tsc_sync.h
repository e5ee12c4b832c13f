/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison of time stamp counters: between smp.c's two sides only.
 */
#ifndef ARCH_X86_CPU_TSC_SYNC_H
#define ARCH_X86_CPU_TSC_SYNC_H

#include <lib/types.h>

/* On the new CPU: waits for its turn, compares, and waits until it is let go. Interrupts off. */
void tsc_sync_target(void);
/* On the first: compares with `cpu`. False when a reading went backwards, or it did not come within
 * `patience` of our ticks. */
bool tsc_sync_source(unsigned int cpu, u64 patience);
/* Lets the new CPU go on, when what follows from the answer is done. */
void tsc_sync_release(void);

#endif
