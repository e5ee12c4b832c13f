/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer and address types of the hypervisor. Machine frames (mfn_t), guest frames (gfn_t)
 * and physical addresses (paddr_t) are distinct types, so that the compiler finds a mix-up.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <lib/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef long ssize_t;

/* Nanoseconds since boot, or a span of them. */
typedef s64 s_time_t;

/* A physical (machine) address in bytes. */
typedef u64 paddr_t;

/* A machine frame number: physical address >> 12. */
typedef struct {
    unsigned long m;
} mfn_t;

/* A guest frame number, of whatever meaning it has for the guest type (PV: equal to the mfn). */
typedef struct {
    unsigned long g;
} gfn_t;

#define _mfn(x)     ((mfn_t){(x)})
#define _gfn(x)     ((gfn_t){(x)})
#define INVALID_MFN _mfn(~0UL)

static inline unsigned long mfn_x(mfn_t mfn) { return mfn.m; }

static inline unsigned long gfn_x(gfn_t gfn) { return gfn.g; }

static inline bool mfn_eq(mfn_t a, mfn_t b) { return a.m == b.m; }

static inline mfn_t mfn_add(mfn_t mfn, unsigned long n) { return _mfn(mfn.m + n); }

static inline paddr_t mfn_to_paddr(mfn_t mfn) { return (paddr_t)mfn.m << 12; }

static inline mfn_t paddr_to_mfn(paddr_t pa) { return _mfn(pa >> 12); }

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#endif
