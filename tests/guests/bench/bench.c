/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The micro-benchmark of the paravirtualized interface, in instructions.
 *
 * Prints one line "bench NAME VALUE" for each operation of the table that Orlop is measured by;
 * names and meaning are those of the table of Xen's costs. Runs as dom0 on one CPU under -icount
 * shift=0 and prints the same figures each time. Here: the frame of it; the operations are in
 * hypercalls.c, memory.c, traps.c, user.c and grants.c.
 */
#include "bench.h"

const char test_title[] = "cost of operations in instructions";

void test_main(void)
{
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    bench_begin();
    bench_hypercalls();
    bench_memory();
    bench_grants();
    bench_traps();
    bench_user();
}
