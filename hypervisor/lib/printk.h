/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How code says something on the console, and how it stops the host. Implemented by core/console.c
 * and core/panic.c.
 *
 * Three answers to trouble: a guest's mistake returns -Exxx; a guest that cannot go on gets
 * domain_crash() (core/domain.h); only a broken invariant of our own is a BUG().
 */
#ifndef LIB_PRINTK_H
#define LIB_PRINTK_H

#include <lib/types.h>
#include <stdarg.h>

/* Levels, as in Xen's loglvl= and guest_loglvl= options. */
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Any context, any locks below LOCK_CONSOLE. The text ends with a newline. Callers use the macros. */
void printk_level(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_error(...)   printk_level(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) printk_level(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    printk_level(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   printk_level(LOG_DEBUG, __VA_ARGS__)

/* Stops the host: reason, registers, backtrace, what each CPU was doing; then reboot or halt
 * (noreboot). */
#define panic(...) panic_regs(NULL, __VA_ARGS__)

/* The same for a fault of ours: these registers and the backtrace from there. */
struct cpu_user_regs;
void panic_regs(const struct cpu_user_regs *regs, const char *fmt, ...) __printf(2, 3) __noreturn;

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(c)                                              \
    do {                                                       \
        if (unlikely(c))                                       \
            panic("BUG at %s:%d: %s", __FILE__, __LINE__, #c); \
    } while (0)
#ifdef NDEBUG
#define ASSERT(c) ((void)sizeof(!(c)))
#else
#define ASSERT(c) BUG_ON(!(c))
#endif

#endif
