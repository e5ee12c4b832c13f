/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a context switch (arch/x86/switch.c) saves and loads of a PV vCPU, and its segments in between.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/pv.h>
#include <asm/asm.h>
#include <asm/trapnr.h>
#include <sched/sched.h>

#define GDT_PTE_FLAGS 0x8000000000000063UL /* present, writable, accessed, dirty, no execute */

static void pv_save_segments(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();

    __asm__ __volatile__("mov %%ds, %0" : "=m"(regs->ds));
    __asm__ __volatile__("mov %%es, %0" : "=m"(regs->es));
    __asm__ __volatile__("mov %%fs, %0" : "=m"(regs->fs));
    __asm__ __volatile__("mov %%gs, %0" : "=m"(regs->gs));
    v->arch.pv.fs_base = rdmsr(MSR_FS_BASE);
    v->arch.pv.gs_base_kernel = rdmsr(v->arch.pv.kernel_mode ? MSR_GS_BASE : MSR_KERNEL_GS_BASE);
    v->arch.pv.gs_base_user = rdmsr(v->arch.pv.kernel_mode ? MSR_KERNEL_GS_BASE : MSR_GS_BASE);
}

/* Loads a selector, or 0 when the CPU refuses it: false then. */
#define LOAD_SELECTOR(reg, sel)                                   \
    ({                                                            \
        bool _ok = true;                                          \
        __asm__ __volatile__("1: mov %w1, %%" #reg "\n"           \
                             "2:\n\t"                             \
                             ".pushsection .text.fixup, \"ax\"\n" \
                             "3: movb $0, %0\n\t"                 \
                             "mov %w2, %%" #reg "\n\t"            \
                             "jmp 2b\n\t"                         \
                             ".popsection\n\t" EXTABLE(1b, 3b)    \
                             : "+q"(_ok)                          \
                             : "r"((unsigned int)(sel)), "r"(0)); \
        _ok;                                                      \
    })

/* A selector that is no longer good is not our problem but the guest kernel's: its failsafe
 * callback hears of it. */
static void load_segments(struct vcpu *v)
{
    const struct cpu_user_regs *regs = guest_regs();
    const struct pv_vcpu *pv = &v->arch.pv;
    bool ok = LOAD_SELECTOR(ds, regs->ds);

    ok &= LOAD_SELECTOR(es, regs->es);
    ok &= LOAD_SELECTOR(fs, regs->fs);
    ok &= LOAD_SELECTOR(gs, regs->gs);
    wrmsr(MSR_FS_BASE, pv->fs_base);
    wrmsr(MSR_GS_BASE, pv->kernel_mode ? pv->gs_base_kernel : pv->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, pv->kernel_mode ? pv->gs_base_user : pv->gs_base_kernel);
    if (!ok)
        v->arch.pv.exit_work |= EXIT_WORK_FAILSAFE;
}

int pv_load_user_gs(u16 selector)
{
    unsigned long flags = irq_save();
    bool ok;

    /* With the bases swapped the selector's base lands in the user's. */
    __asm__ __volatile__("swapgs");
    ok = LOAD_SELECTOR(gs, selector ? pv_fix_selector(selector) : 0);
    __asm__ __volatile__("swapgs");
    irq_restore(flags);
    return ok ? 0 : -EINVAL;
}

unsigned long pv_real_cr4(const struct vcpu *v)
{
    return (v->domain->arch.isolated ? mmu_cr4 & ~(u64)X86_CR4_PGE : mmu_cr4) |
           (v->arch.pv.ctrlreg[4] & (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE));
}

void pv_save_guest(struct vcpu *v)
{
    pv_save_segments(v);
    v->arch.regs = *guest_regs();
    fpu_save(v);
    pv_save_debug(v);
}

void pv_load_guest(struct vcpu *v)
{
    *guest_regs() = v->arch.regs;
    cpumask_set(&v->domain->arch.dirty_cpus, smp_processor_id());
    v->arch.pv.gdt_ldt_ptes[FIRST_RESERVED_GDT_PAGE] = virt_to_paddr(this_cpu_gdt()) | GDT_PTE_FLAGS;
    load_cr3(v->arch.cr3);
    isolate_load(v);
    pv_load_cpuid_faulting(v);
    gdt_load(GDT_WINDOW((unsigned long)v->id));
    ldt_load(LDT_WINDOW((unsigned long)v->id), v->arch.pv.ldt_entries);
    cr4_load(pv_real_cr4(v));
    fpu_load(v);
    pv_load_debug(v);
    load_segments(v);
    if (cpu_has(RDTSCP))
        wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
    arch_update_vcpu_time(v);
    vcpu_runstate_publish(v);
}
