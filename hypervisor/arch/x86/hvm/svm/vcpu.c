/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's VMCB: its making, what a context switch does with it, and its registers for the neutral part
 * (hvm/vendor.h). AMD APM vol. 2, 15.5 and 15.9 (intercepts), 15.20 and 15.21 (events), 15.25 (nested paging).
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/hvm/svm/svm.h>
#include <arch/x86/mm/p2m.h>
#include <mm/heap.h>

void svm_vmload(paddr_t vmcb) { __asm__ __volatile__("vmload %0" ::"a"(vmcb) : "memory"); }
void svm_vmsave(paddr_t vmcb) { __asm__ __volatile__("vmsave %0" ::"a"(vmcb) : "memory"); }

void svm_intercept(struct svm_vmcb *b, unsigned int exit, bool on)
{
    u32 bit = 1U << exit % 32;

    if (on)
        b->intercept[exit / 32] |= bit;
    else
        b->intercept[exit / 32] &= ~bit;
    b->clean &= ~CLEAN_INTERCEPTS;
}

/* All accesses to debug registers (exit codes 0x20 to 0x3f). */
static void intercept_debug(struct svm_vmcb *b, bool on)
{
    b->intercept[1] = on ? ~0U : 0;
    b->clean &= ~CLEAN_INTERCEPTS;
}

/* ---- life ---- */

static int create(struct vcpu *v)
{
    struct svm_vmcb *b = page_alloc(0);

    if (!b)
        return -ENOMEM;
    v->arch.hvm.svm.vmcb = b;
    v->arch.hvm.svm.vmcb_pa = virt_to_paddr(b);
    svm_code_forget(v);
    svm_intercept_all(b);
    svm_intercept(b, EXIT_PAUSE, svm_has(SVM_PAUSE_FILTER));
    b->pause_count = 3000;
    b->iopm_pa = svm_iopm;
    b->msrpm_pa = svm_msrpm;
    b->vintr = VINTR_MASKING;
    b->nested = 1;
    b->ncr3 = mfn_to_paddr(p2m_root(v->domain));
    b->efer = EFER_SVME;
    return 0;
}

static void destroy(struct vcpu *v)
{
    if (vmcb_of(v))
        page_free(vmcb_of(v), 0);
    v->arch.hvm.svm.vmcb = NULL;
}

/* ---- the context switch ---- */

/* The guest's breakpoints are in the CPU from its first use of them until it leaves the CPU. */
void svm_debug_load(struct vcpu *v)
{
    breakpoints_load(v->arch.dr);
    intercept_debug(vmcb_of(v), false);
}

static void debug_save(struct vcpu *v)
{
    if (vmcb_of(v)->intercept[1])
        return;
    breakpoints_save(v->arch.dr);
    intercept_debug(vmcb_of(v), true);
}

static void save(struct vcpu *v)
{
    svm_take_back(v);
    svm_vmsave(v->arch.hvm.svm.vmcb_pa);
    svm_host_load();
    svm_asid_save(v);
    debug_save(v);
    fpu_save(v);
}

#define DR7_ENABLED 0xff

/* VMRUN reads our data segments again when the guest exits: null ones are always there. */
static void load(struct vcpu *v)
{
    idt_load(false);
    __asm__ __volatile__("mov %w0, %%ds\n\tmov %w0, %%es" ::"r"(0));
    cr4_load(mmu_cr4);
    fpu_load(v);
    if (cpu_has(RDTSCP))
        wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
    vmcb_of(v)->clean = 0;
    svm_asid_load(v);
    svm_load_tsc_ratio(v);
    svm_vmload(v->arch.hvm.svm.vmcb_pa);
    if (vmcb_of(v)->dr7 & DR7_ENABLED)
        svm_debug_load(v);
    spec_ctrl_hvm_load(v);
}

/* ---- segments ---- */

/* What VMLOAD and VMSAVE switch is in the CPU while v is: read from there, and put back there when it was written. */
static void fetch(struct vcpu *v)
{
    if (v == current)
        svm_vmsave(v->arch.hvm.svm.vmcb_pa);
}

static void put_back(struct vcpu *v)
{
    if (v == current)
        svm_vmload(v->arch.hvm.svm.vmcb_pa);
}

static bool in_cpu(enum hvm_segment_name n) { return n == HVM_FS || n == HVM_GS || n == HVM_LDTR || n == HVM_TR; }

static void get_segment(struct vcpu *v, enum hvm_segment_name n, struct hvm_segment *s)
{
    if (in_cpu(n))
        fetch(v);
    *s = vmcb_of(v)->segment[n];
}

static void set_segment(struct vcpu *v, enum hvm_segment_name n, const struct hvm_segment *s)
{
    struct svm_vmcb *b = vmcb_of(v);

    if (in_cpu(n))
        fetch(v);
    b->segment[n] = *s;
    if (n == HVM_SS)
        b->cpl = s->attr >> 5 & 3;
    b->clean &= ~(CLEAN_SEGMENTS | CLEAN_TABLES);
    if (in_cpu(n))
        put_back(v);
}

static unsigned int cpl(struct vcpu *v) { return vmcb_of(v)->cpl; }

/* ---- control registers, debug registers, MSRs ---- */

static u64 *cr_place(struct svm_vmcb *b, unsigned int n)
{
    return n == 0 ? &b->cr0 : n == 2 ? &b->cr2 : n == 3 ? &b->cr3 : &b->cr4;
}

static u64 get_cr(struct vcpu *v, unsigned int n) { return *cr_place(vmcb_of(v), n); }

static void set_cr(struct vcpu *v, unsigned int n, u64 value)
{
    u64 *cr = cr_place(vmcb_of(v), n), changed = *cr ^ value;

    *cr = value;
    vmcb_of(v)->clean &= ~(CLEAN_CR | CLEAN_CR2);
    if (n == 3 || (n == 0 && changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)) || (n == 4 && changed))
        hvm_set_work(v, HVM_WORK_TLB);
}

static void update_efer(struct vcpu *v)
{
    vmcb_of(v)->efer = v->arch.hvm.efer | EFER_SVME;
    vmcb_of(v)->clean &= ~CLEAN_CR;
    hvm_set_work(v, HVM_WORK_TLB);
}

static u64 get_dr(struct vcpu *v, unsigned int n) { return n == 6 ? vmcb_of(v)->dr6 : vmcb_of(v)->dr7; }

static void set_dr(struct vcpu *v, unsigned int n, u64 value)
{
    *(n == 6 ? &vmcb_of(v)->dr6 : &vmcb_of(v)->dr7) = value;
    vmcb_of(v)->clean &= ~CLEAN_DR;
}

static u64 *msr_place(struct svm_vmcb *b, u32 msr)
{
    switch (msr) {
    case MSR_FS_BASE: return &b->segment[HVM_FS].base;
    case MSR_GS_BASE: return &b->segment[HVM_GS].base;
    case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
    case MSR_STAR: return &b->star;
    case MSR_LSTAR: return &b->lstar;
    case MSR_CSTAR: return &b->cstar;
    case MSR_SFMASK: return &b->sfmask;
    case MSR_SYSENTER_CS: return &b->sysenter_cs;
    case MSR_SYSENTER_ESP: return &b->sysenter_esp;
    case MSR_SYSENTER_EIP: return &b->sysenter_eip;
    case MSR_PAT: return &b->pat;
    default: return NULL;
    }
}

static bool get_msr(struct vcpu *v, u32 msr, u64 *value)
{
    const u64 *place = msr_place(vmcb_of(v), msr);

    if (!place)
        return false;
    fetch(v);
    *value = *place;
    return true;
}

static bool set_msr(struct vcpu *v, u32 msr, u64 value)
{
    u64 *place = msr_place(vmcb_of(v), msr);

    if (!place)
        return false;
    fetch(v);
    *place = value;
    vmcb_of(v)->clean &= ~CLEAN_NESTED;
    put_back(v);
    return true;
}

static void update_tsc(struct vcpu *v)
{
    struct svm_vmcb *b = vmcb_of(v);
    bool emulate = v->domain->arch.hvm->tsc_emulated;

    b->tsc_offset = v->arch.hvm.tsc_offset;
    svm_intercept(b, EXIT_RDTSC, emulate);
    svm_intercept(b, EXIT_RDTSCP, emulate);
    if (v == current)
        svm_load_tsc_ratio(v);
}

static bool tsc_scaling(void) { return svm_has(SVM_TSC_RATE); }

/* ---- events ---- */

#define VINTR_VECTOR_SHIFT 32
#define VINTR_VECTOR       (0xffUL << VINTR_VECTOR_SHIFT)

/* An interrupt by V_IRQ that no VMRUN has delivered yet? */
static bool interrupt_waits(const struct svm_vmcb *b)
{
    return b->vintr & VINTR_IRQ && !(b->intercept[EXIT_VINTR / 32] >> EXIT_VINTR % 32 & 1);
}

/* One at most is there: nothing is injected before this was called. */
void svm_take_back(struct vcpu *v)
{
    struct svm_vmcb *b = vmcb_of(v);

    if (interrupt_waits(b)) {
        b->event = (u8)(b->vintr >> VINTR_VECTOR_SHIFT) | HVM_EVENT_INFO_VALID;
        b->vintr &= ~(VINTR_WINDOW | VINTR_VECTOR);
        b->clean &= ~CLEAN_VINTR;
    }
    if (likely(!(b->event & HVM_EVENT_INFO_VALID)))
        return;
    v->arch.hvm.event = hvm_event_unpack(b->event, b->event >> 32);
    b->event = 0;
    hvm_set_work(v, HVM_WORK_EVENT);
}

/*
 * Interrupts go by V_IRQ (15.21.4), which is delivered before the guest's next instruction, as they are injected only
 * when it can take them. EVENTINJ would do, but QEMU 7.2's emulation may deliver that twice. A software event's return
 * address is behind its instruction (15.20).
 */
static void inject(struct vcpu *v, const struct hvm_event *e)
{
    u64 type = e->type > HVM_EVENT_SOFT_INTERRUPT ? HVM_EVENT_EXCEPTION : e->type;
    struct svm_vmcb *b = vmcb_of(v);

    if (e->type == HVM_EVENT_INTERRUPT && guest_regs()->rflags & X86_EFLAGS_IF && !(b->shadow & SHADOW_ACTIVE)) {
        b->vintr = (b->vintr & ~VINTR_VECTOR) | VINTR_WINDOW | (u64)e->vector << VINTR_VECTOR_SHIFT;
        b->clean &= ~CLEAN_VINTR;
        svm_intercept(b, EXIT_VINTR, false);
        return;
    }
    if (e->type >= HVM_EVENT_SOFT_INTERRUPT)
        guest_regs()->rip += e->length;
    if (e->type == HVM_EVENT_NMI) {
        v->arch.hvm.svm.nmi_masked = true;
        svm_intercept(vmcb_of(v), EXIT_IRET, true);
    }
    vmcb_of(v)->event =
        e->vector | type << 8 | (e->has_error ? HVM_EVENT_INFO_ERROR : 0) | HVM_EVENT_INFO_VALID | (u64)e->error << 32;
}

static unsigned int get_shadow(struct vcpu *v)
{
    return (vmcb_of(v)->shadow & SHADOW_ACTIVE ? HVM_SHADOW_STI : 0) |
           (v->arch.hvm.svm.nmi_masked ? HVM_SHADOW_NMI : 0);
}

static void set_shadow(struct vcpu *v, unsigned int shadow)
{
    vmcb_of(v)->shadow = shadow & ~HVM_SHADOW_NMI ? SHADOW_ACTIVE : 0;
}

/* NMIs are masked until an IRET, of which we hear before it is carried out (15.21.9); else a shadow of one instruction
 * is in the way. */
static void request_window(struct vcpu *v, enum hvm_window w)
{
    struct svm_vmcb *b = vmcb_of(v);

    if (w == HVM_WINDOW_NMI) {
        if (!v->arch.hvm.svm.nmi_masked)
            hvm_step(v);
        return;
    }
    if (interrupt_waits(b)) /* V_IRQ is for the window now: what it was to deliver goes the other way */
        b->event = (u8)(b->vintr >> VINTR_VECTOR_SHIFT) | HVM_EVENT_INFO_VALID;
    b->vintr |= VINTR_WINDOW;
    b->clean &= ~CLEAN_VINTR;
    svm_intercept(b, EXIT_VINTR, true);
}

/*
 * What was injected and not delivered, because an interrupt of the machine or more work came first, is injected again.
 * In V_IRQ behind another event it would wait for that one's handler, and taken back there, by a context switch, it
 * would interrupt code that has interrupts off.
 */
void svm_entry_work(struct vcpu *v)
{
    u8 work;

    if (!v->arch.hvm.event.valid)
        svm_take_back(v);
    work = __atomic_exchange_n(&v->arch.hvm.work, 0, __ATOMIC_SEQ_CST);
    if (work & HVM_WORK_TLB) {
        svm_code_forget(v);
        svm_asid_flush(v);
    }
    hvm_entry_work(v, work);
}

static void dump(struct vcpu *v)
{
    const struct svm_vmcb *b = vmcb_of(v);

    log_info("  cpl %u exit %lx %lx %lx during %lx event %lx, ASID %u\n", b->cpl, (long)b->exit_code,
             (long)b->exit_info1, (long)b->exit_info2, (long)b->exit_int_info, (long)b->event, b->asid);
}

static unsigned int p2m_order(void) { return cpu_has(PAGE1GB) ? P2M_ORDER_1G : P2M_ORDER_2M; }

const struct hvm_vendor svm_vendor = {
    .name = "AMD-V",
    .vmcall = {0x0f, 0x01, 0xd9},
    .p2m_format = &p2m_npt,
    .p2m_order = p2m_order,
    .cpu_up = svm_cpu_up,
    .vcpu_create = create,
    .vcpu_free = destroy,
    .save = save,
    .load = load,
    .resume = svm_resume,
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
    .set_shadow = set_shadow,
    .request_window = request_window,
    .dump = dump,
};
