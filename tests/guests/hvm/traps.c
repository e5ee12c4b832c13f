/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of an HVM guest, kernel and user, in long mode.
 *
 * Each vector that an instruction can raise arrives through the guest's own IDT with vector, error
 * code and frame as the manual has them, also those that the hypervisor raises for an instruction it
 * intercepts; page faults tell present, write, user, reserved and fetch, with CR2; single step and
 * breakpoints give #DB with DR6, also over intercepted instructions; #DF has its own stack; an event
 * that was being delivered when the nested tables missed arrives nevertheless.
 * TCG 7.2's error code of int $n faults is let pass (see the design).
 */
#include "lib/guest.h"

const char test_title[] = "exceptions in long mode";

#define AREA                  0x4000000000ul
#define TCG_INT_ERROR(vector) ((vector)*16 + 2)
#define TF                    0x100ul

static struct regs seen;
static uint64_t skip_to;

static bool keep_frame(struct regs *regs)
{
    seen = *regs;
    regs->rip = skip_to;
    regs->rflags &= ~TF;
    return true;
}

/* Run one instruction, keep the frame of its trap, go on behind it; gives the instruction's address. */
#define TRAP(insn, ...)                                                                            \
    ({                                                                                             \
        uint64_t at_;                                                                              \
        seen.vector = ~0ul;                                                                        \
        __asm__ volatile("lea 2f(%%rip), %0\n mov %0, %1\n lea 1f(%%rip), %0\n 1: " insn "\n 2:\n" \
                         : "=&r"(at_), "=m"(skip_to)                                               \
                         : __VA_ARGS__                                                             \
                         : "rax", "rcx", "rdx", "cc", "memory");                                   \
        at_;                                                                                       \
    })

static void check_frame(uint64_t vector, uint64_t error, uint64_t rip)
{
    check_eq(seen.vector, vector);
    check_eq(seen.error, error);
    check_eq(seen.rip, rip);
    check_eq(seen.cs, KERNEL_CS);
    check_eq(seen.ss, KERNEL_SS);
    check((seen.rsp & ~(STACK_SIZE - 1)) == (uint64_t)stacks[0]);
}

static void check_faults(void)
{
    uint64_t at;

    at = TRAP("xor %%edx, %%edx; xor %%eax, %%eax; .byte 0xf7, 0xf2"); /* div edx */
    check_frame(VEC_DE, 0, at + 4);
    at = TRAP("ud2");
    check_frame(VEC_UD, 0, at);
    at = TRAP("int3");
    check_frame(VEC_BP, 0, at + 1);
    at = TRAP(".byte 0xcd, 3"); /* the long form */
    check_frame(VEC_BP, 0, at + 2);
    at = TRAP("int $4");
    check_frame(VEC_OF, 0, at + 2);
    at = TRAP("int $0x80");
    check_frame(0x80, 0, at + 2);
    idt_set(0x41, trap_stubs[0x41], KERNEL_CS, 0x0e, 0); /* not present */
    at = TRAP("int $0x41");
    check_frame(VEC_NP, seen.error == TCG_INT_ERROR(0x41) ? seen.error : 0x41 * 8 + 2, at);
    at = TRAP("mov %2, %%ds", "r"(0x7778));
    check_frame(VEC_GP, 0x7778, at);
    at = TRAP("mov (%2), %%rax", "r"(0x8000000000000000ul));
    check_frame(VEC_GP, 0, at);
    /* raised by the hypervisor: */
    at = TRAP("mov %2, %%cr0", "r"(1ul << 40 | read_cr0()));
    check_frame(VEC_GP, 0, at);
    at = TRAP("mov %2, %%cr4", "r"(1ul << 40));
    check_frame(VEC_GP, 0, at);
    at = TRAP("mov $0xdeadbeef, %%ecx; rdmsr");
    check_frame(VEC_GP, 0, at + 5);
    at = TRAP("mov $0xdeadbeef, %%ecx; wrmsr");
    check_frame(VEC_GP, 0, at + 5);
    at = TRAP("xor %%eax, %%eax; vmrun");
    check_frame(VEC_UD, 0, at + 2);
}

static void check_page_faults(void)
{
    uint64_t *page = page_alloc(), at, *pte;

    map_page(AREA, virt_to_mfn(page), PTE_P | PTE_A | PTE_US);
    at = TRAP("movq $1, (%2)", "r"(AREA));
    check_frame(VEC_PF, 3, at); /* present, write */
    check_eq(read_cr2(), AREA);
    at = TRAP("mov (%2), %%rax", "r"(AREA + PAGE_SIZE + 8));
    check_frame(VEC_PF, 0, at);
    check_eq(read_cr2(), AREA + PAGE_SIZE + 8);
    at = TRAP("movq $1, (%2)", "r"(AREA + PAGE_SIZE));
    check_frame(VEC_PF, 2, at);
    map_page(AREA, virt_to_mfn(page), PTE_KRW | PTE_NX);
    page[0] = 0xc3; /* ret */
    TRAP("jmp *%2", "r"(AREA));
    check_frame(VEC_PF, 0x11, AREA); /* present, fetch */
    pte = pte_find(kernel_l4, AREA, 1);
    *pte = pte_make(virt_to_mfn(page), PTE_KRW) | 1ul << 51;
    __asm__ volatile("invlpg (%0)" : : "r"(AREA) : "memory");
    at = TRAP("mov (%2), %%rax", "r"(AREA));
    check_frame(VEC_PF, seen.error == 8 ? 8 : 9, at); /* reserved; TCG 7.2 forgets to say present */
    map_page(AREA, virt_to_mfn(page), PTE_KRW);
    TRAP("call *%2", "r"(AREA));
    check_eq(seen.vector, ~0ul); /* it returned */
}

static void check_user(void)
{
    static const uint8_t code[] = {0xa1, 0, 0, 0, 0, 0x40, 0, 0, 0}; /* movabs 0x40_00000000, %eax */
    uint8_t *page = page_alloc();
    struct regs r = {.rip = AREA + PAGE_SIZE, .rsp = AREA + 2 * PAGE_SIZE};

    memcpy(page, code, sizeof(code));
    memcpy(page + 0x20, (uint8_t[]){0xcd, 0x80}, 2);       /* int 0x80 */
    memcpy(page + 0x30, (uint8_t[]){0xf4}, 1);             /* hlt */
    memcpy(page + 0x40, (uint8_t[]){0x0f, 0x01, 0xd9}, 3); /* vmmcall */
    map_page(AREA + PAGE_SIZE, virt_to_mfn(page), PTE_KRW);
    map_page(AREA, virt_to_mfn(page_alloc()), PTE_P | PTE_RW | PTE_A | PTE_D); /* the kernel's */
    user_run(&r);
    check_eq(r.vector, VEC_PF);
    check_eq(r.error, 5); /* present, user */
    check_eq(r.cs, USER_CS);
    check_eq(r.ss, USER_SS);
    r = (struct regs){.rip = AREA + PAGE_SIZE + 0x20, .rsp = AREA + 2 * PAGE_SIZE};
    user_run(&r);
    check_eq(r.vector, 0x80);
    check_eq(r.rip, AREA + PAGE_SIZE + 0x22);
    r = (struct regs){.rip = AREA + PAGE_SIZE + 0x30, .rsp = AREA + 2 * PAGE_SIZE};
    user_run(&r);
    check_eq(r.vector, VEC_GP);
    map_page(AREA, virt_to_mfn(page_alloc()), PTE_KRW);
}

/* #GP on the way into a handler that cannot be reached becomes #DF, on its own stack. */
static void check_double_fault(void)
{
    idt_set(VEC_BP, trap_stubs[VEC_BP], 0x7ff8, 0xee, 0);
    idt_set(VEC_GP, trap_stubs[VEC_GP], 0x7ff8, 0x8e, 0);
    TRAP("int3");
    idt_set(VEC_GP, trap_stubs[VEC_GP], KERNEL_CS, 0x8e, 0);
    idt_set(VEC_BP, trap_stubs[VEC_BP], KERNEL_CS, 0xee, 0);
    check_eq(seen.vector, VEC_DF);
    check_eq(seen.error, 0);
}

static unsigned long read_dr6(void)
{
    unsigned long value;

    __asm__ volatile("mov %%dr6, %0" : "=r"(value));
    return value;
}

static void write_dr(unsigned int n, unsigned long value)
{
    switch (n) {
    case 0: __asm__ volatile("mov %0, %%dr0" : : "r"(value)); break;
    case 1: __asm__ volatile("mov %0, %%dr1" : : "r"(value)); break;
    case 6: __asm__ volatile("mov %0, %%dr6" : : "r"(value)); break;
    default: __asm__ volatile("mov %0, %%dr7" : : "r"(value)); break;
    }
}

static uint64_t step_rip[16];
static unsigned int steps;
static unsigned long step_dr6;

static bool step(struct regs *regs)
{
    if (steps < ARRAY_SIZE(step_rip))
        step_rip[steps] = regs->rip;
    steps++;
    step_dr6 = read_dr6();
    return true;
}

/* The same for a breakpoint that faults: go on with RF. */
static bool resume(struct regs *regs)
{
    regs->rflags |= 0x10000;
    return step(regs);
}

/* Instructions of which the hypervisor carries out some: after each of them one #DB. */
static void check_single_step(void)
{
    uint64_t first, port = 0x80, eax = 0, ecx = MSR_EFER;

    steps = 0;
    trap_hook(VEC_DB, step);
    write_dr(6, 0xffff0ff0);
    __asm__ volatile("lea 1f(%%rip), %0\n"
                     "pushf\n orq $0x100, (%%rsp)\n popf\n"
                     "1: nop\n outb %%al, %%dx\n rdmsr\n cpuid\n pushf\n andq $~0x100, (%%rsp)\n popf\n"
                     : "=&r"(first), "+d"(port), "+a"(eax), "+c"(ecx)
                     :
                     : "rbx", "memory", "cc");
    check_eq(steps, 7);
    check_eq(step_rip[0], first + 1); /* nop */
    check_eq(step_rip[1], first + 2); /* outb */
    check_eq(step_rip[2], first + 4); /* rdmsr */
    check_eq(step_rip[3], first + 6); /* cpuid */
    check_eq(step_rip[4], first + 7);
    check_eq(step_dr6 & 0x4000, 0x4000);
    trap_hook(VEC_DB, keep_frame);
}

static void check_breakpoints(void)
{
    static volatile uint64_t watched;
    uint64_t at;

    write_dr(6, 0xffff0ff0);
    write_dr(0, (unsigned long)&watched);
    write_dr(7, 0x400 | 1 | 0xd0000); /* local, write, 4 bytes */
    at = TRAP("movl $5, %2", "m"(watched));
    check_eq(seen.vector, VEC_DB);
    check(seen.rip > at);
    check_eq(read_dr6() & 0xf, 1);
    check_eq(watched, 5);
    write_dr(7, 0x400);
    write_dr(6, 0xffff0ff0);
    __asm__ volatile("lea 1f(%%rip), %0; jmp 2f; 1: ret; 2: mov %0, %%dr1" : "=r"(at));
    write_dr(7, 0x400 | 4); /* execution, by DR1 */
    steps = 0;
    trap_hook(VEC_DB, resume);
    __asm__ volatile("call *%0" : : "r"(at) : "memory");
    write_dr(7, 0x400);
    check_eq(steps, 1);
    check_eq(step_rip[0], at);
    check_eq(step_dr6 & 0xf, 2);
}

static volatile unsigned int nmis;

static bool on_nmi(struct regs *regs)
{
    (void)regs;
    nmis++;
    return true;
}

static void check_nmi(void)
{
    trap_hook(VEC_NMI, on_nmi);
    check_eq(hc_vcpu_op(VCPUOP_send_nmi, 0, 0), 0);
    for (unsigned int i = 0; i < 1000 && !nmis; i++)
        cpu_relax();
    check_eq(nmis, 1);
}

/* The kernel's entry, reached from user mode by SYSCALL, says so by INT3; that ends the run of user mode. */
static bool syscall_landed(struct regs *regs)
{
    seen = *regs;
    regs->cs = USER_CS;
    return false;
}

static void check_syscall(void)
{
    uint8_t *page = page_alloc();
    struct regs r = {.rip = AREA + PAGE_SIZE, .rsp = (uint64_t)stacks[0] + STACK_SIZE / 4};
    uint64_t entry;

    memcpy(page, (uint8_t[]){0x0f, 0x05}, 2); /* syscall */
    map_page(AREA + PAGE_SIZE, virt_to_mfn(page), PTE_KRW);
    __asm__("lea 1f(%%rip), %0; jmp 2f; 1: int3; 2:" : "=r"(entry));
    wrmsr(0xc0000081, (uint64_t)(KERNEL_CS | (uint64_t)SELECTOR(GDT_USER_CODE32, 3) << 16) << 32);
    wrmsr(0xc0000082, entry);
    wrmsr(0xc0000084, 0x200);
    trap_hook(VEC_BP, syscall_landed);
    user_run(&r);
    check_eq(seen.vector, VEC_BP);
    check_eq(seen.rip, entry + 1);
    check_eq(seen.cs, KERNEL_CS);
    check_eq(seen.ss, KERNEL_CS + 8);
    check_eq(seen.rcx, AREA + PAGE_SIZE + 2);
    check_eq(seen.r11 & 0x200, 0x200);
    check_eq(seen.rflags & 0x200, 0);
}

void test_main(void)
{
    static const unsigned int vectors[] = {VEC_DE, VEC_DB, VEC_BP, VEC_OF, VEC_UD, VEC_DF,
                                           VEC_NP, VEC_SS, VEC_GP, VEC_PF, 0x80};

    for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_hook(vectors[i], keep_frame);
    check_faults();
    check_page_faults();
    check_double_fault();
    check_single_step();
    check_breakpoints();
    check_nmi();
    for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_hook(vectors[i], NULL);
    check_user();
    check_syscall();
}
