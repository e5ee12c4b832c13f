/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes and small macros that every file uses.
 */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __packed     __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noreturn   __attribute__((noreturn))
#define __noinline   __attribute__((noinline))
#undef __always_inline /* a C library has one of its own */
#define __always_inline inline __attribute__((always_inline))
#define __used          __attribute__((used))
#define __unused        __attribute__((unused))
#define __must_check    __attribute__((warn_unused_result))
#define __printf(f, a)  __attribute__((format(printf, f, a)))
#define __section(s)    __attribute__((section(s)))
/* Code and data used during boot only; their memory goes to the heap afterwards. */
#define __init     __attribute__((section(".init.text"), cold))
#define __initdata __attribute__((section(".init.data")))
/* Written during boot only. */
#define __ro_after_init __attribute__((section(".data.ro_after_init")))
#define __read_mostly   __attribute__((section(".data.read_mostly")))

/* A pointer into guest memory: never dereferenced, only given to the copy functions of
 * mm/guest_access.h. */
#define __guest

#define fallthrough __attribute__((fallthrough))

#define barrier()        __asm__ __volatile__("" ::: "memory")
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)((char *)(p) - __builtin_offsetof(t, m)))
#define ROUNDUP(x, a)         (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ROUNDDOWN(x, a)       ((x) & ~((__typeof__(x))(a)-1))
#define DIV_ROUND_UP(n, d)    (((n) + (d)-1) / (d))
#define min(a, b)               \
    ({                          \
        __typeof__(a) _a = (a); \
        __typeof__(b) _b = (b); \
        _a < _b ? _a : _b;      \
    })
#define max(a, b)               \
    ({                          \
        __typeof__(a) _a = (a); \
        __typeof__(b) _b = (b); \
        _a > _b ? _a : _b;      \
    })

#endif
