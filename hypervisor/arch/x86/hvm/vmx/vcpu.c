/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a vCPU's VMCS: made, filled, on a CPU, off it, gone. A vCPU that leaves its CPU takes its VMCS along into
 * memory (VMCLEAR), so that whoever wants it next finds it: another CPU, or the toolstack's calls from anywhere.
 * Source: Intel SDM vol. 3, chapters 25 to 27, 29.3.3.3, 31.11.
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/vmx/vmx.h>
#include <arch/x86/mm/p2m.h>
#include <asm/paging.h>
#include <asm/percpu.h>
#include <asm/system.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <xen/hvm/e820.h>

#define NR_VPIDS 4096

/* Bit: in use. 0 is the host's. */
static unsigned long vpids[NR_VPIDS / 64] = {1};

const u32 vmx_switched_msr[VMX_SWITCHED_MSRS] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE};

unsigned long vmcs_begin(struct vcpu *v)
{
    unsigned long flags = 0;

    if (v != current) {
        flags = irq_save();
        vmptrld(v->arch.hvm.vmx->vmcs);
    }
    return flags;
}

void vmcs_end(struct vcpu *v, unsigned long flags)
{
    if (v == current)
        return;
    vmclear(v->arch.hvm.vmx->vmcs);
    v->arch.hvm.vmx->launched = false;
    if (current->is_hvm)
        vmptrld(current->arch.hvm.vmx->vmcs);
    irq_restore(flags);
}

/* ---- life ---- */

static u16 vpid_alloc(void)
{
    for (unsigned int i = 1; vmx_controls.secondary & CPU2_VPID && i < NR_VPIDS; i++)
        if (!test_and_set_bit(i, vpids))
            return i;
    return 0;
}

/* What never changes, and what neither the setters of registers nor vmx_load write. */
static void fill_vmcs(struct vcpu *v)
{
    const struct vmx_vcpu *x = v->arch.hvm.vmx;
    const struct {
        u32 field;
        u64 value;
    } fields[] = {
        {VMCS_PIN_CONTROLS, vmx_controls.pin},
        {VMCS_PRIMARY_CONTROLS, x->primary},
        {VMCS_SECONDARY_CONTROLS, vmx_controls.secondary & (x->vpid ? ~0U : ~CPU2_VPID)},
        {VMCS_EXIT_CONTROLS, vmx_controls.exit},
        {VMCS_ENTRY_CONTROLS, vmx_controls.entry},
        {VMCS_VPID, x->vpid},
        {VMCS_EPTP, mfn_to_paddr(p2m_root(v->domain)) | EPTP_WRITE_BACK_4_LEVELS},
        {VMCS_MSR_BITMAP, vmx_msr_bitmap},
        {VMCS_LINK, ~0UL},
        /* A guest could keep the CPU busy delivering these two for ever; #MC is the host's. */
        {VMCS_EXCEPTION_BITMAP, 1U << TRAP_DB | 1U << TRAP_AC | 1U << TRAP_MC},
        {VMCS_PF_ERROR_MASK, 0},
        {VMCS_PF_ERROR_MATCH, 0},
        {VMCS_CR3_TARGETS, 0},
        {VMCS_EXIT_MSR_STORES, 0},
        {VMCS_EXIT_MSR_LOADS, 0},
        {VMCS_ENTRY_MSR_LOADS, 0},
        {VMCS_ENTRY_EVENT, 0},
        {VMCS_TSC_OFFSET, 0},
        {VMCS_CR0_MASK, VMX_CR0_HOST_OWNED},
        {VMCS_CR4_MASK, VMX_CR4_HOST_OWNED},
        {VMCS_GUEST_DEBUGCTL, 0},
        {VMCS_GUEST_INTERRUPTIBILITY, 0},
        {VMCS_GUEST_ACTIVITY, 0},
        {VMCS_GUEST_PENDING_DEBUG, 0},
        {VMCS_GUEST_SYSENTER_CS, 0},
        {VMCS_GUEST_SYSENTER_ESP, 0},
        {VMCS_GUEST_SYSENTER_EIP, 0},
        {VMCS_GUEST_DR7, v->arch.dr[7]},
        {VMCS_HOST_CS, SEL_HYP_CS},
        {VMCS_HOST_CS - 2, 0},
        {VMCS_HOST_SS, 0},
        {VMCS_HOST_SS + 2, 0},
        {VMCS_HOST_SS + 4, 0},
        {VMCS_HOST_SS + 6, 0},
        {VMCS_HOST_TR, SEL_TSS},
        {VMCS_HOST_CR0, read_cr0() & ~(u64)X86_CR0_TS},
        {VMCS_HOST_CR3, virt_to_paddr(hyp_l4)},
        {VMCS_HOST_CR4, mmu_cr4},
        {VMCS_HOST_EFER, rdmsr(MSR_EFER)},
        {VMCS_HOST_PAT, rdmsr(MSR_PAT)},
        {VMCS_HOST_FS_BASE, 0},
        {VMCS_HOST_FS_BASE + 2, 0},
        {VMCS_HOST_IDTR_BASE, (u64)idt},
        {VMCS_HOST_SYSENTER_CS, SEL_HYP_CS},
        {VMCS_HOST_RIP, (u64)vmx_exit_stub},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        vmwrite(fields[i].field, fields[i].value);
    if (vmx_controls.secondary & CPU2_TSC_SCALING)
        vmwrite(VMCS_TSC_MULTIPLIER, TSC_MULTIPLIER_ONE);
}

int vmx_vcpu_create(struct vcpu *v)
{
    struct vmx_vcpu *x = mem_alloc_object(struct vmx_vcpu);
    u32 *region = page_alloc(0);
    unsigned long flags;

    if (!x || !region) {
        mem_free(x);
        if (region)
            page_free(region, 0);
        return -ENOMEM;
    }
    *region = vmx_controls.revision;
    x->vmcs = virt_to_paddr(region);
    x->vpid = vpid_alloc();
    x->cpu = NR_CPUS;
    x->primary = vmx_controls.primary;
    v->arch.hvm.vmx = x;
    flags = irq_save();
    vmclear(x->vmcs);
    irq_restore(flags);
    flags = vmcs_begin(v);
    fill_vmcs(v);
    vmcs_end(v, flags);
    return 0;
}

void vmx_vcpu_free(struct vcpu *v)
{
    struct vmx_vcpu *x = v->arch.hvm.vmx;

    if (!x)
        return;
    if (x->vpid)
        clear_bit(x->vpid, vpids);
    page_free(paddr_to_virt(x->vmcs), 0);
    mem_free(x);
    v->arch.hvm.vmx = NULL;
}

/* ---- on a CPU and off it ---- */

static DEFINE_PER_CPU(u64, host_msr)[VMX_SWITCHED_MSRS];

void vmx_note_host_msrs(void)
{
    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++)
        this_cpu(host_msr)[i] = rdmsr(vmx_switched_msr[i]);
}

/* DR0..3 and DR6 are the guest's own from its first use of one until it leaves the CPU; DR7 is in the VMCS. */
void vmx_debug_load(struct vcpu *v)
{
    const unsigned long *dr = v->arch.dr;

    __asm__ __volatile__(
        "mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3\n\tmov %4, %%db6" ::"r"(dr[0]), "r"(dr[1]),
        "r"(dr[2]), "r"(dr[3]), "r"(dr[6]));
    vmx_set_primary(v, v->arch.hvm.vmx->primary & ~CPU1_MOV_DR);
}

static void debug_save(struct vcpu *v)
{
    unsigned long *dr = v->arch.dr;

    if (!vmx_has_debug(v))
        return;
    __asm__ __volatile__("mov %%db0, %0\n\tmov %%db1, %1\n\tmov %%db2, %2\n\tmov %%db3, %3\n\tmov %%db6, %4"
                         : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]), "=r"(dr[6]));
    vmx_set_primary(v, v->arch.hvm.vmx->primary | CPU1_MOV_DR);
}

struct invalidation {
    u64 what, unused;
};

/* This CPU's memory of one guest: by its EPT root, and by its VPID; without that every entry and exit empties the rest.
 */
void vmx_invalidate(struct vcpu *v)
{
    const struct vmx_vcpu *x = v->arch.hvm.vmx;
    struct invalidation ept = {mfn_to_paddr(p2m_root(v->domain)) | EPTP_WRITE_BACK_4_LEVELS, 0}, vpid = {x->vpid, 0};
    u64 single = 1;

    __asm__ __volatile__("invept %0, %1; ja 1f; ud2; 1:" ::"m"(ept), "r"(single) : "cc", "memory");
    if (x->vpid)
        __asm__ __volatile__("invvpid %0, %1; ja 1f; ud2; 1:" ::"m"(vpid), "r"(single) : "cc", "memory");
}

void vmx_save(struct vcpu *v)
{
    struct vmx_vcpu *x = v->arch.hvm.vmx;

    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++) {
        x->msr[i] = rdmsr(vmx_switched_msr[i]);
        wrmsr(vmx_switched_msr[i], this_cpu(host_msr)[i]);
    }
    debug_save(v);
    fpu_save(v);
    vmclear(x->vmcs);
    x->launched = false;
}

/* The host's state that differs from CPU to CPU. */
static void load_host_state(void)
{
    struct cpu_info *info = cpu_info();

    vmwrite(VMCS_HOST_TR_BASE, (u64)&info->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, gdt_idle_base());
    vmwrite(VMCS_HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
    vmwrite(VMCS_HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
    /* As if an exception had pushed its frame: enter.S goes on from there. */
    vmwrite(VMCS_HOST_RSP, (u64)&info->guest_regs.error_code);
}

void vmx_load(struct vcpu *v)
{
    struct vmx_vcpu *x = v->arch.hvm.vmx;
    unsigned int cpu = smp_processor_id();

    cr4_load(mmu_cr4);
    fpu_load(v);
    if (cpu_has(RDTSCP))
        wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
    vmptrld(x->vmcs);
    if (x->cpu != cpu) {
        x->cpu = cpu;
        load_host_state();
        vmx_invalidate(v);
    }
    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++)
        wrmsr(vmx_switched_msr[i], x->msr[i]);
    if (vmread(VMCS_GUEST_DR7) & DR7_ENABLED)
        vmx_debug_load(v);
    spec_ctrl_hvm_load(v);
}
