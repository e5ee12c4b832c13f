/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches in protected mode.
 *
 * CALL and JMP to a TSS, CALL through a task gate, INT and an exception through one, IRET back: registers, flags,
 * back link, busy bits and TR are what the manual says; TSSs that are busy, absent or too short are refused
 * with #GP, #NP and #TS.  AMD APM volume 2, chapter 12. CR0.TS is not looked at: TCG 7.2 switches tasks itself,
 * whatever the hypervisor intercepts, and sets a bit of which Xen does not know. What else it leaves out is for VT-x
 * alone: error codes with EXT, double faults on the way through a gate, the room on the new task's stack (Intel SDM
 * volume 3, 6.15 and 8.3).
 */
#include "lib/guest.h"

const char test_title[] = "task switches";

enum { GDT_OTHER = GDT_FREE, GDT_GATE, GDT_BAD, GDT_SMALL, GDT_THIRD };
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

struct tss32 other __attribute__((aligned(128)));
static struct tss32 third __attribute__((aligned(128)));
static uint8_t other_stack[4096] __attribute__((aligned(16))), third_stack[4096] __attribute__((aligned(16)));

/* What the other task saw. */
uint32_t task_runs, task_flags, task_eax, task_esp, task_error, task_behind, *task_resume;
uint32_t third_error, third_found_esp, third_found_eip, good_esp;
uint16_t task_tr;

void task_returns(void), task_jumps(void), task_pops(void), task_popped(void), third_repairs(void);
__asm__(".macro look\n"
        "incl task_runs\n mov %eax, task_eax\n mov %esp, task_esp\n pushfl\n popl task_flags\n str task_tr\n"
        ".endm\n"
        "task_returns:\n look\n iret\n jmp task_returns\n"
        "task_jumps:\n look\n ljmp $64, $0\n jmp task_jumps\n"
        "task_pops:\n popl task_error\n task_popped:\n look\n mov task_resume, %ecx\n mov task_behind, %eax\n mov "
        "%eax, (%ecx)\n"
        "iret\n jmp task_pops\n"
        /* Comes for a double fault of the other task, looks where that was, and gives it a stack: 24 is KERNEL_SS. */
        "third_repairs:\n popl third_error\n mov other+32, %eax\n mov %eax, third_found_eip\n"
        "mov other+56, %eax\n mov %eax, third_found_esp\n mov good_esp, %eax\n mov %eax, other+56\n"
        "movl $24, other+80\n movl $task_popped, other+32\n iret\n jmp third_repairs\n");
_Static_assert(offsetof(struct tss32, eip) == 32 && offsetof(struct tss32, esp) == 56 &&
                   offsetof(struct tss32, ss) == 80 && KERNEL_SS == 24,
               "as above");

static uint32_t type_of(unsigned int index) { return (uint32_t)(gdt[index] >> 40) & 0xff; }

static uint16_t tr(void)
{
    uint16_t value;

    __asm__ volatile("str %0" : "=r"(value));
    return value;
}

static void task_set(struct tss32 *task, unsigned int index, void (*entry)(void), uint8_t *stack)
{
    *task = (struct tss32){
        .eip = (uint32_t)entry,
        .eflags = 2,
        .eax = 0x12345678,
        .esp = (uint32_t)stack + sizeof(other_stack),
        .cs = KERNEL_CS,
        .ss = KERNEL_SS,
        .ds = KERNEL_SS,
        .es = KERNEL_SS,
        .fs = KERNEL_SS,
        .gs = KERNEL_SS,
        .io_map = sizeof(other),
    };
    gdt[index] = descriptor((uint32_t)task, sizeof(*task) - 1, TYPE_TSS);
}

static void other_set(void (*entry)(void)) { task_set(&other, GDT_OTHER, entry, other_stack); }

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

static void gate_set(unsigned int vector, unsigned int index)
{
    idt_set(vector, NULL, SELECTOR(index, 0), TYPE_GATE, 0);
}

static void gate_restore(unsigned int vector) { idt_set(vector, trap_stubs[vector], KERNEL_CS, 0x8e, 0); }

/* The task of a gate is absent: that is said to have come on the way, and after a #GP it is a double fault. */
static void check_refused_event(void)
{
    struct fault f;

    gdt[GDT_BAD] = descriptor((uint32_t)&other, sizeof(other) - 1, TYPE_TSS & ~0x80u);
    gate_set(VEC_UD, GDT_BAD);
    f = SWITCH("ud2", "i"(0));
    gate_restore(VEC_UD);
    check_eq(f.vector, VEC_NP);
    check_eq(f.error, SELECTOR(GDT_BAD, 0) | 1);
    gate_set(VEC_GP, GDT_BAD);
    f = SWITCH("mov %0, %%fs", "r"(0x7778));
    gate_restore(VEC_GP);
    check_eq(f.vector, VEC_DF);
    check_eq(f.error, 0);
}

/* The other task cannot begin, with this stack, for what `vector` brings: another exception tells, by its error code.
 */
static void check_broken(int vector, uint16_t ss, uint32_t esp, uint32_t error)
{
    uint32_t mine = (uint32_t)(gdt[GDT_TSS] >> 16 & 0xffffff) | (uint32_t)(gdt[GDT_TSS] >> 32 & 0xff000000);
    static const uint8_t tells[] = {VEC_DF, VEC_TS, VEC_SS};

    other_set(task_pops);
    good_esp = other.esp;
    other.ss = ss;
    other.esp = esp;
    task_set(&third, GDT_THIRD, third_repairs, third_stack);
    gate_set((unsigned int)vector, GDT_OTHER);
    for (unsigned int i = 0; i < ARRAY_SIZE(tells); i++)
        gate_set(tells[i], GDT_THIRD);
    third_error = ~0u;
    task_resume = &((struct tss32 *)mine)->eip;
    if (vector == VEC_UD)
        __asm__ volatile("movl $1f, task_behind; ud2; 1:" : : : "memory");
    else
        __asm__ volatile("movl $1f, task_behind; mov %0, %%fs; 1:" : : "r"(0x7778) : "memory");
    gate_restore((unsigned int)vector);
    for (unsigned int i = 0; i < ARRAY_SIZE(tells); i++)
        gate_restore(tells[i]);
    check_eq(third_error, error);
    check_eq(third_found_eip, (uint32_t)task_pops);
    check_eq(third_found_esp, esp);
}

void test_main(void)
{
    check_call();
    check_gates();
    check_jump();
    check_exception();
    check_refused();
    if (hypercall_by_vmmcall())
        return;
    check_refused_event();
    check_broken(VEC_UD, SELECTOR(100, 0), 0x3000, SELECTOR(100, 0) | 1); /* #TS, on the way of an event */
    /* No room for the error code: #SS, on the way of #GP, is a double fault. */
    gdt[GDT_SMALL] = descriptor(0, 0x1fff, 0x4093);
    check_broken(VEC_GP, SELECTOR(GDT_SMALL, 0), 0x3000, 0);
    check_broken(VEC_GP, SELECTOR(GDT_SMALL, 0), 0x2003, 0);
    gdt[GDT_SMALL] = descriptor(0, 0x1fff, 0x4097); /* expands down, from above the limit */
    check_broken(VEC_GP, SELECTOR(GDT_SMALL, 0), 0x2003, 0);
    check_back(10);
}
