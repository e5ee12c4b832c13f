/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU of the simulated machine is a number that each thread has.
 */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <lib/cpumask.h>
#include <xen/xen.h>

struct vcpu;

extern __thread unsigned int sim_cpu;
extern struct vcpu *sim_current[];

struct cpu_info {
    unsigned int spec_ctrl_flags;
    unsigned long root_cr3, copy_cr3;
    u64 root_version;
    unsigned long root_copies;
};
extern struct cpu_info sim_cpu_info[];

extern struct cpu_user_regs sim_regs;

#define guest_regs()       (&sim_regs)
#define cpu_info()         (&sim_cpu_info[sim_cpu])
#define smp_processor_id() sim_cpu
#define current            (sim_current[sim_cpu])

#endif
