/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy, memmove, memset and clearing pages with the string instructions: eight bytes at a time,
 * the rest singly. The direction flag is always clear in the hypervisor. Any context.
 */
#include <arch/arch.h>

/* Here are the functions themselves. */
#undef memcpy
#undef memmove
#undef memset

void *memcpy(void *dst, const void *src, size_t n)
{
    void *d = dst;
    size_t words = n / 8, bytes = n % 8;

    __asm__ __volatile__("rep movsq" : "+D"(d), "+S"(src), "+c"(words)::"memory");
    __asm__ __volatile__("rep movsb" : "+D"(d), "+S"(src), "+c"(bytes)::"memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    char *d = (char *)dst + n - 1;
    const char *s = (const char *)src + n - 1;

    if ((unsigned long)dst - (unsigned long)src >= n)
        return memcpy(dst, src, n);
    __asm__ __volatile__("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    void *d = dst;
    size_t words = n / 8, bytes = n % 8;
    u64 pattern = (u8)c * 0x0101010101010101UL;

    __asm__ __volatile__("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
    __asm__ __volatile__("rep stosb" : "+D"(d), "+c"(bytes) : "a"(pattern) : "memory");
    return dst;
}

void arch_clear_page(void *page_va)
{
    size_t words = PAGE_SIZE / 8;

    __asm__ __volatile__("rep stosq" : "+D"(page_va), "+c"(words) : "a"(0UL) : "memory");
}
