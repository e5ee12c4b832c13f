/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs of the way from guest user mode into its kernel and back, measured by user code: it notes
 * the time, traps, notes it again, and stores the differences; an ud2 ends it.
 */
#include "bench.h"

#define CODE  0x400000ul
#define DATA  0x401000ul
#define STACK 0x402000ul

/* BENCH_MARK() as bytes */
#define MARK(n) 0x0f, 0x1f, 0x80, n, 0x6c, 0x72, 0x6f

/* BEGINS; rdtsc; mov r8d, eax; TRAP; rdtsc; ENDED; sub eax, r8d; mov [rdi], rax; add rdi, 8; dec ebx; jnz; ud2 */
static unsigned int emit(uint8_t *at, const uint8_t *trap, unsigned int n)
{
    static const uint8_t head[] = {MARK(1), 0x0f, 0x31, 0x41, 0x89, 0xc0};
    static const uint8_t tail[] = {0x0f, 0x31, MARK(2), 0x44, 0x29, 0xc0, 0x48, 0x89,
                                   0x07, 0x48, 0x83,    0xc7, 0x08, 0xff, 0xcb, 0x75};
    unsigned int used = sizeof(head) + n + sizeof(tail) + 1;

    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), trap, n);
    memcpy(at + sizeof(head) + n, tail, sizeof(tail));
    at[used - 1] = (uint8_t)-used;
    at[used] = 0x0f;
    at[used + 1] = 0x0b;
    return used;
}

static void run_user(const char *name, uint8_t *code, uint64_t *data, const uint8_t *trap, unsigned int n)
{
    struct regs r = {.rip = CODE, .rsp = STACK + PAGE_SIZE, .rdi = DATA, .rbx = BENCH_WARM + BENCH_RUNS};

    emit(code, trap, n);
    user_run(&r);
    check_eq(r.vector, VEC_UD);
    for (unsigned int i = 0; i < BENCH_RUNS; i++)
        bench_samples[i] = (uint32_t)data[BENCH_WARM + i];
    if (name)
        bench_report(name, 1);
}

static void set_syscall(void *handler)
{
    struct callback_register cb = {
        .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events, .address = (unsigned long)handler};

    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
}

void bench_user(void)
{
    static const uint8_t syscall[] = {0x0f, 0x05}, int80[] = {0xcd, 0x80};
    static const uint8_t load[] = {0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x10}; /* mov eax, [0x10000000] */
    uint8_t *code = page_alloc();
    uint64_t *data = page_alloc(), l4, kept = bench_overhead;

    map_page(CODE, virt_to_mfn(code), PTE_KRO);
    map_page(DATA, virt_to_mfn(data), PTE_KRW);
    map_page(STACK, virt_to_mfn(page_alloc()), PTE_KRW);
    l4 = user_l4_install();
    run_user(NULL, code, data, syscall, 0);
    bench_overhead = bench_samples[0];
    set_syscall(bench_sysret);
    run_user("user_syscall_sysret_rt", code, data, syscall, 2);
    set_syscall(bench_return);
    run_user("user_syscall_iret_rt", code, data, syscall, 2);
    set_syscall(syscall_callback);
    bench_trap(0x80, bench_return, 3);
    run_user("user_int80_rt", code, data, int80, 2);
    bench_trap(0x80, NULL, 3);
    bench_trap(VEC_PF, bench_skip_error7, 0);
    run_user("user_pf_rt", code, data, load, sizeof(load));
    bench_trap(VEC_PF, NULL, 0);
    bench_overhead = kept;
    mmuext(MMUEXT_NEW_USER_BASEPTR, 0);
    mmuext(MMUEXT_UNPIN_TABLE, l4);
}
