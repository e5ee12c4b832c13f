/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB flushes across CPUs. One flush at a time goes round; its sender waits with interrupts on, so
 * that two senders can serve each other. Which CPUs must be asked is the caller's knowledge
 * (arch_domain.dirty_cpus).
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/cpu/tlb.h>
#include <asm/irq.h>
#include <core/domain.h>
#include <lib/lib.h>

#define CR4_PGE 0x80UL

enum flush_kind { FLUSH_GUEST, FLUSH_PAGE, FLUSH_ALL, FLUSH_CACHE };

/* Level 0: taken below any other lock and, while waiting for it, interrupts serve the holder. */
static struct spinlock flush_lock;
/* Guarded by flush_lock; read by those whose bit is in flush_waiting, until they clear it. */
static enum flush_kind flush_kind;
static unsigned long flush_va;
static struct cpumask flush_waiting;

void flush_tlb_all_local(void)
{
    unsigned long cr4 = read_cr4();

    /* Global entries go when PGE changes (SDM vol. 3, 4.10.4.1). */
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

static void flush_do(enum flush_kind kind, unsigned long va)
{
    switch (kind) {
    case FLUSH_GUEST: flush_tlb_local(); break;
    case FLUSH_PAGE: flush_tlb_one_local(va); break;
    case FLUSH_ALL: flush_tlb_all_local(); break;
    case FLUSH_CACHE: __asm__ __volatile__("wbinvd" ::: "memory"); break;
    }
}

void flush_tlb_interrupt(void)
{
    unsigned int cpu = smp_processor_id();

    if (!cpumask_test(&flush_waiting, cpu))
        return;
    flush_do(flush_kind, flush_va);
    cpumask_unset(&flush_waiting, cpu);
}

static void flush_on(const struct cpumask *m, enum flush_kind kind, unsigned long va)
{
    unsigned int self = smp_processor_id();
    struct cpumask others;

    if (cpumask_test(m, self))
        flush_do(kind, va);
    /* The usual case on small machines, without going through the whole set. */
    if (nr_cpu_ids <= BITS_PER_LONG && !(m->bits[0] & ~BIT_MASK(self)))
        return;
    others = cpumask_and(m, &cpu_online_map);
    __clear_bit(self, others.bits);
    if (likely(cpumask_empty(&others)))
        return;
    ASSERT(irqs_enabled());
    spin_lock(&flush_lock);
    flush_kind = kind;
    flush_va = va;
    flush_waiting = others;
    mb();
    apic_send_ipi_mask(&others, VECTOR_TLB);
    while (!cpumask_empty((const struct cpumask *)&flush_waiting)) {
        cpu_relax();
        barrier();
    }
    spin_unlock(&flush_lock);
}

void flush_tlb_mask(const struct cpumask *m) { flush_on(m, FLUSH_GUEST, 0); }

void flush_tlb_one_mask(const struct cpumask *m, unsigned long va) { flush_on(m, FLUSH_PAGE, va); }

void flush_tlb_all_mask(const struct cpumask *m) { flush_on(m, FLUSH_ALL, 0); }

void flush_cache_mask(const struct cpumask *m) { flush_on(m, FLUSH_CACHE, 0); }
