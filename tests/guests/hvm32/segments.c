/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and rights of segments.
 *
 * Data segments that grow up and down, in bytes and in pages, read-only and code: what lies inside is reached, what
 * does not gives #GP(0), by SS #SS(0). The same where nothing is behind the addresses, so that the hypervisor carries
 * out the access; string instructions stop at the element that leaves the segment; INS and OUTS, which exit before
 * anything else is looked at, too. Stacks and code of user mode end where their segments do. Descriptor tables end
 * where LGDT, LLDT and LIDT say. Sources: Intel SDM volume 3, 5.3 to 5.5; AMD APM volume 2, 4.12.
 *
 * TCG 7.2 looks at no limit or right of a segment: there what the CPU itself must check is left out, and what the
 * hypervisor must check remains.
 */
#include "lib/guest.h"

const char test_title[] = "segment limits";

enum { GDT_TEST = GDT_FREE, GDT_STACK, GDT_CODE, GDT_LDT, GDT_BEYOND = GDT_ENTRIES };
#define SEL_TEST SELECTOR(GDT_TEST, 0)

/* Attributes of descriptors. */
enum {
    UP = 0x4093,
    UP_RO = 0x4091,
    DOWN = 0x4097,
    DOWN16 = 0x0097,
    EXECUTE = 0x4099,
    CODE = 0x409b,
    CONFORMING = 0x409f,
    PAGES = 0x8000,
    USER = 0x60,
    LDT = 0x82,
};

#define HOLE    0xa0000u /* a guest frame that is taken away, as are the one before it and the one behind */
#define NO_PORT 0x5000   /* where nobody answers */
#define TRAP_80 0x80

static uint8_t *page;      /* its frame and the next are memory */
static bool cpu_checks;    /* limits */
static bool native = true; /* this round's addresses are memory */

static void segment_set(unsigned int index, uint32_t base, uint32_t limit, uint32_t attributes)
{
    gdt[index] = descriptor(base, limit, attributes);
}

static void load_fs(unsigned int selector) { __asm__ volatile("mov %0, %%fs" : : "r"(selector) : "memory"); }

#define FS_READ(size, reg, offset) \
    __asm__ volatile(EX("mov" size " %%fs:(%1), %" reg "0") : "+q"(value) : "r"(offset) : "memory")
#define FS_WRITE(size, reg, offset) \
    __asm__ volatile(EX("mov" size " %" reg "0, %%fs:(%1)") : : "q"(value), "r"(offset) : "memory")

static struct fault fs_access(uint32_t offset, unsigned int bytes, bool write)
{
    uint32_t value = 0;

    switch (bytes | (write ? 0x100 : 0)) {
    case 0x001: return FAULT_OF(FS_READ("b", "b", offset));
    case 0x002: return FAULT_OF(FS_READ("w", "w", offset));
    case 0x004: return FAULT_OF(FS_READ("l", "", offset));
    case 0x010: return FAULT_OF(__asm__ volatile(EX("movups %%fs:(%0), %%xmm0") : : "r"(offset) : "memory"));
    case 0x101: return FAULT_OF(FS_WRITE("b", "b", offset));
    case 0x102: return FAULT_OF(FS_WRITE("w", "w", offset));
    case 0x104: return FAULT_OF(FS_WRITE("l", "", offset));
    default: test_error("no such access");
    }
}

/* ---- data ---- */

/* A segment, an access to it, and whether it is good. `below` is how far before the memory the segment begins. */
static const struct data_case {
    uint32_t attributes, limit, below, offset;
    uint8_t bytes;
    bool write, good;
} data_cases[] = {
    {UP, 0xfff, 0, 0x000, 1, false, true},
    {UP, 0xfff, 0, 0xfff, 1, false, true},
    {UP, 0xfff, 0, 0x1000, 1, false, false},
    {UP, 0xfff, 0, 0x1000, 1, true, false},
    {UP, 0xfff, 0, 0xffe, 2, true, true},
    {UP, 0xfff, 0, 0xfff, 2, true, false},
    {UP, 0xfff, 0, 0xffc, 4, false, true},
    {UP, 0xfff, 0, 0xffd, 4, false, false},
    {UP, 0xfff, 0, 0xfff, 4, true, false},
    {UP, 0xfff, 0, 0xff0, 16, false, true},
    {UP, 0xfff, 0, 0xff1, 16, false, false},
    {UP, 0xfff, 0, 0xffffffff, 1, false, false},
    {UP, 0xfff, 0, 0x80000000, 4, true, false},
    {UP, 0, 0, 0, 1, true, true},
    {UP, 0, 0, 0, 2, true, false},
    {UP, 0, 0, 1, 1, false, false},
    {UP | PAGES, 0, 0, 0xfff, 1, true, true},
    {UP | PAGES, 0, 0, 0xfff, 2, true, false},
    {UP | PAGES, 0, 0, 0x1000, 4, false, false},
    {DOWN, 0xfff, 0x1000, 0x1000, 4, true, true},
    {DOWN, 0xfff, 0x1000, 0xfff, 1, false, false},
    {DOWN, 0xfff, 0x1000, 0xffe, 4, true, false},
    {DOWN, 0xfff, 0x1000, 0, 1, false, false},
    {DOWN | PAGES, 0, 0x1000, 0x1000, 2, false, true},
    {DOWN | PAGES, 0, 0x1000, 0xfff, 2, false, false},
    {DOWN16, 0xffef, 0xfff0, 0xfff0, 4, false, true},
    {DOWN16, 0xffef, 0xfff0, 0xffff, 1, true, true},
    {DOWN16, 0xffef, 0xfff0, 0xffff, 2, false, false},
    {DOWN16, 0xffef, 0xfff0, 0x10000, 1, true, false},
    {DOWN16, 0xffef, 0xfff0, 0xffef, 1, false, false},
    {UP_RO, 0xfff, 0, 0, 4, false, true},
    {UP_RO, 0xfff, 0, 0, 4, true, false},
    {CODE, 0xfff, 0, 0, 4, false, true},
    {CODE, 0xfff, 0, 0, 4, true, false},
    {CODE, 0xfff, 0, 0xffe, 4, false, false},
    {CONFORMING, 0xfff, 0, 0xfff, 1, false, true},
    {CONFORMING, 0xfff, 0, 0, 1, true, false},
};

static void check_data(uint32_t memory)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(data_cases); i++) {
        const struct data_case *c = &data_cases[i];
        unsigned long before = test_failures();
        struct fault f;

        segment_set(GDT_TEST, memory - c->below, c->limit, c->attributes);
        load_fs(SEL_TEST);
        f = fs_access(c->offset, c->bytes, c->write);
        check_eq(f.vector, c->good ? NO_FAULT : VEC_GP);
        if (!c->good)
            check_eq(f.error, 0);
        if (before != test_failures())
            printk("case %u: segment %x limit %x, %s %u bytes at %x%s\n", i, c->attributes, c->limit,
                   c->write ? "write" : "read", c->bytes, c->offset, native ? "" : ", no memory");
    }
    load_fs(0);
    check_eq(fs_access(memory, 4, false).vector, VEC_GP);
    check_eq(fs_access(memory, 4, true).error, 0);
    load_fs(KERNEL_SS);
}

/* By SS, explicitly and as the default of EBP: the stack lies inside, the address not. */
static void check_stack_segment(uint32_t memory)
{
    uint32_t limit = ((uint32_t)stacks[1] >> PAGE_SHIFT) - 1, value = 0;
    struct fault f;

    segment_set(GDT_TEST, 0, limit, UP | PAGES);
    f = FAULT_OF(__asm__ volatile("mov %1, %%ss\n" EX("mov %%ss:(%3), %0") "mov %2, %%ss"
                                  : "+r"(value)
                                  : "r"(SEL_TEST), "r"(KERNEL_SS), "r"(memory)
                                  : "memory"));
    check_eq(f.vector, VEC_SS);
    check_eq(f.error, 0);
    f = FAULT_OF(
        __asm__ volatile("mov %0, %%ss\n push %%ebp\n mov %2, %%ebp\n" EX("incl 4(%%ebp)") "pop %%ebp\n mov %1, %%ss"
                         :
                         : "r"(SEL_TEST), "r"(KERNEL_SS), "r"(memory)
                         : "memory"));
    check_eq(f.vector, VEC_SS);
    check_eq(f.error, 0);
}

/* ---- string instructions ---- */

/* How far one came. */
static struct {
    struct fault fault;
    uint32_t count, source, destination;
} string;

#define STRING(insn, count_, source_, destination_)                                                                  \
    do {                                                                                                             \
        string.count = (count_);                                                                                     \
        string.source = (uint32_t)(source_);                                                                         \
        string.destination = (uint32_t)(destination_);                                                               \
        string.fault = FAULT_OF(__asm__ volatile("mov %3, %%es\n" EX(insn) "mov %4, %%es"                            \
                                                 : "+c"(string.count), "+S"(string.source), "+D"(string.destination) \
                                                 : "rm"(SEL_TEST), "rm"(KERNEL_SS), "d"(NO_PORT), "a"(0x11111111)    \
                                                 : "memory", "cc"));                                                 \
    } while (0)

static void check_stopped(int vector, uint32_t left, uint32_t source, uint32_t destination)
{
    check_eq(string.fault.vector, vector);
    check_eq(vector == NO_FAULT ? 0 : string.fault.error, 0);
    check_eq(string.count, left);
    check_eq(string.source, source);
    check_eq(string.destination, destination);
}

/* A segment of 8 bytes, which the instruction would leave. */
static void check_strings(uint32_t memory)
{
    uint32_t ram = (uint32_t)page;

    segment_set(GDT_TEST, memory, 7, UP);
    load_fs(SEL_TEST);
    STRING("rep stosb", 8, 0, 0);
    check_stopped(NO_FAULT, 0, 0, 8);
    STRING("rep stosb", 12, 0, 0);
    check_stopped(VEC_GP, 4, 0, 8);
    STRING("rep stosl", 3, 0, 0);
    check_stopped(VEC_GP, 1, 0, 8);
    STRING("rep stosl", 2, 0, 2);
    check_stopped(VEC_GP, 1, 0, 6);
    STRING("std; rep stosb; cld", 4, 0, 7);
    check_stopped(NO_FAULT, 0, 0, 3);
    STRING("rep movsw", 6, ram + 512, 0);
    check_stopped(VEC_GP, 2, ram + 520, 8);
    STRING("repe cmpsb %%es:(%%edi), %%fs:(%%esi)", 12, 0, 0);
    check_stopped(VEC_GP, 4, 8, 8);
    load_fs(KERNEL_SS);
}

/* The exit comes before the look at the operand: that is the hypervisor's. */
static void check_string_io(uint32_t memory)
{
    uint32_t outside = (uint32_t)stacks[1];

    segment_set(GDT_TEST, memory, 7, UP);
    load_fs(SEL_TEST);
    STRING("insb", 1, 0, 7);
    check_stopped(NO_FAULT, 1, 0, 8);
    STRING("insb", 1, 0, 8);
    check_stopped(VEC_GP, 1, 0, 8);
    STRING("insl", 1, 0, 5);
    check_stopped(VEC_GP, 1, 0, 5);
    STRING("rep insb", 12, 0, 0);
    check_stopped(VEC_GP, 4, 0, 8);
    STRING("rep insl", 3, 0, 0);
    check_stopped(VEC_GP, 1, 0, 8);
    STRING("fs outsb", 1, 7, 0);
    check_stopped(NO_FAULT, 1, 8, 0);
    STRING("fs outsw", 1, 7, 0);
    check_stopped(VEC_GP, 1, 7, 0);
    STRING("rep fs outsb", 12, 0, 0);
    check_stopped(VEC_GP, 4, 8, 0);
    segment_set(GDT_TEST, memory, 7, UP_RO);
    STRING("insb", 1, 0, 0);
    check_stopped(VEC_GP, 1, 0, 0);
    load_fs(0);
    STRING("fs outsb", 1, 0, 0);
    check_stopped(VEC_GP, 1, 0, 0);
    load_fs(KERNEL_SS);
    segment_set(GDT_TEST, 0, (outside >> PAGE_SHIFT) - 1, UP | PAGES);
    string.source = outside;
    string.fault = FAULT_OF(__asm__ volatile("mov %1, %%ss\n" EX("ss outsb") "mov %2, %%ss"
                                             : "+S"(string.source)
                                             : "r"(SEL_TEST), "r"(KERNEL_SS), "d"(NO_PORT)
                                             : "memory"));
    check_eq(string.fault.vector, VEC_SS);
    check_eq(string.fault.error, 0);
    check_eq(string.source, outside);
}

/* ---- user mode ---- */

/* Code of user mode at the page's second half, up to four bytes, then INT 0x80; the stack is the first half. */
static struct regs user(const uint8_t *code, unsigned int size, uint32_t code_limit, uint32_t esp)
{
    struct regs r = {.cs = SELECTOR(GDT_CODE, 3), .ss = SELECTOR(GDT_STACK, 3), .rsp = esp, .rbp = esp};
    uint8_t *at = page + 2048;

    memset(at, 0x90, 64);
    memcpy(at, code, size);
    memcpy(at + size, (uint8_t[]){0xcd, TRAP_80}, 2);
    segment_set(GDT_CODE, (uint32_t)at, code_limit, CODE | USER);
    user_run(&r);
    return r;
}

static const struct {
    uint32_t attributes, limit, esp;
    uint8_t code[4];
    uint8_t size;
    bool good;
} stack_cases[] = {
    {UP, 0x3f, 0x40, {0x50}, 1, true},                    /* push %eax */
    {UP, 0x3f, 0x44, {0x50}, 1, false},                   /* wholly outside */
    {UP, 0x3f, 0x41, {0x50}, 1, false},                   /* its last byte */
    {UP, 0x3f, 0x41, {0x66, 0x50}, 2, false},             /* push %ax */
    {UP, 0x3f, 0x3c, {0x58}, 1, true},                    /* pop %eax */
    {UP, 0x3f, 0x3d, {0x58}, 1, false},                   /* */
    {UP, 0x3f, 2, {0x50}, 1, false},                      /* below 0 */
    {UP, 0x3f, 0x41, {0xff, 0xd0}, 2, false},             /* call *%eax */
    {UP, 0x3f, 0x3e, {0xc3}, 1, false},                   /* ret */
    {UP, 0x3f, 0x3e, {0xc9}, 1, false},                   /* leave */
    {UP, 0x3f, 0x10, {0x60}, 1, false},                   /* pusha */
    {UP, 0x3f, 0x3c, {0x8b, 0x45, 0x00}, 3, true},        /* mov (%ebp), %eax */
    {UP, 0x3f, 0x3c, {0x8b, 0x45, 0x01}, 3, false},       /* */
    {UP, 0x3f, 0x3c, {0xff, 0x74, 0x24, 0x04}, 4, false}, /* push 4(%esp) */
    {DOWN, 0x3f, 0x44, {0x50}, 1, true},                  /* */
    {DOWN, 0x3f, 0x43, {0x50}, 1, false},                 /* */
    {DOWN, 0x3f, 0x3f, {0x58}, 1, false},                 /* */
    {UP & ~0x4000, 0xffff, 2, {0x50}, 1, false},          /* SP wraps, the word crosses the end */
};

static void check_user_stack(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(stack_cases); i++) {
        unsigned long before = test_failures();
        struct regs r;

        segment_set(GDT_STACK, (uint32_t)page, stack_cases[i].limit, stack_cases[i].attributes | USER);
        r = user(stack_cases[i].code, stack_cases[i].size, 0x7ff, stack_cases[i].esp);
        check_eq(r.vector, stack_cases[i].good ? TRAP_80 : VEC_SS);
        check_eq(r.error, 0);
        if (!stack_cases[i].good) {
            check_eq(r.rip, 0);
            check_eq((uint16_t)r.rsp, stack_cases[i].esp); /* IRET loads no more of it for a 16-bit stack */
        }
        if (before != test_failures())
            printk("stack case %u: vector %u\n", i, r.vector);
    }
}

static const struct {
    uint8_t code[4];
    uint8_t size, limit, rip;
    bool good;
} code_cases[] = {
    {{0x90}, 1, 2, 3, true},              /* nop, int $0x80 */
    {{0x90}, 1, 1, 1, false},             /* half of the INT */
    {{0x90}, 1, 0, 1, false},             /* nothing behind the NOP */
    {{0x66, 0x05, 1, 2}, 4, 2, 0, false}, /* add $513, %ax without its end */
    {{0xeb, 0x10}, 2, 8, 0, false},       /* jmp: the jump faults, not what it leads to */
    {{0xff, 0xe4}, 2, 0x10, 0, false},    /* jmp *%esp */
    {{0xff, 0xd4}, 2, 0x10, 0, false},    /* call *%esp */
};

static void check_user_code(void)
{
    segment_set(GDT_STACK, (uint32_t)page, 0x3ff, UP | USER);
    for (unsigned int i = 0; i < ARRAY_SIZE(code_cases); i++) {
        unsigned long before = test_failures();
        struct regs r;

        r = user(code_cases[i].code, code_cases[i].size, code_cases[i].limit, 0x100);
        check_eq(r.vector, code_cases[i].good ? TRAP_80 : VEC_GP);
        check_eq(r.error, 0);
        check_eq(r.rip, code_cases[i].rip);
        check_eq(r.rsp, 0x100);
        if (before != test_failures())
            printk("code case %u: vector %u\n", i, r.vector);
    }
}

/* ---- descriptor tables ---- */

static uint32_t lsl(unsigned int selector)
{
    uint32_t limit = 0xdead;

    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "memory", "cc");
    return limit;
}

static struct fault fs_fault(unsigned int selector)
{
    return FAULT_OF(__asm__ volatile(EX("mov %0, %%fs") : : "r"(selector) : "memory"));
}

#define TABLE_FAULT(insn, selector) FAULT_OF(__asm__ volatile(EX(insn " %w0") : : "r"(selector) : "memory"))

static void check_selector_fault(struct fault f, uint32_t selector)
{
    check_eq(f.vector, VEC_GP);
    check_eq(f.error, selector & ~3u);
}

static void check_tables(void)
{
    static uint64_t ldt[2];
    struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } idtr, gdtr, shorter;

    segment_set(GDT_LDT, (uint32_t)ldt, 7, LDT);
    ldt[0] = ldt[1] = descriptor(0, 0x12345, UP | PAGES);
    check_selector_fault(TABLE_FAULT("lldt", SELECTOR(GDT_BEYOND, 0)), SELECTOR(GDT_BEYOND, 0));
    check_selector_fault(TABLE_FAULT("ltr", SELECTOR(GDT_BEYOND, 0)), SELECTOR(GDT_BEYOND, 0));
    check_selector_fault(TABLE_FAULT("ltr", SELECTOR(GDT_TSS, 0)), SELECTOR(GDT_TSS, 0)); /* busy */
    check_selector_fault(fs_fault(SELECTOR(GDT_BEYOND, 0)), SELECTOR(GDT_BEYOND, 0));
    check_selector_fault(fs_fault(4), 4); /* no table at all */
    check_eq(TABLE_FAULT("lldt", SELECTOR(GDT_LDT, 0)).vector, NO_FAULT);
    check_eq(fs_fault(4).vector, NO_FAULT);
    check_selector_fault(fs_fault(12), 12);
    check_eq(lsl(4), 0x12345fff);
    check_eq(lsl(12), 0xdead);
    segment_set(GDT_TEST, 0, 0x54321, UP);
    check_eq(lsl(SEL_TEST), 0x54321);
    check_eq(lsl(SELECTOR(GDT_LDT, 0)), 7);
    check_eq(lsl(SELECTOR(GDT_BEYOND, 0)), 0xdead);
    __asm__ volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
    shorter = gdtr;
    shorter.limit = SELECTOR(GDT_TEST, 0) + 6; /* its last byte is missing */
    __asm__ volatile("lgdt %0" : : "m"(shorter));
    check_selector_fault(fs_fault(SEL_TEST), SEL_TEST);
    __asm__ volatile("lgdt %0" : : "m"(gdtr));
    shorter = idtr;
    shorter.limit = TRAP_80 * 8 + 6;
    __asm__ volatile("lidt %0" : : "m"(shorter));
    last_fault = FAULT_OF(__asm__ volatile(EX("int $0x80") : : : "memory"));
    __asm__ volatile("lidt %0" : : "m"(idtr));
    check_eq(last_fault.vector, VEC_GP);
    check_eq(last_fault.error, TRAP_80 * 8 + 2);
    check_eq(TABLE_FAULT("lldt", 0).vector, NO_FAULT);
    load_fs(KERNEL_SS);
}

void test_main(void)
{
    page = page_alloc();
    for (int i = -1; i <= 1; i++)
        check_eq(physmap_remove((HOLE >> PAGE_SHIFT) + i), 0);
    segment_set(GDT_TEST, (uint32_t)page, 0, UP);
    load_fs(SEL_TEST);
    cpu_checks = fs_access(1, 1, false).vector == VEC_GP;
    load_fs(KERNEL_SS);
    check_tables();
    check_string_io((uint32_t)page);
    if (cpu_checks) {
        check_data((uint32_t)page);
        check_stack_segment((uint32_t)stacks[1]);
        check_strings((uint32_t)page);
        check_user_stack();
        check_user_code();
    } else {
        printk("This CPU looks at no limits: only what the hypervisor checks is tested\n");
    }
    native = false;
    check_data(HOLE);
    check_stack_segment(LAPIC_BASE);
    check_strings(HOLE);
    check_string_io(HOLE);
}
