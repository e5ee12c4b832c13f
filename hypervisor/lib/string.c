/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String functions with their C meanings. The block functions that must be fast (memcpy, memmove,
 * memset) are the architecture's: arch/x86/lib/memory.c.
 */
#include <lib/string.h>

#if !__STDC_HOSTED__
#undef memcmp /* here is the function itself */
#endif

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const u8 *p = s; n; n--, p++)
        if (*p == (u8)c)
            return (void *)p;
    return NULL;
}

size_t strlen(const char *s)
{
    const char *p = s;

    while (*p)
        p++;
    return p - s;
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (!*a || *a != *b)
            return (u8)*a - (u8)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src), take;

    if (size) {
        take = n < size ? n : size - 1;
        memcpy(dst, src, take);
        dst[take] = '\0';
    }
    return n;
}

static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 99;
}

u64 str_to_u64(const char *s, const char **end, unsigned int base)
{
    u64 value = 0;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
        base = 16;
        s += 2;
    }
    if (base == 0)
        base = s[0] == '0' ? 8 : 10;
    for (; digit_value(*s) < base; s++)
        value = value * base + digit_value(*s);
    if (end)
        *end = s;
    return value;
}
