/* SPDX-License-Identifier: Apache-2.0 */
/* Costs of exceptions of the guest's kernel, there and back, and of emulated instructions. */
#include "bench.h"

/* There and back, and until the handler's first instruction, of one faulting instruction. */
#define TRAP(name, vector, back, stamp, flags, ...)                 \
    do {                                                            \
        bench_trap(vector, back, flags);                            \
        BENCH(name "_rt", __asm__ volatile(__VA_ARGS__));           \
        bench_trap(vector, stamp, flags);                           \
        for (int run_ = -BENCH_WARM; run_ < BENCH_RUNS; run_++) {   \
            uint64_t begin_, resume_;                               \
                                                                    \
            __asm__ volatile("lea 99f(%%rip), %0" : "=r"(resume_)); \
            bench_resume = resume_;                                 \
            BENCH_BEGINS();                                         \
            begin_ = ticks();                                       \
            __asm__ volatile(__VA_ARGS__);                          \
            BENCH_ENDED();                                          \
            if (run_ >= 0)                                          \
                bench_samples[run_] = bench_entry_ticks - begin_;   \
        }                                                           \
        bench_report(name "_entry", 1);                             \
        bench_trap(vector, NULL, flags);                            \
    } while (0)

static void exceptions(void)
{
    void *nowhere = (void *)0x123456789000, *no_l1 = (void *)0x20001000ul;

    TRAP("pf_kernel", VEC_PF, bench_skip_error3, bench_stamp_error, 0, "movq (%0), %%rax\n99:"
         :
         : "r"(no_l1)
         : "rax", "memory");
    TRAP("pf_kernel_no_l2", VEC_PF, bench_skip_error3, bench_stamp_error, 0, "movq (%0), %%rax\n99:"
         :
         : "r"(nowhere)
         : "rax", "memory");
    TRAP("int3", VEC_BP, bench_return, bench_stamp, 3, "int3\n99:" : : : "memory");
    TRAP("ud2", VEC_UD, bench_skip2, bench_stamp, 0, "ud2\n99:" : : : "memory");
    TRAP("div0", VEC_DE, bench_skip2, bench_stamp, 0, "divl %%ecx\n99:" : : "a"(1), "d"(0), "c"(0) : "memory");
    TRAP("gp_int41", VEC_GP, bench_skip_error2, bench_stamp_error, 0, "int $0x41\n99:" : : : "memory");
}

static void lazy_fpu(void)
{
    bench_trap(VEC_NM, bench_skip2, 0);
    BENCH_PREPARED("nm_lazy_fpu_rt", 1, hc_fpu_taskswitch(1), __asm__ volatile("fnop"));
    bench_trap(VEC_NM, bench_stamp, 0);
    for (int run = -BENCH_WARM; run < BENCH_RUNS; run++) {
        uint64_t begin;

        hc_fpu_taskswitch(1);
        __asm__ volatile("lea 99f(%%rip), %0" : "=r"(bench_resume));
        BENCH_BEGINS();
        begin = ticks();
        __asm__ volatile("fnop\n99:" : : : "memory");
        BENCH_ENDED();
        if (run >= 0)
            bench_samples[run] = bench_entry_ticks - begin;
    }
    bench_report("nm_lazy_fpu_entry", 1);
    bench_trap(VEC_NM, NULL, 0);
    hc_fpu_taskswitch(0);
}

#define CPUID_FORCED(leaf) \
    __asm__ volatile("ud2a; .ascii \"xen\"; cpuid" : : "a"(leaf), "c"(0) : "rbx", "rdx", "memory")

static void emulated(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    uint64_t value = 0;

    BENCH("cpuid_forced_leaf0", CPUID_FORCED(0));
    BENCH("cpuid_forced_leaf40000000", CPUID_FORCED(0x40000000));
    BENCH("cpuid_forced_leaf7", CPUID_FORCED(7));
    BENCH("rdmsr_efer", __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx"));
    BENCH("rdmsr_apic_base", __asm__ volatile("rdmsr" : : "c"(0x1b) : "rax", "rdx"));
    BENCH("rdmsr_fs_base", __asm__ volatile("rdmsr" : : "c"(0xc0000100) : "rax", "rdx"));
    BENCH("wrmsr_fs_base", __asm__ volatile("wrmsr" : : "c"(0xc0000100), "a"(0), "d"(0)));
    BENCH("mov_from_cr0", __asm__ volatile("mov %%cr0, %0" : "=r"(value)));
    BENCH("mov_from_cr4", __asm__ volatile("mov %%cr4, %0" : "=r"(value)));
    BENCH("clts", __asm__ volatile("clts"));
    value = 0x400;
    BENCH("mov_to_dr7", __asm__ volatile("mov %0, %%db7" : : "r"(value)));
    hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
    BENCH("pv_inb_0x80", __asm__ volatile("inb $0x80, %%al" : : : "rax"));
    iopl.iopl = 0;
    hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
}

void bench_traps(void)
{
    exceptions();
    lazy_fpu();
    emulated();
}
