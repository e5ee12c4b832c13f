/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables that each CPU has of its own: one template section, copied per CPU; the distance to a
 * CPU's copy is in its cpu_info (asm/current.h).
 */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

#include <asm/current.h>
#include <lib/cpumask.h>

#define DEFINE_PER_CPU(type, name)  __section(".bss.percpu") __typeof__(type) percpu_##name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name

/* Distance of each CPU's copy from the template. */
extern unsigned long percpu_offset[NR_CPUS];

#define percpu_ptr(name, off) ((__typeof__(&percpu_##name))((char *)&percpu_##name + (off)))
#define per_cpu(name, cpu)    (*percpu_ptr(name, percpu_offset[cpu]))
#define this_cpu(name)        (*percpu_ptr(name, cpu_info()->percpu_offset))

#endif
