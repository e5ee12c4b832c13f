/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of our functions by address, for backtraces.
 */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include <lib/types.h>

/* Is it an address in our code that is still there? */
bool is_code(unsigned long addr);
/* What only the boot needed is gone. */
void symbols_forget_init(void);
/* The function that addr is in, and how far; NULL when addr is not code of ours. Any context. */
const char *symbol_find(unsigned long addr, unsigned long *offset);
/* "name+0x12" into buf, or the plain number. Returns buf. */
const char *symbol_format(char *buf, size_t size, unsigned long addr);

#endif
