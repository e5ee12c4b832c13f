/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches in protected mode.
 *
 * CALL and JMP to a TSS, CALL through a task gate, INT and an exception through one, IRET back: registers, flags,
 * back link, busy bits and TR are what the manual says; TSSs that are busy, absent or too short are refused
 * with #GP, #NP and #TS.  AMD APM volume 2, chapter 12. CR0.TS is not looked at: TCG 7.2 switches tasks itself,
 * whatever the hypervisor intercepts, and sets a bit of which Xen does not know.
 */
#include "lib/guest.h"

const char test_title[] = "task switches";

enum { GDT_OTHER = GDT_FREE, GDT_GATE, GDT_BAD };
#define SEL_MINE    SELECTOR(GDT_TSS, 0)
#define SEL_OTHER   SELECTOR(GDT_OTHER, 0)
#define VECTOR_TASK 0x42
#define TYPE_TSS    0x89
#define TYPE_GATE   0x85
#define FLAG_NT     0x4000u

struct tss32 {
    uint32_t back, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_map;
};

static struct tss32 other __attribute__((aligned(128)));
static uint8_t other_stack[4096] __attribute__((aligned(16)));

/* What the other task saw. */
uint32_t task_runs, task_flags, task_eax, task_esp, task_error, task_behind, *task_resume;
uint16_t task_tr;

void task_returns(void), task_jumps(void), task_pops(void);
__asm__(".macro look\n"
        "incl task_runs\n mov %eax, task_eax\n mov %esp, task_esp\n pushfl\n popl task_flags\n str task_tr\n"
        ".endm\n"
        "task_returns:\n look\n iret\n jmp task_returns\n"
        "task_jumps:\n look\n ljmp $64, $0\n jmp task_jumps\n"
        "task_pops:\n popl task_error\n look\n mov task_resume, %ecx\n mov task_behind, %eax\n mov %eax, (%ecx)\n"
        "iret\n jmp task_pops\n");

static uint32_t type_of(unsigned int index) { return (uint32_t)(gdt[index] >> 40) & 0xff; }

static uint16_t tr(void)
{
    uint16_t value;

    __asm__ volatile("str %0" : "=r"(value));
    return value;
}

static void other_set(void (*entry)(void))
{
    other = (struct tss32){
        .eip = (uint32_t)entry,
        .eflags = 2,
        .eax = 0x12345678,
        .esp = (uint32_t)other_stack + sizeof(other_stack),
        .cs = KERNEL_CS,
        .ss = KERNEL_SS,
        .ds = KERNEL_SS,
        .es = KERNEL_SS,
        .fs = KERNEL_SS,
        .gs = KERNEL_SS,
        .io_map = sizeof(other),
    };
    gdt[GDT_OTHER] = descriptor((uint32_t)&other, sizeof(other) - 1, TYPE_TSS);
}

/* Everything may have changed but what is saved. */
#define SWITCH(insn, ...) \
    FAULT_OF(__asm__ volatile(EX(insn) : : __VA_ARGS__ : "eax", "ecx", "edx", "ebx", "esi", "edi", "memory", "cc"))

static void check_back(unsigned int runs)
{
    uint32_t flags;

    __asm__ volatile("pushfl; popl %0" : "=r"(flags));
    check_eq(task_runs, runs);
    check_eq(tr(), SEL_MINE);
    check_eq(type_of(GDT_TSS), TYPE_TSS | 2);
    check_eq(type_of(GDT_OTHER), TYPE_TSS);
    check_eq(flags & FLAG_NT, 0);
    __asm__ volatile("clts");
}

static void check_call(void)
{
    other_set(task_returns);
    SWITCH("lcall %0, $0", "i"(SEL_OTHER));
    check_back(1);
    check_eq(task_tr, SEL_OTHER);
    check_eq(task_flags & FLAG_NT, FLAG_NT);
    check_eq(task_eax, 0x12345678);
    check_eq(task_esp, (uint32_t)other_stack + sizeof(other_stack));
    check_eq(other.back, SEL_MINE);
    check_eq(other.eflags & FLAG_NT, 0);    /* IRET has cleared it in what it saved */
    SWITCH("lcall %0, $0", "i"(SEL_OTHER)); /* it goes on behind its IRET */
    check_back(2);
}

static void check_gates(void)
{
    other_set(task_returns);
    gdt[GDT_GATE] = descriptor(0, 0, TYPE_GATE) | (uint64_t)SEL_OTHER << 16;
    SWITCH("lcall %0, $0", "i"(SELECTOR(GDT_GATE, 0)));
    check_back(3);
    idt_set(VECTOR_TASK, NULL, SEL_OTHER, TYPE_GATE, 0);
    SWITCH("int %0", "i"(VECTOR_TASK));
    check_back(4);
    check_eq(task_flags & FLAG_NT, FLAG_NT);
}

/* A fault that is a task: the error code is on its stack, and it goes on behind the instruction. */
static void check_exception(void)
{
    uint32_t mine = (uint32_t)(gdt[GDT_TSS] >> 16 & 0xffffff) | (uint32_t)(gdt[GDT_TSS] >> 32 & 0xff000000);

    other_set(task_pops);
    task_resume = &((struct tss32 *)mine)->eip;
    idt_set(VEC_GP, NULL, SEL_OTHER, TYPE_GATE, 0);
    __asm__ volatile("movl $1f, task_behind; mov %0, %%fs; 1:" : : "r"(0x7778) : "memory");
    idt_set(VEC_GP, trap_stubs[VEC_GP], KERNEL_CS, 0x8e, 0);
    check_back(6);
    check_eq(task_error, 0x7778);
    check_eq(task_esp, (uint32_t)other_stack + sizeof(other_stack));
}

static void check_jump(void)
{
    other_set(task_jumps);
    SWITCH("ljmp %0, $0", "i"(SEL_OTHER));
    check_back(5);
    check_eq(task_flags & FLAG_NT, 0);
    check_eq(other.back, 0);
}

static void check_refused(void)
{
    struct fault f;

    other_set(task_returns);
    gdt[GDT_BAD] = descriptor((uint32_t)&other, sizeof(other) - 1, TYPE_TSS | 2); /* busy */
    f = SWITCH("lcall %0, $0", "i"(SELECTOR(GDT_BAD, 0)));
    check_eq(f.vector, VEC_GP);
    check_eq(f.error, SELECTOR(GDT_BAD, 0));
    gdt[GDT_BAD] = descriptor((uint32_t)&other, sizeof(other) - 1, TYPE_TSS & ~0x80u); /* not present */
    f = SWITCH("lcall %0, $0", "i"(SELECTOR(GDT_BAD, 0)));
    check_eq(f.vector, VEC_NP);
    check_eq(f.error, SELECTOR(GDT_BAD, 0));
    gdt[GDT_BAD] = descriptor((uint32_t)&other, 102, TYPE_TSS); /* too short */
    f = SWITCH("lcall %0, $0", "i"(SELECTOR(GDT_BAD, 0)));
    check_eq(f.vector, VEC_TS);
    check_eq(f.error, SELECTOR(GDT_BAD, 0));
    f = SWITCH("lcall %0, $0", "i"(SELECTOR(100, 0))); /* beyond the table */
    check_eq(f.vector, VEC_GP);
    check_eq(f.error, SELECTOR(100, 0));
    check_eq(task_runs, 6);
    check_eq(tr(), SEL_MINE);
}

void test_main(void)
{
    check_call();
    check_gates();
    check_jump();
    check_exception();
    check_refused();
}
