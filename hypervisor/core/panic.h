/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the host (core/panic.c), as far as the architecture takes part in it. panic() itself
 * is in lib/printk.h.
 */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

struct cpu_user_regs;

bool panic_in_progress(void);
/* The option noreboot: after a crash, ours or dom0's, the host stands still. */
bool panic_stays(void);
/* The registers that the panic is about, NULL: those of the caller of panic(). For
 * arch_panic_dump(). */
const struct cpu_user_regs *panic_registers(void);

/* Names of our functions by address (symbols.c). Is it an address in our code that is still there? */
bool is_code(unsigned long addr);
/* What only the boot needed is gone. */
void symbols_forget_init(void);
/* "name+0x12" into buf, or the plain number. Returns buf. */
const char *symbol_format(char *buf, size_t size, unsigned long addr);

#endif
