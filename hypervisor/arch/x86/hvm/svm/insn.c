/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long is the instruction that exited, on CPUs that do not say (AMD APM vol. 2, 15.7.1)? It is decoded, and its
 * page remembered with CR3: if the opcode that the next exit tells stands at RIP there, that is the answer (exit.c). A
 * guest that changes its tables meanwhile can make nothing wrong but the length of its own instruction. A few pages are
 * kept: code that exits, and the handlers of what is delivered then.
 */
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/io.h>
#include <arch/x86/hvm/svm/svm.h>
#include <arch/x86/mm/p2m.h>
#include <asm/trapnr.h>
#include <lib/lib.h>

bool svm_code64(const struct svm_vmcb *b) { return b->efer & EFER_LMA && b->segment[HVM_CS].attr & HVM_ATTR_L; }

/* 64-bit code only: RIP is the linear address. */
static void remember_page(struct vcpu *v, const struct svm_vmcb *b, u64 rip)
{
    struct hvm_code *c = svm_code_place(&v->arch.hvm, rip);
    enum p2m_type type;
    paddr_t gpa;
    u32 error;
    mfn_t mfn;

    c->cr3 = HVM_CODE_NONE;
    if (!svm_code64(b) || hvm_translate(v, rip, PFEC_FETCH | (b->cpl == 3 ? PFEC_USER : 0), &gpa, &error))
        return;
    mfn = p2m_lookup(v->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    if (type != P2M_RAM && type != P2M_LOGDIRTY)
        return;
    *c = (struct hvm_code){mfn_to_virt(mfn), rip & PAGE_MASK, b->cr3, 0};
}

void svm_code_forget(struct vcpu *v)
{
    for (unsigned int n = 0; n < HVM_CODE_PAGES; n++)
        v->arch.hvm.code[n].cr3 = HVM_CODE_NONE;
}

unsigned int svm_fetch_length(struct vcpu *v, const struct cpu_user_regs *regs)
{
    struct insn insn;

    remember_page(v, v->arch.hvm.svm.vmcb, regs->rip);
    return hvm_decode(v, &insn) ? insn.length : 0;
}

unsigned int svm_fetch_mov_cr(struct vcpu *v, unsigned int *gpr)
{
    struct insn insn;

    if (!hvm_decode(v, &insn) || (insn.op != OP_READ_CR && insn.op != OP_WRITE_CR))
        return 0;
    *gpr = insn.rm;
    return insn.length;
}
