/* SPDX-License-Identifier: Apache-2.0 */
/* Division of 64-bit numbers, which 32-bit code calls for by this name (the run-time ABI of the compiler). */
#include "guest.h"

uint64_t __udivmoddi4(uint64_t n, uint64_t by, uint64_t *rest);

uint64_t __udivmoddi4(uint64_t n, uint64_t by, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;

    for (int bit = 63; bit >= 0; bit--) {
        left = left << 1 | (n >> bit & 1);
        if (left >= by) {
            left -= by;
            quotient |= 1ull << bit;
        }
    }
    if (rest)
        *rest = left;
    return quotient;
}
