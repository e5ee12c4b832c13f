/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real mode and what comes close to it.
 *
 * 16-bit code below 1 MB, reached through a 16-bit protected segment: interrupts by the table at 0, a divide error,
 * instructions that exit (CPUID, ports, MSRs, control registers, HLT ended by the APIC's timer), memory with and
 * without a frame behind it by segment and offset, string instructions over it, a segment with its limit raised to
 * 4 GB; a hypercall. Virtual-8086 mode: its traps arrive in the monitor, also that of an IN, and
 * its segments end.
 */
#include "lib/guest.h"

const char test_title[] = "real mode";

#define CODE    0x8000u
#define RESULT  0x9000u
#define NOWHERE 0xa0u /* a guest frame that is taken away: 0xa0000 */

enum { GDT_CODE16 = GDT_FREE, GDT_DATA16 };

struct result {
    uint32_t esp, vendor[3], hypercall, apic_id, efer, cr0;
    uint16_t port, hole, wrapped, count, divides, ticks;
    uint16_t copied[8];
};

extern char real_begin[], real_hypercall[], real_int[], real_divide[], real_timer[], real_end[];
void real_run(void);

/* Everything up to real_end is copied to CODE and runs there; the C side calls real_run(). */
__asm__(".pushsection .text\n"
        ".set R, 0x9000\n"
        "real_run:\n"
        "    pushal\n"
        "    mov %esp, R\n"
        "    lidt 3f\n"
        "    ljmp $0x80, $0x8000\n" /* GDT_CODE16 */
        "3:  .word 0x3ff\n"
        "    .long 0\n"
        ".code16\n"
        "real_begin:\n"
        "    mov $0x88, %ax\n" /* GDT_DATA16 */
        "    mov %ax, %ds\n mov %ax, %es\n mov %ax, %ss\n mov %ax, %gs\n"
        "    mov $0x18, %ax\n" /* 4 GB, kept */
        "    mov %ax, %fs\n"
        "    mov %cr0, %eax\n and $~1, %al\n mov %eax, %cr0\n"
        "    ljmp $0, $(0x8000 + 1f - real_begin)\n"
        "1:  xor %ax, %ax\n mov %ax, %ds\n mov %ax, %es\n mov %ax, %ss\n mov %ax, %fs\n"
        "    mov $0x7ff0, %sp\n"
        "    int $0x30\n"
        "    int $0x30\n"
        "    xor %eax, %eax\n cpuid\n"
        "    mov %ebx, R + 4\n mov %edx, R + 8\n mov %ecx, R + 12\n"
        "    mov $17, %eax\n xor %ebx, %ebx\n"
        "real_hypercall: .byte 0x0f, 0x01, 0xd9\n" /* vmmcall */
        "    mov %eax, R + 16\n"
        "    mov %fs:0xfee00020, %eax\n mov %eax, R + 20\n"
        "    mov $0xc0000080, %ecx\n rdmsr\n mov %eax, R + 24\n"
        "    mov %cr0, %eax\n mov %eax, R + 28\n"
        "    mov $0x5000, %dx\n in %dx, %ax\n mov %ax, R + 32\n out %al, $0x80\n"
        "    mov $0xa000, %ax\n mov %ax, %es\n"
        "    mov %es:0x10, %ax\n mov %ax, R + 34\n"
        "    movw $0x1234, %es:0x10\n"
        "    mov $0x20, %si\n mov $R + 44, %di\n mov $8, %cx\n"
        "    mov %es, %ax\n mov %ax, %ds\n xor %ax, %ax\n mov %ax, %es\n"
        "    rep movsw\n"
        "    mov %ax, %ds\n"
        "    mov $0xffff, %ax\n mov %ax, %es\n" /* 0xffff:0x10 is 1 MB */
        "    mov %es:0x10, %ax\n mov %ax, R + 36\n"
        "    xor %dx, %dx\n xor %cx, %cx\n mov $1, %ax\n div %cx\n" /* two bytes */
        "    sti\n"
        "2:  hlt\n"
        "    cmpw $0, R + 42\n je 2b\n"
        "    cli\n"
        "    mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n"
        "    ljmpl $8, $real_back\n"
        "real_int:\n"
        "    incw R + 38\n iret\n"
        "real_divide:\n"
        "    incw R + 40\n push %bp\n mov %sp, %bp\n addw $2, 2(%bp)\n pop %bp\n iret\n"
        "real_timer:\n"
        "    incw R + 42\n movl $0, %fs:0xfee000b0\n iret\n"
        "real_end:\n"
        ".code32\n"
        "real_back:\n"
        "    mov $0x18, %eax\n"
        "    mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n mov %eax, %ss\n"
        "    mov R, %esp\n"
        "    popal\n"
        "    ret\n"
        ".popsection\n");

static void ivt_set(unsigned int vector, const char *handler)
{
    volatile uint32_t *entry = (volatile uint32_t *)pfn_to_virt(0) + vector;

    __asm__ volatile("" : "+r"(entry)); /* address 0 is a good one here */
    *entry = CODE + (uint32_t)(handler - real_begin);
}

static void check_real(void)
{
    volatile struct result *r = (struct result *)RESULT;
    struct cpuid c = cpuid(0, 0);

    memcpy((void *)CODE, real_begin, (size_t)(real_end - real_begin));
    if (c.ecx == 0x6c65746e) /* "ntel": VMCALL there */
        *((uint8_t *)CODE + (real_hypercall - real_begin) + 2) = 0xc1;
    memset((void *)RESULT, 0x55, sizeof(*r));
    r->count = r->divides = r->ticks = 0;
    gdt[GDT_CODE16] = descriptor(0, 0xffff, 0x9b);
    gdt[GDT_DATA16] = descriptor(0, 0xffff, 0x93);
    ivt_set(0x30, real_int);
    ivt_set(0, real_divide);
    ivt_set(0x41, real_timer);
    check_eq(physmap_remove(NOWHERE), 0);
    *(volatile uint16_t *)0x100000 = 0xbeef;
    lapic_enable();
    lapic_write(LAPIC_TDCR, 0xb);
    lapic_write(LAPIC_LVTT, 0x41);
    lapic_write(LAPIC_TMICT, 500000);
    real_run();
    trap_load(0);
    check_eq(r->count, 2);
    check(r->vendor[0] == c.ebx && r->vendor[1] == c.edx && r->vendor[2] == c.ecx);
    check_eq(r->hypercall, 4 << 16 | 17);
    check_eq(r->apic_id, 0);
    check_eq(r->efer & EFER_LMA, 0);
    check_eq(r->cr0 & (CR0_PE | CR0_PG), 0);
    check_eq(r->port, 0xffff);
    check_eq(r->hole, 0xffff);
    for (unsigned int i = 0; i < 8; i++)
        check_eq(r->copied[i], 0xffff);
    check_eq(r->wrapped, 0xbeef); /* A20 is on */
    check_eq(r->divides, 1);
    check(r->ticks >= 1);
}

/* Code in virtual-8086 mode runs until it traps; eip, or the vector, tells why. */
static uint32_t v86_trap[4]; /* vector, error, eip, flags */
uint32_t v86_esp;
void v86_run(uint32_t ip, uint32_t iopl);
void v86_back(void) __attribute__((noreturn));

__asm__(".pushsection .text\n"
        "v86_run:\n"
        "    mov 4(%esp), %ecx\n mov 8(%esp), %edx\n"
        "    pushal\n"
        "    mov %esp, v86_esp\n"
        "    or $0x20002, %edx\n"                     /* VM */
        "    push $0\n push $0\n push $0\n push $0\n" /* gs fs ds es */
        "    push $0\n push $0x7ff0\n push %edx\n push $0\n push %ecx\n"
        "    iret\n"
        "v86_back:\n"
        "    mov $0x18, %eax\n"
        "    mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
        "    mov v86_esp, %esp\n"
        "    popal\n"
        "    ret\n"
        ".popsection\n");

static bool v86_trapped(struct regs *regs)
{
    if (!(regs->rflags & 0x20000))
        return false;
    v86_trap[0] = regs->vector;
    v86_trap[1] = regs->error;
    v86_trap[2] = regs->rip;
    v86_trap[3] = regs->rflags;
    v86_back();
}

static void check_v86(void)
{
    static const uint8_t in[] = {0xe4, 0x80}, interrupt[] = {0xcd, 0x30}, cpuid_ud2[] = {0x0f, 0xa2, 0x0f, 0x0b};

    trap_hook(VEC_GP, v86_trapped);
    trap_hook(VEC_UD, v86_trapped);
    trap_hook(VEC_SS, v86_trapped);
    memcpy((void *)CODE, in, sizeof(in));
    v86_run(CODE, 0);
    check_eq(v86_trap[0], VEC_GP); /* the I/O map has no such bit */
    check_eq(v86_trap[2], CODE);
    memcpy((void *)CODE, interrupt, sizeof(interrupt));
    v86_run(CODE, 0);
    check_eq(v86_trap[0], VEC_GP); /* IOPL 0 */
    check_eq(v86_trap[2], CODE);
    memcpy((void *)CODE, cpuid_ud2, sizeof(cpuid_ud2));
    v86_run(CODE, 0);
    check_eq(v86_trap[0], VEC_UD);
    check_eq(v86_trap[2], CODE + 2);
}

/*
 * Segments end at 64 KB, which TCG 7.2 does not see: there UD2 behind the access is come to, where memory is behind it.
 */
static void check_v86_limits(void)
{
    static const uint8_t data[] = {0xa1, 0xff, 0xff, 0x0f, 0x0b},  /* mov 0xffff, %ax */
        stack[] = {0xbc, 0x01, 0x00, 0x50, 0x0f, 0x0b},            /* mov $1, %sp; push %ax */
        hole[] = {0xb8, 0xff, 0x90, 0x8e, 0xd8, 0xa1, 0xff, 0xff}; /* mov $0x90ff, %ax; mov %ax, %ds; mov 0xffff, %ax */
    bool checked;

    memcpy((void *)CODE, data, sizeof(data));
    v86_run(CODE, 0);
    checked = v86_trap[0] == VEC_GP;
    if (checked)
        check_eq(v86_trap[2], CODE);
    memcpy((void *)CODE, stack, sizeof(stack));
    v86_run(CODE, 0);
    check_eq(v86_trap[0], checked ? VEC_SS : VEC_UD);
    check_eq(v86_trap[1], 0);
    check_eq(v86_trap[2], CODE + (checked ? 3 : 4));
    memcpy((void *)CODE, hole, sizeof(hole));
    v86_run(CODE, 0);
    check_eq(v86_trap[0], VEC_GP);
    check_eq(v86_trap[1], 0);
    check_eq(v86_trap[2], CODE + 5);
}

void test_main(void)
{
    check_real();
    check_v86();
    check_v86_limits();
}
