/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host ends: power off, reset, or standing still. core/domain.c calls in when dom0 ends,
 * core/panic.c when we do.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/platform/acpi.h>
#include <asm/system.h>
#include <core/panic.h>
#include <lib/lib.h>
#include <xen/sched.h>

#define KEYBOARD_STATUS 0x64
#define RESET_CONTROL   0xcf9

static void __noreturn halt(void)
{
    log_info("the host stands still\n");
    for (;;)
        __asm__ __volatile__("cli; hlt");
}

static void pause_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < ms * 1000; i++)
        inb(0x80); /* about a microsecond on any PC */
}

/* The ways to reset a PC, the proper one first; the last works on everything that is an x86. */
static void __noreturn reset(void)
{
    struct {
        u16 limit;
        u64 base;
    } __packed none = {};

    acpi_reset();
    outb(RESET_CONTROL, 2);
    outb(RESET_CONTROL, 6);
    pause_ms(10);
    for (unsigned int i = 0; i < 10; i++) {
        for (unsigned int n = 0; n < 1000 && (inb(KEYBOARD_STATUS) & 2); n++)
            pause_ms(1);
        outb(KEYBOARD_STATUS, 0xfe); /* pulse the CPU's reset line */
        pause_ms(10);
    }
    /* No descriptor for any exception: a triple fault. */
    __asm__ __volatile__("lidt %0; ud2" ::"m"(none));
    halt();
}

void arch_host_shutdown(u32 reason)
{
    irq_disable();
    if (!panic_in_progress())
        smp_stop_others(NULL);
    switch (reason) {
    case SHUTDOWN_poweroff:
        log_info("power off\n");
        acpi_power_off();
        break;
    case SHUTDOWN_reboot:
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
        if (reason != SHUTDOWN_reboot && panic_stays())
            break;
        log_info("reset\n");
        reset();
    }
    halt();
}
