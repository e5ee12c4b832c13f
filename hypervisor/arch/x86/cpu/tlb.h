/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB flushes on this CPU and on others. Guests' mappings are never global, ours are, so the
 * flushes for guests leave ours alone. The forms with a mask wait until it is done everywhere:
 * interrupts must be on, and no lock may be held that is ever taken with interrupts off.
 */
#ifndef ARCH_X86_CPU_TLB_H
#define ARCH_X86_CPU_TLB_H

#include <asm/system.h>
#include <lib/cpumask.h>

/* All mappings that are not global. */
static inline void flush_tlb_local(void)
{
    write_cr3(read_cr3());
}

/* The page of va, global or not. */
static inline void flush_tlb_one_local(unsigned long va)
{
    invlpg(va);
}

/* All mappings, ours as well: after a change to hypervisor page tables. */
void flush_tlb_all_local(void);

void flush_tlb_mask(const struct cpumask *m);
void flush_tlb_one_mask(const struct cpumask *m, unsigned long va);
void flush_tlb_all_mask(const struct cpumask *m);
/* WBINVD on the CPUs of m (MMUEXT_FLUSH_CACHE_GLOBAL). */
void flush_cache_mask(const struct cpumask *m);

#endif
