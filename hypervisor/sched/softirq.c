/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softirqs: a word of bits for each CPU and one function for each bit. The loops of return-to-guest
 * and idle call softirq_run(); who raises what is in the files that register.
 */
#include <sched/softirq.h>
#include <arch/arch.h>

DEFINE_PER_CPU(u32, softirq_pending);

static void (*softirq_fn[NR_SOFTIRQS])(void) __read_mostly;

void softirq_register(enum softirq nr, void (*fn)(void)) { softirq_fn[nr] = fn; }

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    u32 old = __atomic_fetch_or(&per_cpu(softirq_pending, cpu), 1U << nr, __ATOMIC_SEQ_CST);

    /* Whoever set the first bit has sent the interrupt already. */
    if (!old && cpu != smp_processor_id())
        arch_send_event_check(cpu);
}

static inline void softirq_run_masked(u32 mask)
{
    u32 *bits = &this_cpu(softirq_pending);
    u32 todo;

    while ((todo = READ_ONCE(*bits) & mask)) {
        unsigned int nr = ffs64(todo);

        __atomic_fetch_and(bits, ~(1U << nr), __ATOMIC_SEQ_CST);
        softirq_fn[nr]();
    }
}

void softirq_run(void) { softirq_run_masked(~0U); }

void softirq_run_boot(void) { softirq_run_masked(~(1U << SOFTIRQ_SCHEDULE)); }
