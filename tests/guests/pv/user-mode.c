/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest user mode: the switch to it and back by every way there is.
 *
 * iret to user mode, system calls by SYSCALL and int 0x80, faults of user code with the user bit
 * set, kernel pages out of reach, the kernel stack of stack_switch, registers kept, single steps,
 * an interrupted user mode, hypercalls from user mode refused, the event callback out of user mode.
 * Other vectors of int $n are left out: TCG 7.2's error code leads Xen to the wrong one.
 */
#include "lib/guest.h"

const char test_title[] = "guest user mode";

#define CODE  0x400000ul
#define DATA  0x401000ul
#define STACK 0x402000ul

static uint8_t *code_page, *stack_page;
static struct regs r;

/* Put bytes at the user's code page and run them. */
static void run(const void *bytes, size_t n)
{
    memset(code_page, 0xcc, PAGE_SIZE);
    memcpy(code_page, bytes, n);
    memset(&r, 0, sizeof(r));
    r.rip = CODE;
    r.rsp = STACK + PAGE_SIZE;
    r.rax = 0xa1;
    r.rbx = 0xb1;
    r.rbp = 0xb2;
    r.rsi = 0x51;
    r.rdi = 0xd1;
    r.r8 = 8;
    r.r9 = 9;
    r.r10 = 10;
    r.r12 = 12;
    r.r13 = 13;
    r.r14 = 14;
    r.r15 = 15;
    user_run(&r);
}

#define RUN(...)                                       \
    do {                                               \
        static const uint8_t bytes_[] = {__VA_ARGS__}; \
        run(bytes_, sizeof(bytes_));                   \
    } while (0)

static void check_registers(void)
{
    check_eq(r.rbx, 0xb1);
    check_eq(r.rbp, 0xb2);
    check_eq(r.rsi, 0x51);
    check_eq(r.rdi, 0xd1);
    check(r.r8 == 8 && r.r9 == 9 && r.r10 == 10);
    check(r.r12 == 12 && r.r13 == 13 && r.r14 == 14 && r.r15 == 15);
    check_eq(r.rsp, STACK + PAGE_SIZE);
}

static void check_state(uint64_t vector, uint64_t error, uint64_t offset)
{
    check_eq(r.vector, vector);
    check_eq(r.error, error);
    check_eq(r.rip, CODE + offset);
    check_eq(r.cs & 0xffff, FLAT_USER_CS);
    check_eq(r.ss & 0xffff, FLAT_USER_SS);
    check(r.rflags & 0x200);
    check_registers();
}

static void check_calls(void)
{
    RUN(0x0f, 0x05); /* syscall */
    check_eq(r.vector, VEC_SYSCALL);
    check_eq(r.rip, CODE + 2);
    check_eq(r.rcx, CODE + 2);
    check_eq(r.r11 & 0x202, 0x202);
    check_eq(r.rax, 0xa1);
    check_eq(r.cs & 3, 3);
    check_eq(r.rflags & 0x202, 0x202);
    check_registers();
    RUN(0xcd, 0x80); /* int 0x80 */
    check_state(0x80, 0, 2);
    check_eq(r.rax, 0xa1);
    RUN(0xcc); /* int3 */
    check_state(VEC_BP, 0, 1);
}

static void check_faults(void)
{
    RUN(0x0f, 0x0b); /* ud2 */
    check_state(VEC_UD, 0, 0);
    RUN(0x31, 0xd2, 0xf7, 0xf2); /* xor edx, edx; div edx */
    check_state(VEC_DE, 0, 2);
    RUN(0xf4); /* hlt */
    check_state(VEC_GP, 0, 0);
    RUN(0xfa); /* cli */
    check_state(VEC_GP, 0, 0);
    RUN(0x0f, 0x01, 0xc1); /* vmcall */
    check_state(VEC_UD, 0, 0);
    RUN(0xe6, 0x80); /* out 0x80 */
    check_state(VEC_GP, 0, 0);
    RUN(0x0f, 0x32); /* rdmsr */
    check_state(VEC_GP, 0, 0);
    RUN(0x0f, 0x20, 0xc0); /* mov rax, cr0 */
    check_state(VEC_GP, 0, 0);
}

static void check_page_faults(void)
{
    RUN(0x48, 0xa1, 0, 0, 0, 0, 0, 0x10, 0, 0); /* movabs rax, [0x100000000000] */
    check_state(VEC_PF, 4, 0);
    check_eq(vcpu_info()->arch.cr2, 0x100000000000);
    /* the kernel's own pages: nothing there in the user's tables */
    RUN(0x48, 0xa1, 0, 0, 0x10, 0x80, 0xff, 0xff, 0xff, 0xff);
    check_state(VEC_PF, 4, 0);
    RUN(0x48, 0xc7, 0x04, 0x25, 0, 0x10, 0x40, 0, 1, 0, 0, 0); /* mov qword [DATA], 1: read-only */
    check_state(VEC_PF, 7, 0);
    check_eq(vcpu_info()->arch.cr2, DATA);
    /* the hypervisor's pages, and what is not canonical */
    RUN(0x48, 0xa1, 0, 0, 0, 0, 0, 0x83, 0xff, 0xff);
    check_eq(r.vector, VEC_PF);
    RUN(0x48, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0x80);
    check_state(VEC_GP, 0, 0);
}

static void check_step(void)
{
    static const uint8_t nops[] = {0x90, 0x90};

    memcpy(code_page, nops, 2);
    memset(&r, 0, sizeof(r));
    r.rip = CODE;
    r.rsp = STACK + PAGE_SIZE;
    r.rflags = 0x302;
    user_run(&r);
    check_eq(r.vector, VEC_DB);
    check_eq(r.rip, CODE + 1);
    check(r.rflags & 0x100);
}

/* A hypercall number in rax is nothing but a system call of the user's. */
static void check_hypercall(void)
{
    RUN(0xb8, 17, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05); /* mov eax, xen_version; xor edi, edi; syscall */
    check_eq(r.vector, VEC_SYSCALL);
    check_eq(r.rax, 17);
}

static void check_event(void)
{
    evtchn_port_t port;

    check_eq(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    check_eq(event_unmask(port), 0);
    port_clear(port);
    vcpu_info()->evtchn_pending_sel = 0;
    vcpu_info()->evtchn_upcall_pending = 0;
    check_eq(hc_set_timer(now() + 3000000), 0);
    RUN(0xeb, 0xfe); /* jmp self */
    check_eq(r.vector, VEC_EVENT);
    check_eq(r.rip, CODE);
    check_registers();
    check(port_pending(port));
    check_eq(event_close(port), 0);
}

static void check_sysenter(void)
{
    struct callback_register cb = {.type = CALLBACKTYPE_sysenter, .address = (unsigned long)sysenter_callback};
    long rc = hc_callback_op(CALLBACKOP_register, &cb);

    check(rc == 0 || rc == -XEN_ENOSYS);
    printk("sysenter callback: %ld\n", rc);
}

void test_main(void)
{
    code_page = page_alloc();
    stack_page = page_alloc();
    map_page(CODE, virt_to_mfn(code_page), PTE_KRO);
    map_page(DATA, virt_to_mfn(page_alloc()), PTE_KRO);
    map_page(STACK, virt_to_mfn(stack_page), PTE_KRW);
    user_l4_install();
    check_calls();
    check_faults();
    check_page_faults();
    check_step();
    check_hypercall();
    check_event();
    check_sysenter();
}
