/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine under the simulation of page types: CPUs with TLBs and paging-structure caches that
 * remember what they once walked, domains with vCPUs, and what the hypervisor's other parts would
 * give to arch/x86/pv.
 */
#ifndef UNIT_PV_MACHINE_H
#define UNIT_PV_MACHINE_H

#include <core/domain.h>

#define SIM_CPUS  4
#define SIM_VCPUS 2

/* Memory, heap, hypervisor root; no domains. */
void machine_init(void);

/* A domain with SIM_VCPUS vCPUs and n frames. Ends it: all frames go back, as domain_kill does it. */
struct domain *machine_domain(domid_t id, bool privileged, unsigned int n);
void machine_domain_end(struct domain *d);
/* The domain of this number, NULL: none. */
struct domain *machine_domain_of(domid_t id);

/* This thread's CPU runs v (NULL: idle) from now on. */
void machine_run(unsigned int cpu, struct vcpu *v);

/* This CPU's guest enters the hypervisor: until then it runs on the tables that it left with. */
void machine_enter(void);

/*
 * This CPU's guest touches va: walks the tables that are loaded, by what the CPU remembers where it
 * does, and remembers what it found. Writes `value` there when it may and `write` is set. False: a
 * fault.
 */
bool machine_touch(unsigned long va, bool write, u64 value);

/* Does any CPU remember what it must not: a writable mapping of a table, a table that is none, a
 * frame that is another's now? */
unsigned int machine_audit(void);

/* The last hypercall asked to be taken up again: with these arguments. */
extern __thread unsigned long machine_again[6];
/* One in so many preemption checks says yes; 0: none does. */
extern unsigned int machine_preempt;
extern __thread u64 machine_seed;
u64 machine_random(void);

#endif
