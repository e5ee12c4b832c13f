/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables of isolated guests: see isolate.c.
 */
#ifndef ARCH_X86_PV_ISOLATE_H
#define ARCH_X86_PV_ISOLATE_H

#include <asm/current.h>
#include <core/domain.h>

/* Each CPU, before it runs an isolated guest: its copies. Panics without memory. */
void isolate_cpu_init(void);
/* This CPU's entry and exit paths are told whether v, which comes to it, is isolated. */
void isolate_load(const struct vcpu *v);
/*
 * From entry.S, interrupts off: what CR3 shall be while the current vCPU, isolated, runs in the mode
 * that it is in.
 */
unsigned long isolate_root(void);
/* After a page fault of v, current and isolated: had its copy fallen behind? Then the fault says
 * nothing. */
static inline bool isolate_stale(const struct vcpu *v)
{
    return cpu_info()->root_version != READ_ONCE(v->domain->arch.root_version);
}

extern u64 root_versions;

/* A root of d was written to, or there is a new one. Before anything that depends on who knows of it. */
static inline void root_changed(struct domain *d)
{
    WRITE_ONCE(d->arch.root_version, __atomic_add_fetch(&root_versions, 1, __ATOMIC_SEQ_CST));
}

#endif
