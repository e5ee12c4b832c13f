/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other CPUs: starting them, calling functions on them, stopping them. They are started all at
 * once (INIT, then STARTUP, Intel SDM vol. 3, 9.4.4): each finds out by its APIC id who it is
 * (trampoline.S), sets itself up beside the others, and goes idle.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/cpu/tsc_sync.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <asm/irq.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <boot/param.h>
#include <lib/lib.h>
#include <sched/sched.h>

#define MSR_PAT 0x277
/* The types that the ABI promises PV guests (xen/arch-x86/xen.h, XEN_MSR_PAT): WB, WT, UC-, UC, WC,
 * WP, UC, UC. */
#define PAT_VALUE 0x050100070406UL

struct cpumask cpu_online_map = {.bits = {1}};
unsigned int nr_cpu_ids = 1;

static unsigned int max_cpus = NR_CPUS;
BOOT_PARAM_UINT("maxcpus", maxcpus, max_cpus);
static bool want_smp = true;
BOOT_PARAM_BOOL("smp", smp, want_smp);

/* Decided before the others start: does each compare its TSC with the first CPU's? */
static bool clock_compares_tsc;

/* trampoline.S: the code to copy and the words in it that are filled in. */
extern const u8 trampoline_start[], trampoline_end[];
extern const u8 trampoline_base[], trampoline_cr3[];

void cpu_common_init(void) { wrmsr(MSR_PAT, PAT_VALUE); }

/* ---- starting them ---- */

static void __init delay_us(unsigned int us)
{
    u64 end = rdtsc() + (u64)us * cpu_khz / 1000;

    while (rdtsc() < end)
        cpu_relax();
}

void ap_start(unsigned int cpu)
{
    cpu_info()->current_vcpu = idle_domain->vcpu[cpu];
    traps_cpu_init();
    cpu_common_init();
    apic_cpu_init();
    if (clock_compares_tsc)
        tsc_sync_target();
    clock_cpu_init();
    lapic_timer_cpu_init();
    cpumask_set(&cpu_online_map, cpu);
    reset_stack_to_idle();
}

/* Numbers for the CPUs of the MADT, the boot CPU 0; what each needs before it runs. Returns how
 * many there are. */
static unsigned int __init cpus_prepare(void)
{
    unsigned int limit = want_smp ? min(max(max_cpus, 1U), NR_CPUS + 0U) : 1, cpu = 1;

    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++) {
        u32 id = acpi_info.cpu[i].apic_id;

        if (id == cpu_apic_id[0]) {
            cpu_acpi_id[0] = acpi_info.cpu[i].acpi_id;
            continue;
        }
        if (cpu == limit || (!x2apic_mode && id >= 255))
            continue;
        if (cpu_areas_alloc(cpu) || sched_cpu_init(cpu)) {
            log_error("no memory for CPU%u\n", cpu);
            break;
        }
        timers_cpu_init(cpu);
        cpu_apic_id[cpu] = id;
        cpu_acpi_id[cpu] = acpi_info.cpu[i].acpi_id;
        cpu++;
    }
    return cpu;
}

static paddr_t __init trampoline_place(void)
{
    paddr_t pa = boot_trampoline_page();
    u8 *page = paddr_to_virt(pa);
    u32 base = pa, cr3 = virt_to_paddr(hyp_l4);

    memcpy(page, trampoline_start, trampoline_end - trampoline_start);
    memcpy(page + (trampoline_base - trampoline_start), &base, 4);
    memcpy(page + (trampoline_cr3 - trampoline_start), &cr3, 4);
    return pa;
}

/* One after the other, so that each has the first CPU's attention. */
static void __init compare_clocks(unsigned int n)
{
    for (unsigned int cpu = 1; cpu < n; cpu++) {
        if (!tsc_sync_source(cpu, cpu_khz * 1000UL))
            clock_distrust_tsc(cpu);
        tsc_sync_release();
    }
}

static bool __init all_online(unsigned int n) { return cpumask_weight(&cpu_online_map) == n; }

void __init smp_boot(void)
{
    unsigned int n = cpus_prepare();
    paddr_t pa;

    nr_cpu_ids = n;
    if (n == 1)
        return;
    pa = trampoline_place();
    for (unsigned int cpu = 1; cpu < n; cpu++)
        apic_send_raw(cpu_apic_id[cpu], APIC_DM_INIT | APIC_INT_ASSERT);
    delay_us(10000);
    clock_compares_tsc = clock_is_tsc();
    for (unsigned int round = 0; round < 2 && !all_online(n); round++) {
        for (unsigned int cpu = 1; cpu < n; cpu++)
            if (!cpumask_test(&cpu_online_map, cpu))
                apic_send_raw(cpu_apic_id[cpu], APIC_DM_STARTUP | APIC_INT_ASSERT | pa >> 12);
        delay_us(round == 0 ? 200 : 0);
    }
    if (clock_compares_tsc)
        compare_clocks(n);
    for (unsigned int ms = 0; ms < 2000 && !all_online(n); ms++)
        delay_us(1000);
    for (unsigned int cpu = 1; cpu < n; cpu++)
        if (!cpumask_test(&cpu_online_map, cpu))
            log_error("CPU%u (APIC id %u) did not start\n", cpu, cpu_apic_id[cpu]);
    log_info("SMP: %u CPUs\n", cpumask_weight(&cpu_online_map));
}

/* ---- calling functions ---- */

/* Level 0, like the lock of TLB flushes: who waits for it serves others' calls meanwhile. */
static struct spinlock call_lock;
static struct {
    void (*fn)(void *);
    void *arg;
    bool wait;
    struct cpumask waiting;
} call;

void smp_call_interrupt(void)
{
    unsigned int cpu = smp_processor_id();
    void (*fn)(void *) = call.fn;
    void *arg = call.arg;

    if (!cpumask_test(&call.waiting, cpu))
        return;
    if (call.wait) {
        fn(arg);
        cpumask_unset(&call.waiting, cpu);
    } else {
        cpumask_unset(&call.waiting, cpu);
        fn(arg);
    }
}

void arch_call_on(const struct cpumask *m, void (*fn)(void *), void *arg, bool wait)
{
    struct cpumask others = cpumask_and(m, &cpu_online_map);
    unsigned int self = smp_processor_id();
    bool here = cpumask_test(m, self);
    unsigned long flags;

    __clear_bit(self, others.bits);
    if (!cpumask_empty(&others)) {
        ASSERT(irqs_enabled());
        spin_lock(&call_lock);
        call.fn = fn;
        call.arg = arg;
        call.wait = wait;
        mb();
        call.waiting = others;
        mb();
        apic_send_ipi_mask(&others, VECTOR_CALL);
        while (!cpumask_empty((const struct cpumask *)&call.waiting)) {
            cpu_relax();
            barrier();
        }
        spin_unlock(&call_lock);
    }
    if (here) {
        flags = irq_save();
        fn(arg);
        irq_restore(flags);
    }
}

/* STI takes effect behind the HLT, so an interrupt that came in between still ends the wait. */
void arch_idle_wait(void) { __asm__ __volatile__("sti; hlt" ::: "memory"); }

void arch_send_event_check(unsigned int cpu) { apic_send_ipi(cpu, VECTOR_EVENT_CHECK); }

/* ---- stopping ---- */

static u32 stopping; /* the CPU that stops the others, plus 1 */
static void (*stop_show)(const struct cpu_user_regs *regs);
/* Whose turn it is to show its registers, ~0: nobody's; it writes ~0 when it is through. */
static unsigned int stop_turn = ~0U;

static void __noreturn halt_forever(void)
{
    for (;;)
        __asm__ __volatile__("cli; hlt");
}

void smp_nmi(const struct cpu_user_regs *regs)
{
    unsigned int cpu = smp_processor_id();

    if (!READ_ONCE(stopping) || !cpumask_test(&cpu_online_map, cpu))
        return;
    while (READ_ONCE(stop_turn) != cpu)
        cpu_relax();
    if (stop_show)
        stop_show(regs);
    WRITE_ONCE(stop_turn, ~0U);
    halt_forever();
}

void smp_stop_others(void (*show)(const struct cpu_user_regs *regs))
{
    unsigned int self = smp_processor_id(), cpu;
    u32 nobody = 0;

    if (!__atomic_compare_exchange_n(&stopping, &nobody, self + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (nobody != self + 1)
            halt_forever();
        return;
    }
    stop_show = show;
    mb();
    for_each_online_cpu (cpu) {
        if (cpu == self)
            continue;
        WRITE_ONCE(stop_turn, cpu);
        apic_send_ipi(cpu, APIC_DM_NMI);
        for (u64 end = rdtsc() + cpu_khz * 100UL; rdtsc() < end && READ_ONCE(stop_turn) == cpu;)
            cpu_relax();
        if (READ_ONCE(stop_turn) == cpu)
            log_error("CPU%u does not answer\n", cpu);
    }
}
