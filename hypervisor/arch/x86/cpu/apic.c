/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC (Intel SDM vol. 3, chapter 11; AMD APM vol. 2, chapter 16): its set-up on each
 * CPU, end of interrupt and interrupts between CPUs. x2APIC mode is used wherever the CPU has it.
 * What the interrupts mean is decided in platform/irq.c, smp.c and tlb.c; the timer inside is
 * driven by platform/lapic_timer.c.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <asm/current.h>
#include <asm/irq.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <asm/system.h>
#include <asm/trapnr.h>
#include <boot/param.h>

#define APIC_BASE_ENABLE  (1UL << 11)
#define APIC_BASE_X2APIC  (1UL << 10)
#define APIC_BASE_ADDRESS 0x000ffffffffff000UL

#define MSR_X2APIC_ICR 0x830

#define ICR_BUSY (1U << 12)

bool x2apic_mode __ro_after_init;
u32 cpu_apic_id[NR_CPUS];
u32 cpu_acpi_id[NR_CPUS];

static volatile u32 *apic_page __ro_after_init;
static bool want_x2apic = true;
BOOT_PARAM_BOOL("x2apic", x2apic, want_x2apic);

u32 apic_read(enum apic_reg reg)
{
    if (x2apic_mode)
        return rdmsr(MSR_X2APIC + (reg >> 4));
    return apic_page[reg / 4];
}

void apic_write(enum apic_reg reg, u32 value)
{
    if (x2apic_mode)
        wrmsr(MSR_X2APIC + (reg >> 4), value);
    else
        apic_page[reg / 4] = value;
}

void apic_eoi(void) { apic_write(APIC_EOI, 0); }

bool apic_vector_in_service(u8 vector) { return apic_read(APIC_ISR + vector / 32 * 0x10) >> (vector % 32) & 1; }

void apic_send_raw(u32 apic_id, u32 what)
{
    unsigned long flags;

    if (x2apic_mode) {
        /* The MSR write does not wait for stores before it: what the other CPU is to see must be
         * visible first. */
        __asm__ __volatile__("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC_ICR, (u64)apic_id << 32 | what);
        return;
    }
    flags = irq_save();
    while (apic_page[APIC_ICR / 4] & ICR_BUSY)
        cpu_relax();
    apic_page[APIC_ICR_HIGH / 4] = apic_id << 24;
    apic_page[APIC_ICR / 4] = what;
    irq_restore(flags);
}

void apic_send_ipi(unsigned int cpu, u32 what) { apic_send_raw(cpu_apic_id[cpu], what | APIC_INT_ASSERT); }

void apic_send_ipi_mask(const struct cpumask *m, u32 what)
{
    unsigned int cpu;

    for_each_cpu (cpu, m)
        apic_send_ipi(cpu, what);
}

static void mode_enable(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    if (!(base & APIC_BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
    /* Off to xAPIC to x2APIC: the direct step is not allowed (SDM vol. 3, 11.12.5). */
    if (x2apic_mode && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

void apic_cpu_init(void)
{
    unsigned int cpu = smp_processor_id();
    u32 lvt_max;

    mode_enable();
    cpu_apic_id[cpu] = x2apic_mode ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;

    apic_write(APIC_SPIV, VECTOR_SPURIOUS | APIC_SPIV_ENABLE);
    apic_write(APIC_TPR, 0);
    lvt_max = apic_read(APIC_VERSION) >> 16 & 255;
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, cpu == 0 ? APIC_DM_NMI : APIC_LVT_MASKED);
    if (lvt_max >= 4)
        apic_write(APIC_LVT_PERF, APIC_LVT_MASKED);
    if (lvt_max >= 5)
        apic_write(APIC_LVT_THERMAL, APIC_LVT_MASKED);
    apic_write(APIC_ESR, 0);
    apic_write(APIC_LVT_ERROR, VECTOR_ERROR);

    /* Firmware or a loader may have left interrupts in service. */
    for (int vector = 255; vector >= 32; vector--)
        if (apic_vector_in_service(vector))
            apic_eoi();
}

void __init apic_init(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    /*
     * All lines of the 8259s off, before the APIC stops to pass their interrupts on: one that waits
     * then would stay with the CPU (QEMU's) and come as no interrupt at all.
     */
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    x2apic_mode = (base & APIC_BASE_X2APIC) || (want_x2apic && cpu_has(X2APIC));
    if (!(base & APIC_BASE_X2APIC)) {
        apic_page = device_map(base & APIC_BASE_ADDRESS, PAGE_SIZE);
        if (!apic_page)
            panic("no memory to map the local APIC");
    }
    apic_cpu_init();
    log_info("APIC: %s mode, first CPU has id %u\n", x2apic_mode ? "x2APIC" : "xAPIC", cpu_apic_id[0]);
}
