/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that the CPU reads by itself: IDT (one for all), GDT and TSS (one a CPU), and the
 * registers that say where a SYSCALL goes. Filled at boot; a context switch changes GDTR, LDTR and
 * this CPU's LDT descriptor only.
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/entry/entry.h>
#include <asm/percpu.h>
#include <asm/system.h>
#include <asm/trapnr.h>
#include <mm/heap.h>

struct table_register {
    u16 limit;
    u64 base;
} __packed;

struct idt_entry idt[256] __aligned(PAGE_SIZE);
static struct idt_entry idt_one_stack[256] __aligned(16); /* the same without IST */
static DEFINE_PER_CPU(u64 *, gdt_page);

extern const char lstar_stubs[], cstar_stubs[], vector_stubs[];
extern const char entry_sysenter[], entry_db[], entry_nmi[], entry_df[], entry_pf[], entry_mc[], entry_int80[];

/* Which stack of the CPU's area an entry runs on: 1-based index into tss.ist, 0: the main one. */
/* Nobody comes back from #DF, nor from a #MC of ours: they share a stack. */
enum { IST_NONE, IST_NMI, IST_FATAL, IST_DB };

static void __init idt_set(unsigned int vector, const char *entry, unsigned int dpl, unsigned int ist)
{
    u64 addr = (u64)entry;

    /* 64-bit interrupt gate (Intel SDM vol. 3, figure 6-8). */
    idt[vector].lo = (addr & 0xffff) | (u64)SEL_HYP_CS << 16 | (u64)ist << 32 | 14UL << 40 | (u64)dpl << 45 |
                     1UL << 47 | (addr >> 16 & 0xffff) << 48;
    idt[vector].hi = addr >> 32;
}

void __init traps_init(void)
{
    for (unsigned int v = 0; v < ARRAY_SIZE(idt); v++)
        if (v <= TRAP_CP || v >= 32)
            idt_set(v, vector_stubs + v * 16, v == TRAP_BP || v == TRAP_OF ? 3 : 0, IST_NONE);
    idt_set(TRAP_PF, entry_pf, 0, IST_NONE);
    idt_set(TRAP_DB, entry_db, 0, IST_DB);
    idt_set(TRAP_NMI, entry_nmi, 0, IST_NMI);
    idt_set(TRAP_DF, entry_df, 0, IST_FATAL);
    idt_set(TRAP_MC, entry_mc, 0, IST_FATAL);
    idt_set(0x80, entry_int80, 3, IST_NONE);
    for (unsigned int v = 0; v < ARRAY_SIZE(idt); v++)
        idt_one_stack[v] = (struct idt_entry){idt[v].lo & ~(7UL << 32), idt[v].hi};
}

void idt_load(bool own_stacks)
{
    struct table_register idtr = {sizeof(idt) - 1, (u64)(own_stacks ? idt : idt_one_stack)};

    __asm__ __volatile__("lidt %0" ::"m"(idtr));
}

static u64 tss_descriptor_lo(const struct tss *t)
{
    u64 base = (u64)t;

    return (sizeof(*t) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
}

static void gdt_fill(u64 *gdt, struct tss *t)
{
#define ENTRY(sel) gdt[((sel)-0xe000) >> 3]
    ENTRY(SEL_HYP_CS) = 0x00af9b000000ffff; /* ring 0, 64 bit */
    ENTRY(SEL_HYP_DS) = 0x00cf93000000ffff;
    ENTRY(SEL_R3_CS32) = 0x00cffb000000ffff; /* ring 3, 32 bit */
    ENTRY(SEL_R3_DS) = 0x00cff3000000ffff;
    ENTRY(SEL_R3_CS64) = 0x00affb000000ffff; /* ring 3, 64 bit */
    ENTRY(SEL_TSS) = tss_descriptor_lo(t);
    ENTRY(SEL_TSS + 8) = (u64)t >> 32;
    ENTRY(SEL_PERCPU) = 0x0040f10000000000 | smp_processor_id(); /* ring 3 data, limit: the number */
#undef ENTRY
}

static void tss_fill(struct tss *t)
{
    unsigned long top = (unsigned long)(cpu_info() + 1), base = top - STACK_SIZE;

    t->rsp[0] = (unsigned long)&guest_regs()->es;
    for (unsigned int i = IST_NMI; i <= IST_DB; i++)
        t->ist[i - 1] = base + i * PAGE_SIZE;
    t->iomap_base = sizeof(*t); /* no bitmap: every port access of ring 3 comes to us */
}

static void syscall_init(void)
{
    unsigned int cpu = smp_processor_id();

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_has(NX) ? EFER_NX : 0));
    /* SYSCALL: CS = SEL_HYP_CS; SYSRET: CS = 0xe023 + 16, SS = 0xe023 + 8 (Intel SDM vol. 2). */
    wrmsr(MSR_STAR, (u64)SEL_R3_CS32 << 48 | (u64)SEL_HYP_CS << 32);
    wrmsr(MSR_LSTAR, (u64)lstar_stubs + cpu * 32);
    wrmsr(MSR_CSTAR, (u64)cstar_stubs + cpu * 32);
    wrmsr(MSR_SFMASK, X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_RF |
                          X86_EFLAGS_VM | X86_EFLAGS_IOPL);
    if (cpu_has(SEP)) {
        wrmsr(MSR_SYSENTER_CS, SEL_HYP_CS);
        wrmsr(MSR_SYSENTER_ESP, (unsigned long)&guest_regs()->es);
        wrmsr(MSR_SYSENTER_EIP, (unsigned long)entry_sysenter);
    }
}

void traps_cpu_init(void)
{
    struct tss *t = &cpu_info()->tss;
    u64 *gdt = page_alloc(0);

    if (!gdt)
        panic("no memory for the descriptor table of CPU%u", smp_processor_id());
    this_cpu(gdt_page) = gdt;
    tss_fill(t);
    gdt_fill(gdt, t);
    gdt_load(gdt_idle_base());
    __asm__ __volatile__("lea 1f(%%rip), %%rax\n\t"
                         "push %0\n\t"
                         "push %%rax\n\t"
                         "lretq\n"
                         "1: mov %w1, %%ss\n\t"
                         "mov %w2, %%ds\n\t"
                         "mov %w2, %%es\n\t"
                         "mov %w2, %%fs\n\t"
                         "mov %w2, %%gs" ::"i"(SEL_HYP_CS),
                         "r"(SEL_HYP_DS), "r"(0)
                         : "rax", "memory");
    idt_load(true);
    __asm__ __volatile__("ltr %w0" ::"r"(SEL_TSS));
    ldt_load(0, 0);
    syscall_init();
    control_cpu_init();
}

u64 *this_cpu_gdt(void) { return this_cpu(gdt_page); }

void gdt_load(unsigned long base)
{
    struct table_register gdtr = {FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1, base};

    __asm__ __volatile__("lgdt %0" ::"m"(gdtr));
}

unsigned long gdt_idle_base(void) { return (unsigned long)this_cpu(gdt_page) - FIRST_RESERVED_GDT_BYTE; }

void ldt_load(unsigned long base, unsigned int entries)
{
    u64 *desc = &this_cpu(gdt_page)[(SEL_LDT - 0xe000) >> 3];

    if (!entries) {
        __asm__ __volatile__("lldt %w0" ::"r"(0));
        return;
    }
    desc[0] = (entries * 8 - 1) | (base & 0xffffff) << 16 | 0x82UL << 40 | (base >> 24 & 0xff) << 56;
    desc[1] = base >> 32;
    __asm__ __volatile__("lldt %w0" ::"r"(SEL_LDT));
}
