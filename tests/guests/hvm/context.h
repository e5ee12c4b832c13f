/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest of hvm/context-client.c has in its registers, and the tool of pv/context.c finds in its context. */
#ifndef GUEST_CONTEXT_H
#define GUEST_CONTEXT_H

#include "lib/guest.h"

#define CONTEXT_DR(n) (0x123450000ul + (n)) /* breakpoints where nothing is executed */
#define CONTEXT_DR6   0xffff0ff1ul
#define CONTEXT_DR7   0x404ul /* the second is on */
#define CONTEXT_FCW   0x27f
#define CONTEXT_MXCSR 0x9fc0u
#define CONTEXT_XMM   0x5a /* each byte of XMM n is this + n */

#define MSR_MISC_FEATURES 0x140
#define CPUID_FAULTING    1
#define MSR_MCG_CAP       0x179

static const struct {
    uint32_t msr;
    uint64_t value;
} context_msrs[] = {
    {0x3b, 0x1000}, /* TSC_ADJUST */
    {MSR_MISC_FEATURES, CPUID_FAULTING},
    {0x174, 0x10}, /* SYSENTER_CS, ESP, EIP */
    {0x175, 0x123456789000},
    {0x176, 0x123456789abc},
    {0x200, 0x100006}, /* a variable MTRR, a fixed one, the default */
    {0x250, 0x0606060606060606},
    {0x277, 0x0007010600070106}, /* PAT */
    {0x2ff, 0xc06},
    {0xc0000081, 0x0013001000000000}, /* STAR, LSTAR, CSTAR, SFMASK */
    {0xc0000082, 0xffffffff81234567},
    {0xc0000083, 0xffffffff87654321},
    {0xc0000084, 0x47700},
    {0xc0000100, 0x7fff00001000}, /* FS base, GS base, kernel GS base */
    {0xc0000101, 0xffff888000001000},
    {0xc0000102, 0xffff800000001000},
};

static inline uint64_t context_msr(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(context_msrs); i++)
        if (context_msrs[i].msr == msr)
            return context_msrs[i].value;
    test_error("no such MSR");
}

#endif
