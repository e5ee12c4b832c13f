/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring in instructions: under the emulator's instruction clock a difference of the TSC is the
 * number of instructions that guest and hypervisor executed. The parts of the benchmark include
 * this; it is of no use in a guest that runs without -icount.
 */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "lib/guest.h"

#define BENCH_WARM 4
#define BENCH_RUNS 25

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

/*
 * No-ops that tell a plugin of the emulator (tests/bench/plugin/) what is going on: a sample begins with the next
 * RDTSC, has ended with the last one, all of an operation have been taken.
 */
#define BENCH_MARK(n)  __asm__ volatile(".byte 0x0f, 0x1f, 0x80, " #n ", 0x6c, 0x72, 0x6f" : : : "memory")
#define BENCH_BEGINS() BENCH_MARK(1)
#define BENCH_ENDED()  BENCH_MARK(2)
#define BENCH_TAKEN()  BENCH_MARK(3)

/* The samples of the operation being measured; sorted and printed by bench_report(). */
extern uint64_t bench_samples[BENCH_RUNS];
extern uint64_t bench_overhead; /* of the measuring itself */

/* Print "bench NAME VALUE": the median less the overhead, over the number of parts, to a tenth. */
void bench_report(const char *name, unsigned int parts);

/* Measure a statement, prepared each time by another one that does not count. */
#define BENCH_PREPARED(name, parts, prepare, statement)           \
    do {                                                          \
        for (int run_ = -BENCH_WARM; run_ < BENCH_RUNS; run_++) { \
            uint64_t begin_, end_;                                \
                                                                  \
            prepare;                                              \
            BENCH_BEGINS();                                       \
            begin_ = ticks();                                     \
            statement;                                            \
            end_ = ticks();                                       \
            BENCH_ENDED();                                        \
            if (run_ >= 0)                                        \
                bench_samples[run_] = end_ - begin_;              \
        }                                                         \
        bench_report(name, parts);                                \
    } while (0)
#define BENCH(name, statement) BENCH_PREPARED(name, 1, , statement)

/* Bare trap handlers, see handlers.S. */
extern char bench_return[], bench_return_error[], bench_skip2[], bench_skip_error2[], bench_skip_error3[];
extern char bench_skip_error7[];
extern char bench_stamp[], bench_stamp_error[], bench_map_page[], bench_upcall[], bench_upcall_stamp[];
extern char bench_sysret[];
extern volatile uint64_t bench_entry_ticks;              /* written by the stamping ones */
extern uint64_t bench_resume;                            /* where they go on */
extern uint64_t bench_map_va, bench_map_pte;             /* what bench_map_page maps */
extern uint64_t *bench_pending_word, bench_pending_mask; /* what bench_upcall clears */
extern uint8_t *bench_upcall_pending;
extern uint64_t *bench_pending_sel;

/* Find the overhead; ends the test with SKIP if the clock does not count instructions. */
void bench_begin(void);

void bench_trap(unsigned int vector, void *handler, unsigned int flags);

void bench_hypercalls(void);
void bench_reservations(void);
/* Copies of frames, and of a reference of this domain's own that it may read. */
void bench_copies(grant_ref_t ref, uint64_t from, uint64_t to);
void bench_memory(void);
void bench_traps(void);
void bench_user(void);
void bench_grants(void);

#endif
