/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measuring itself: samples to a line of output, what measuring costs, and whether the clock
 * counts instructions at all. Used by both benchmark guests.
 */
#include "bench.h"

uint64_t bench_samples[BENCH_RUNS], bench_overhead;
volatile uint64_t bench_entry_ticks;
uint64_t bench_resume, bench_map_va, bench_map_pte;
uint64_t *bench_pending_word, bench_pending_mask, *bench_pending_sel;
uint8_t *bench_upcall_pending;

static uint64_t median(void)
{
    for (unsigned int i = 1; i < BENCH_RUNS; i++) {
        uint64_t sample = bench_samples[i];
        unsigned int at = i;

        for (; at && bench_samples[at - 1] > sample; at--)
            bench_samples[at] = bench_samples[at - 1];
        bench_samples[at] = sample;
    }
    return bench_samples[BENCH_RUNS / 2];
}

void bench_report(const char *name, unsigned int parts)
{
    uint64_t tenths, middle;

    BENCH_TAKEN();
    middle = median();
    tenths = (middle > bench_overhead ? middle - bench_overhead : 0) * 10 / parts;

    if (parts == 1)
        printk("bench %s %lu\n", name, tenths / 10);
    else
        printk("bench %s %lu.%lu\n", name, tenths / 10, tenths % 10);
}

#ifdef GUEST_HVM
void bench_trap(unsigned int vector, void *handler, unsigned int flags)
{
    idt_set(vector, handler ? handler : trap_stubs[vector], KERNEL_CS, 0x8e | flags << 5, 0);
}
#else
void bench_trap(unsigned int vector, void *handler, unsigned int flags)
{
    struct trap_info t[2] = {{.vector = (uint8_t)vector,
                              .flags = (uint8_t)flags,
                              .cs = KERNEL_CS,
                              .address = handler ? (unsigned long)handler : (unsigned long)trap_stubs[vector]}};

    check_eq(hc_set_trap_table(t), 0);
}
#endif

/* A loop of known length says whether the clock counts instructions; with the word "wall" it need not. */
void bench_begin(void)
{
    uint64_t begin, end, n = 1000;

    for (unsigned int i = 0; i < 2; i++) {
        n = 1000;
        begin = ticks();
        __asm__ volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
        end = ticks();
    }
    if ((end - begin < 2000 || end - begin > 2020) && !arg_present("wall"))
        test_skip("the clock does not count instructions; run with icount=1");
    for (unsigned int i = 0; i < BENCH_RUNS; i++) {
        begin = ticks();
        barrier();
        end = ticks();
        bench_samples[i] = end - begin;
    }
    bench_overhead = median();
    printk("overhead %lu\n", bench_overhead);
}
