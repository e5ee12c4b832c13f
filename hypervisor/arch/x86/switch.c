/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one vCPU to the next on a CPU. The scheduler calls arch_context_switch; nothing returns from there: the new vCPU
 * starts at the top of the stack on its way out (entry.S for PV, the vendor's loop for HVM).
 */
#include <arch/arch.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/pv/pv.h>
#include <asm/paging.h>
#include <sched/sched.h>

static inline void save_guest(struct vcpu *v)
{
    if (v->domain->is_hvm) {
        hvm->save(v);
        cpu_info()->guest_hole = GUEST_HOLE_SIZE;
        v->arch.regs = *guest_regs();
    } else {
        pv_save_guest(v);
    }
}

/* No guest's mapping is within reach while an HVM guest runs. */
static void load_hvm(struct vcpu *v)
{
    *guest_regs() = v->arch.regs;
    cpumask_set(&v->domain->arch.dirty_cpus, smp_processor_id());
    load_cr3(virt_to_paddr(hyp_l4));
    cpu_info()->guest_hole = ~0UL;
    hvm->load(v);
    platform_vcpu_load(v);
    arch_update_vcpu_time(v);
    vcpu_runstate_publish(v);
}

/*
 * GDTR points at the CPU's own page while CR3 changes, so that an NMI finds its descriptors at
 * every moment.
 */
void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    if (!prev->is_idle)
        save_guest(prev);
    gdt_load(gdt_idle_base());
    cpu_info()->current_vcpu = next;
    if (next->is_idle)
        load_cr3(virt_to_paddr(hyp_l4));
    else if (next->domain->is_hvm)
        load_hvm(next);
    else
        pv_load_guest(next);
    if (!prev->is_idle && prev->domain != next->domain) {
        cpumask_unset(&prev->domain->arch.dirty_cpus, smp_processor_id());
        spec_ctrl_switch(next);
    }
    sched_context_saved(prev);
    arch_continue_running(next);
}

void arch_continue_running(struct vcpu *v)
{
    if (v->is_idle)
        reset_stack_to_idle();
    if (v->domain->is_hvm)
        hvm->resume();
    reset_stack_to_guest(v);
}
