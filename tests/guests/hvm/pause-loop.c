/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vCPUs on one CPU that wait for each other in loops of PAUSE, as spin locks do: who waits gives way soon, and not
 * when its time is over. Intel SDM volume 3, 26.1.3 (PAUSE-loop exiting). For VT-x: TCG 7.2's AMD-V has no PAUSE
 * filter.
 */
#include "lib/guest.h"

const char test_title[] = "loops of PAUSE give way";

#define ROUNDS 50
#define MS     1000000ul

static volatile unsigned int turn;

static void play(void *arg)
{
    unsigned int me = (unsigned int)(unsigned long)arg;

    irqs_on();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        while (turn != 2 * i + me)
            cpu_relax();
        turn++;
    }
    irqs_off();
}

void test_main(void)
{
    uint64_t begin = now();

    check_eq(vcpu_start(1, play, (void *)1), 0);
    play(NULL);
    check(vcpu_wait(1, 60000));
    check_eq(turn, 2 * ROUNDS);
    printk("%u turns in %lu us\n", 2 * ROUNDS, (now() - begin) / 1000);
    if (!hypercall_by_vmmcall())
        check(now() - begin < ROUNDS * MS);
}
