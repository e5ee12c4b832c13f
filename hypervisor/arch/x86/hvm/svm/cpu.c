/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD-V on the CPUs: is it there and not locked, switching it on, what each CPU keeps for itself, and ASIDs. AMD APM
 * vol. 2, 15.3 (enabling), 15.4, 15.10 and 15.11 (permission maps), 15.16 (ASIDs), 15.30.5 (TSC ratio).
 *
 * An ASID is good on one CPU and in one generation: when a CPU has given all of them away, it forgets all and begins a
 * new generation. A vCPU that finds its own of an older generation, or of another CPU, takes a new one.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/svm/svm.h>
#include <asm/percpu.h>
#include <mm/heap.h>

#define MSR_VM_CR        0xc0010114
#define VM_CR_SVMDIS     (1UL << 4)
#define MSR_VM_HSAVE_PA  0xc0010117
#define MSR_TSC_RATIO    0xc0000104
#define TSC_RATIO_ONE    (1UL << 32) /* 8.32 fixed point */
#define CPUID_SVM        0x8000000a
#define CPUID_HYPERVISOR 0x40000000
#define TCG_SIGNATURE    0x54474354 /* TCGT */
#define GENERATION_FIRST (1UL << 16)

bool svm_forgets_irqs __read_mostly;
u32 svm_features __read_mostly, svm_asids __read_mostly, svm_clean __read_mostly;
paddr_t svm_iopm __read_mostly, svm_msrpm __read_mostly;

static DEFINE_PER_CPU(struct svm_vmcb *, host_vmcb); /* what VMSAVE stored of us */
static DEFINE_PER_CPU(u64, asid_generation);         /* the CPU's number in the low bits */
static DEFINE_PER_CPU(u32, asid_last);
static DEFINE_PER_CPU(bool, flush_owed); /* a new generation began, and no VMRUN has flushed yet */
static DEFINE_PER_CPU(u64, tsc_ratio);

const char *svm_probe(void)
{
    struct cpuid_regs r;

    if (boot_cpu.vendor == CPU_VENDOR_INTEL || boot_cpu.max_ext_leaf < CPUID_SVM || !cpu_has(SVM))
        return "this CPU does not have AMD-V";
    if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        return "AMD-V is switched off by the firmware (VM_CR.SVMDIS)";
    r = cpuid_count(CPUID_SVM, 0);
    if (!(r.d & SVM_NPT))
        return "AMD-V of this CPU has no nested paging";
    if (r.b < 2)
        return "AMD-V of this CPU has no ASIDs";
    svm_forgets_irqs = cpu_has(HYPERVISOR) && cpuid_count(CPUID_HYPERVISOR, 0).b == TCG_SIGNATURE;
    svm_features = r.d;
    svm_clean = r.d & SVM_CLEAN ? CLEAN_ALL : 0;
    svm_asids = r.b;
    return NULL;
}

/* The map's place of an MSR (15.11): 2 bits each, reads and writes. */
static void __init msr_let(u8 *map, u32 msr)
{
    u32 bit = (msr >> 30 ? 0x2000 + (msr & 0x1fff) : msr) * 2;

    map[bit / 8] &= ~(3 << bit % 8);
}

/* MSRs that VMLOAD and VMSAVE switch belong to the guest as they are. */
static int __init maps_init(void)
{
    u8 *io = page_alloc(2), *msr = page_alloc(1);

    if (!io || !msr)
        return -ENOMEM;
    memset(io, 0xff, 4 * PAGE_SIZE);
    memset(msr, 0xff, 2 * PAGE_SIZE);
    for (unsigned int i = 0; i < HVM_DIRECT_MSRS; i++)
        msr_let(msr, hvm_direct_msrs[i]);
    svm_iopm = virt_to_paddr(io);
    svm_msrpm = virt_to_paddr(msr);
    return 0;
}

int svm_cpu_up(void)
{
    struct svm_vmcb *area = page_alloc(0), *host = page_alloc(0);

    if (!area || !host || (!svm_iopm && maps_init()))
        return -ENOMEM;
    if (cpuid_count(CPUID_SVM, 0).b < svm_asids || (cpuid_count(CPUID_SVM, 0).d & svm_features) != svm_features ||
        rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        return -ENODEV;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, virt_to_paddr(area));
    this_cpu(host_vmcb) = host;
    svm_vmsave(virt_to_paddr(host));
    this_cpu(asid_generation) = GENERATION_FIRST | smp_processor_id();
    this_cpu(tsc_ratio) = TSC_RATIO_ONE;
    return 0;
}

void svm_host_load(void)
{
    svm_vmload(virt_to_paddr(this_cpu(host_vmcb)));
    idt_load(true);
}

static void asid_new(struct vcpu *v)
{
    struct svm_vmcb *b = v->arch.hvm.svm.vmcb;
    u32 *last = &this_cpu(asid_last);

    if (++*last >= svm_asids) {
        this_cpu(asid_generation) += GENERATION_FIRST;
        *last = 1;
        b->tlb_control = TLB_FLUSH_ALL;
    }
    b->asid = *last;
    b->clean &= ~CLEAN_ASID;
    v->arch.hvm.svm.asid_generation = this_cpu(asid_generation);
}

void svm_asid_flush(struct vcpu *v)
{
    struct svm_vmcb *b = v->arch.hvm.svm.vmcb;

    if (!svm_has(SVM_FLUSH_ASID))
        asid_new(v);
    else if (b->tlb_control == TLB_FLUSH_NOTHING)
        b->tlb_control = TLB_FLUSH_ASID;
}

void svm_asid_load(struct vcpu *v)
{
    if (v->arch.hvm.svm.asid_generation != this_cpu(asid_generation))
        asid_new(v);
    if (unlikely(this_cpu(flush_owed))) {
        this_cpu(flush_owed) = false;
        v->arch.hvm.svm.vmcb->tlb_control = TLB_FLUSH_ALL;
    }
}

/* The exit path clears tlb_control: what stands there now no VMRUN has done. */
void svm_asid_save(struct vcpu *v)
{
    struct svm_vmcb *b = v->arch.hvm.svm.vmcb;

    if (likely(b->tlb_control == TLB_FLUSH_NOTHING))
        return;
    this_cpu(flush_owed) |= b->tlb_control == TLB_FLUSH_ALL;
    b->tlb_control = TLB_FLUSH_NOTHING;
    v->arch.hvm.svm.asid_generation = 0;
}

void svm_load_tsc_ratio(const struct vcpu *v)
{
    u64 scale = v->domain->arch.hvm->tsc_scale,
        ratio = scale && !v->domain->arch.hvm->tsc_emulated ? scale : TSC_RATIO_ONE;

    if (this_cpu(tsc_ratio) == ratio || !svm_has(SVM_TSC_RATE))
        return;
    this_cpu(tsc_ratio) = ratio;
    wrmsr(MSR_TSC_RATIO, ratio);
}
