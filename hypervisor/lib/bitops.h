/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits in arrays of unsigned long. The plain forms are atomic (full barriers, as the ABI's shared
 * pages need them); those with two leading underscores are not.
 */
#ifndef LIB_BITOPS_H
#define LIB_BITOPS_H

#include <lib/types.h>

#define BITS_PER_LONG    64
#define BITS_TO_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

#define BIT_WORD(nr) ((nr) / BITS_PER_LONG)
#define BIT_MASK(nr) (1UL << ((nr) % BITS_PER_LONG))

static inline bool test_bit(unsigned int nr, const volatile unsigned long *p) { return p[BIT_WORD(nr)] & BIT_MASK(nr); }

static inline void set_bit(unsigned int nr, volatile unsigned long *p)
{
    __atomic_fetch_or(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_SEQ_CST);
}

static inline void clear_bit(unsigned int nr, volatile unsigned long *p)
{
    __atomic_fetch_and(&p[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_SEQ_CST);
}

static inline bool test_and_set_bit(unsigned int nr, volatile unsigned long *p)
{
    return __atomic_fetch_or(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

static inline bool test_and_clear_bit(unsigned int nr, volatile unsigned long *p)
{
    return __atomic_fetch_and(&p[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

static inline void __set_bit(unsigned int nr, unsigned long *p) { p[BIT_WORD(nr)] |= BIT_MASK(nr); }

static inline void __clear_bit(unsigned int nr, unsigned long *p) { p[BIT_WORD(nr)] &= ~BIT_MASK(nr); }

/* Index of the lowest set bit; x must not be 0. */
static inline unsigned int ffs64(u64 x) { return __builtin_ctzl(x); }

/* Index of the highest set bit; x must not be 0. */
static inline unsigned int fls64(u64 x) { return 63 - __builtin_clzl(x); }

/* How many bits are set: sums of 2, 4, 8 bits side by side, then all bytes by one multiplication. */
static inline unsigned int popcount64(u64 x)
{
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (x * 0x0101010101010101) >> 56;
}

/* First set bit at or after start; size when there is none. */
unsigned int find_next_bit(const unsigned long *p, unsigned int size, unsigned int start);

#endif
