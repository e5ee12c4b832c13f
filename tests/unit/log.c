/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and panic for tests that do without arch/host: a panic ends in a jump that the test set
 * up.
 */
#include "log.h"
#include <stdlib.h>

jmp_buf log_panic;
unsigned int log_messages;

void printk_level(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
    log_messages++;
}

void panic_regs(const struct cpu_user_regs *regs __unused, const char *fmt, ...)
{
    (void)fmt;
    longjmp(log_panic, 1);
}
