/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the tool in pv/context.c: sets every register that a context has a place for, waits, while it is saved,
 * loaded and looked at, in a loop that exits for nothing, and finds the registers as they were. Its CPUID faults in
 * ring 3 (MSR_MISC_FEATURES), and its banks of machine checks are there and empty. Intel SDM volume 3, 16.3.
 */
#include "context.h"

const char test_title[] = "a guest whose context is saved and loaded";

#define AREA 0x4000000000ul

static bool avx;
static uint8_t seen[16] __attribute__((aligned(16)));

#define EACH(what)                                                                                                \
    what(0), what(1), what(2), what(3), what(4), what(5), what(6), what(7), what(8), what(9), what(10), what(11), \
        what(12), what(13), what(14), what(15)

static void fill(unsigned int n) { memset(seen, CONTEXT_XMM + (int)n, sizeof(seen)); }

static bool filled(unsigned int n)
{
    for (unsigned int i = 0; i < sizeof(seen); i++)
        if (seen[i] != CONTEXT_XMM + n)
            return false;
    return true;
}

#define LOAD(n)  (fill(n), ({ __asm__ volatile("movdqu %0, %%xmm" #n : : "m"(seen)); }))
#define CHECK(n) (({ __asm__ volatile("movdqu %%xmm" #n ", %0" : "=m"(seen)); }), check(filled(n)))

static void fpu_set(void)
{
    uint16_t control = CONTEXT_FCW;
    uint32_t mxcsr = CONTEXT_MXCSR;

    if (avx) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        __asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
    }
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
    EACH(LOAD);
    fill(77);
    if (avx)
        __asm__ volatile("vinsertf128 $1, %0, %%ymm7, %%ymm7" : : "m"(seen));
}

static void fpu_check(void)
{
    uint16_t control;
    uint32_t mxcsr, low;

    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    check_eq(control, CONTEXT_FCW);
    check_eq(mxcsr, CONTEXT_MXCSR);
    EACH(CHECK);
    if (!avx)
        return;
    __asm__ volatile("vextractf128 $1, %%ymm7, %0" : "=m"(seen));
    check(filled(77));
    __asm__ volatile("xgetbv" : "=a"(low) : "c"(0) : "edx");
    check_eq(low, 7);
}

#define DEBUG_REGISTERS(what)                                                                       \
    what(0, CONTEXT_DR(0)), what(1, CONTEXT_DR(1)), what(2, CONTEXT_DR(2)), what(3, CONTEXT_DR(3)), \
        what(6, CONTEXT_DR6), what(7, CONTEXT_DR7)
#define DR_SET(n, value) ({ __asm__ volatile("mov %0, %%dr" #n : : "r"(value)); })
#define DR_CHECK(n, value)                                        \
    ({                                                            \
        uint64_t now_in_it;                                       \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(now_in_it)); \
        check_eq(now_in_it, value);                               \
    })

/* Until the tool puts something into the console, with values in general registers that nothing else knows. */
static void wait(void)
{
    volatile struct xencons_interface *ring = guest.console_ring;
    uint64_t low = 0x1111222233334444, high = 0x9999aaaabbbbcccc;
    uint32_t before = ring->in_prod;

    irqs_on(); /* with interrupts off Bochs 2.7 would never leave it */
    __asm__ volatile("mov %0, %%r8; mov %1, %%r15\n"
                     "1: pause; cmp %3, %2; je 1b\n"
                     "mov %%r8, %0; mov %%r15, %1"
                     : "+r"(low), "+r"(high)
                     : "m"(ring->in_prod), "r"(before)
                     : "r8", "r15", "memory", "cc");
    irqs_off();
    check_eq(low, 0x1111222233334444);
    check_eq(high, (long)0x9999aaaabbbbcccc);
}

/* CPUID of a user program: #GP while it is to be so. */
static int user_cpuid(void)
{
    static uint8_t *page;
    struct regs r = {.rip = AREA, .rsp = AREA + PAGE_SIZE};

    if (!page) {
        page = page_alloc();
        memcpy(page, (uint8_t[]){0x0f, 0xa2, 0xcd, 0x80}, 4); /* cpuid; int 0x80 */
        map_page(AREA, virt_to_mfn(page), PTE_KRW);
    }
    user_run(&r);
    return (int)r.vector;
}

/* Two banks: all errors are reported, and there are none. */
static void check_banks(void)
{
    check_eq(rdmsr(MSR_MCG_CAP), 2);
    check_eq(FAULT_VECTOR(wrmsr(0x17a, 4)), NO_FAULT); /* MCG_STATUS */
    check_eq(rdmsr(0x17a), 4);
    wrmsr(0x17a, 0);
    for (uint32_t msr = 0x400; msr < 0x408; msr++) {
        check_eq(rdmsr(msr), msr % 4 ? 0 : -1l);
        check_eq(FAULT_VECTOR(wrmsr(msr, 1)), msr % 4 ? VEC_GP : NO_FAULT);
        check_eq(FAULT_VECTOR(wrmsr(msr, 0)), NO_FAULT);
        check_eq(rdmsr(msr), msr % 4 ? 0 : -1l);
    }
    check_eq(FAULT_OF(check_eq(rdmsr(0x408), 0)).vector, NO_FAULT); /* of a third bank */
    check_eq(FAULT_VECTOR(wrmsr(0x409, 1)), NO_FAULT);
}

void test_main(void)
{
    avx = (cpuid(1, 0).ecx >> 28 & 1) && (cpuid(1, 0).ecx >> 26 & 1) && !hypercall_by_vmmcall();
    check_banks();
    check_eq(user_cpuid(), 0x80);
    check_eq(rdmsr(0xce) >> 31 & 1, 1); /* PLATFORM_INFO: CPUID can be made to fault */
    check_eq(FAULT_VECTOR(wrmsr(MSR_MISC_FEATURES, 2)), VEC_GP);
    for (unsigned int i = 0; i < ARRAY_SIZE(context_msrs); i++)
        wrmsr(context_msrs[i].msr, context_msrs[i].value);
    DEBUG_REGISTERS(DR_SET);
    fpu_set();
    printk("ready\n");
    wait();
    fpu_check();
    DEBUG_REGISTERS(DR_CHECK);
    for (unsigned int i = 0; i < ARRAY_SIZE(context_msrs); i++)
        check_eq(rdmsr(context_msrs[i].msr), (long)context_msrs[i].value);
    check_eq(user_cpuid(), VEC_GP);
    wrmsr(MSR_MISC_FEATURES, 0);
    check_eq(user_cpuid(), 0x80);
}
