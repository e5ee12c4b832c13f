/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a vCPU begins: INIT and STARTUP (AMD APM vol. 2, 14.1.3 and 15.27.8), VCPUOP_initialise
 * (xen/hvm/hvm_vcpu.h).
 */
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/hvm.h>
#include <sched/sched.h>
#include <xen/hvm/hvm_vcpu.h>

#define PAT_RESET 0x0007040600070406UL
#define DR6_RESET 0xffff0ff0UL
#define DR7_RESET 0x400UL
#define CODE      0x9b /* present, code, readable, accessed */
#define DATA      0x93
#define TSS_BUSY  0x8b
#define LDT       0x82

static struct cpu_user_regs *regs_of(struct vcpu *v) { return v == current ? guest_regs() : &v->arch.regs; }

static void set_segments(struct vcpu *v, const struct hvm_segment *code, const struct hvm_segment *data)
{
    static const struct hvm_segment tables = {.limit = 0xffff}, tss = {.limit = 0xffff, .attr = TSS_BUSY},
                                    ldt = {.limit = 0xffff, .attr = LDT};

    hvm->set_segment(v, HVM_CS, code);
    for (unsigned int n = HVM_SS; n <= HVM_GS; n++)
        hvm->set_segment(v, n, data);
    hvm->set_segment(v, HVM_ES, data);
    hvm->set_segment(v, HVM_GDTR, &tables);
    hvm->set_segment(v, HVM_IDTR, &tables);
    hvm->set_segment(v, HVM_LDTR, &ldt);
    hvm->set_segment(v, HVM_TR, &tss);
}

static void set_control(struct vcpu *v, u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
    v->arch.hvm.efer = efer;
    hvm->update_efer(v);
    hvm->set_cr(v, 4, cr4);
    hvm->set_cr(v, 3, cr3);
    hvm->set_cr(v, 0, cr0 | X86_CR0_ET);
}

/* CR0.CD and NW are as a firmware would leave them: a guest's own memory is cached from the start. */
void hvm_vcpu_reset_init(struct vcpu *v)
{
    const struct hvm_segment code = {.sel = 0xf000, .attr = CODE, .limit = 0xffff, .base = 0xffff0000},
                             data = {.attr = DATA, .limit = 0xffff};
    struct cpu_user_regs *regs = regs_of(v);

    memset(regs, 0, sizeof(*regs));
    regs->rdx = cpuid_count(1, 0).a;
    regs->rip = 0xfff0;
    regs->rflags = X86_EFLAGS_MBS;
    set_segments(v, &code, &data);
    set_control(v, 0, 0, 0, 0);
    hvm->set_cr(v, 2, 0);
    memset(v->arch.dr, 0, sizeof(v->arch.dr));
    hvm->set_dr(v, 6, DR6_RESET);
    hvm->set_dr(v, 7, DR7_RESET);
    v->arch.hvm.mtrr.msr_pat_cr = PAT_RESET;
    v->arch.hvm.mtrr.msr_mtrr_cap = HVM_MTRR_CAP;
    hvm->set_msr(v, MSR_PAT, PAT_RESET);
    v->arch.hvm.event.valid = false;
    v->arch.hvm.step = false;
    hvm->set_shadow(v, 0);
    v->nmi_pending = false;
    v->arch.initialised = false;
}

void hvm_vcpu_started(struct vcpu *v)
{
    v->arch.initialised = true;
    if (test_and_clear_bit(_VPF_DOWN, &v->pause_flags))
        vcpu_wake(v);
}

void hvm_vcpu_sipi(struct vcpu *v, u8 vector)
{
    const struct hvm_segment code = {.sel = vector << 8, .attr = CODE, .limit = 0xffff, .base = vector << 12};

    hvm->set_segment(v, HVM_CS, &code);
    regs_of(v)->rip = 0;
    hvm_vcpu_started(v);
}

/* ---- VCPUOP_initialise ---- */

#define AR_TYPE(ar) ((ar)&HVM_ATTR_TYPE)
#define AR_UNUSED   0xf000
#define TYPE_CODE   8
#define TYPE_WRITE  2

/* A segment that a program could have loaded: present, of the right kind, within itself (AMD APM vol. 2, 4.7). */
static bool segment_valid(u16 ar, u32 limit, bool code)
{
    if (!(ar & HVM_ATTR_P) || !(ar & HVM_ATTR_S) || ar & AR_UNUSED || (ar & HVM_ATTR_L && ar & HVM_ATTR_DB) ||
        !!(AR_TYPE(ar) & TYPE_CODE) != code)
        return false;
    return ar & HVM_ATTR_G ? (limit & 0xfff) == 0xfff : limit <= 0xfffff;
}

static bool data_valid(u16 ar, u32 limit)
{
    return !(ar & HVM_ATTR_P) ? !(ar & AR_UNUSED) : segment_valid(ar, limit, false);
}

static bool segments_valid(const struct vcpu_hvm_x86_32 *c)
{
    if (!segment_valid(c->cs_ar, c->cs_limit, true) || !data_valid(c->ds_ar, c->ds_limit) ||
        !data_valid(c->ss_ar, c->ss_limit) || !data_valid(c->es_ar, c->es_limit))
        return false;
    if ((c->ss_ar & HVM_ATTR_P && !(AR_TYPE(c->ss_ar) & TYPE_WRITE)) ||
        (c->ss_ar & HVM_ATTR_DPL) != (c->cs_ar & HVM_ATTR_DPL))
        return false;
    return (c->tr_ar & (HVM_ATTR_P | HVM_ATTR_S)) == HVM_ATTR_P &&
           (AR_TYPE(c->tr_ar) == 3 || AR_TYPE(c->tr_ar) == 11) && !(c->tr_ar & AR_UNUSED);
}

#define SEGMENT(c, name) \
    ((struct hvm_segment){.attr = (c)->name##_ar, .limit = (c)->name##_limit, .base = (c)->name##_base})

/* Both forms of a context have these. */
static void set_registers(struct vcpu *v, const struct vcpu_hvm_x86_64 *c)
{
    const u64 *gpr = (const u64 *)c; /* they begin it, as instructions number them */

    hvm_vcpu_reset_init(v);
    for (unsigned int n = 0; n < 8; n++)
        *insn_reg(&v->arch.regs, n) = gpr[n];
    v->arch.regs.rip = c->rip;
    v->arch.regs.rflags = c->rflags | X86_EFLAGS_MBS;
    set_control(v, c->cr0, c->cr3, c->cr4, c->efer);
}

static int set_context32(struct vcpu *v, const struct vcpu_hvm_x86_32 *c)
{
    u64 efer = c->efer | (c->efer & EFER_LME && c->cr0 & X86_CR0_PG ? EFER_LMA : 0);

    if (c->pad1 || c->pad2[0] || c->pad2[1] || c->pad2[2] || !(c->cr0 & X86_CR0_PE) || !segments_valid(c) ||
        !hvm_crs_valid(v, c->cr0, c->cr4, efer))
        return -EINVAL;
    set_registers(v, &(struct vcpu_hvm_x86_64){c->eax, c->ecx, c->edx, c->ebx, c->esp, c->ebp, c->esi, c->edi, c->eip,
                                               c->eflags, c->cr0, c->cr3, c->cr4, efer});
    hvm->set_segment(v, HVM_CS, &SEGMENT(c, cs));
    hvm->set_segment(v, HVM_DS, &SEGMENT(c, ds));
    hvm->set_segment(v, HVM_SS, &SEGMENT(c, ss));
    hvm->set_segment(v, HVM_ES, &SEGMENT(c, es));
    hvm->set_segment(v, HVM_TR, &SEGMENT(c, tr));
    return 0;
}

/* Flat segments, ring 0. */
static int set_context64(struct vcpu *v, const struct vcpu_hvm_x86_64 *c)
{
    const struct hvm_segment code = {.attr = CODE | HVM_ATTR_L | HVM_ATTR_G, .limit = ~0U},
                             data = {.attr = DATA | HVM_ATTR_DB | HVM_ATTR_G, .limit = ~0U},
                             tss = {.attr = TSS_BUSY, .limit = 0x67};

    if (!(c->cr0 & X86_CR0_PG) || !(c->cr4 & X86_CR4_PAE) || !(c->efer & EFER_LME) || !(c->efer & EFER_LMA) ||
        !hvm_crs_valid(v, c->cr0, c->cr4, c->efer))
        return -EINVAL;
    set_registers(v, c);
    set_segments(v, &code, &data);
    hvm->set_segment(v, HVM_TR, &tss);
    return 0;
}

int hvm_set_context(struct vcpu *v, const struct vcpu_hvm_context *c)
{
    int rc;

    if (c->pad)
        return -EINVAL;
    switch (c->mode) {
    case VCPU_HVM_MODE_32B: rc = set_context32(v, &c->cpu_regs.x86_32); break;
    case VCPU_HVM_MODE_64B: rc = set_context64(v, &c->cpu_regs.x86_64); break;
    default: return -EINVAL;
    }
    v->arch.initialised = !rc;
    return rc;
}
