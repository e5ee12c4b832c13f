/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of small structures between us and the running guest, in line: most hypercalls begin with
 * one. Larger ones go through mm/guest_access.c. The guest's own page tables are loaded, so a copy
 * is a copy; a fault goes to the fixup.
 */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/asm.h>
#include <asm/layout.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/types.h>

#define GUEST_SMALL_MAX 80

/*
 * An access that begins in the guest's part and is shorter than a page cannot reach ours: between
 * the lower half and us lies what is not canonical, and behind the upper half the address wraps to
 * the lower one.
 */
static __always_inline bool guest_start_ok(unsigned long va)
{
    return va < 0x0000800000000000UL || va >= HYPERVISOR_END;
}

#define GUEST_FIXUP                            \
    "2:\n\t.pushsection .text.fixup, \"ax\"\n" \
    "3: mov %[fault], %[err]\n\tjmp 2b\n\t.popsection\n\t" EXTABLE(1b, 3b)

#define GUEST_LOAD(type, dst, src, err)                                                 \
    do {                                                                                \
        type _v = 0;                                                                    \
        __asm__ __volatile__("1: mov %[from], %[to]\n" GUEST_FIXUP                      \
                             : [to] "+r"(_v), [err] "+r"(err)                           \
                             : [from] "m"(*(const type *)(src)), [fault] "i"(-EFAULT)); \
        memcpy(dst, &_v, sizeof(_v));                                                   \
    } while (0)

#define GUEST_STORE(type, dst, src, err)                                  \
    do {                                                                  \
        type _v;                                                          \
        memcpy(&_v, src, sizeof(_v));                                     \
        __asm__ __volatile__("1: mov %[from], %[to]\n" GUEST_FIXUP        \
                             : [to] "=m"(*(type *)(dst)), [err] "+r"(err) \
                             : [from] "r"(_v), [fault] "i"(-EFAULT));     \
    } while (0)

/* n: a constant, a multiple of 4 up to GUEST_SMALL_MAX. 0 or -EFAULT. */
static __always_inline int guest_copy_in(void *dst, const void __guest *src, size_t n)
{
    const char *from = (const char *)src;
    char *to = dst;
    int err = 0;
    size_t i;

    if (unlikely(!guest_start_ok((unsigned long)src)))
        return -EFAULT;
#pragma GCC unroll 16
    for (i = 0; i + 8 <= n; i += 8)
        GUEST_LOAD(u64, to + i, from + i, err);
    if (n % 8)
        GUEST_LOAD(u32, to + i, from + i, err);
    return err;
}

static __always_inline int guest_copy_out(void __guest *dst, const void *src, size_t n)
{
    const char *from = src;
    char *to = (char *)dst;
    int err = 0;
    size_t i;

    if (unlikely(!guest_start_ok((unsigned long)dst)))
        return -EFAULT;
#pragma GCC unroll 16
    for (i = 0; i + 8 <= n; i += 8)
        GUEST_STORE(u64, to + i, from + i, err);
    if (n % 8)
        GUEST_STORE(u32, to + i, from + i, err);
    return err;
}

#endif
