/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a vCPU in an HVM domain's saved context (save.c is their frame): registers (cpu_record.c), extended
 * state, MTRRs and PAT, TSC_ADJUST. A record is looked at whole before any of it takes effect. Layouts:
 * xen/arch-x86/hvm/save.h.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/save.h>
#include <asm/trapnr.h>
#include <lib/lib.h>
#include <sched/sched.h>

/* ---- CPU ---- */

/* One that is down has nothing but what it will be given when it is started. */
static int cpu_save(struct domain *d, unsigned int instance, void *record)
{
    struct vcpu *v = d->vcpu[instance];

    if (test_bit(_VPF_DOWN, &v->pause_flags))
        return 0;
    hvm_cpu_save(v, record);
    return sizeof(struct hvm_hw_cpu);
}

static int cpu_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    return hvm_cpu_load(d->vcpu[instance], record);
}

/* ---- MTRR, which has the PAT as well ---- */

#define PAT_ENTRIES_VALID(pat) (((pat)&0xf8f8f8f8f8f8f8f8ULL) == 0)
#define MTRR_CAP               (1ULL << 10 | 1ULL << 8 | MTRR_VCNT) /* write combining, fixed ranges, so many others */

static int mtrr_save(struct domain *d, unsigned int instance, void *record)
{
    const struct hvm_vcpu *h = &d->vcpu[instance]->arch.hvm;
    struct hvm_hw_mtrr *m = record;

    m->msr_pat_cr = h->pat;
    memcpy(m->msr_mtrr_var, h->mtrr_var, sizeof(m->msr_mtrr_var));
    memcpy(m->msr_mtrr_fixed, h->mtrr_fixed, sizeof(m->msr_mtrr_fixed));
    m->msr_mtrr_cap = MTRR_CAP;
    m->msr_mtrr_def_type = h->mtrr_def_type;
    return sizeof(*m);
}

static int mtrr_load(struct domain *d, unsigned int instance, const void *record, u32 length __unused)
{
    struct vcpu *v = d->vcpu[instance];
    const struct hvm_hw_mtrr *m = record;

    if (!PAT_ENTRIES_VALID(m->msr_pat_cr) || m->msr_mtrr_def_type & ~0xcffULL)
        return -EINVAL;
    v->arch.hvm.pat = m->msr_pat_cr;
    hvm->set_msr(v, MSR_PAT, m->msr_pat_cr);
    memcpy(v->arch.hvm.mtrr_var, m->msr_mtrr_var, sizeof(m->msr_mtrr_var));
    memcpy(v->arch.hvm.mtrr_fixed, m->msr_mtrr_fixed, sizeof(m->msr_mtrr_fixed));
    v->arch.hvm.mtrr_def_type = m->msr_mtrr_def_type;
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

const struct hvm_record cpu_records[] = {
    {HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU), 0, cpu_save, cpu_load},
    {HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR), 0, mtrr_save, mtrr_load},
    {CPU_XSAVE_CODE, 0, XSAVE_MAX, sizeof(struct hvm_hw_cpu_xsave), xsave_save, xsave_load},
    {HVM_SAVE_CODE(TSC_ADJUST), 0, HVM_SAVE_LENGTH(TSC_ADJUST), 0, tsc_adjust_save, tsc_adjust_load},
};
const unsigned int cpu_nr_records = ARRAY_SIZE(cpu_records);
