/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NMIs: sent by a CPU that panics so that the others show what they were doing, or by the machine,
 * for dom0's first vCPU.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/hvm.h>
#include <lib/lib.h>
#include <sched/sched.h>

void arch_nmi(struct cpu_user_regs *regs)
{
    smp_nmi(regs);
    if (dom0 && dom0->max_vcpus && dom0->vcpu[0])
        arch_vcpu_nmi(dom0->vcpu[0]);
}

void arch_vcpu_nmi(struct vcpu *v)
{
    v->nmi_pending = true;
    if (v->is_hvm)
        hvm_set_work(v, HVM_WORK_EVENT);
    else
        __atomic_fetch_or(&v->arch.pv.exit_work, EXIT_WORK_NMI, __ATOMIC_SEQ_CST);
    vcpu_unblock(v);
    vcpu_kick(v);
}
