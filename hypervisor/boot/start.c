/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole boot as one list: each phase has a name, runs on the first CPU and panics when the host
 * cannot go on. arch/x86/boot/head.S calls in; nothing returns.
 */
#include <arch/x86/cpu/policy.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/mm/setup.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/console_devices.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <boot/memmap.h>
#include <boot/multiboot.h>
#include <boot/param.h>
#include <core/console.h>
#include <sched/sched.h>
#include <version.h>

/* From head.S: what the loader left in its registers, and where the image lies. */
void boot_entry(u32 magic, paddr_t info, paddr_t image) __noreturn;
/* head.S: goes on in fn, which does not return, with the stack pointer at top. */
void boot_switch_stack(void *top, void (*fn)(void)) __noreturn;

extern paddr_t image_start_paddr;
extern char __image_start[], __bss_end[];

struct boot_info boot_info;

/* From here on there is a current vCPU, the idle one. */
static void __init scheduler_start(void)
{
    if (idle_domain_init(NR_CPUS))
        panic("no memory for the idle vCPUs");
    timers_cpu_init(0);
    sched_init();
}

/* dom0 has the screen and, until CTRL-a is typed three times, the keyboard. */
static void __init console_hand_over(void)
{
    console_give_to_dom0();
    vga_give_up();
}

/* Before these: the loader's information is read, the console works. The order is what each phase's
 * header says it needs. */
static const struct boot_phase phases[] __section(".init.rodata") = {
    {"processor", cpu_identify},
    {"mitigations", spec_ctrl_init},
    {"CPUID policies", policy_init},
    {"firmware tables", acpi_init},
    {"heap", memory_heap_init},
    {"EFI", efi_tables_init},
    {"traps", traps_init},
    {"tables of the first CPU", traps_cpu_init},
    {"interrupt controller", apic_init},
    {"clocks", clock_init},
    {"interrupts", irq_init},
    {"EFI services", efi_init},
    {"scheduler", scheduler_start},
    {"timers", clock_start},
    {"first interrupts", irq_enable},
    {"virtual machines", hvm_init},
    {"other processors", smp_boot},
    {"console", console_softirq_init},
    {"serial input", serial_input_init},
    {"dom0", dom0_create},
    {"console to dom0", console_hand_over},
};

/* Time since the first instruction; cycles while nobody knows how long one takes. */
static void __init phase_done(const char *name)
{
    u64 cycles = rdtsc() - boot_tsc;

    if (cpu_khz)
        log_info("boot: %s (%lu.%03lu ms)\n", name, cycles / cpu_khz, cycles % cpu_khz * 1000 / cpu_khz);
    else
        log_info("boot: %s (%lu kcycles)\n", name, cycles / 1000);
}

/* Not in boot-only memory, which it gives away. */
static __noinline void boot_finish(void)
{
    memory_boot_done();
    idle_loop();
}

void __init boot_start(void)
{
    phase_done("memory");
    for (unsigned int i = 0; i < ARRAY_SIZE(phases); i++) {
        phases[i].run();
        phase_done(phases[i].name);
    }
    boot_finish();
    __builtin_unreachable();
}

/* The boot's first page tables map 4 GB at DIRECT_START. */
const void *boot_memory(paddr_t pa, size_t size)
{
    const paddr_t reach = 1UL << 32;

    return pa < reach && size <= reach - pa ? (const void *)(DIRECT_START + pa) : NULL;
}

/* What is in memory besides us and must stay. */
static void __init reserve_all(void)
{
    memmap_start();
    memmap_reserve(image_start_paddr, __bss_end - __image_start);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        memmap_reserve(boot_info.module[i].start, boot_info.module[i].size);
    memmap_reserve(boot_info.efi_memmap, boot_info.efi_memmap_size);
}

static void __init console_start(void)
{
    serial_register();
    vga_register();
    console_init();
    log_info("Orlop %s (%s), built %s by %s\n", ORLOP_VERSION, ORLOP_CHANGESET, ORLOP_COMPILE_DATE, ORLOP_COMPILER);
    log_info("loader: %s, image at %#lx, %u modules\n", boot_info.loader, image_start_paddr, boot_info.nr_modules);
    boot_params_report();
}

static void __init memory_map_start(void)
{
    static struct mem_range sorted[BOOT_MAX_RANGES] __initdata;
    int n = memmap_sanitise(boot_info.range, boot_info.nr_ranges, sorted, BOOT_MAX_RANGES);

    if (n < 0)
        panic("the memory map is too long");
    memcpy(boot_info.range, sorted, n * sizeof(sorted[0]));
    boot_info.nr_ranges = n;
    for (int i = 0; i < n; i++)
        log_info("  %#014lx - %#014lx type %u\n", sorted[i].start, sorted[i].start + sorted[i].size, sorted[i].type);
    reserve_all();
}

void __init boot_entry(u32 magic, paddr_t info, paddr_t image)
{
    const char *trouble;

    memset(cpu_info(), 0, sizeof(struct cpu_info));
    image_start_paddr = image;
    trouble = multiboot_parse(magic, info, &boot_info);
    boot_params_parse(boot_info.cmdline);
    console_start();
    if (trouble)
        panic("%s", trouble);
    memory_map_start();
    memory_init();
    boot_stack_init();
    boot_switch_stack((void *)(STACK_TOP(0UL) - sizeof(struct cpu_info)), boot_start);
}
