/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's VMCS: made, filled, on a CPU, off it, gone; the guest's registers and events in it, as hvm/vendor.h gives
 * and takes them. A vCPU that leaves its CPU takes its VMCS along into memory (VMCLEAR), so that whoever wants it next
 * finds it: another CPU, or the toolstack's calls from anywhere. Sources: Intel SDM vol. 3, chapters 25 to 27 (25.6.6:
 * masks and shadows of CR0 and CR4; 25.8.3: injection; 27.3.1: what VM entry demands; 27.3.2.4:
 * PDPTEs), 29.3.3.3, 31.11.
 *
 * CR0 and CR4: the guest may run with other values than it sees, those that VT-x demands (NE, VMXE). Bits that are ours
 * it reads from the shadow, and a write that changes one exits.
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/vmx/vmx.h>
#include <arch/x86/mm/p2m.h>
#include <asm/paging.h>
#include <asm/percpu.h>
#include <mm/heap.h>

#define NR_VPIDS           4096
#define TSC_MULTIPLIER_ONE (1UL << 48)

/* Bits of CR0 and CR4 that the guest changes and reads without us; of all others it reads a copy. */
#define CR0_HOST_OWNED (~(u64)(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_WP | X86_CR0_AM))
#define CR4_HOST_OWNED (~(u64)(X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE))

/* From enter.S. */
void vmx_entry_refused(struct vcpu *v);
void vmx_entry_work(struct vcpu *v);

/* Bit: in use. 0 is the host's. */
static unsigned long vpids[NR_VPIDS / 64] = {1};

/* The first are not switched by the CPU, and nothing of ours uses them while an HVM guest is on it; others are fields.
 */
static const struct {
    u32 msr, field;
} msrs[] = {{MSR_STAR, 0},
            {MSR_LSTAR, 0},
            {MSR_CSTAR, 0},
            {MSR_SFMASK, 0},
            {MSR_KERNEL_GS_BASE, 0},
            {MSR_FS_BASE, VMCS_GUEST_BASE + 2 * 4},
            {MSR_GS_BASE, VMCS_GUEST_BASE + 2 * 5},
            {MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS},
            {MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP},
            {MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP},
            {MSR_PAT, VMCS_GUEST_PAT}};

static unsigned long vmcs_begin(struct vcpu *v)
{
    unsigned long flags = 0;

    if (v != current) {
        flags = irq_save();
        vmptrld(v->arch.hvm.vmx->vmcs);
    }
    return flags;
}

struct vmcs_guard {
    struct vcpu *v;
    unsigned long flags;
};

static void vmcs_leave(const struct vmcs_guard *g)
{
    if (g->v == current)
        return;
    vmclear(g->v->arch.hvm.vmx->vmcs);
    g->v->arch.hvm.vmx->launched = false;
    if (current->is_hvm)
        vmptrld(current->arch.hvm.vmx->vmcs);
    irq_restore(g->flags);
}

/* To the end of the block vmread and vmwrite mean the VMCS of v, which is current or does not run. Short, and not
 * nested but for the current vCPU. */
#define vmcs_guard(v) \
    __attribute__((cleanup(vmcs_leave), unused)) const struct vmcs_guard vmcs_guard_held = {(v), vmcs_begin(v)}

/* ---- life ---- */

static u16 vpid_alloc(void)
{
    for (unsigned int i = 1; vmx_controls.secondary & CPU2_VPID && i < NR_VPIDS; i++)
        if (!test_and_set_bit(i, vpids))
            return i;
    return 0;
}

/* What never changes, and what neither the setters of registers nor load() write. */
static void fill_vmcs(struct vcpu *v)
{
    static const u16 zero[][2] = {
        /* from, to */
        {VMCS_PF_ERROR_MASK, VMCS_CR3_TARGETS},
        {VMCS_EXIT_MSR_STORES, VMCS_EXIT_MSR_LOADS},
        {VMCS_ENTRY_MSR_LOADS, VMCS_ENTRY_EVENT},
        {VMCS_TSC_OFFSET, VMCS_TSC_OFFSET},
        {VMCS_GUEST_DEBUGCTL, VMCS_GUEST_DEBUGCTL},
        {VMCS_GUEST_INTERRUPTIBILITY, VMCS_GUEST_ACTIVITY},
        {VMCS_GUEST_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS},
        {VMCS_GUEST_PENDING_DEBUG, VMCS_GUEST_SYSENTER_EIP},
        {VMCS_HOST_ES, VMCS_HOST_GS},
        {VMCS_HOST_FS_BASE, VMCS_HOST_GS_BASE},
    };
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
        {VMCS_CR0_MASK, CR0_HOST_OWNED},
        {VMCS_CR4_MASK, CR4_HOST_OWNED},
        {VMCS_GUEST_DR7, v->arch.dr[7]},
        {VMCS_HOST_CS, SEL_HYP_CS},
        {VMCS_HOST_TR, SEL_TSS},
        {VMCS_HOST_CR0, read_cr0() & ~(u64)X86_CR0_TS},
        {VMCS_HOST_CR3, virt_to_paddr(hyp_l4)},
        {VMCS_HOST_CR4, mmu_cr4},
        {VMCS_HOST_EFER, rdmsr(MSR_EFER)},
        {VMCS_HOST_PAT, rdmsr(MSR_PAT)},
        {VMCS_HOST_IDTR_BASE, (u64)idt},
        {VMCS_HOST_SYSENTER_CS, SEL_HYP_CS},
        {VMCS_HOST_RIP, (u64)vmx_exit_stub},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(zero); i++)
        for (u32 field = zero[i][0]; field <= zero[i][1]; field += 2)
            vmwrite(field, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        vmwrite(fields[i].field, fields[i].value);
    /* In ticks of the TSC: PAUSEs no further from each other are one loop, and one that takes so long is told to us. */
    if (vmx_controls.secondary & CPU2_PAUSE_LOOP) {
        vmwrite(VMCS_PAUSE_GAP, 128);
        vmwrite(VMCS_PAUSE_WINDOW, 4096);
    }
}

static int create(struct vcpu *v)
{
    struct vmx_vcpu *x = mem_alloc_object(struct vmx_vcpu);
    u32 *region = page_alloc(0);

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
    irq_guard();
    vmclear(x->vmcs);
    vmcs_guard(v);
    fill_vmcs(v);
    return 0;
}

static void destroy(struct vcpu *v)
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
        this_cpu(host_msr)[i] = rdmsr(msrs[i].msr);
}

static void set_primary(struct vcpu *v, u32 primary)
{
    if (v->arch.hvm.vmx->primary == primary)
        return;
    v->arch.hvm.vmx->primary = primary;
    vmwrite(VMCS_PRIMARY_CONTROLS, primary);
}

/* Has the CPU the debug registers of the current vCPU v? */
static bool has_debug(const struct vcpu *v) { return !(v->arch.hvm.vmx->primary & CPU1_MOV_DR); }

/* DR0..3 and DR6 are the guest's own from its first use of one until it leaves the CPU; DR7 is in the VMCS. */
void vmx_debug_load(struct vcpu *v)
{
    breakpoints_load(v->arch.dr);
    __asm__ __volatile__("mov %0, %%db6" ::"r"(v->arch.dr[6]));
    set_primary(v, v->arch.hvm.vmx->primary & ~CPU1_MOV_DR);
}

static void debug_save(struct vcpu *v)
{
    if (!has_debug(v))
        return;
    breakpoints_save(v->arch.dr);
    __asm__ __volatile__("mov %%db6, %0" : "=r"(v->arch.dr[6]));
    set_primary(v, v->arch.hvm.vmx->primary | CPU1_MOV_DR);
}

struct invalidation {
    u64 what, unused;
};

/* This CPU's memory of one guest: by its EPT root, and by its VPID; without that every entry and exit empties the rest.
 */
static void invalidate(struct vcpu *v)
{
    const struct vmx_vcpu *x = v->arch.hvm.vmx;
    struct invalidation ept = {mfn_to_paddr(p2m_root(v->domain)) | EPTP_WRITE_BACK_4_LEVELS, 0}, vpid = {x->vpid, 0};
    u64 single = 1;

    __asm__ __volatile__("invept %0, %1; ja 1f; ud2; 1:" ::"m"(ept), "r"(single) : "cc", "memory");
    if (x->vpid)
        __asm__ __volatile__("invvpid %0, %1; ja 1f; ud2; 1:" ::"m"(vpid), "r"(single) : "cc", "memory");
}

static void save(struct vcpu *v)
{
    struct vmx_vcpu *x = v->arch.hvm.vmx;

    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++) {
        x->msr[i] = rdmsr(msrs[i].msr);
        wrmsr(msrs[i].msr, this_cpu(host_msr)[i]);
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

static void load(struct vcpu *v)
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
        invalidate(v);
    }
    for (unsigned int i = 0; i < VMX_SWITCHED_MSRS; i++)
        wrmsr(msrs[i].msr, x->msr[i]);
    if (vmread(VMCS_GUEST_DR7) & DR7_ENABLED)
        vmx_debug_load(v);
    spec_ctrl_hvm_load(v);
}

/* ---- segments ---- */

/* Place in the VMCS of each segment's fields; the tables have limit and base only. */
static const u8 place[] = {
    [HVM_ES] = 0, [HVM_CS] = 1,   [HVM_SS] = 2, [HVM_DS] = 3,   [HVM_FS] = 4,
    [HVM_GS] = 5, [HVM_LDTR] = 6, [HVM_TR] = 7, [HVM_GDTR] = 8, [HVM_IDTR] = 9,
};

static void get_segment(struct vcpu *v, enum hvm_segment_name n, struct hvm_segment *s)
{
    u32 i = place[n] * 2;
    vmcs_guard(v);

    *s = (struct hvm_segment){.limit = vmread(VMCS_GUEST_LIMIT + i), .base = vmread(VMCS_GUEST_BASE + i)};
    if (n == HVM_GDTR || n == HVM_IDTR)
        return;
    s->sel = vmread(VMCS_GUEST_SEL + i);
    s->attr = vmx_attr(n, vmread(VMCS_GUEST_RIGHTS + i));
}

static void set_segment(struct vcpu *v, enum hvm_segment_name n, const struct hvm_segment *s)
{
    u32 i = place[n] * 2;
    vmcs_guard(v);

    vmwrite(VMCS_GUEST_LIMIT + i, s->limit);
    vmwrite(VMCS_GUEST_BASE + i, s->base);
    if (n == HVM_GDTR || n == HVM_IDTR)
        return;
    vmwrite(VMCS_GUEST_SEL + i, s->sel);
    vmwrite(VMCS_GUEST_RIGHTS + i, vmx_rights(n, s->attr));
}

/* The DPL of SS is it, also where SS is null (SDM vol. 3, 25.4.1). */
static unsigned int cpl(struct vcpu *v)
{
    struct hvm_segment ss;

    get_segment(v, HVM_SS, &ss);
    return (ss.attr & HVM_ATTR_DPL) >> 5;
}

/* ---- control registers ---- */

static u64 seen(u32 field, u32 shadow, u64 host_owned)
{
    return (vmread(field) & ~host_owned) | (vmread(shadow) & host_owned);
}

static u64 get_cr(struct vcpu *v, unsigned int n)
{
    vmcs_guard(v);

    switch (n) {
    case 0: return seen(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, CR0_HOST_OWNED);
    case 2: return v->arch.hvm.vmx->cr2;
    case 3: return vmread(VMCS_GUEST_CR3);
    default: return seen(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, CR4_HOST_OWNED);
    }
}

/* With PAE paging the four entries that CR3 points at are registers; the CPU loads them itself except after an exit.
 * Bad ones, which it would refuse, are not present. */
static void load_pdptes(struct vcpu *v)
{
    u64 reserved = 0x1e6 | ~((1UL << boot_cpu.phys_bits) - 1), entry[4] = {};

    v->arch.hvm.vmx->pdptes_stale = false;
    if (!(get_cr(v, 0) & X86_CR0_PG) || !(get_cr(v, 4) & X86_CR4_PAE) || v->arch.hvm.efer & EFER_LMA)
        return;
    if (hvm_copy_from_phys(v->domain, entry, vmread(VMCS_GUEST_CR3) & 0xffffffe0, sizeof(entry)))
        memset(entry, 0, sizeof(entry));
    for (unsigned int i = 0; i < ARRAY_SIZE(entry); i++)
        vmwrite(VMCS_GUEST_PDPTE + 2 * i, entry[i] & 1 && !(entry[i] & reserved) ? entry[i] : 0);
}

/* Translations by the old values are void before the guest goes on. */
static void paging_changed(struct vcpu *v)
{
    v->arch.hvm.vmx->pdptes_stale = true;
    hvm_set_work(v, HVM_WORK_TLB);
}

static void set_cr(struct vcpu *v, unsigned int n, u64 value)
{
    vmcs_guard(v);

    switch (n) {
    case 0:
        vmwrite(VMCS_GUEST_CR0, (value | X86_CR0_NE) & ~(u64)(X86_CR0_CD | X86_CR0_NW));
        vmwrite(VMCS_CR0_SHADOW, value);
        break;
    case 2: v->arch.hvm.vmx->cr2 = value; return;
    case 3: vmwrite(VMCS_GUEST_CR3, value); break;
    default:
        vmwrite(VMCS_GUEST_CR4, value | X86_CR4_VMXE);
        vmwrite(VMCS_CR4_SHADOW, value);
        break;
    }
    paging_changed(v);
}

static void update_efer(struct vcpu *v)
{
    u64 efer = v->arch.hvm.efer;
    vmcs_guard(v);

    vmwrite(VMCS_GUEST_EFER, efer);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_controls.entry | (efer & EFER_LMA ? ENTRY_LONG_MODE : 0));
    paging_changed(v);
}

/* ---- debug registers, MSRs, TSC ---- */

static u64 get_dr(struct vcpu *v, unsigned int n)
{
    u64 value = v->arch.dr[6];
    vmcs_guard(v);

    if (n == 7)
        value = vmread(VMCS_GUEST_DR7);
    else if (v == current && has_debug(v))
        __asm__ __volatile__("mov %%db6, %0" : "=r"(value));
    return value;
}

static void set_dr(struct vcpu *v, unsigned int n, u64 value)
{
    vmcs_guard(v);

    v->arch.dr[n] = value;
    if (n == 7)
        vmwrite(VMCS_GUEST_DR7, value);
    else if (v == current && has_debug(v))
        __asm__ __volatile__("mov %0, %%db6" ::"r"(value));
}

static unsigned int msr_number(u32 msr)
{
    unsigned int i = 0;

    while (i < ARRAY_SIZE(msrs) && msrs[i].msr != msr)
        i++;
    return i;
}

static bool get_msr(struct vcpu *v, u32 msr, u64 *value)
{
    unsigned int i = msr_number(msr);
    vmcs_guard(v);

    if (i < VMX_SWITCHED_MSRS)
        *value = v == current ? rdmsr(msr) : v->arch.hvm.vmx->msr[i];
    else if (i < ARRAY_SIZE(msrs))
        *value = vmread(msrs[i].field);
    return i < ARRAY_SIZE(msrs);
}

static bool set_msr(struct vcpu *v, u32 msr, u64 value)
{
    unsigned int i = msr_number(msr);
    vmcs_guard(v);

    if (i < VMX_SWITCHED_MSRS)
        v->arch.hvm.vmx->msr[i] = value;
    if (i < VMX_SWITCHED_MSRS && v == current)
        wrmsr(msr, value);
    else if (i >= VMX_SWITCHED_MSRS && i < ARRAY_SIZE(msrs))
        vmwrite(msrs[i].field, value);
    return i < ARRAY_SIZE(msrs);
}

static bool tsc_scaling(void) { return vmx_controls.secondary & CPU2_TSC_SCALING; }

static void update_tsc(struct vcpu *v)
{
    const struct hvm_domain *h = v->domain->arch.hvm;
    vmcs_guard(v);

    vmwrite(VMCS_TSC_OFFSET, v->arch.hvm.tsc_offset);
    if (tsc_scaling())
        vmwrite(VMCS_TSC_MULTIPLIER, h->tsc_scale && !h->tsc_emulated ? h->tsc_scale << 16 : TSC_MULTIPLIER_ONE);
    set_primary(v, (v->arch.hvm.vmx->primary & ~CPU1_RDTSC) | (h->tsc_emulated ? CPU1_RDTSC : 0));
}

/* ---- events ---- */

/* In real mode exceptions have no error code, and VM entry insists. */
static void inject(struct vcpu *v __unused, const struct hvm_event *e)
{
    u32 info = hvm_event_pack(e);

    if (!(vmread(VMCS_GUEST_CR0) & X86_CR0_PE))
        info &= ~HVM_EVENT_INFO_ERROR;
    if (info & HVM_EVENT_INFO_ERROR)
        vmwrite(VMCS_ENTRY_ERROR_CODE, e->error);
    if (e->type >= HVM_EVENT_SOFT_INTERRUPT)
        vmwrite(VMCS_ENTRY_INSN_LENGTH, e->length);
    if (e->type == HVM_EVENT_NMI)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKED_BY_NMI);
    vmwrite(VMCS_ENTRY_EVENT, info);
}

/* What was injected and not entered with. The neutral part, which comes next, delivers it. */
static void take_back(struct vcpu *v)
{
    u32 info = vmread(VMCS_ENTRY_EVENT);

    if (!(info & HVM_EVENT_INFO_VALID))
        return;
    vmwrite(VMCS_ENTRY_EVENT, 0);
    v->arch.hvm.event = hvm_event_unpack(info, vmread(VMCS_ENTRY_ERROR_CODE));
    v->arch.hvm.event.length = vmread(VMCS_ENTRY_INSN_LENGTH);
}

_Static_assert(BLOCKED_BY_STI == HVM_SHADOW_STI && BLOCKED_BY_MOV_SS == HVM_SHADOW_MOV_SS, "HVM_SHADOW_*");

static unsigned int get_shadow(struct vcpu *v)
{
    vmcs_guard(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    return (state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) | (state & BLOCKED_BY_NMI ? HVM_SHADOW_NMI : 0);
}

void vmx_set_shadow(struct vcpu *v, unsigned int shadow)
{
    vmcs_guard(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    if ((state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != shadow)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, (state & BLOCKED_BY_NMI) | shadow);
}

static void request_window(struct vcpu *v, enum hvm_window w)
{
    set_primary(v, v->arch.hvm.vmx->primary | (w == HVM_WINDOW_NMI ? CPU1_NMI_WINDOW : CPU1_INTERRUPT_WINDOW));
}

void vmx_close_windows(struct vcpu *v)
{
    set_primary(v, v->arch.hvm.vmx->primary & ~(CPU1_NMI_WINDOW | CPU1_INTERRUPT_WINDOW));
    hvm_set_work(v, HVM_WORK_EVENT);
}

void vmx_entry_work(struct vcpu *v)
{
    u8 work = __atomic_exchange_n(&v->arch.hvm.work, 0, __ATOMIC_SEQ_CST);

    take_back(v);
    if (work & HVM_WORK_TLB)
        invalidate(v);
    if (v->arch.hvm.vmx->pdptes_stale)
        load_pdptes(v);
    hvm_entry_work(v, work);
}

/* ---- for people ---- */

static void dump(struct vcpu *v)
{
    static const struct {
        const char *name;
        u32 field;
    } fields[] = {{"exit for", VMCS_EXIT_REASON},
                  {"qualification", VMCS_EXIT_QUALIFICATION},
                  {"gpa", VMCS_GUEST_PHYSICAL},
                  {"exit event", VMCS_EXIT_EVENT},
                  {"interrupted event", VMCS_IDT_EVENT},
                  {"entry event", VMCS_ENTRY_EVENT},
                  {"CR0", VMCS_GUEST_CR0},
                  {"CR4", VMCS_GUEST_CR4},
                  {"interruptibility", VMCS_GUEST_INTERRUPTIBILITY},
                  {"activity", VMCS_GUEST_ACTIVITY},
                  {"pending #DB", VMCS_GUEST_PENDING_DEBUG},
                  {"entry controls", VMCS_ENTRY_CONTROLS},
                  {"primary controls", VMCS_PRIMARY_CONTROLS},
                  {"secondary controls", VMCS_SECONDARY_CONTROLS}};
    vmcs_guard(v);

    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        log_info("  %s %#lx\n", fields[i].name, vmread(fields[i].field));
}

void vmx_entry_refused(struct vcpu *v)
{
    domain_crash(v->domain, "vCPU %u: VM entry failed with error %lu", v->id, vmread(VMCS_INSN_ERROR));
    arch_dump_guest(v);
}

static unsigned int p2m_order(void)
{
    return vmx_controls.ept_1g ? P2M_ORDER_1G : vmx_controls.ept_2m ? P2M_ORDER_2M : 0;
}

const struct hvm_vendor vmx_vendor = {
    .name = "VT-x",
    .vmcall = {0x0f, 0x01, 0xc1},
    .p2m_format = &p2m_ept,
    .p2m_order = p2m_order,
    .cpu_up = vmx_cpu_up,
    .vcpu_create = create,
    .vcpu_free = destroy,
    .save = save,
    .load = load,
    .resume = vmx_resume,
    .get_segment = get_segment,
    .set_segment = set_segment,
    .cpl = cpl,
    .get_cr = get_cr,
    .set_cr = set_cr,
    .update_efer = update_efer,
    .get_dr = get_dr,
    .set_dr = set_dr,
    .get_msr = get_msr,
    .set_msr = set_msr,
    .update_tsc = update_tsc,
    .tsc_scaling = tsc_scaling,
    .inject = inject,
    .get_shadow = get_shadow,
    .set_shadow = vmx_set_shadow,
    .request_window = request_window,
    .dump = dump,
};
