/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long is the instruction that exited, on CPUs that do not say (AMD APM vol. 2, 15.7.1)? The exit tells the opcode;
 * before it there may be prefixes. The page that the last one came from is remembered with CR3: if the opcode stands at
 * RIP there, that is the answer; else the guest's tables are walked. A guest that changes its tables meanwhile can make
 * nothing wrong but the length of its own instruction.
 */
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/svm/svm.h>
#include <arch/x86/mm/p2m.h>
#include <asm/trapnr.h>
#include <lib/lib.h>

#define INSN_MAX 15

bool svm_code64(const struct svm_vmcb *b) { return b->efer & EFER_LMA && b->segment[HVM_CS].attr & HVM_ATTR_L; }

static u64 linear_rip(const struct svm_vmcb *b, const struct cpu_user_regs *regs)
{
    return svm_code64(b) ? regs->rip : (u32)(b->segment[HVM_CS].base + regs->rip);
}

/* Guest physical address of the code at a linear one; false: nowhere. Its page is remembered. */
static bool code_at(struct vcpu *v, const struct svm_vmcb *b, u64 linear, paddr_t *gpa)
{
    struct hvm_vcpu *h = &v->arch.hvm;
    enum p2m_type type;
    u32 error;
    mfn_t mfn;

    if (hvm_translate(v, linear, PFEC_FETCH | (b->cpl == 3 ? PFEC_USER : 0), gpa, &error))
        return false;
    h->code = NULL;
    mfn = p2m_lookup(v->domain, _gfn(*gpa >> PAGE_SHIFT), &type, NULL);
    if (type != P2M_RAM && type != P2M_LOGDIRTY)
        return true;
    h->code = mfn_to_virt(mfn);
    h->code_page = linear & PAGE_MASK;
    h->code_cr3 = b->cr3;
    return true;
}

static unsigned int fetch(struct vcpu *v, const struct svm_vmcb *b, u64 linear, u8 *buf)
{
    unsigned int n = 0, part;
    paddr_t gpa;

    for (; n < INSN_MAX && code_at(v, b, linear + n, &gpa); n += part) {
        part = min(INSN_MAX - n, (unsigned int)(PAGE_SIZE - (gpa & ~PAGE_MASK)));
        if (hvm_copy_from_phys(v->domain, buf + n, gpa, part))
            break;
    }
    return n;
}

static bool is_prefix(u8 byte, bool mode64)
{
    static const u8 legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};

    for (unsigned int i = 0; i < sizeof(legacy); i++)
        if (byte == legacy[i])
            return true;
    return mode64 && (byte & 0xf0) == 0x40;
}

unsigned int svm_fetch_length(struct vcpu *v, const struct cpu_user_regs *regs, u32 opcode, unsigned int n)
{
    const struct svm_vmcb *b = v->arch.hvm.svm.vmcb;
    u8 buf[INSN_MAX + 1];
    unsigned int have = fetch(v, b, linear_rip(b, regs), buf);

    for (unsigned int i = 0; i + n <= have; i++) {
        if (!memcmp(buf + i, &opcode, n))
            return i + n;
        if (!is_prefix(buf[i], svm_code64(b)))
            break;
    }
    return 0;
}

/* MOV to or from CR: 0F 20/22 /r, behind a REX prefix at most; the rest is the emulator's. */
unsigned int svm_fetch_mov_cr(struct vcpu *v, const struct cpu_user_regs *regs, unsigned int *gpr)
{
    const struct svm_vmcb *b = v->arch.hvm.svm.vmcb;
    unsigned int rex = 0, i = 0;
    u8 buf[INSN_MAX];

    if (fetch(v, b, linear_rip(b, regs), buf) < INSN_MAX)
        return 0;
    if (svm_code64(b) && (buf[0] & 0xf0) == 0x40)
        rex = buf[i++];
    if (buf[i] != 0x0f || (buf[i + 1] & ~2) != 0x20)
        return 0;
    *gpr = (buf[i + 2] & 7) | (rex & 1) << 3;
    return i + 3;
}
