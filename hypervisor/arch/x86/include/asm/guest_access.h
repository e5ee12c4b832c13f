/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of small structures between us and the running guest, in line: most hypercalls begin with
 * one. Larger ones go through mm/guest_access.c. A PV guest's own page tables are loaded, so a copy
 * is a copy; a fault goes to the fixup.
 */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/asm.h>
#include <asm/current.h>
#include <asm/layout.h>

#define GUEST_SMALL_MAX 80

/*
 * May an access by the guest's own tables begin here? One that begins in a PV guest's part of the address space cannot
 * reach ours going up: behind the lower half lies what is not canonical, and behind the upper half the address wraps to
 * the lower one. HVM guests' addresses are no addresses here: mm/guest_access.c goes on with them.
 */
static __always_inline bool guest_start_ok(unsigned long va) { return va - GUEST_HOLE_START >= cpu_info()->guest_hole; }

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

/*
 * What is not to be had so (mm/guest_access.c): an HVM guest's memory goes through a buffer of this CPU's. fetch: n
 * bytes of src are in it; where it is, or NULL. buffer, store: what was put into it goes to dst; 0 or -EFAULT. By way
 * of stubs that keep all registers but RAX, and with no pointer to what is copied, so that the short way has nothing to
 * save and to store.
 */
#define GUEST_SLOW(type, name, a, n)                                                                     \
    ({                                                                                                   \
        type _rc;                                                                                        \
        __asm__ __volatile__("call " name "_stub" : "=a"(_rc) : "D"(a), "S"((u64)(n)) : "memory", "cc"); \
        _rc;                                                                                             \
    })

/* n: a constant, a multiple of 4 up to GUEST_SMALL_MAX. 0 or -EFAULT. */
static __always_inline int guest_copy_in(void *dst, const void __guest *src, size_t n)
{
    const char *from = (const char *)src;
    char *to = dst;
    int err = 0;
    size_t i;

    if (unlikely(!guest_start_ok((unsigned long)src))) {
        from = GUEST_SLOW(const char *, "guest_slow_fetch", src, n);
        if (!from)
            return -EFAULT;
    }
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

    if (unlikely(!guest_start_ok((unsigned long)dst))) {
        to = GUEST_SLOW(char *, "guest_slow_buffer", dst, n);
#pragma GCC unroll 16
        for (i = 0; i < n; i += 4)
            memcpy(to + i, from + i, 4);
        return GUEST_SLOW(int, "guest_slow_store", dst, n);
    }
#pragma GCC unroll 16
    for (i = 0; i + 8 <= n; i += 8)
        GUEST_STORE(u64, to + i, from + i, err);
    if (n % 8)
        GUEST_STORE(u32, to + i, from + i, err);
    return err;
}

#endif
