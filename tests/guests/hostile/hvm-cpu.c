/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HVM guest that puts bad state into its processor: control registers, EFER, MSRs, tables and stacks
 * where there is no memory, triple faults. What the processor must refuse is refused with #GP; what ends the
 * guest ends it alone.
 */
#include "lib/guest.h"
#include "lib/random.h"

const char test_title[] = "bad state of the processor";

uint64_t random_state;

#define HOLE 0x80000000ul

static void triple_fault(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } none = {0, 0};

    printk(CASE_RESETS_MARK "\n");
    __asm__ volatile("lidt %0; int3" : : "m"(none));
}

static void triple_fault_in_hole(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } hole = {0xfff, HOLE};

    printk(CASE_MAY_DIE_MARK "\n");
    __asm__ volatile("lidt %0; int3" : : "m"(hole));
}

/* NW without CD: #GP by the manual; Xen 4.17 lets it through and its next VMRUN fails. */
static void cr0_nw(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    write_cr0(read_cr0() | CR0_NW);
    test_done();
}

/* TCG 7.2 lets these through. */
static void cr3_reserved(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    write_cr3(read_cr3() | 1ul << 62);
    for (unsigned int i = 0; i < 100; i++)
        cpuid(0, 0);
    test_done();
}

static void cr3_in_hole(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    write_cr3(HOLE);
    test_done();
}

static void cr3_beyond(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    write_cr3(1ul << 45);
    test_done();
}

/* One bit or two of each register at a time; whatever is taken is taken back. */
static void control_registers(void)
{
    const unsigned long cr0 = read_cr0(), cr4 = read_cr4();
    const uint64_t efer = rdmsr(MSR_EFER);
    unsigned int taken = 0;

    random_state = 0x123456789;
    for (unsigned int i = 0; i < 4000; i++) {
        uint64_t r = random_next(), bits = 1ul << (r & 63);
        int vector = NO_FAULT;

        if (r >> 20 & 1)
            bits |= 1ul << (r >> 8 & 63);
        switch (r >> 32 & 3) {
        case 0:
            if (!(bits & (CR0_NW | CR0_CD)))
                vector = FAULT_VECTOR(write_cr0(cr0 ^ bits));
            write_cr0(cr0);
            break;
        case 1:
            if (!(bits & (CR4_SMEP | CR4_SMAP | 1ul << 22 | CR4_PCIDE)))
                vector = FAULT_VECTOR(write_cr4(cr4 ^ bits));
            write_cr4(cr4);
            break;
        default:
            if (!(bits & EFER_NXE))
                vector = FAULT_VECTOR(wrmsr(MSR_EFER, efer ^ bits));
            wrmsr(MSR_EFER, efer);
            break;
        }
        check(vector == NO_FAULT || vector == VEC_GP);
        taken += vector == NO_FAULT;
    }
    check_eq(read_cr0(), cr0);
    check_eq(read_cr4(), cr4);
    check_eq(rdmsr(MSR_EFER), efer);
    printk("%u were taken\n", taken);
}

/* All MSRs of the usual ranges and some of anywhere: each either is there or faults. */
static void msrs(void)
{
    static const uint32_t first[] = {0, 0x40000000, 0xc0000000, 0xc0010000, 0xc0011000};
    unsigned int there = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(first); i++)
        for (uint32_t msr = first[i]; msr < first[i] + (i ? 0x200 : 0x1000); msr++) {
            uint64_t value;
            int vector = FAULT_VECTOR(value = rdmsr(msr));

            check(vector == NO_FAULT || vector == VEC_GP);
            if (vector == NO_FAULT) {
                there++;
                vector = FAULT_VECTOR(wrmsr(msr, value)); /* a counter may be set back by this */
            } else {
                vector = FAULT_VECTOR(wrmsr(msr, 0x123456789abcdef));
                check(vector == NO_FAULT || vector == VEC_GP);
            }
        }
    printk("%u MSRs\n", there);
    random_state = 77;
    for (unsigned int i = 0; i < 3000; i++) {
        uint32_t msr = (uint32_t)random_next();
        int vector = FAULT_VECTOR(rdmsr(msr));

        check(vector == NO_FAULT || vector == VEC_GP);
    }
}

static void run_in_hole(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    ((void (*)(void))HOLE)();
    test_done();
}

static void stack_in_hole(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    __asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push %%rax; pop %%rax; mov %%rbx, %%rsp"
                     :
                     : "r"(HOLE + 0x800)
                     : "rbx", "rax", "memory");
    test_done();
}

/* An exception while the stack has no memory behind it. */
static void trap_in_hole(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(HOLE + 0x800) : "memory");
}

static void gdt_in_hole(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } hole = {0xfff, HOLE};

    printk(CASE_MAY_DIE_MARK "\n");
    __asm__ volatile("lgdt %0; mov %1, %%ds; ltr %w1" : : "m"(hole), "r"(0x18) : "memory");
    test_done();
}

static volatile unsigned int nmis, debugs;

static bool count_nmi(struct regs *regs)
{
    (void)regs;
    nmis++;
    return true;
}

static bool count_debug(struct regs *regs)
{
    (void)regs;
    debugs++;
    return true;
}

static void nmi_storm(void)
{
    trap_hook(VEC_NMI, count_nmi);
    lapic_enable();
    for (unsigned int i = 0; i < 3000; i++)
        lapic_icr(lapic_id(), ICR_NMI | ICR_ASSERT);
    cpu_relax();
    check(nmis > 1000);
}

/* Every instruction traps, those that the hypervisor carries out too. */
static void step_storm(void)
{
    trap_hook(VEC_DB, count_debug);
    __asm__ volatile("pushf; orq $0x100, (%%rsp); popf" : : : "memory", "cc");
    for (unsigned int i = 0; i < 300; i++) {
        cpuid(i & 1 ? 0x40000001 : 1, 0);
        outb(0x80, 0);
        lapic_read(LAPIC_ID);
    }
    __asm__ volatile("pushf; andq $~0x100, (%%rsp); popf" : : : "memory", "cc");
    check(debugs > 3000);
}

/* Interrupts held off by STI's shadow, MOV SS and HLT in all orders. */
static void shadows(void)
{
    lapic_enable();
    for (unsigned int i = 0; i < 500; i++) {
        lapic_icr(0, ICR_SELF | VECTOR_UPCALL);
        lapic_eoi();
        __asm__ volatile("sti; mov %0, %%ss; cpuid; cli" : : "r"(KERNEL_SS), "a"(0) : "rbx", "rcx", "rdx", "memory");
        lapic_eoi();
        __asm__ volatile("sti; cpuid; cli" : : "a"(0) : "rbx", "rcx", "rdx", "memory");
        lapic_eoi();
    }
}

static const struct test_case cases[] = {
    {"a triple fault", triple_fault, true},
    {"an IDT where there is no memory", triple_fault_in_hole, false},
    {"CR0.NW without CD", cr0_nw, false},
    {"reserved bits of CR3", cr3_reserved, false},
    {"CR3 where there is no memory", cr3_in_hole, false},
    {"CR3 beyond all memory", cr3_beyond, false},
    {"bits of CR0, CR4 and EFER", control_registers, false},
    {"all MSRs", msrs, false},
    {"code where there is no memory", run_in_hole, false},
    {"a stack where there is no memory", stack_in_hole, false},
    {"a trap onto no memory", trap_in_hole, false},
    {"a GDT where there is no memory", gdt_in_hole, false},
    {"a storm of NMIs", nmi_storm, false},
    {"single steps over everything", step_storm, false},
    {"interrupt shadows", shadows, false},
};

void test_main(void) { cases_run(cases, ARRAY_SIZE(cases)); }
