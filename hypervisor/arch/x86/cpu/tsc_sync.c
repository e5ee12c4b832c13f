/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the CPUs' time stamp counters agree? Asked once for each CPU as it starts, when the TSC alone
 * shall be the clock: it and the first CPU read their counters in turns, and no reading may be
 * before the one before it. smp.c calls in on both sides.
 */
#include <arch/x86/cpu/smp.h>
#include <asm/current.h>
#include <lib/spinlock.h>

#define READINGS 500

/* The CPU whose turn it is (0: nobody), which came, and which is through. */
static unsigned int turn, there, finished;
static struct spinlock lock; /* level 0: nothing is taken below it */
static u64 last;             /* guarded by lock */
static bool backwards;       /* guarded by lock */

static void take_readings(void)
{
    for (unsigned int i = 0; i < READINGS; i++) {
        u64 t;

        spin_lock(&lock);
        t = rdtsc_ordered();
        backwards |= t < last;
        last = t;
        spin_unlock(&lock);
        cpu_relax();
    }
}

void tsc_sync_target(void)
{
    unsigned int cpu = smp_processor_id();

    while (READ_ONCE(turn) != cpu)
        cpu_relax();
    WRITE_ONCE(there, cpu);
    take_readings();
    WRITE_ONCE(finished, cpu);
    while (READ_ONCE(turn) == cpu)
        cpu_relax();
}

bool tsc_sync_source(unsigned int cpu, u64 patience)
{
    u64 end = rdtsc() + patience;

    backwards = false;
    last = 0;
    WRITE_ONCE(turn, cpu);
    while (READ_ONCE(there) != cpu) {
        if (rdtsc() > end)
            return false;
        cpu_relax();
    }
    take_readings();
    while (READ_ONCE(finished) != cpu)
        cpu_relax();
    return !backwards;
}

void tsc_sync_release(void) { WRITE_ONCE(turn, 0); }
