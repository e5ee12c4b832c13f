/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: variables of each CPU are arrays.
 */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

#include <asm/current.h>
#include <lib/cpumask.h>

#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name[NR_CPUS]
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name[NR_CPUS]

#define per_cpu(name, cpu) (percpu_##name[cpu])
#define this_cpu(name)     (percpu_##name[host_cpu_id])

#endif
