/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other CPUs: starting them, calling functions on them, stopping them. They are started all at
 * once (INIT, then STARTUP, Intel SDM vol. 3, 9.4.4): each finds out by its APIC id who it is
 * (trampoline.S), sets itself up beside the others, and goes idle.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <asm/irq.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <boot/param.h>
#include <sched/sched.h>

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
    apic_cpu_init();
    if (clock_compares_tsc)
        tsc_sync_target();
    clock_cpu_init();
    lapic_timer_cpu_init();
    hvm_cpu_up();
    cpumask_set(&cpu_online_map, cpu);
    sched_cpu_start();
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

/*
 * One call at a time goes round; its sender waits with interrupts on, so that two senders can serve each other: the
 * lock is of level 0, taken below any other.
 */
static struct spinlock call_lock;
/* Guarded by call_lock; read by those whose bit is in call_waiting, until they clear it. */
static void (*call_fn)(void *);
static void *call_arg;
static struct cpumask call_waiting;

void smp_call_interrupt(void)
{
    unsigned int cpu = smp_processor_id();

    if (!cpumask_test(&call_waiting, cpu))
        return;
    call_fn(call_arg);
    cpumask_unset(&call_waiting, cpu);
}

static void call_others(const struct cpumask *others, void (*fn)(void *), void *arg)
{
    ASSERT(irqs_enabled());
    spin_guard(&call_lock);
    call_fn = fn;
    call_arg = arg;
    mb();
    call_waiting = *others;
    mb();
    apic_send_ipi_mask(others, VECTOR_CALL);
    while (!cpumask_empty(&call_waiting)) {
        cpu_relax();
        barrier();
    }
}

void arch_call_on(const struct cpumask *m, void (*fn)(void *), void *arg)
{
    unsigned int self = smp_processor_id();
    struct cpumask others;

    if (cpumask_test(m, self)) {
        irq_guard();
        fn(arg);
    }
    /* The usual case on small machines, without going through the whole set. */
    if (nr_cpu_ids <= BITS_PER_LONG && !(m->bits[0] & ~BIT_MASK(self)))
        return;
    others = cpumask_and(m, &cpu_online_map);
    __clear_bit(self, others.bits);
    if (!cpumask_empty(&others))
        call_others(&others, fn, arg);
}

/* STI takes effect behind the HLT, so an interrupt that came in between still ends the wait. */
void arch_idle_wait(void) { __asm__ __volatile__("sti; hlt" ::: "memory"); }

void arch_send_event_check(unsigned int cpu) { apic_send_ipi(cpu, VECTOR_EVENT_CHECK); }

/* ---- stopping ---- */

static u32 stopping; /* the CPU that stops the others, plus 1 */
static void (*stop_show)(const struct cpu_user_regs *regs);
/* Whose turn it is to show its registers, ~0: nobody's; it writes ~0 when it is through. */
static unsigned int stop_turn = ~0U;

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
