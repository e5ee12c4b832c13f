/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HVM vCPU is told: exceptions, NMIs, interrupts and upcalls, in the order of AMD APM vol. 2, 8.5, and the
 * waking of one that waits for any of them.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <lib/lib.h>
#include <sched/sched.h>

void hvm_wake(struct vcpu *v)
{
    hvm_set_work(v, HVM_WORK_EVENT);
    vcpu_unblock(v);
    vcpu_kick(v);
}

void arch_events_pending(struct vcpu *v) { hvm_set_work(v, HVM_WORK_EVENT); }

bool arch_event_pending(struct vcpu *v) { return v->nmi_pending || READ_ONCE(v->info->evtchn_upcall_pending); }
