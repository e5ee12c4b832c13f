/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved state of a vCPU: struct hvm_hw_cpu of xen/arch-x86/hvm/save.h.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/hvm/hvm.h>
#include <lib/lib.h>
#include <sched/sched.h>
#include <xen/hvm/save.h>

/* GPRs and others have the same names on both sides. */
#define EACH_REGISTER(X) \
    X(rax)               \
    X(rbx)               \
    X(rcx) X(rdx) X(rbp) X(rsi) X(rdi) X(rsp) X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rip) X(rflags)
#define EACH_SEGMENT(X) \
    X(cs, HVM_CS) X(ds, HVM_DS) X(es, HVM_ES) X(fs, HVM_FS) X(gs, HVM_GS) X(ss, HVM_SS) X(tr, HVM_TR) X(ldtr, HVM_LDTR)
#define EACH_TABLE(X) X(gdtr, HVM_GDTR) X(idtr, HVM_IDTR)
#define EACH_MSR(X)                   \
    X(sysenter_cs, MSR_SYSENTER_CS)   \
    X(sysenter_esp, MSR_SYSENTER_ESP) \
    X(sysenter_eip, MSR_SYSENTER_EIP) \
    X(shadow_gs, MSR_KERNEL_GS_BASE)  \
    X(msr_lstar, MSR_LSTAR) X(msr_star, MSR_STAR) X(msr_cstar, MSR_CSTAR) X(msr_syscall_mask, MSR_SFMASK)

void hvm_cpu_save(struct vcpu *v, struct hvm_hw_cpu *c)
{
    const struct cpu_user_regs *r = &v->arch.regs;
    const struct hvm_event *e = &v->arch.hvm.event;
    struct hvm_segment s;

    memset(c, 0, sizeof(*c));
    fpu_get_legacy(v, c->fpu_regs);
#define X(n) c->n = r->n;
    EACH_REGISTER(X)
#undef X
#define X(n, i)                                                                                   \
    hvm->get_segment(v, i, &s), c->n##_sel = s.sel, c->n##_limit = s.limit, c->n##_base = s.base, \
                                c->n##_arbytes = s.attr;
    EACH_SEGMENT(X)
#undef X
#define X(n, i) hvm->get_segment(v, i, &s), c->n##_limit = s.limit, c->n##_base = s.base;
    EACH_TABLE(X)
#undef X
#define X(n, m) (void)hvm->get_msr(v, m, &c->n);
    EACH_MSR(X)
#undef X
    c->cr0 = hvm_get_cr(v, 0);
    c->cr2 = hvm_get_cr(v, 2);
    c->cr3 = hvm_get_cr(v, 3);
    c->cr4 = hvm_get_cr(v, 4);
    c->msr_efer = v->arch.hvm.efer;
    c->dr0 = v->arch.dr[0];
    c->dr1 = v->arch.dr[1];
    c->dr2 = v->arch.dr[2];
    c->dr3 = v->arch.dr[3];
    c->dr6 = hvm->get_dr(v, 6);
    c->dr7 = hvm->get_dr(v, 7);
    c->msr_tsc_aux = v->arch.tsc_aux;
    c->tsc = hvm_guest_tsc(v);
    if (e->valid) {
        c->pending_valid = 1;
        c->pending_vector = e->vector;
        c->pending_type = e->type;
        c->pending_error_valid = e->has_error;
        c->error_code = e->error;
    }
    c->flags = XEN_X86_FPU_INITIALISED;
}

/* What no CPU can have. */
static bool record_valid(const struct vcpu *v, const struct hvm_hw_cpu *c)
{
    return hvm_crs_valid(v, c->cr0, c->cr4, c->msr_efer) && !(c->pending_valid && c->pending_reserved) &&
           !(c->flags & ~XEN_X86_FPU_INITIALISED) && !c->pad0;
}

static void load_hidden(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct hvm_segment s;

#define X(n, i) \
    s = (struct hvm_segment){c->n##_sel, c->n##_arbytes, c->n##_limit, c->n##_base}, hvm->set_segment(v, i, &s);
    EACH_SEGMENT(X)
#undef X
#define X(n, i) s = (struct hvm_segment){0, 0, c->n##_limit, c->n##_base}, hvm->set_segment(v, i, &s);
    EACH_TABLE(X)
#undef X
#define X(n, m) (void)hvm->set_msr(v, m, c->n);
    EACH_MSR(X)
#undef X
    v->arch.hvm.efer = c->msr_efer;
    hvm->update_efer(v);
    hvm->set_cr(v, 4, c->cr4);
    hvm->set_cr(v, 3, c->cr3);
    hvm->set_cr(v, 2, c->cr2);
    hvm->set_cr(v, 0, c->cr0 | X86_CR0_ET);
    v->arch.dr[0] = c->dr0;
    v->arch.dr[1] = c->dr1;
    v->arch.dr[2] = c->dr2;
    v->arch.dr[3] = c->dr3;
    hvm->set_dr(v, 6, c->dr6);
    hvm->set_dr(v, 7, c->dr7);
}

int hvm_cpu_load(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct cpu_user_regs *r = &v->arch.regs;

    if (!record_valid(v, c))
        return -EINVAL;
    hvm_vcpu_reset_init(v);
    if (c->flags & XEN_X86_FPU_INITIALISED)
        fpu_set_legacy(v, c->fpu_regs);
#define X(n) r->n = c->n;
    EACH_REGISTER(X)
#undef X
    r->rflags |= X86_EFLAGS_MBS;
    load_hidden(v, c);
    v->arch.tsc_aux = c->msr_tsc_aux;
    v->arch.hvm.tsc_offset += c->tsc - hvm_guest_tsc(v);
    hvm->update_tsc(v);
    if (c->pending_valid) {
        v->arch.hvm.event = (struct hvm_event){.valid = true,
                                               .vector = c->pending_vector,
                                               .type = c->pending_type,
                                               .has_error = c->pending_error_valid,
                                               .error = c->error_code};
        hvm_set_work(v, HVM_WORK_EVENT);
    }
    v->arch.initialised = true;
    if (test_and_clear_bit(_VPF_DOWN, &v->pause_flags))
        vcpu_wake(v);
    return 0;
}
