/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain with a virtual platform on the fake machine, and what a guest does to it.
 */
#ifndef UNIT_HVM_RIG_H
#define UNIT_HVM_RIG_H

#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <mm/heap.h>
#include <xen/hvm/params.h>

#define FLAGS_PVH XEN_X86_EMU_LAPIC
#define FLAGS_HVM (XEN_X86_EMU_ALL & ~(XEN_X86_EMU_VPCI | XEN_X86_EMU_USE_PIRQ))

extern struct domain *rig_d;
extern unsigned long rig_resets, rig_timer_runs;
extern int rig_sipi;        /* vector of the last one, -1: none */
extern s64 rig_clock_moved; /* as the device model was told last */

void rig_start(u32 flags, unsigned int vcpus);
void rig_end(void);
/* Time passes, timers run. */
void rig_pass(s64 ns);

static inline struct vcpu *rig_v(unsigned int id) { return rig_d->vcpu[id]; }
/* The vCPU takes its next interrupt: the vector, -1: none. */
int rig_take(struct vcpu *v);
u64 rig_rdmsr(struct vcpu *v, u32 msr); /* must not fault */
void rig_wrmsr(struct vcpu *v, u32 msr, u64 value);
u32 rig_in(u16 port, unsigned int bytes); /* vCPU 0; all ones where nobody is */
void rig_out(u16 port, unsigned int bytes, u32 value);
u64 rig_read(struct vcpu *v, u64 gpa, unsigned int bytes);
void rig_write(struct vcpu *v, u64 gpa, unsigned int bytes, u64 value);
/* The xAPIC's registers. */
static inline u32 rig_apic(struct vcpu *v, unsigned int reg) { return rig_read(v, 0xfee00000 + reg, 4); }
static inline void rig_apic_set(struct vcpu *v, unsigned int reg, u32 value)
{
    rig_write(v, 0xfee00000 + reg, 4, value);
}
/* IO-APIC: an entry, its low half with vector, mode and so on. */
void rig_pin(unsigned int pin, u32 low, u32 dest);
u64 rig_pin_entry(unsigned int pin);

#endif
