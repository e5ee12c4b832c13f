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
#include <xen/sched.h>

#define PM1_SCI_EN      1U
#define PM1_SLP_EN      (1U << 13)
#define PM1_SLP_TYP(t)  ((u32)(t) << 10)
#define PM1_STATUS_WAKE (1U << 15)

#define KEYBOARD_STATUS 0x64
#define RESET_CONTROL   0xcf9

static void __noreturn halt(void)
{
    log_info("the host stands still\n");
    halt_forever();
}

static void pause_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < ms * 1000; i++)
        inb(0x80); /* about a microsecond on any PC */
}

/* Registers of the fixed hardware that we touch are ports everywhere but on hardware-reduced
 * machines, which have none. */
static bool port_of(const struct acpi_address *a, u16 *port)
{
    *port = a->address;
    return a->space == ACPI_SPACE_IO && a->address && a->address < 0x10000;
}

int acpi_enter_sleep(u16 control_a, u16 control_b)
{
    u16 control, status;

    if (!port_of(&acpi_info.pm1a_control, &control))
        return -ENODEV;
    irq_disable();
    __asm__ __volatile__("wbinvd" ::: "memory");
    /* A wake status left over would end the sleep at once; it is cleared by writing a one. */
    if (port_of(&acpi_info.pm1a_event, &status))
        outw(status, PM1_STATUS_WAKE);
    outw(control, (control_a & ~PM1_SLP_EN));
    outw(control, control_a | PM1_SLP_EN);
    if (port_of(&acpi_info.pm1b_control, &control))
        outw(control, control_b | PM1_SLP_EN);
    pause_ms(1000); /* the chipset may take a moment */
    return -EIO;
}

/* By the values that the DSDT's _S5 package names; returns when it cannot be done. */
static void power_off(void)
{
    u16 port;
    u32 sci;

    if (!acpi_info.s5_known || !port_of(&acpi_info.pm1a_control, &port))
        return;
    sci = inw(port) & PM1_SCI_EN;
    acpi_enter_sleep(PM1_SLP_TYP(acpi_info.s5_type[0]) | sci, PM1_SLP_TYP(acpi_info.s5_type[1]) | sci);
}

/* The ways to reset a PC, the proper one first; the last works on everything that is an x86. */
static void __noreturn reset(void)
{
    struct {
        u16 limit;
        u64 base;
    } __packed none = {};
    u16 port;

    if (port_of(&acpi_info.reset, &port)) {
        outb(port, acpi_info.reset_value);
        pause_ms(100);
    }
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
        power_off();
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
