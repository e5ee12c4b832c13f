/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB flushes across CPUs: what each CPU does, called there by smp.c. Which CPUs must be asked is the caller's
 * knowledge (arch_domain.dirty_cpus).
 */
#include <arch/arch.h>
#include <arch/x86/cpu/tlb.h>
#include <asm/trapnr.h>

static void flush_guest(void *arg __unused) { flush_tlb_local(); }

static void flush_page(void *va) { flush_tlb_one_local((unsigned long)va); }

/* Global entries go when PGE changes (SDM vol. 3, 4.10.4.1); while an isolated guest runs it is off. */
static void flush_all(void *arg __unused)
{
    unsigned long cr4 = read_cr4();

    write_cr4(cr4 ^ X86_CR4_PGE);
    write_cr4(cr4);
}

static void flush_cache(void *arg __unused) { __asm__ __volatile__("wbinvd" ::: "memory"); }

void flush_tlb_mask(const struct cpumask *m) { arch_call_on(m, flush_guest, NULL); }

void flush_tlb_one_mask(const struct cpumask *m, unsigned long va) { arch_call_on(m, flush_page, (void *)va); }

void flush_tlb_all_mask(const struct cpumask *m) { arch_call_on(m, flush_all, NULL); }

void flush_cache_mask(const struct cpumask *m) { arch_call_on(m, flush_cache, NULL); }
