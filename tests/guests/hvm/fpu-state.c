/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of x87, SSE and AVX of two vCPUs that take turns on one CPU.
 *
 * Each fills its registers with patterns of its own, gives way, exits for other reasons, and finds them as they were;
 * a vCPU begins with the state after a reset; XCR0 and the debug registers are each vCPU's own, too.
 */
#include "lib/guest.h"

const char test_title[] = "FPU state and debug registers across switches";

#define ROUNDS 300

static volatile unsigned int rounds[2];
static volatile bool bad[2];
static bool avx;

struct image {
    uint8_t xmm[16][16], ymm_high[16][16];
    uint16_t control;
    uint32_t mxcsr;
};

#define EACH(what) what(0), what(1), what(2), what(3), what(4), what(5), what(6), what(7), what(8), what(15)
#define LOAD(n)    ({ __asm__ volatile("movups %0, %%xmm" #n : : "m"(i->xmm[n])); })
#define STORE(n)   ({ __asm__ volatile("movups %%xmm" #n ", %0" : "=m"(i.xmm[n])); })

static void registers_set(const struct image *i)
{
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(i->control), "m"(i->mxcsr));
    EACH(LOAD);
    if (avx)
        __asm__ volatile("vinsertf128 $1, %0, %%ymm7, %%ymm7" : : "m"(i->ymm_high[7]));
}

static bool registers_are(const struct image *want)
{
    struct image i = {0};
    bool same;

    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(i.control), "=m"(i.mxcsr));
    EACH(STORE);
    same = i.control == want->control && i.mxcsr == want->mxcsr && !memcmp(i.xmm, want->xmm, 9 * 16) &&
           !memcmp(i.xmm[15], want->xmm[15], 16);
    if (avx) {
        __asm__ volatile("vextractf128 $1, %%ymm7, %0" : "=m"(i.ymm_high[7]));
        same = same && !memcmp(i.ymm_high[7], want->ymm_high[7], 16);
    }
    return same;
}

static void play(void *arg)
{
    unsigned long me = (unsigned long)arg;
    struct image i;
    uint64_t dr0;

    if (me) { /* what a vCPU begins with */
        uint16_t control;
        uint32_t mxcsr;

        __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
        bad[me] = mxcsr != 0x1f80 || (control & ~0x40) != 0x33f;
    }
    if (avx) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        __asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
    }
    for (unsigned int n = 0; n < ROUNDS; n++) {
        memset(&i, (int)(me * 0x80 + n % 0x7f + 1), sizeof(i));
        i.control = me ? 0x37f : 0x27f;
        i.mxcsr = me ? 0x1f80 : 0x9fc0;
        registers_set(&i);
        __asm__ volatile("mov %0, %%dr0" : : "r"(me * 0x1000 + n));
        hc_sched_op(SCHEDOP_yield, 0);
        if (n % 8 == 0)
            cpuid(0, 0);
        if (n % 8 == 1)
            *(volatile uint32_t *)0x90000000 = 0;
        if (!registers_are(&i))
            bad[me] = true;
        __asm__ volatile("mov %%dr0, %0" : "=r"(dr0));
        if (dr0 != me * 0x1000 + n)
            bad[me] = true;
        rounds[me]++;
    }
}

void test_main(void)
{
    avx = (cpuid(1, 0).ecx >> 28 & 1) && (cpuid(1, 0).ecx >> 26 & 1);
    printk("AVX: %d\n", avx);
    check_eq(vcpu_start(1, play, (void *)1), 0);
    play(NULL);
    check(vcpu_wait(1, 60000));
    check_eq(rounds[0], ROUNDS);
    check_eq(rounds[1], ROUNDS);
    check(!bad[0] && !bad[1]);
    if (avx) { /* how much XSAVE writes, and XSAVEC where it is there */
        check_eq(cpuid(0xd, 0).ebx, 832);
        check_eq(cpuid(0xd, 1).ebx, cpuid(0xd, 1).eax & 2 ? 832 : 0);
    }
}
