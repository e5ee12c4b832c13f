/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host with x86's HVM part: a domain and a vCPU as arch/host has them, and what hvm/ hangs on them.
 */
#ifndef UNIT_HVM_DOMAIN_H
#define UNIT_HVM_DOMAIN_H

#include <asm/hvm.h>

#define arch_vcpu   host_vcpu
#define arch_domain host_domain
#include_next <asm/domain.h>
#undef arch_vcpu
#undef arch_domain

struct arch_vcpu {
    struct host_vcpu;
    struct hvm_vcpu hvm;
};

struct arch_domain {
    struct host_domain;
    u32 tsc_khz, pci_cf8;
    struct hvm_domain *hvm;
};

#endif
