/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: the interrupt flag is a variable of the fake CPU, so that code can be asked whether it kept
 * the rules.
 */
#ifndef ASM_SYSTEM_H
#define ASM_SYSTEM_H

#include <asm/current.h>

#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Threads play CPUs and may be more than the machine has: let the holder of a lock run. */
void cpu_relax(void);

static inline void irq_disable(void) { host_cpus[host_cpu_id].irqs_disabled = true; }

static inline void irq_enable(void) { host_cpus[host_cpu_id].irqs_disabled = false; }

static inline bool irqs_enabled(void) { return !host_cpus[host_cpu_id].irqs_disabled; }

static inline unsigned long irq_save(void)
{
    unsigned long was_enabled = irqs_enabled();

    irq_disable();
    return was_enabled;
}

static inline void irq_restore(unsigned long was_enabled)
{
    if (was_enabled)
        irq_enable();
}

#endif
