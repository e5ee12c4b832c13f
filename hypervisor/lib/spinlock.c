/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks, and in debug builds the check that a CPU takes them in rising levels.
 */
#include <asm/percpu.h>
#include <lib/spinlock.h>

void spin_wait(struct spinlock *l, u16 ticket)
{
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}

bool spin_trylock(struct spinlock *l)
{
    u16 ticket = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
    u16 next = ticket;

    if (!__atomic_compare_exchange_n(&l->next, &next, ticket + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    lock_level_taken(l->level);
    return true;
}

#ifndef NDEBUG
/*
 * Levels that this CPU holds, bit by level: those taken with interrupts enabled, and those taken
 * with interrupts disabled. An interrupt handler comes on top of the former and knows nothing of
 * them, and never meets one of them (or the lock would be taken with interrupts off everywhere), so
 * with interrupts off only the latter are compared.
 */
static DEFINE_PER_CPU(u32, levels_irqs_on);
static DEFINE_PER_CPU(u32, levels_irqs_off);

void lock_level_check(unsigned int level)
{
    u32 held = this_cpu(levels_irqs_off);

    if (irqs_enabled())
        held |= this_cpu(levels_irqs_on);
    if (unlikely(level && held >> level))
        panic("lock of level %u taken while holding levels %#x", level, held);
}

void lock_level_taken(unsigned int level)
{
    *(irqs_enabled() ? &this_cpu(levels_irqs_on) : &this_cpu(levels_irqs_off)) |= 1U << level;
}

void lock_level_dropped(unsigned int level)
{
    u32 *held = irqs_enabled() ? &this_cpu(levels_irqs_on) : &this_cpu(levels_irqs_off);

    /* Dropped in the other state than it was taken in: allowed, if rare. */
    if (!(*held & 1U << level))
        held = irqs_enabled() ? &this_cpu(levels_irqs_off) : &this_cpu(levels_irqs_on);
    *held &= ~(1U << level);
}
#endif
