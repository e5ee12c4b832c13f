/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host with x86's HVM part: a domain and a vCPU as arch/host has them, and what hvm/ hangs on them.
 */
#ifndef ASM_DOMAIN_H
#define ASM_DOMAIN_H

#include <asm/hvm.h>
#include <lib/types.h>

struct arch_vcpu {
    unsigned long switched_in, nmis, upcalls;
    bool initialised;
    void *time_guest;
    struct hvm_vcpu hvm;
};

struct arch_domain {
    unsigned long grant_maps, tlb_flushes;
    u32 tsc_khz;
    struct hvm_domain *hvm;
};

#endif
