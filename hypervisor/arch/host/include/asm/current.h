/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: a CPU is a thread's variable; a program with one thread changes it and so is each CPU in
 * turn.
 */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <lib/cpumask.h>
#include <xen/xen.h>

struct vcpu;

struct host_cpu {
    struct cpu_user_regs guest_regs;
    struct vcpu *current_vcpu;
    bool irqs_disabled;
    s_time_t deadline;          /* what arch_timer_program was last told */
    unsigned long event_checks; /* interrupts sent to this CPU by arch_send_event_check */
    unsigned long switches;     /* context switches made here */
};

extern struct host_cpu host_cpus[NR_CPUS];
extern __thread unsigned int host_cpu_id;

#define smp_processor_id() host_cpu_id
#define current            (host_cpus[host_cpu_id].current_vcpu)
#define guest_regs()       (&host_cpus[host_cpu_id].guest_regs)

#endif
