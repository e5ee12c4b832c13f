/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading model-specific registers that may not exist. Those that must exist are read and written
 * directly (asm/system.h).
 */
#include <asm/asm.h>
#include <asm/system.h>

bool rdmsr_safe(u32 msr, u64 *val)
{
    u32 lo, hi, failed = 1;

    /* The register is cleared behind the access: a fault leaves the 1. */
    __asm__ __volatile__("1: rdmsr\n\t"
                         "xor %k2, %k2\n\t"
                         "2:\n\t" EXTABLE(1b, 2b)
                         : "=a"(lo), "=d"(hi), "+r"(failed)
                         : "c"(msr));
    if (failed)
        return false;
    *val = lo | (u64)hi << 32;
    return true;
}
