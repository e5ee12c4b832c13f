/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU of the simulated machine is a number that each thread has.
 */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <lib/cpumask.h>
#include <lib/types.h>
#include <xen/xen.h>

struct vcpu;

extern __thread unsigned int sim_cpu;
extern struct vcpu *sim_current[];

#define smp_processor_id() sim_cpu
#define current            (sim_current[sim_cpu])

#endif
