/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: a domain and a vCPU have nothing of the architecture but what a test likes to look at.
 */
#ifndef ASM_DOMAIN_H
#define ASM_DOMAIN_H

struct arch_vcpu {
    unsigned long switched_in; /* times it was given a CPU */
    unsigned long nmis, upcalls;
    unsigned long internal_events;
    bool initialised;
    void *time_guest;
};

struct arch_domain {
    unsigned long grant_maps; /* present mappings that arch_grant_map made */
    unsigned long tlb_flushes;
};

#endif
