/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks, and in debug builds the check that a CPU takes them in rising levels.
 */
#include <asm/percpu.h>
#include <lib/printk.h>
#include <lib/spinlock.h>

#ifdef NDEBUG
void spin_wait(struct spinlock *l, u16 ticket)
{
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}

void spin_lock_peer(struct spinlock *l) { spin_lock(l); }

void spin_unlock_peer(struct spinlock *l) { spin_unlock(l); }

bool spin_trylock(struct spinlock *l)
{
    u16 ticket = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
    u16 next = ticket;

    return __atomic_compare_exchange_n(&l->next, &next, ticket + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
#else
/*
 * Levels that this CPU holds, bit by level: those taken with interrupts enabled, and those taken
 * with interrupts disabled. An interrupt handler comes on top of the former and knows nothing of
 * them, and never meets one of them (or the lock would be taken with interrupts off everywhere), so
 * with interrupts off only the latter are compared.
 */
static DEFINE_PER_CPU(u32, levels_irqs_on);
static DEFINE_PER_CPU(u32, levels_irqs_off);

static void level_check(unsigned int level)
{
    u32 held = this_cpu(levels_irqs_off);

    if (irqs_enabled())
        held |= this_cpu(levels_irqs_on);
    if (unlikely(level && held >> level))
        panic("lock of level %u taken while holding levels %#x", level, held);
}

static void level_taken(unsigned int level)
{
    u32 *held = irqs_enabled() ? &this_cpu(levels_irqs_on) : &this_cpu(levels_irqs_off);

    *held |= 1U << level;
}

static void level_dropped(unsigned int level)
{
    u32 *held = irqs_enabled() ? &this_cpu(levels_irqs_on) : &this_cpu(levels_irqs_off);

    /* Dropped in the other state than it was taken in: allowed, if rare. */
    if (!(*held & 1U << level))
        held = irqs_enabled() ? &this_cpu(levels_irqs_off) : &this_cpu(levels_irqs_on);
    *held &= ~(1U << level);
}

static inline void lock_at(struct spinlock *l, unsigned int level)
{
    u16 ticket;

    level_check(level);
    ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
    level_taken(level);
}

static inline void unlock_at(struct spinlock *l, unsigned int level)
{
    level_dropped(level);
    __atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

void spin_lock(struct spinlock *l) { lock_at(l, l->level); }

void spin_unlock(struct spinlock *l) { unlock_at(l, l->level); }

void spin_lock_peer(struct spinlock *l) { lock_at(l, l->level + 1); }

void spin_unlock_peer(struct spinlock *l) { unlock_at(l, l->level + 1); }

bool spin_trylock(struct spinlock *l)
{
    u16 ticket = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
    u16 next = ticket;

    if (!__atomic_compare_exchange_n(&l->next, &next, ticket + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    level_taken(l->level);
    return true;
}
#endif

bool spin_is_locked(const struct spinlock *l) { return READ_ONCE(l->next) != READ_ONCE(l->owner); }
