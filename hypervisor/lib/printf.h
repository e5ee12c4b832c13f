/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted output into memory. Understands %d %u %x %c %s %p %%, for numbers the flags 0 and # and a width, lengths l
 * ll z. %p prints 16 hexadecimal digits.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>

/* Both return the length that the full text has, as C's do, and always terminate when size > 0. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
