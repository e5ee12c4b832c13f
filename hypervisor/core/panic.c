/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the host when an invariant of our own is broken: says why and what every CPU was
 * doing, then reboots or stays. The registers and backtraces are the architecture's
 * (arch_panic_dump).
 */
#include <asm/current.h>
#include <asm/system.h>
#include <boot/param.h>
#include <core/console.h>
#include <core/panic.h>
#include <lib/printf.h>
#include <time/timer.h>
#include <xen/sched.h>

static bool noreboot;
BOOT_PARAM_BOOL("noreboot", noreboot, noreboot);

static u32 panicking; /* CPU + 1 */
static const struct cpu_user_regs *registers;

#define REBOOT_DELAY SECONDS(5)

bool panic_in_progress(void) { return READ_ONCE(panicking) != 0; }

bool panic_stays(void) { return noreboot; }

const struct cpu_user_regs *panic_registers(void) { return registers; }

static void __noreturn halt_for_good(void)
{
    for (;;) {
        irq_disable();
        cpu_relax();
    }
}

/* The clock may be what is broken: the count of rounds ends it as well. */
static void wait_before_reboot(void)
{
    s_time_t start = now();

    for (unsigned int i = 0; i < 1U << 28 && now() - start < REBOOT_DELAY; i++)
        cpu_relax();
}

void panic_regs(const struct cpu_user_regs *regs, const char *fmt, ...)
{
    static char reason[256];
    u32 nobody = 0, me = smp_processor_id() + 1;
    va_list ap;

    irq_disable();
    /* The first one speaks; a second panic of the same CPU is a fault in the dump itself and ends
     * it. */
    if (!__atomic_compare_exchange_n(&panicking, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (nobody == me) {
            log_error("panic while panicking\n");
            arch_host_shutdown(SHUTDOWN_crash);
        }
        halt_for_good();
    }
    registers = regs;
    console_force();
    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    log_error("****************************************\n");
    log_error("Panic on CPU %u: %s\n", smp_processor_id(), reason);
    log_error("****************************************\n");
    arch_panic_dump();
    if (noreboot) {
        log_error("noreboot: stays here for good\n");
        halt_for_good();
    }
    log_error("reboot in five seconds\n");
    wait_before_reboot();
    arch_host_shutdown(SHUTDOWN_crash);
}
