/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the CPU that a vCPU owns: segment bases, debug registers, floating point.
 *
 * FS and GS bases are set by hypercall and by instruction, survive other vCPUs and user mode, and
 * swap between user and kernel; debug registers hold what may stand in them, refuse the
 * hypervisor's addresses, and trap; floating point is lazy on request, with #NM, and registers up
 * to AVX survive a switch to another vCPU.
 */
#include "lib/guest.h"

const char test_title[] = "segment bases, debug registers, floating point";

static uint64_t read_fs0(void)
{
    uint64_t value;

    __asm__ volatile("movq %%fs:0, %0" : "=r"(value) : : "memory");
    return value;
}

static uint64_t read_gs0(void)
{
    uint64_t value;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(value) : : "memory");
    return value;
}

static void nap(void)
{
    struct sched_poll poll = {.timeout = now() + 2000000};

    hc_sched_op(SCHEDOP_poll, &poll);
}

static void check_bases(void)
{
    static uint64_t a = 0xaaaa, b = 0xbbbb;

    check_eq(hc_set_segment_base(SEGBASE_FS, &a), 0);
    check_eq(hc_set_segment_base(SEGBASE_GS_KERNEL, &b), 0);
    check_eq(read_fs0(), 0xaaaa);
    check_eq(read_gs0(), 0xbbbb);
    nap();
    check_eq(read_fs0(), 0xaaaa);
    check_eq(read_gs0(), 0xbbbb);
    check_eq(hc_set_segment_base(SEGBASE_FS, 0x800000000000), -XEN_EINVAL);
    check_eq(hc_set_segment_base(SEGBASE_GS_KERNEL, 0x800000000000), -XEN_EINVAL);
    check_eq(hc_set_segment_base(SEGBASE_GS_USER, 0x800000000000), -XEN_EINVAL);
    check_eq(hc_set_segment_base(SEGBASE_GS_USER, &a), 0);
    check_eq(read_gs0(), 0xbbbb);
    check_eq(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    check_eq(hc_set_segment_base(99, 0), -XEN_EINVAL);
    check_eq(hc_set_segment_base(SEGBASE_FS, 0), 0);
    check_eq(hc_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
}

#define USER_CODE  0x400000ul
#define USER_STACK 0x401000ul

/* mov rax, gs:[0]; mov rbx, fs:[0]; ud2: user mode sees the user's GS base and the common FS base. */
static void check_user_bases(void)
{
    static const uint8_t code[] = {0x65, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0,    0x64,
                                   0x48, 0x8b, 0x1c, 0x25, 0,    0, 0, 0, 0x0f, 0x0b};
    static uint64_t kernel_word = 0xbbbb;
    uint64_t *page = page_alloc();
    struct regs r = {.rip = USER_CODE, .rsp = USER_STACK + 4096};

    memcpy(page, code, sizeof(code));
    page[256] = 0x1234;
    page[257] = 0x5678;
    map_page(USER_CODE, virt_to_mfn(page), PTE_KRO);
    map_page(USER_STACK, virt_to_mfn(page_alloc()), PTE_KRW);
    user_l4_install();
    check_eq(hc_set_segment_base(SEGBASE_GS_KERNEL, &kernel_word), 0);
    check_eq(hc_set_segment_base(SEGBASE_GS_USER, USER_CODE + 2048), 0);
    check_eq(hc_set_segment_base(SEGBASE_FS, USER_CODE + 2056), 0);
    user_run(&r);
    check_eq(r.vector, VEC_UD);
    check_eq(r.rax, 0x1234);
    check_eq(r.rbx, 0x5678);
    check_eq(read_gs0(), 0xbbbb);
}

static void check_debug_registers(void)
{
    static uint64_t watched;

    check_eq(hc_set_debugreg(0, &watched), 0);
    check_eq(hc_get_debugreg(0), &watched);
    check_eq(hc_set_debugreg(1, HYPERVISOR_VIRT_START), -XEN_EPERM);
    check_eq(hc_set_debugreg(1, 0x800000000000), -XEN_EPERM);
    check_eq(hc_set_debugreg(4, 0), 0); /* another name of 6 */
    check_eq(hc_set_debugreg(9, 0), -XEN_ENODEV);
    check_eq(hc_get_debugreg(9), -XEN_ENODEV);
    check_eq(hc_set_debugreg(6, 0), 0);
    check_eq(hc_get_debugreg(6), 0xffff0ff0);
    check_eq(hc_set_debugreg(7, 0x2000), -XEN_EPERM); /* general detect: not for guests */
    check_eq(hc_set_debugreg(7, 0x000d0001), 0);      /* slot 0: 4 bytes, on write */
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("movl $1, %0") : "=m"(watched))), VEC_DB);
    check_eq(watched, 1);
    check_eq(hc_get_debugreg(6) & 0xf, 1);
    nap();
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("movl $2, %0") : "=m"(watched))), VEC_DB);
    check_eq(hc_set_debugreg(7, 0), 0);
    check_eq(hc_get_debugreg(7), 0x400);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("movl $3, %0") : "=m"(watched))), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%db0") : : "r"(0ul))), NO_FAULT);
    check_eq(hc_get_debugreg(0), 0);
}

static uint32_t cpuid_ecx1(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx;
}

/* Turn OSXSAVE on in this vCPU's CR4, and AVX state in its XCR0. */
static void avx_on(void)
{
    uint64_t cr4;

    __asm__ volatile("mov %%cr4, %0; bts $18, %0; mov %0, %%cr4" : "=r"(cr4));
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("xsetbv") : : "a"(7), "d"(0), "c"(0))), NO_FAULT);
}

static void other_fpu(void *arg)
{
    bool *avx = arg;

    __asm__ volatile("fninit; pxor %xmm0, %xmm0; pxor %xmm7, %xmm7");
    if (*avx) {
        avx_on();
        __asm__ volatile("vzeroall");
    }
}

static void check_fpu(void)
{
    static uint8_t pattern[32] __attribute__((aligned(32))), back[32] __attribute__((aligned(32)));
    bool avx = cpuid_ecx1() >> 28 & 1;

    for (unsigned int i = 0; i < 32; i++)
        pattern[i] = (uint8_t)(i * 7 + 1);
    check_eq(hc_fpu_taskswitch(1), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("fnop"))), VEC_NM);
    check_eq(hc_fpu_taskswitch(0), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("fnop"))), NO_FAULT);
    check_eq(hc_fpu_taskswitch(1), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("clts"))), NO_FAULT); /* emulated */
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("fnop"))), NO_FAULT);
    if (avx) {
        avx_on();
        check_eq(FAULT_VECTOR(__asm__ volatile(EX("xsetbv") : : "a"(6), "d"(0), "c"(0))), VEC_GP);
        check_eq(FAULT_VECTOR(__asm__ volatile(EX("xsetbv") : : "a"(7), "d"(0), "c"(1))), VEC_GP);
    }
    if (avx)
        __asm__ volatile("vmovdqa %0, %%ymm7" : : "m"(pattern));
    else
        __asm__ volatile("movdqa %0, %%xmm7" : : "m"(pattern));
    if (hc_vcpu_op(VCPUOP_is_up, 1, 0) >= 0) {
        check_eq(vcpu_start(1, other_fpu, &avx), 0);
        check(vcpu_wait(1, 60000));
    }
    nap();
    if (avx)
        __asm__ volatile("vmovdqa %%ymm7, %0" : "=m"(back));
    else
        __asm__ volatile("movdqa %%xmm7, %0" : "=m"(back));
    check_eq(memcmp(pattern, back, avx ? 32 : 16), 0);
}

void test_main(void)
{
    check_bases();
    check_debug_registers();
    check_fpu();
    check_user_bases();
}
