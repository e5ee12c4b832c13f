/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and string functions with their C meanings, and bounded copies.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <lib/types.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copies at most size - 1 bytes and always terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

/* Parses digits in base 0 (by prefix), 10 or 16; *end is behind the last digit. */
u64 str_to_u64(const char *s, const char **end, unsigned int base);

/* In freestanding code the compiler knows these only by their own names: small ones become a few
 * moves. */
#if !__STDC_HOSTED__
#define memcpy(dst, src, n)  __builtin_memcpy(dst, src, n)
#define memmove(dst, src, n) __builtin_memmove(dst, src, n)
#define memset(dst, c, n)    __builtin_memset(dst, c, n)
#define memcmp(a, b, n)      __builtin_memcmp(a, b, n)
#endif

#endif
