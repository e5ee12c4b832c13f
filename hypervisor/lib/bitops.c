/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searching bitmaps.
 */
#include <lib/bitops.h>

unsigned int find_next_bit(const unsigned long *p, unsigned int size, unsigned int start)
{
    unsigned int word = BIT_WORD(start);
    unsigned long w;

    if (start >= size)
        return size;
    w = p[word] & (~0UL << (start % BITS_PER_LONG));
    while (!w) {
        if (++word >= BITS_TO_LONGS(size))
            return size;
        w = p[word];
    }
    start = word * BITS_PER_LONG + ffs64(w);
    return start < size ? start : size;
}
