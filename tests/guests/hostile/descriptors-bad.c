/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad descriptors, bad tables, bad addresses for the CPU to go to.
 *
 * Descriptors of all kinds are offered to the GDT and the LDT: nothing may load that gives ring 0,
 * a gate or a task; callbacks, trap entries, stacks and vCPU contexts that point at the hypervisor
 * or at nothing make the guest's own trap fail: the guest dies, and nobody else.
 */
#include "lib/guest.h"

const char test_title[] = "bad descriptors and entry points";

#define HYPERVISOR_TEXT 0xffff82d040200000ul

/* Load every selector in every data segment register; what loads is a data segment for ring 3. */
static void load_all(unsigned int table_bit)
{
    for (unsigned int i = 0; i < 8192; i += i < 600 ? 1 : 7) {
        unsigned int selector = i << 3 | table_bit | 3;

        (void)FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%fs") : : "r"(selector)));
        (void)FAULT_VECTOR(__asm__ volatile(EX("lar %0, %%eax") : : "r"(selector) : "rax", "cc"));
    }
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
}

/* No entry of the table, as it stands after the calls, may be used to gain a privilege. */
static void check_table(const uint64_t *table)
{
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t d = table[i];
        bool present = d >> 47 & 1, segment = d >> 44 & 1;
        unsigned int dpl = d >> 45 & 3, type = d >> 40 & 15;

        if (!present)
            continue;
        if (segment)
            check_eq(dpl, 3);
        else
            check(type == 0 || (type == 12 && dpl == 0));
    }
}

static void all_kinds(uint64_t *table, uint64_t ma)
{
    uint64_t seed = 12345;

    for (unsigned int access = 0; access < 256; access++) {
        hc_update_descriptor(ma + access * 8, 0x00cf00000000ffffull | (uint64_t)access << 40);
        hc_update_descriptor(ma + (access + 256) * 8, 0x00af00000000ffffull | (uint64_t)access << 40);
    }
    check_table(table);
    for (unsigned int i = 0; i < 4000; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        hc_update_descriptor(ma + (i & 511) * 8, seed ^ seed >> 29);
    }
    check_table(table);
}

static void in_gdt(void)
{
    uint64_t *gdt = page_alloc();
    unsigned long frame = virt_to_mfn(gdt);

    page_make_ro(gdt);
    check_eq(hc_set_gdt(&frame, 512), 0);
    all_kinds(gdt, frame << PAGE_SHIFT);
    load_all(0);
}

static void in_ldt(void)
{
    uint64_t *ldt = page_alloc();
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)ldt, .arg2.nr_ents = 512};

    page_make_ro(ldt);
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    all_kinds(ldt, virt_to_mfn(ldt) << PAGE_SHIFT);
    load_all(4);
}

/* Pages full of a bad descriptor become no descriptor page. */
static void bad_pages(void)
{
    static const uint64_t bad[] = {
        0x0000890000000067ull, 0x00008b0000000067ull, 0x0000e90000000067ull, 0x00008e0000080000ull,
        0x00008f0000080000ull, 0x0000820000000fffull, 0x0000850000080000ull, 0x0000ee0000080000ull,
    };
    static const unsigned long nowhere[16] = {0x1234567890, 0x1234567890};
    uint64_t *page = page_alloc();
    unsigned long frame = virt_to_mfn(page);

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        page[i * 60 + 3] = bad[i];
        page_make_ro(page);
        check_eq(hc_set_gdt(&frame, 512), -XEN_EINVAL);
        page_make_rw(page);
        page[i * 60 + 3] = 0;
    }
    for (unsigned int i = 1; i < 18; i++)
        check_eq(hc_set_gdt(nowhere, i * 512), -XEN_EINVAL);
}

/* An LDT that lies in the hypervisor, in user space, in nothing. */
static void ldt_places(void)
{
    static const uint64_t places[] = {HYPERVISOR_VIRT_START, HYPERVISOR_TEXT, 0xffff880000000000ul - PAGE_SIZE,
                                      0x600000000000ul, 0xfffffffffffff000ul};

    for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
        struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = places[i], .arg2.nr_ents = 8192};
        long rc = hc_mmuext_op(&op, 1, NULL, DOMID_SELF);

        check(rc == 0 || rc == -XEN_EINVAL);
        if (rc == 0)
            for (unsigned int at = 0; at < 8192; at += 500)
                check(FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%fs") : : "r"(at << 3 | 7))) != NO_FAULT);
    }
}

/* The reserved part of the GDT, which is the hypervisor's, from ring 3. */
static void reserved_selectors(void)
{
    for (unsigned int i = 0xe000 >> 3; i < 0x10000 >> 3; i++) {
        uint64_t access = 0;
        unsigned int selector = i << 3 | 3;
        bool found = false;

        __asm__ volatile("lar %2, %0; setz %1" : "+r"(access), "+r"(found) : "r"((uint64_t)selector) : "cc");
        if (found)
            check_eq(access >> 13 & 3, 3);
    }
}

static void vector_to(unsigned int vector, uint64_t address)
{
    struct trap_info t[2] = {{.vector = (uint8_t)vector, .flags = 3, .cs = KERNEL_CS, .address = address}};

    check_eq(hc_set_trap_table(t), 0);
}

/* Trap handlers that cannot be reached: each dies of a fault in a fault. */
static void handler_in_hypervisor(void)
{
    for (unsigned int v = 0; v < 32; v++)
        if (v != 2)
            vector_to(v, HYPERVISOR_TEXT);
    __asm__ volatile("ud2");
}

static void handler_not_mapped(void)
{
    for (unsigned int v = 0; v < 32; v++)
        if (v != 2)
            vector_to(v, 0x700000000000);
    __asm__ volatile("ud2");
}

static void no_handlers(void)
{
    check_eq(hc_set_trap_table(0), 0);
    __asm__ volatile("ud2");
}

static void page_fault_loop(void)
{
    vector_to(VEC_PF, 0x700000000000);
    *(volatile uint64_t *)0x1000 = 1;
}

static void stack_in_hypervisor(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(HYPERVISOR_TEXT)); }

static void stack_at_the_edge(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(HYPERVISOR_VIRT_END + 24)); }

static void stack_not_canonical(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(0x800000000000ul)); }

static void stack_wraps(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(24ul)); }

static void stack_not_mapped(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(0x700000000000ul)); }

static void stack_read_only(void) { __asm__ volatile("mov %0, %%rsp; ud2" : : "r"((uint64_t)kernel_l4 + PAGE_SIZE)); }

/* A user-mode trap onto such a kernel stack. */
static void kernel_stack_in_hypervisor(void)
{
    struct regs r = {.rip = 0x400000, .rsp = 0x402000};

    map_page(0x400000, virt_to_mfn(page_alloc()), PTE_KRO);
    user_l4_install();
    check_eq(hc_stack_switch(KERNEL_SS, HYPERVISOR_TEXT), 0);
    user_run(&r);
}

static void user_without_tables(void)
{
    struct regs r = {.rip = 0x400000, .rsp = 0x402000};

    user_run(&r);
}

static void event_into_hypervisor(void)
{
    struct callback_register cb = {.type = CALLBACKTYPE_event, .address = HYPERVISOR_TEXT};
    evtchn_port_t port;

    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
    vector_to(VEC_PF, 0x700000000000);
    vector_to(VEC_GP, 0x700000000000);
    event_bind_virq(VIRQ_TIMER, 0, &port);
    event_unmask(port);
    hc_set_timer(now() + 1000000);
    events_on();
    for (;;)
        cpu_relax();
}

static uint64_t expected_rip;

static bool end_here(struct regs *regs)
{
    check_eq(regs->rip, expected_rip);
    check_eq(regs->cs & 3, 0);
    test_done();
}

/* The way ends in this trap of the guest's own kernel, at this place; that is the end of the case. */
static void expect_end(unsigned int vector, uint64_t rip)
{
    expected_rip = rip;
    trap_hook(vector, end_here);
}

/* iret frames that ask for privilege: what comes of them is ring 3, or a fault of the guest. */
static void iret_frame(uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp, uint64_t ss)
{
    __asm__ volatile("push %4; push %3; push %2; push %1; push %0; push $0; jmp hypercall_page + 23 * 32"
                     :
                     : "r"(rip), "r"(cs), "r"(rflags), "r"(rsp), "r"(ss)
                     : "memory");
}

/* Return from the hypercall to this function's own code with the given selectors and flags. */
static int try_iret(uint64_t cs, uint64_t rflags, uint64_t ss, uint64_t *flags_after, uint64_t *cs_after)
{
    uint64_t flags = 0, code = 0;
    int vector = FAULT_VECTOR(__asm__ volatile("mov %%rsp, %%r12\n"
                                               "push %[ss]; push %%r12; push %[flags]; push %[cs]\n"
                                               "lea 5f(%%rip), %%r13; push %%r13; push $0\n"
                                               "jmp hypercall_page + 23 * 32\n"
                                               "5: 1: nop\n"
                                               "2: mov %%r12, %%rsp\n"
                                               "pushf; pop %[after]; mov %%cs, %[code]\n"
                                               "pushf; andq $~0x4500, (%%rsp); popf\n"
                                               ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection\n"
                                               : [after] "=&r"(flags), [code] "=&r"(code)
                                               : [ss] "r"(ss), [flags] "r"(rflags), [cs] "r"(cs)
                                               : "r12", "r13", "rcx", "r11", "rax", "memory", "cc"));

    *flags_after = flags;
    *cs_after = code;
    return vector;
}

static void iret_privileges(void)
{
    static const uint64_t flags[] = {0x3000, 0x20000, 0x100000, 0x80000, 0x3d5000, 0x8000, 0xffffffff00000000ul};
    uint64_t after, code;

    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        check_eq(try_iret(KERNEL_CS & ~3ul, 0x2 | flags[i], KERNEL_SS, &after, &code), NO_FAULT);
        check_eq(after & 0x1a3000, 0); /* IOPL, VM, VIF, VIP */
        check_eq(code & 3, 3);
    }
    for (unsigned int rpl = 0; rpl < 3; rpl++) {
        try_iret((KERNEL_CS & ~3ul) | rpl, 2, KERNEL_SS & ~3ul, &after, &code);
        check_eq(code & 3, 3);
        check_eq(after & 0x3000, 0);
    }
}

static void iret_to_hypervisor(void)
{
    expect_end(VEC_PF, HYPERVISOR_TEXT);
    iret_frame(HYPERVISOR_TEXT, KERNEL_CS & ~3ul, 2, (uint64_t)stacks[0] + 20000, KERNEL_SS);
}

static void iret_not_canonical(void)
{
    expect_end(VEC_GP, 0x800000000000);
    iret_frame(0x800000000000, KERNEL_CS & ~3ul, 2, (uint64_t)stacks[0] + 20000, KERNEL_SS);
}

static void iret_bad_stack(void)
{
    __asm__ volatile("mov %0, %%rsp; jmp hypercall_page + 23 * 32" : : "r"(0x700000000000ul));
}

static void iret_stack_in_hypervisor(void)
{
    __asm__ volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r"(HYPERVISOR_TEXT));
}

static void iret_bad_cs(void)
{
    expect_end(VEC_GP, (uint64_t)stacks);
    iret_frame((uint64_t)stacks, 0xe008, 2, (uint64_t)stacks[0] + 20000, KERNEL_SS);
}

/* SYSRET to a rip that is not canonical: on Intel's CPUs a fault in ring 0, if it were let come to
 * it. */
static void sysret_not_canonical(void)
{
    __asm__ volatile("push %4; push %3; push %2; push %1; push %0; push $0x100; jmp hypercall_page + 23 * 32"
                     :
                     : "r"(0x800000000000ul), "r"((uint64_t)FLAT_USER_CS), "r"(0x202ul), "r"(0x402000ul),
                       "r"((uint64_t)FLAT_USER_SS)
                     : "memory");
}

/* The last bytes of the lower half: a SYSCALL there returns to what is not canonical. */
static void syscall_at_the_edge(void)
{
    uint8_t *page = page_alloc();

    page[4094] = 0x0f;
    page[4095] = 0x05;
    expect_end(VEC_GP, 0x800000000000);
    map_page(0x7ffffffff000, virt_to_mfn(page), PTE_KRO);
    __asm__ volatile("mov $17, %%eax; xor %%edi, %%edi; jmp *%0" : : "r"(0x7ffffffffffeul) : "rax", "rdi");
}

void test_main(void)
{
    static const struct test_case cases[] = {
        {"descriptors in the GDT", in_gdt, false},
        {"descriptors in the LDT", in_ldt, false},
        {"pages of bad descriptors", bad_pages, false},
        {"places of an LDT", ldt_places, false},
        {"the hypervisor's selectors", reserved_selectors, false},
        {"iret asking for privilege", iret_privileges, false},
        {"trap handlers in the hypervisor", handler_in_hypervisor, true},
        {"trap handlers not mapped", handler_not_mapped, true},
        {"no trap handlers", no_handlers, true},
        {"page faults without end", page_fault_loop, true},
        {"stack in the hypervisor", stack_in_hypervisor, true},
        {"stack at the hypervisor's edge", stack_at_the_edge, true},
        {"stack not canonical", stack_not_canonical, true},
        {"stack that wraps", stack_wraps, true},
        {"stack not mapped", stack_not_mapped, true},
        {"stack read-only", stack_read_only, true},
        {"kernel stack in the hypervisor", kernel_stack_in_hypervisor, true},
        {"user mode without tables", user_without_tables, true},
        {"event callback in the hypervisor", event_into_hypervisor, true},
        {"iret into the hypervisor", iret_to_hypervisor, false},
        {"iret to what is not canonical", iret_not_canonical, false},
        {"iret from a stack not mapped", iret_bad_stack, true},
        {"iret from the hypervisor's stack", iret_stack_in_hypervisor, true},
        {"iret to a bad code segment", iret_bad_cs, false},
        {"sysret to what is not canonical", sysret_not_canonical, true},
        {"syscall at the edge", syscall_at_the_edge, false},
    };

    cases_run(cases, ARRAY_SIZE(cases));
}
