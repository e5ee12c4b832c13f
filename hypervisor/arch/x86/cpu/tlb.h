/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB flushes on this CPU and on others. Guests' mappings are never global, ours are, so the
 * flushes for guests leave ours alone. The forms with a mask wait until it is done everywhere:
 * interrupts must be on, and no lock may be held that is ever taken with interrupts off.
 */
#ifndef ARCH_X86_CPU_TLB_H
#define ARCH_X86_CPU_TLB_H

#include <asm/percpu.h>
#include <asm/system.h>
#include <lib/cpumask.h>

/*
 * The TLB clock (arch/x86/pv/types.c): frames whose use ended before a CPU was emptied need no
 * flush of that CPU any more. It moves on with the first flush after somebody read it, so that
 * flushes of an idle clock cost no shared write.
 */
extern u64 tlb_clock;
extern bool tlb_clock_used;
DECLARE_PER_CPU(u64, tlb_flushed);

/*
 * Every load of CR3 goes through here: it empties the TLB of what is not global, and the CPU notes
 * when. Interrupts may come in between: that only makes the noted time older than it could be.
 */
static inline void load_cr3(unsigned long cr3)
{
    u64 t = READ_ONCE(tlb_clock);

    if (READ_ONCE(tlb_clock_used)) {
        WRITE_ONCE(tlb_clock_used, false);
        t = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    }
    write_cr3(cr3);
    this_cpu(tlb_flushed) = t;
}

/* All mappings that are not global. */
static inline void flush_tlb_local(void) { load_cr3(read_cr3()); }

/* The page of va, global or not. */
static inline void flush_tlb_one_local(unsigned long va) { invlpg(va); }

void flush_tlb_mask(const struct cpumask *m);
void flush_tlb_one_mask(const struct cpumask *m, unsigned long va);
/* All mappings, ours as well: after a change to hypervisor page tables. */
void flush_tlb_all_mask(const struct cpumask *m);
/* WBINVD on the CPUs of m (MMUEXT_FLUSH_CACHE_GLOBAL). */
void flush_cache_mask(const struct cpumask *m);

#endif
