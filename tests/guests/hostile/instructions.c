/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries to the hypervisor by odd ways and at odd moments.
 *
 * Single steps across SYSCALL, SYSENTER and INT; a debug exception held back by MOV SS; breakpoints
 * on the kernel stack that the hypervisor writes; the hypercall page written, executed in its
 * middle and mapped away; privileged and undefined instructions by the hundred thousand; LOCK and
 * prefixes in front of emulated ones, emulated ones across a page's end; selectors, flags and
 * stacks of every value at once. The domain gets its own exceptions for it, or dies; the host never
 * notices.
 */
#include "lib/guest.h"

const char test_title[] = "odd instructions";

static unsigned int seen_db, seen_other;

static bool on_debug(struct regs *regs)
{
    seen_db++;
    check_eq(regs->cs & 3, 0);
    if (seen_db > 200)
        regs->rflags &= ~0x100ul;
    return true;
}

static bool skip_other(struct regs *regs)
{
    (void)regs;
    seen_other++;
    return false;
}

/* Every step of a hypercall by the page, and of what returns from it. */
static void step_hypercall(void)
{
    trap_hook(VEC_DB, on_debug);
    __asm__ volatile("pushf; orq $0x100, (%%rsp); popf\n"
                     "mov $17, %%eax; xor %%edi, %%edi; syscall\n"
                     "mov $17, %%eax; xor %%edi, %%edi; syscall\n"
                     "pushf; andq $~0x100, (%%rsp); popf"
                     :
                     :
                     : "rax", "rdi", "rcx", "r11", "memory", "cc");
    check(seen_db >= 6);
}

static void step_int(void)
{
    trap_hook(VEC_DB, on_debug);
    trap_hook(VEC_GP, skip_other);
    (void)FAULT_VECTOR(__asm__ volatile("pushf; orq $0x100, (%%rsp); popf\n" EX("int $0x82") : : : "memory", "cc"));
    (void)FAULT_VECTOR(__asm__ volatile("pushf; orq $0x100, (%%rsp); popf\n" EX("sysenter") : : : "memory", "cc"));
    __asm__ volatile("pushf; andq $~0x100, (%%rsp); popf" : : : "memory", "cc");
    check(seen_db > 0);
}

static bool on_breakpoint(struct regs *regs)
{
    (void)regs;
    return true;
}

/* A breakpoint on a word of the guest's that MOV SS reads holds #DB back behind the next
 * instruction. */
static void mov_ss(void)
{
    static uint64_t selector = KERNEL_SS;

    trap_hook(VEC_DB, on_debug);
    trap_hook(VEC_BP, on_breakpoint);
    check_eq(hc_set_debugreg(0, &selector), 0);
    check_eq(hc_set_debugreg(7, 0x000f0001), 0); /* slot 0: 4 bytes, read or write */
    __asm__ volatile("mov %0, %%ss; mov $17, %%eax; xor %%edi, %%edi; syscall"
                     :
                     : "m"(selector)
                     : "rax", "rdi", "rcx", "r11", "memory");
    __asm__ volatile("mov %0, %%ss; int3" : : "m"(selector) : "memory");
    (void)FAULT_VECTOR(__asm__ volatile("mov %0, %%ss\n" EX("ud2") : : "m"(selector) : "memory"));
    (void)FAULT_VECTOR(__asm__ volatile("mov %0, %%ss\n" EX("hlt") : : "m"(selector) : "memory"));
    check_eq(hc_set_debugreg(7, 0), 0);
}

/* The hypervisor pushes a frame over watched words of the guest's stack; that is not the guest's to
 * see. */
static void watch_stack(void)
{
    trap_hook(VEC_DB, on_debug);
    trap_hook(VEC_BP, on_breakpoint);
    for (unsigned int i = 0; i < 4; i++) {
        uint64_t sp;

        __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
        check_eq(hc_set_debugreg(0, sp - 64 - i * 8), 0);
        check_eq(hc_set_debugreg(7, 0x00090001), 0); /* 8 bytes, write */
        __asm__ volatile("int3" : : : "memory");
    }
    check_eq(hc_set_debugreg(7, 0), 0);
}

/* The page is the guest's: it may write it, and jump where it likes in it. */
static void hypercall_page_abuse(void)
{
    typedef long call_t(long, long);
    uint64_t mfn = virt_to_mfn(hypercall_page);
    long rc;

    memset(hypercall_page + 40 * 32, 0xcc, 32);
    trap_hook(VEC_BP, on_breakpoint);
    hypercall_page[40 * 32 + 1] = 0xc3;
    ((call_t *)(hypercall_page + 40 * 32))(0, 0);
    for (unsigned int i = 64; i < 128; i++)
        check_eq(hypercall_raw(i, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    check_eq(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
    /* without execution of the page even traps cannot return: nothing but bare calls until it is
     * back */
    hypercall_raw(__HYPERVISOR_update_va_mapping, (unsigned long)hypercall_page, pte_make(mfn, PTE_KRO | PTE_NX),
                  UVM_FLUSH, 0, 0);
    rc = hypercall_raw(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
    hypercall_raw(__HYPERVISOR_update_va_mapping, (unsigned long)hypercall_page, pte_make(mfn, PTE_KRW), UVM_FLUSH, 0,
                  0);
    check_eq(rc, 4 << 16 | 17);
}

/*
 * Code of random bytes, in user mode, whose kernel answers each trap with the next bytes. The stack
 * is read-only and zero: an IRET of 32-bit operands that finds the VM flag there takes TCG 7.2 into
 * vm86 mode within long mode, which is the end of any hypervisor (found with Xen's).
 */
static void random_code(uint64_t seed, bool privileged_bytes)
{
    static const uint8_t favourites[] = {0x0f, 0x0f, 0xf0, 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x48, 0x41, 0x22, 0x20,
                                         0x23, 0x32, 0x30, 0x01, 0x00, 0xa2, 0xcd, 0xec, 0xee, 0x6c, 0x6e, 0xe4,
                                         0xf4, 0xfa, 0xfb, 0x9d, 0x8e, 0x0b, 0x78, 0x65, 0x6e, 0xc7, 0xae};
    uint8_t *code = page_alloc();
    unsigned int counts[VEC_COUNT] = {0};

    map_page(0x400000, virt_to_mfn(code), PTE_KRO);
    map_page(0x401000, virt_to_mfn(page_alloc()), PTE_KRO);
    map_page(0x402000, virt_to_mfn(page_alloc()), PTE_KRW);
    user_l4_install();
    for (unsigned int run = 0; run < 1500; run++) {
        struct regs r = {.rip = 0x400000 + (run & 1 ? 4096 - 16 : 0), .rsp = 0x401800};

        for (unsigned int i = 0; i < 16; i++) {
            seed = seed * 6364136223846793005ul + 1442695040888963407ul;
            code[(run & 1 ? 4096 - 16 : 0) + i] = privileged_bytes && (seed >> 62)
                                                      ? favourites[(seed >> 40) % sizeof(favourites)]
                                                      : (uint8_t)(seed >> 33);
        }
        memset(code + 16, 0xcc, 4096 - 32);
        r.rax = seed;
        r.rcx = seed >> 13;
        r.rdx = seed >> 27 & 0xffff;
        r.rsi = r.rdi = 0x402000 + (seed >> 52);
        hc_set_timer(now() + 2000000); /* an end to loops */
        user_run(&r);
        counts[r.vector]++;
        if (vcpu_info()->evtchn_upcall_pending)
            event_dispatch();
    }
    printk("#UD %u #GP %u #PF %u #BP %u syscall %u event %u\n", counts[VEC_UD], counts[VEC_GP], counts[VEC_PF],
           counts[VEC_BP], counts[VEC_SYSCALL], counts[VEC_EVENT]);
}

static void random_code_case(uint64_t seed, bool privileged_bytes)
{
    evtchn_port_t port;

    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    check_eq(event_unmask(port), 0);
    random_code(seed, privileged_bytes);
}

static void random_user_1(void) { random_code_case(42, false); }

static void random_user_2(void) { random_code_case(4711, true); }

/* The same in the kernel: one instruction of random bytes at a time, faults skipped. */
static uint64_t resume_at, resume_sp;

static bool resume(struct regs *regs)
{
    regs->rip = resume_at;
    regs->rsp = resume_sp;
    regs->rflags = 2;
    return true;
}

static void random_kernel(uint64_t seed)
{
    static const struct {
        uint8_t length, bytes[4];
    } starts[] = {{2, {0x0f, 0x22}}, {2, {0x0f, 0x20}}, {2, {0x0f, 0x23}}, {2, {0x0f, 0x21}},
                  {2, {0x0f, 0x30}}, {2, {0x0f, 0x32}}, {2, {0x0f, 0x00}}, {2, {0x0f, 0x01}},
                  {2, {0x0f, 0x06}}, {2, {0x0f, 0x09}}, {2, {0x0f, 0xa2}}, {4, {0x0f, 0x0b, 0x78, 0x65}},
                  {1, {0x6c}},       {1, {0x6e}},       {1, {0xe4}},       {1, {0xe6}},
                  {1, {0xec}},       {1, {0xee}},       {2, {0x0f, 0xae}}, {2, {0x0f, 0xc7}},
                  {1, {0xf4}},       {2, {0x0f, 0x33}}, {2, {0x0f, 0x31}}, {2, {0x0f, 0x08}}};
    struct physdev_set_iopl iopl = {.iopl = 1};
    static uint8_t code[2 * PAGE_SIZE] __attribute__((aligned(4096)));

    printk(CASE_MAY_DIE_MARK "\n");
    for (unsigned int v = 0; v < 32; v++)
        trap_hook(v, resume);
    hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
    for (unsigned int run = 0; run < 8000; run++) {
        unsigned int at = run % 5 ? 0 : 4096 - 8, prefix = 0, start, operand;

        memset(code, 0xcc, sizeof(code));
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        if (seed >> 61 == 0)
            code[at + prefix++] = (const uint8_t[]){0xf0, 0x66, 0x48, 0xf3}[seed >> 58 & 3];
        start = (seed >> 40) % ARRAY_SIZE(starts);
        for (unsigned int i = 0; i < starts[start].length; i++)
            code[at + prefix++] = starts[start].bytes[i];
        operand = at + prefix;
        code[operand] = (uint8_t)(seed >> 24);
        if ((code[operand] & 7) == 4) /* not into the stack pointer */
            code[operand]++;
        __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %%rsp, %1\n"
                         "mov %3, %%rax; mov %4, %%rcx; mov %5, %%rdx\n"
                         "push %%rbx; push %%rbp; mov %%rsp, %1; jmp *%2\n"
                         "1: cld; pop %%rbp; pop %%rbx"
                         : "=m"(resume_at), "=m"(resume_sp)
                         : "r"(code + at), "m"(seed), "i"(0xc0000080), "i"(0x80)
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                           "memory", "cc");
    }
    test_done();
}

static void random_kernel_1(void) { random_kernel(99); }

static void random_kernel_2(void) { random_kernel(0xdeadbeef); }

static bool nmi_arrived(struct regs *regs)
{
    check_eq(regs->rip, 0xffff82d040200000);
    check_eq(regs->cs & 3, 0);
    test_done();
}

/* An NMI handler in the hypervisor: the vCPU that sends itself one faults there, as itself. */
static void nmi_nowhere(void)
{
    struct callback_register cb = {.type = CALLBACKTYPE_nmi, .address = 0xffff82d040200000};
    long rc = hc_callback_op(CALLBACKOP_register, &cb);

    check(rc == 0 || rc == -XEN_EINVAL);
    trap_hook(VEC_PF, nmi_arrived);
    check(hc_vcpu_op(VCPUOP_send_nmi, 0, 0) <= 0);
}

/* Self-inflicted ends. */
static void crash_oneself(void) { guest_stop(SHUTDOWN_crash); }

static void syscall_handler_gone(void)
{
    struct callback_register cb = {.type = CALLBACKTYPE_syscall, .address = 0xffff82d040200000};
    static const uint8_t code[] = {0x0f, 0x05};
    struct regs r = {.rip = 0x400000, .rsp = 0x400800};
    uint8_t *page = page_alloc();

    memcpy(page, code, sizeof(code));
    map_page(0x400000, virt_to_mfn(page), PTE_KRO);
    user_l4_install();
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
    check_eq(hc_set_trap_table(0), 0);
    user_run(&r);
}

static void no_memory_left(void)
{
    static xen_pfn_t list[1];
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, list);
    for (uint64_t pfn = 0; pfn < guest.start->nr_pages; pfn++) {
        list[0] = pfn_to_mfn(pfn);
        hc_memory_op(XENMEM_decrease_reservation, &r);
    }
    check_eq(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
}

void test_main(void)
{
    static const struct test_case cases[] = {
        {"single steps over hypercalls", step_hypercall, false},
        {"single steps over INT and SYSENTER", step_int, false},
        {"a debug exception behind MOV SS", mov_ss, false},
        {"a watched kernel stack", watch_stack, false},
        {"the hypercall page abused", hypercall_page_abuse, false},
        {"random user code", random_user_1, false},
        {"random privileged user code", random_user_2, false},
        {"random kernel code, 1", random_kernel_1, false},
        {"random kernel code, 2", random_kernel_2, false},
        {"an NMI callback at nowhere", nmi_nowhere, false},
        {"a crash by request", crash_oneself, true},
        {"a system call into the hypervisor", syscall_handler_gone, true},
        {"all memory given away", no_memory_left, false},
    };

    cases_run(cases, ARRAY_SIZE(cases));
}
