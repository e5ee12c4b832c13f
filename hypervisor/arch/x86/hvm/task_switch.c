/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches of HVM guests, which no extension carries out by itself: 32-bit TSSs, as 32-bit kernels use
 * them for double faults and real operating systems of old for everything. Intel SDM vol. 3, chapter 8 "Task
 * Management" (8.3: the steps and their checks); AMD APM vol. 2, 12.4 and 15.14.1.
 */
#include <arch/x86/emulate/decode.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io.h>

/* A 32-bit TSS (Intel SDM vol. 3, figure 8-2). Registers and selectors as instructions number them, ES to GS. */
struct tss32 {
    u32 link, stacks[6], cr3, eip, eflags, gpr[8], sel[6], ldt;
    u16 trap, iomap;
};
_Static_assert(sizeof(struct tss32) == 0x68, "TSS");
_Static_assert(HVM_ES == 0 && HVM_GS == 5, "order of segments");

#define TYPE_TSS_BUSY 2 /* set in the type of a TSS that is in use */
#define TYPE_TSS32    9
#define TYPE_LDT      2
#define TYPE_CODE     8
#define TYPE_CONFORM  4 /* code */
#define TYPE_RW       2 /* data: writable, code: readable */
#define DESC_ACCESSED (1UL << 40)
#define DESC_BUSY     (1UL << 41)
#define DR7_LOCAL     0x55
#define DR6_TASK      0x8000
#define ERROR_EXT     1U /* of an error code: met on the way of an event */

/* A switch under way; failed: an exception ends it, in the old task or in the new one. */
struct task_switch {
    struct vcpu *v;
    struct cpu_user_regs *regs;
    enum hvm_switch_reason reason;
    bool nests; /* IRET leads back */
    bool failed;
};

static bool fail(struct task_switch *t, unsigned int vector, u32 error)
{
    if (!t->failed)
        hvm_inject_exception(t->v, vector,
                             error | (t->reason == HVM_SWITCH_EVENT && vector != TRAP_DF ? ERROR_EXT : 0));
    t->failed = true;
    return false;
}

/* n bytes at a linear address, as the CPU itself accesses its tables. */
static bool access(struct task_switch *t, u64 linear, void *buf, unsigned int n, bool write)
{
    for (unsigned int part; n; n -= part, linear += part, buf = (u8 *)buf + part) {
        unsigned int how = HVM_ACCESS_IMPLICIT | (write ? PFEC_WRITE : 0);
        paddr_t gpa;
        u32 error;

        part = min(n, (unsigned int)(PAGE_SIZE - (linear & ~PAGE_MASK)));
        if (hvm_translate(t->v, (u32)linear, how, &gpa, &error)) {
            if (!t->failed)
                hvm_inject_page_fault(t->v, (u32)linear, error);
            t->failed = true;
            return false;
        }
        if (write ? hvm_copy_to_phys(t->v->domain, gpa, buf, part) : hvm_copy_from_phys(t->v->domain, buf, gpa, part))
            return fail(t, TRAP_DF, 0);
    }
    return true;
}

/* A selector's descriptor and where it is; exception `vector` if its table does not reach so far. */
static bool descriptor(struct task_switch *t, u16 sel, unsigned int vector, u64 *d, u64 *linear)
{
    struct hvm_segment table;

    hvm->get_segment(t->v, sel & 4 ? HVM_LDTR : HVM_GDTR, &table);
    if ((sel | 7U) > table.limit || (sel & 4 && !(table.attr & HVM_ATTR_P)))
        return fail(t, vector, sel & ~3U);
    *linear = table.base + (sel & ~7U);
    return access(t, *linear, d, sizeof(*d), false);
}

/* The hidden part that a descriptor gives. */
static struct hvm_segment unpack(u16 sel, u64 d)
{
    struct hvm_segment s = {.sel = sel,
                            .attr = (d >> 40 & 0xff) | (d >> 52 & 0xf) << 8,
                            .limit = (d & 0xffff) | (d >> 32 & 0xf0000),
                            .base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000)};

    if (s.attr & HVM_ATTR_G)
        s.limit = s.limit << 12 | 0xfff;
    return s;
}

static bool mark_busy(struct task_switch *t, u16 sel, bool busy)
{
    u64 place, d;

    if (!descriptor(t, sel, TRAP_TS, &d, &place))
        return false;
    d = busy ? d | DESC_BUSY : d & ~DESC_BUSY;
    return access(t, place, &d, sizeof(d), true);
}

/* ---- segments of the new task ---- */

/* SDM vol. 3, table 8-1: what each register may have. 0, or the exception. */
static unsigned int segment_fault(enum hvm_segment_name n, const struct hvm_segment *s, unsigned int cpl)
{
    unsigned int dpl = s->attr >> 5 & 3, rpl = s->sel & 3, type = s->attr & HVM_ATTR_TYPE;
    bool code = type & TYPE_CODE, ok;

    if (!(s->attr & HVM_ATTR_S))
        return TRAP_TS;
    if (n == HVM_CS)
        ok = code && (type & TYPE_CONFORM ? dpl <= rpl : dpl == rpl);
    else if (n == HVM_SS)
        ok = !code && type & TYPE_RW && dpl == cpl && rpl == cpl;
    else
        ok = (!code || type & TYPE_RW) && ((code && type & TYPE_CONFORM) || (dpl >= cpl && dpl >= rpl));
    if (!ok)
        return TRAP_TS;
    return s->attr & HVM_ATTR_P ? 0 : n == HVM_SS ? TRAP_SS : TRAP_NP;
}

static bool load_segment(struct task_switch *t, enum hvm_segment_name n, u16 sel, unsigned int cpl)
{
    struct hvm_segment s = {.sel = sel};
    unsigned int vector;
    u64 place, d;

    if (t->regs->rflags & X86_EFLAGS_VM) {
        s = (struct hvm_segment){.sel = sel, .attr = 0xf3, .limit = 0xffff, .base = sel << 4};
    } else if (sel & ~3) {
        if (!descriptor(t, sel, TRAP_TS, &d, &place))
            return false;
        s = unpack(sel, d);
        vector = segment_fault(n, &s, cpl);
        if (vector)
            return fail(t, vector, sel & ~3U);
        s.attr |= 1;
        d |= DESC_ACCESSED;
        if (!access(t, place, &d, sizeof(d), true))
            return false;
    } else if (n == HVM_CS || n == HVM_SS) {
        return fail(t, TRAP_TS, 0);
    }
    hvm->set_segment(t->v, n, &s);
    return true;
}

/* A descriptor of the system's, in the GDT. */
static bool system_segment(struct task_switch *t, u16 sel, unsigned int type, unsigned int wrong, unsigned int absent,
                           struct hvm_segment *s)
{
    u64 place, d;

    if (sel & 4 || !(sel & ~3))
        return fail(t, wrong, sel & ~3U);
    if (!descriptor(t, sel, wrong, &d, &place))
        return false;
    *s = unpack(sel, d);
    if ((s->attr & (HVM_ATTR_TYPE | HVM_ATTR_S)) != type)
        return fail(t, wrong, sel & ~3U);
    return s->attr & HVM_ATTR_P || fail(t, absent, sel & ~3U);
}

static bool load_segments(struct task_switch *t, const struct tss32 *to)
{
    static const u8 order[] = {HVM_SS, HVM_CS, HVM_ES, HVM_DS, HVM_FS, HVM_GS};
    unsigned int cpl = t->regs->rflags & X86_EFLAGS_VM ? 3 : to->sel[HVM_CS] & 3;
    struct hvm_segment ldt = {.sel = to->ldt};

    if ((u16)to->ldt & ~3 && !system_segment(t, to->ldt, TYPE_LDT, TRAP_TS, TRAP_TS, &ldt))
        return false;
    hvm->set_segment(t->v, HVM_LDTR, &ldt);
    for (unsigned int i = 0; i < ARRAY_SIZE(order); i++)
        if (!load_segment(t, order[i], to->sel[order[i]], cpl))
            return false;
    return true;
}

/* ---- registers ---- */

/* The dynamic part, EIP to GS, of the task that is left. */
static void leave(struct task_switch *t, struct tss32 *from)
{
    struct cpu_user_regs *r = t->regs;
    struct hvm_segment s;

    from->eip = r->rip;
    from->eflags = t->reason == HVM_SWITCH_IRET ? r->rflags & ~(u64)X86_EFLAGS_NT : r->rflags;
    for (unsigned int n = 0; n < ARRAY_SIZE(from->gpr); n++)
        from->gpr[n] = *insn_reg(r, n);
    for (unsigned int n = HVM_ES; n <= HVM_GS; n++) {
        hvm->get_segment(t->v, n, &s);
        from->sel[n] = s.sel;
    }
}

static void arrive(struct task_switch *t, const struct tss32 *to)
{
    struct cpu_user_regs *r = t->regs;

    r->rip = to->eip;
    r->rflags = to->eflags | X86_EFLAGS_MBS;
    for (unsigned int n = 0; n < ARRAY_SIZE(to->gpr); n++)
        *insn_reg(r, n) = to->gpr[n];
    if (t->nests)
        r->rflags |= X86_EFLAGS_NT;
    hvm->set_dr(t->v, 7, hvm->get_dr(t->v, 7) & ~(u64)DR7_LOCAL);
    hvm->set_cr(t->v, 0, hvm_get_cr(t->v, 0) | X86_CR0_TS);
}

/* ---- the switch ---- */

/* The new task's TSS may be switched to so. */
static bool find_task(struct task_switch *t, u16 sel, struct hvm_segment *tss)
{
    bool iret = t->reason == HVM_SWITCH_IRET;

    return system_segment(t, sel, TYPE_TSS32 | (iret ? TYPE_TSS_BUSY : 0), iret ? TRAP_TS : TRAP_GP, TRAP_NP, tss) &&
           (tss->limit >= sizeof(struct tss32) - 1 || fail(t, TRAP_TS, sel & ~3U));
}

static bool push_error(struct task_switch *t, u32 error)
{
    struct hvm_segment ss;
    u64 sp, most;

    hvm->get_segment(t->v, HVM_SS, &ss);
    most = ss.attr & HVM_ATTR_DB ? ~0U : 0xffff;
    sp = (t->regs->rsp - 4) & most;
    if (ss.attr & HVM_ATTR_DOWN ? sp <= ss.limit || sp + 3 > most : sp + 3 > ss.limit)
        return fail(t, TRAP_SS, 0);
    if (!access(t, (u32)(ss.base + sp), &error, sizeof(error), true))
        return false;
    t->regs->rsp = (t->regs->rsp & ~most) | sp;
    return true;
}

/* Descriptors and links that say which task runs. */
static bool link_tasks(struct task_switch *t, u16 old, const struct hvm_segment *tss)
{
    return (t->nests || mark_busy(t, old, false)) && (t->reason == HVM_SWITCH_IRET || mark_busy(t, tss->sel, true)) &&
           (!t->nests || access(t, tss->base, &old, sizeof(old), true));
}

void hvm_task_switch(struct vcpu *v, struct cpu_user_regs *regs, u16 sel, enum hvm_switch_reason reason, bool has_error,
                     u32 error, unsigned int length)
{
    struct task_switch t = {
        .v = v,
        .regs = regs,
        .reason = reason,
        .nests = reason != HVM_SWITCH_JMP && reason != HVM_SWITCH_IRET,
    };
    struct hvm_segment old, tss;
    struct tss32 from, to;
    struct insn insn;

    hvm->get_segment(v, HVM_TR, &old);
    if (!find_task(&t, sel, &tss) || !access(&t, old.base, &from, sizeof(from), false) ||
        !access(&t, tss.base, &to, sizeof(to), false))
        return;
    if (reason != HVM_SWITCH_EVENT) { /* behind a far JMP or CALL, INT, IRET */
        if (!length && hvm_decode(v, &insn))
            length = insn.length;
        regs->rip = (u32)(regs->rip + length);
    }
    leave(&t, &from);
    if (!access(&t, old.base + 32, &from.eip, __builtin_offsetof(struct tss32, ldt) - 32, true) ||
        !link_tasks(&t, old.sel, &tss))
        return;
    if (hvm_get_cr(v, 0) & X86_CR0_PG && hvm_set_cr(v, 3, to.cr3)) {
        fail(&t, TRAP_TS, sel & ~3U);
        return;
    }
    tss.attr |= TYPE_TSS_BUSY;
    hvm->set_segment(v, HVM_TR, &tss);
    arrive(&t, &to);
    if (!load_segments(&t, &to) || (has_error && !push_error(&t, error)))
        return;
    v->arch.hvm.event.valid = false; /* delivered: what failed until here came on its way */
    hvm->set_shadow(v, 0);
    if (to.trap & 1) {
        hvm->set_dr(v, 6, hvm->get_dr(v, 6) | DR6_TASK);
        hvm_inject_exception(v, TRAP_DB, 0);
    }
}
