/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text out of a test guest: formatted printing to the hypervisor's console (dom0) or to the PV
 * console ring (domU), and the few string functions that C needs.  Called by everything.
 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/* Format into buf (at most size bytes, always terminated); returns the length that was written. */
int format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vformat(char *buf, size_t size, const char *fmt, va_list args);

/* Print; at most 512 characters in one call. */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Write n raw bytes to the guest's console. */
void console_write(const char *text, size_t n);

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
const char *strstr(const char *text, const char *word);

#endif
