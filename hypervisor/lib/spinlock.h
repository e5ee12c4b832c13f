/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks. A lock has a level (docs/locks.md); debug builds assert that a CPU takes locks in
 * rising levels only. A lock that an interrupt handler takes is always taken with the _irqsave
 * forms.
 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include <asm/system.h>

/* Outermost first. docs/locks.md says what each guards. */
enum lock_level {
    LOCK_DOMCTL = 1,  /* serialises domain creation and control operations */
    LOCK_DOMLIST,     /* the table of domains */
    LOCK_IOREQ,       /* the ioreq servers of an HVM domain */
    LOCK_DOMAIN,      /* struct domain's own state */
    LOCK_GRANT,       /* a grant table: what its domain grants */
    LOCK_MAPTRACK,    /* free handles for mapped grants */
    LOCK_EVTCHN,      /* opening and closing event channels */
    LOCK_EVTCHN_PORT, /* one event channel: held while an event is sent through it */
    LOCK_PCI,         /* the list of PCI devices and their message interrupts */
    LOCK_PIRQ,        /* which of the machine's interrupts a domain's numbers stand for */
    LOCK_P2M,         /* the physical map of an HVM domain */
    LOCK_PAGES,       /* a domain's list of frames */
    LOCK_IRQ,         /* interrupt descriptors and their guests */
    LOCK_HEAP,        /* the frame heap */
    LOCK_SLAB,        /* small allocations */
    LOCK_EVTCHN_FIFO, /* one queue of a vCPU in the FIFO ABI */
    LOCK_VPLATFORM,   /* the virtual devices of an HVM domain */
    LOCK_VLAPIC,      /* the timer of a virtual local APIC */
    LOCK_SCHED,       /* a run queue; a second one is only ever tried */
    LOCK_TIMER,       /* a CPU's timers */
    LOCK_PLATFORM,    /* devices of the platform: IO-APIC, PCI configuration, RTC */
    LOCK_CONSOLE,     /* the console */
};

struct spinlock {
    u16 next;  /* the ticket that the next comer draws */
    u16 owner; /* the ticket being served */
    u8 level;
};

#define SPINLOCK_INIT(lvl) \
    {                      \
        .level = (lvl)     \
    }
#define DEFINE_SPINLOCK(name, lvl) struct spinlock name = SPINLOCK_INIT(lvl)

static inline void spin_lock_init(struct spinlock *l, enum lock_level level)
{
    *l = (struct spinlock)SPINLOCK_INIT(level);
}

#ifdef NDEBUG
static inline void lock_level_check(unsigned int level __unused) {}
static inline void lock_level_taken(unsigned int level __unused) {}
static inline void lock_level_dropped(unsigned int level __unused) {}
#else
/* May this CPU take a lock of the level now? Then: it has; it has not any more. */
void lock_level_check(unsigned int level);
void lock_level_taken(unsigned int level);
void lock_level_dropped(unsigned int level);
#endif

/* Another has it: waits for our turn. */
void spin_wait(struct spinlock *l, u16 ticket);

static __always_inline void spin_lock(struct spinlock *l)
{
    u16 ticket;

    lock_level_check(l->level);
    ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket))
        spin_wait(l, ticket);
    lock_level_taken(l->level);
}

static __always_inline void spin_unlock(struct spinlock *l)
{
    lock_level_dropped(l->level);
    __atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

bool spin_trylock(struct spinlock *l);

/* Disables interrupts on this CPU and returns the flags to give back. */
static inline unsigned long spin_lock_irqsave(struct spinlock *l)
{
    unsigned long flags = irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

/*
 * Held until the end of the block in which they stand, whichever way it is left; goto must not jump over one.
 * For a lock that is given back before other work of the same block, the plain calls are clearer.
 */
struct irq_guard {
    struct spinlock *lock;
    unsigned long flags;
};

static __always_inline void spin_guard_leave(struct spinlock **l) { spin_unlock(*l); }

static __always_inline void irq_guard_leave(const struct irq_guard *g)
{
    if (g->lock)
        spin_unlock(g->lock);
    irq_restore(g->flags);
}

#define spin_guard(l)                                                                  \
    __attribute__((cleanup(spin_guard_leave))) struct spinlock *spin_guard_held = (l); \
    spin_lock(spin_guard_held)
#define spin_guard_irqsave(l)                         \
    __attribute__((cleanup(irq_guard_leave), unused)) \
    const struct irq_guard irq_guard_held = {(l), spin_lock_irqsave((l))}
/* Interrupts off, no lock. */
#define irq_guard() \
    __attribute__((cleanup(irq_guard_leave), unused)) const struct irq_guard irq_guard_held = {NULL, irq_save()}

#endif
