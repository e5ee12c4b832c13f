/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a vCPU in an HVM domain's saved context (save.c is their frame): registers, extended
 * state, MTRRs and PAT, TSC_ADJUST, machine-check banks, other MSRs. A record is looked at whole before any of it takes
 * effect. Layouts: xen/arch-x86/hvm/save.h.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/save.h>

/* ---- CPU ---- */

/* The record's members in rows: what stands in one, by which number, follows. */
struct cpu_rows {
    u8 fpu[512];
    u64 gpr[16], rip, rflags, cr[4], dr[6];
    u32 sel[8], limit[10];
    u64 base[10];
    u32 attr[8];
    u64 msr[9];
};
_Static_assert(__builtin_offsetof(struct cpu_rows, limit) == __builtin_offsetof(struct hvm_hw_cpu, cs_limit), "rows");
_Static_assert(__builtin_offsetof(struct cpu_rows, msr[8]) == __builtin_offsetof(struct hvm_hw_cpu, msr_syscall_mask),
               "");

static const u8 gprs[16] = {0, 3, 1, 2, 5, 6, 7, 4, 8, 9, 10, 11, 12, 13, 14, 15}; /* as instructions number them */
static const u8 crs[4] = {0, 2, 3, 4};
static const u8 segments[10] = {HVM_CS, HVM_DS, HVM_ES, HVM_FS, HVM_GS, HVM_SS, HVM_TR, HVM_LDTR, HVM_IDTR, HVM_GDTR};
/* 0: obsolete, no MSR has this number. */
static const u32 msrs[9] = {MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_KERNEL_GS_BASE, 0,
                            MSR_LSTAR,       MSR_STAR,         MSR_CSTAR,        MSR_SFMASK};

static void move(u64 *record, u64 *state, bool load) { *(load ? state : record) = *(load ? record : state); }

static void move_segment(struct vcpu *v, struct cpu_rows *c, unsigned int i, bool load)
{
    bool table = i >= ARRAY_SIZE(c->sel); /* has limit and base only */
    struct hvm_segment s;

    if (load) {
        s = (struct hvm_segment){table ? 0 : c->sel[i], table ? 0 : c->attr[i], c->limit[i], c->base[i]};
        hvm->set_segment(v, segments[i], &s);
        return;
    }
    hvm->get_segment(v, segments[i], &s);
    c->limit[i] = s.limit;
    c->base[i] = s.base;
    if (table)
        return;
    c->sel[i] = s.sel;
    c->attr[i] = s.attr;
}

static void move_rows(struct vcpu *v, struct cpu_rows *c, bool load)
{
    struct cpu_user_regs *r = &v->arch.regs;

    for (unsigned int i = 0; i < ARRAY_SIZE(gprs); i++)
        move(&c->gpr[i], insn_reg(r, gprs[i]), load);
    move(&c->rip, &r->rip, load);
    move(&c->rflags, &r->rflags, load);
    for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++)
        move_segment(v, c, i, load);
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        load ? hvm->set_msr(v, msrs[i], c->msr[i]) : hvm->get_msr(v, msrs[i], &c->msr[i]);
    for (unsigned int i = ARRAY_SIZE(crs); i--;)
        load ? hvm->set_cr(v, crs[i], c->cr[i]) : (void)(c->cr[i] = hvm_get_cr(v, crs[i]));
    for (unsigned int i = 0; i < 4; i++)
        move(&c->dr[i], &v->arch.dr[i], load);
    for (unsigned int i = 4; i < ARRAY_SIZE(c->dr); i++)
        load ? hvm->set_dr(v, i + 2, c->dr[i]) : (void)(c->dr[i] = hvm->get_dr(v, i + 2));
}

/* One that is down has nothing but what it will be given when it is started. */
static int cpu_save(struct domain *d, unsigned int instance, void *record)
{
    struct vcpu *v = d->vcpu[instance];
    const struct hvm_event *e = &v->arch.hvm.event;
    struct hvm_hw_cpu *c = record;

    if (test_bit(_VPF_DOWN, &v->pause_flags))
        return 0;
    fpu_get_legacy(v, c->fpu_regs);
    move_rows(v, record, false);
    c->msr_efer = v->arch.hvm.efer;
    c->msr_tsc_aux = v->arch.tsc_aux;
    c->tsc = hvm_guest_tsc(v);
    if (e->valid) {
        c->pending_event = hvm_event_pack(e);
        c->error_code = e->error;
    }
    c->flags = XEN_X86_FPU_INITIALISED;
    return sizeof(*c);
}

static int cpu_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    struct vcpu *v = d->vcpu[instance];
    const struct hvm_hw_cpu *c = record;

    if (!hvm_crs_valid(v, c->cr0, c->cr4, c->msr_efer) || (c->pending_valid && c->pending_reserved) ||
        c->flags & ~XEN_X86_FPU_INITIALISED || c->pad0)
        return -EINVAL;
    hvm_vcpu_reset_init(v);
    if (c->flags & XEN_X86_FPU_INITIALISED)
        fpu_set_legacy(v, c->fpu_regs);
    v->arch.hvm.efer = c->msr_efer;
    hvm->update_efer(v);
    move_rows(v, (void *)record, true);
    hvm->set_cr(v, 0, c->cr0 | X86_CR0_ET);
    v->arch.regs.rflags |= X86_EFLAGS_MBS;
    v->arch.tsc_aux = c->msr_tsc_aux;
    v->arch.hvm.spec_ctrl = v->arch.hvm.misc_features = 0; /* CPU_MSR, if there is one, comes later */
    v->arch.hvm.tsc_offset += c->tsc - hvm_guest_tsc(v);
    hvm->update_tsc(v);
    if (c->pending_valid) {
        v->arch.hvm.event = hvm_event_unpack(c->pending_event, c->error_code);
        hvm_set_work(v, HVM_WORK_EVENT);
    }
    hvm_vcpu_started(v);
    return 0;
}

/* ---- MTRR, which has the PAT as well ---- */

#define PAT_ENTRIES_VALID(pat) (((pat)&0xf8f8f8f8f8f8f8f8ULL) == 0)

static int mtrr_save(struct domain *d, unsigned int instance, void *record)
{
    *(struct hvm_hw_mtrr *)record = d->vcpu[instance]->arch.hvm.mtrr;
    return sizeof(struct hvm_hw_mtrr);
}

static int mtrr_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    struct vcpu *v = d->vcpu[instance];
    const struct hvm_hw_mtrr *m = record;

    if (!PAT_ENTRIES_VALID(m->msr_pat_cr) || m->msr_mtrr_def_type & ~0xcffULL)
        return -EINVAL;
    v->arch.hvm.mtrr = *m;
    v->arch.hvm.mtrr.msr_mtrr_cap = HVM_MTRR_CAP;
    hvm->set_msr(v, MSR_PAT, m->msr_pat_cr);
    return 0;
}

/* ---- CPU_XSAVE ---- */

/* No CPU's area is larger: with AMX it is 11 kB. */
#define XSAVE_MAX 16384

static int xsave_save(struct domain *d, unsigned int instance, void *record)
{
    struct vcpu *v = d->vcpu[instance];

    return v->arch.initialised ? fpu_save_record(v, record) : 0;
}

static int xsave_load(struct domain *d, unsigned int instance, const void *record, u32 length)
{
    return fpu_load_record(d->vcpu[instance], record, length);
}

/* ---- TSC_ADJUST: the MSR's value only, which is in the TSC's already ---- */

static int tsc_adjust_save(struct domain *d, unsigned int instance, void *record)
{
    ((struct hvm_tsc_adjust *)record)->tsc_adjust = d->vcpu[instance]->arch.hvm.tsc_adjust;
    return sizeof(struct hvm_tsc_adjust);
}

static int tsc_adjust_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    d->vcpu[instance]->arch.hvm.tsc_adjust = ((const struct hvm_tsc_adjust *)record)->tsc_adjust;
    return 0;
}

/* ---- VMCE_VCPU: how many banks MCG_CAP tells of; they have nothing that could be changed, nor has it other bits ----
 */

static int vmce_save(struct domain *d, unsigned int instance, void *record)
{
    ((struct hvm_vmce_vcpu *)record)->caps = d->vcpu[instance]->arch.hvm.mcg_cap;
    return sizeof(struct hvm_vmce_vcpu);
}

static int vmce_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    u64 caps = ((const struct hvm_vmce_vcpu *)record)->caps;

    if (caps > HVM_MCA_BANKS_MOST)
        return -EINVAL;
    d->vcpu[instance]->arch.hvm.mcg_cap = caps;
    return 0;
}

/* ---- CPU_MSR: what no other record has, unless it is 0 ---- */

#define CPU_MSRS_MOST 32 /* of one from elsewhere, to be refused by its contents */

static const u32 cpu_msrs[2] = {MSR_SPEC_CTRL, MSR_MISC_FEATURES};

static int cpu_msr_save(struct domain *d, unsigned int instance, void *record)
{
    struct hvm_msr *m = record;
    u64 value;

    for (unsigned int i = 0; i < ARRAY_SIZE(cpu_msrs); i++)
        if (!hvm_msr_read(d->vcpu[instance], cpu_msrs[i], &value) && value)
            m->msr[m->count++] = (struct hvm_one_msr){.index = cpu_msrs[i], .val = value};
    return m->count ? sizeof(*m) + m->count * sizeof(m->msr[0]) : 0;
}

static bool is_cpu_msr(u32 msr) { return msr == cpu_msrs[0] || msr == cpu_msrs[1]; }

/* -ENXIO: an MSR, or a value of one, that this guest has not. */
static int cpu_msr_load(struct domain *d, unsigned int instance, const void *record, u32 length)
{
    const struct hvm_msr *m = record;

    if (!m->count)
        return -EINVAL;
    if (length != sizeof(*m) + m->count * sizeof(m->msr[0]))
        return -EOPNOTSUPP;
    for (unsigned int i = 0; i < m->count; i++)
        if (m->msr[i]._rsvd)
            return -EOPNOTSUPP;
    for (unsigned int i = 0; i < m->count; i++)
        if (!is_cpu_msr(m->msr[i].index) || hvm_msr_write(d->vcpu[instance], m->msr[i].index, m->msr[i].val))
            return -ENXIO;
    return 0;
}

const struct hvm_record cpu_records[] = {
    {HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU), 0, cpu_save, cpu_load},
    {HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR), 0, mtrr_save, mtrr_load},
    {CPU_XSAVE_CODE, 0, XSAVE_MAX, sizeof(struct hvm_hw_cpu_xsave), xsave_save, xsave_load},
    {HVM_SAVE_CODE(TSC_ADJUST), 0, HVM_SAVE_LENGTH(TSC_ADJUST), 0, tsc_adjust_save, tsc_adjust_load},
    {HVM_SAVE_CODE(VMCE_VCPU), 0, HVM_SAVE_LENGTH(VMCE_VCPU), sizeof(u64), vmce_save, vmce_load},
    {CPU_MSR_CODE, 0, sizeof(struct hvm_msr) + CPU_MSRS_MOST * sizeof(struct hvm_one_msr), sizeof(struct hvm_msr),
     cpu_msr_save, cpu_msr_load},
};
const unsigned int cpu_nr_records = ARRAY_SIZE(cpu_records);
