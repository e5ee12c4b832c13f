/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of HVM guests that the emulator (emulate/emulate.h) has to carry out: accesses to memory that is a
 * device's, string I/O, and what an exit tells too little of. Here are its callbacks: memory through the guest's page
 * tables, devices (io.c), registers.
 *
 * When a device model has to answer, the emulator is left and later run again from the start of the instruction (or of
 * the element, under REP); what the instruction did to devices before is answered from the list of it that the vCPU
 * keeps (hvm_vcpu_io.done), so it happens once.
 */
#include <arch/x86/emulate/emulate.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io_private.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <sched/softirq.h>

/* ---- devices ---- */

/* Answers are in r->data. */
static int device_access(struct ioreq *r)
{
    static const u8 results[] = {
        [HVM_IO_DONE] = EMU_DONE, [HVM_IO_RETRY] = EMU_RETRY, [HVM_IO_NOBODY] = EMU_UNHANDLEABLE};

    return results[hvm_insn_access(current, r)];
}

static int op_in(struct emulation *e __unused, u16 port, unsigned int bytes, u32 *val)
{
    struct ioreq r = hvm_io_request(IOREQ_TYPE_PIO, port, bytes, false, 0);
    int rc = device_access(&r);

    *val = r.data;
    return rc;
}

static int op_out(struct emulation *e __unused, u16 port, unsigned int bytes, u32 val)
{
    struct ioreq r = hvm_io_request(IOREQ_TYPE_PIO, port, bytes, true, val);

    return device_access(&r);
}

/* ---- memory ---- */

/* Where a linear address leads; raises the page fault. */
static int translate(struct emulation *e, u64 linear, unsigned int access, paddr_t *gpa)
{
    u32 error;
    int rc = hvm_translate(current, linear, access, gpa, &error);

    if (!rc)
        return EMU_DONE;
    e->exception.cr2 = linear;
    return rc == -EFAULT ? emulate_raise(e, TRAP_PF, error) : emulate_raise(e, TRAP_GP, 0);
}

static unsigned int user_access(const struct emulation *e) { return e->cpl == 3 ? PFEC_USER : 0; }

/* Is gpa of one of the types (P2M_BIT) now? */
static bool type_in(paddr_t gpa, unsigned int types)
{
    enum p2m_type type;

    p2m_lookup(current->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    return types >> type & 1;
}

/* Within a page; what is no memory is accessed in pieces that devices know. */
static int physical_access(paddr_t gpa, void *buf, unsigned int bytes, bool write)
{
    struct domain *d = current->domain;
    int rc = write ? hvm_copy_to_phys(d, gpa, buf, bytes) : hvm_copy_from_phys(d, buf, gpa, bytes);

    if (!rc || (write && type_in(gpa, P2M_BIT(RAM_RO) | P2M_BIT(GRANT_RO)))) /* dropped */
        return EMU_DONE;
    rc = EMU_DONE;
    for (unsigned int n; bytes && rc == EMU_DONE; bytes -= n, gpa += n, buf = (u8 *)buf + n) {
        struct ioreq r;

        n = bytes >= 8 ? 8 : bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
        r = hvm_io_request(IOREQ_TYPE_COPY, gpa, n, write, 0);
        if (write)
            memcpy(&r.data, buf, n);
        rc = device_access(&r);
        if (!write)
            memcpy(buf, &r.data, n);
    }
    return rc;
}

/* Both pages are looked at before the first is touched; buf NULL: looked at only. */
static int linear_access(struct emulation *e, u64 linear, void *buf, unsigned int bytes, bool write,
                         unsigned int access)
{
    unsigned int first = min(bytes, (unsigned int)(PAGE_SIZE - (linear & ~PAGE_MASK)));
    paddr_t gpa, next = 0;
    int rc = translate(e, linear, access, &gpa);

    if (rc == EMU_DONE && first < bytes)
        rc = translate(e, linear + first, access, &next);
    if (rc == EMU_DONE && buf)
        rc = physical_access(gpa, buf, first, write);
    if (rc == EMU_DONE && buf && first < bytes)
        rc = physical_access(next, (u8 *)buf + first, bytes - first, write);
    return rc;
}

static int op_fetch(struct emulation *e, u64 linear, void *buf, unsigned int bytes)
{
    paddr_t gpa;
    int rc = translate(e, linear, PFEC_FETCH | user_access(e), &gpa);

    if (rc != EMU_DONE)
        return rc;
    return hvm_copy_from_phys(current->domain, buf, gpa, bytes) ? EMU_UNHANDLEABLE : EMU_DONE;
}

static int op_read(struct emulation *e, u64 linear, void *buf, unsigned int bytes, enum emu_access access)
{
    unsigned int how = access == EMU_SYSTEM ? HVM_ACCESS_IMPLICIT : user_access(e);

    if (access == EMU_MODIFY || access == EMU_PROBE)
        how |= PFEC_WRITE;
    return linear_access(e, linear, buf, bytes, false, how);
}

static int op_write(struct emulation *e, u64 linear, const void *buf, unsigned int bytes)
{
    return linear_access(e, linear, (void *)buf, bytes, true, PFEC_WRITE | user_access(e));
}

__attribute__((target("cx16"))) static bool exchange(void *p, const void *old, const void *new, unsigned int bytes)
{
#define EXCHANGE(type) \
    case sizeof(type): return __sync_bool_compare_and_swap((type *)p, *(const type *)old, *(const type *)new)
    switch (bytes) {
        EXCHANGE(u8);
        EXCHANGE(u16);
        EXCHANGE(u32);
        EXCHANGE(u64);
        EXCHANGE(unsigned __int128);
    }
#undef EXCHANGE
    return false;
}

/* What crosses pages, or must be aligned and is not, is written as if unlocked. */
static int op_cmpxchg(struct emulation *e, u64 linear, const void *old, const void *new, unsigned int bytes)
{
    unsigned int offset = linear & ~PAGE_MASK;
    struct frame *f;
    paddr_t gpa;
    bool done;
    int rc = translate(e, linear, PFEC_WRITE | user_access(e), &gpa);

    if (rc != EMU_DONE)
        return rc;
    f = p2m_get_frame(current->domain, _gfn(gpa >> PAGE_SHIFT), true);
    if (!f || offset + bytes > PAGE_SIZE || (bytes == 16 && linear % 16)) {
        if (f)
            frame_put(f);
        return op_write(e, linear, new, bytes);
    }
    done = exchange((u8 *)mfn_to_virt(frame_mfn(f)) + offset, old, new, bytes);
    frame_put(f);
    return done ? EMU_DONE : EMU_RETRY;
}

/* ---- rows of string elements ---- */

/* How many elements from here on are within the page. */
static u64 in_page(u64 linear, const struct emu_rep *r)
{
    unsigned int offset = linear & ~PAGE_MASK;

    if (r->down)
        return offset + r->bytes > PAGE_SIZE ? 0 : offset / r->bytes + 1;
    return (PAGE_SIZE - offset) / r->bytes;
}

/* Translates one side of a row, which ends where its page does. False: not possible, or a fault. */
static bool row_side(struct emulation *e, const struct emu_rep *r, u64 linear, unsigned int access, paddr_t *gpa,
                     u64 *count)
{
    u32 error;

    *count = min(*count, in_page(linear, r));
    return *count > 1 && !hvm_translate(current, linear, access | user_access(e), gpa, &error);
}

/* The row as one request, between a device (a port, or what no memory is) and memory. False: it cannot be. */
static bool row_request(struct emulation *e, const struct emu_rep *r, struct ioreq *q, u64 *count)
{
    bool port = r->op == OP_INS || r->op == OP_OUTS, write;
    u32 devices = P2M_BIT(NONE) | P2M_BIT(MMIO_DM), memory = P2M_BIT(RAM) | P2M_BIT(LOGDIRTY);
    paddr_t src = 0, dst = 0;

    if ((r->op == OP_MOVS || r->op == OP_OUTS) && !row_side(e, r, r->src, 0, &src, count))
        return false;
    if (r->op != OP_OUTS && !row_side(e, r, r->dst, PFEC_WRITE, &dst, count))
        return false;
    write = port ? r->op == OP_OUTS : type_in(dst, devices);
    *q = hvm_io_request(port ? IOREQ_TYPE_PIO : IOREQ_TYPE_COPY,
                        port    ? r->port
                        : write ? dst
                                : src,
                        r->bytes, write,
                        r->op == OP_STOS ? r->value
                        : write          ? src
                                         : dst);
    q->count = *count;
    q->df = r->down;
    q->data_is_ptr = r->op != OP_STOS;
    if (r->op == OP_STOS)
        return write;
    return (port || type_in(q->addr, devices)) && type_in(q->data, memory);
}

/* A page's worth of elements goes to the device model at once. */
static int op_rep(struct emulation *e, const struct emu_rep *r, u64 *count)
{
    struct ioreq q;
    u64 n = *count;
    int rc = n > 1 && row_request(e, r, &q, &n) ? device_access(&q) : EMU_UNHANDLEABLE;

    if (rc == EMU_DONE)
        *count = n;
    return rc;
}

static bool op_again(struct emulation *e __unused)
{
    struct hvm_vcpu_io *io = current->arch.hvm.io;

    io->nr_done = io->next = 0;
    return !softirq_pending() && !READ_ONCE(current->arch.hvm.work);
}

/* ---- registers ---- */

static void op_segment(struct emulation *e __unused, enum insn_seg seg, struct hvm_segment *out)
{
    hvm->get_segment(current, seg == SEG_TR ? HVM_TR : (enum hvm_segment_name)seg, out);
}

static int op_read_cr(struct emulation *e __unused, unsigned int n, u64 *val)
{
    *val = n == 8 ? vlapic_get_cr8(current) : hvm_get_cr(current, n);
    return EMU_DONE;
}

static int op_write_cr(struct emulation *e, unsigned int n, u64 val)
{
    return hvm_set_cr(current, n, val) ? emulate_raise(e, TRAP_GP, 0) : EMU_DONE;
}

static int op_invlpg(struct emulation *e __unused, u64 linear __unused)
{
    hvm_set_work(current, HVM_WORK_TLB);
    return EMU_DONE;
}

/* Intel SDM vol. 1, 10.5.1: the image of FXSAVE, XMM registers from 160 on. The guest's are in the CPU. */
struct fxsave_image {
    u8 head[160];
    u64 xmm[16][2];
    u8 rest[96];
} __aligned(16);

static int sse_usable(struct emulation *e)
{
    u64 cr0 = hvm_get_cr(current, 0);

    if (cr0 & X86_CR0_EM || !(hvm_get_cr(current, 4) & X86_CR4_OSFXSR))
        return emulate_raise(e, TRAP_UD, 0);
    return cr0 & X86_CR0_TS ? emulate_raise(e, TRAP_NM, 0) : EMU_DONE;
}

static int op_move_xmm(struct emulation *e, unsigned int n, u64 val[2], bool write)
{
    struct fxsave_image image;
    int rc = sse_usable(e);

    if (rc != EMU_DONE)
        return rc;
    __asm__ __volatile__("fxsaveq %0" : "=m"(image));
    memcpy(write ? image.xmm[n] : val, write ? val : image.xmm[n], sizeof(image.xmm[n]));
    if (write)
        __asm__ __volatile__("fxrstorq %0" ::"m"(image));
    return EMU_DONE;
}

static const struct emulation_ops ops = {
    .fetch = op_fetch,
    .read = op_read,
    .write = op_write,
    .cmpxchg = op_cmpxchg,
    .segment = op_segment,
    .in = op_in,
    .out = op_out,
    .read_cr = op_read_cr,
    .write_cr = op_write_cr,
    .invlpg = op_invlpg,
    .move_xmm = op_move_xmm,
    .again = op_again,
    .rep = op_rep,
};

/* ---- running it ---- */

static u8 code_bytes(struct vcpu *v)
{
    struct hvm_segment cs;

    hvm->get_segment(v, HVM_CS, &cs);
    return hvm_long_mode(v) && cs.attr & HVM_ATTR_L ? 8 : cs.attr & HVM_ATTR_DB ? 4 : 2;
}

static void unhandleable(struct vcpu *v, const struct emulation *e)
{
    const u8 *b = e->insn.bytes;

    log_debug("d%dv%u: cannot emulate the instruction at %lx: %02x %02x %02x %02x %02x %02x %02x %02x\n", v->domain->id,
              v->id, e->regs->rip, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
    hvm_inject_exception(v, TRAP_UD, 0);
}

bool hvm_decode(struct vcpu *v, struct insn *insn)
{
    struct emulation e = {.ops = &ops, .regs = guest_regs(), .code_bytes = code_bytes(v), .cpl = hvm->cpl(v)};

    if (emulate_decode(&e) != EMU_DONE)
        return false;
    *insn = e.insn;
    return true;
}

void hvm_emulate_resume(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    struct cpu_user_regs *regs = guest_regs();
    struct emulation e = {.ops = &ops, .regs = regs, .code_bytes = code_bytes(v), .cpl = hvm->cpl(v)};
    u64 rip = regs->rip;
    int rc;

    e.real_mode = !(hvm_get_cr(v, 0) & X86_CR0_PE);
    e.insn.fetched = io->nr_bytes;
    memcpy(e.insn.bytes, io->bytes, sizeof(io->bytes));
    io->next = 0;
    rc = emulate(&e);
    if (io->unfinished) {
        io->nr_bytes = e.insn.fetched;
        memcpy(io->bytes, e.insn.bytes, sizeof(io->bytes));
        return;
    }
    hvm_io_forget(io);
    if (rc == EMU_UNHANDLEABLE)
        unhandleable(v, &e);
    else if (rc == EMU_EXCEPTION && e.exception.vector == TRAP_PF)
        hvm_inject_page_fault(v, e.exception.cr2, e.exception.error);
    else if (rc == EMU_EXCEPTION)
        hvm_inject_exception(v, e.exception.vector, e.exception.error);
    else if (rc == EMU_DONE && (regs->rip != rip || regs->rflags & X86_EFLAGS_TF)) /* each element of REP is a step */
        hvm_insn_retired(v, 0);
}

void hvm_emulate(struct vcpu *v, const u8 *insn, unsigned int n)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;

    hvm_io_forget(io);
    if (insn) {
        io->nr_bytes = min(n, (unsigned int)sizeof(io->bytes));
        memcpy(io->bytes, insn, io->nr_bytes);
    }
    hvm_emulate_resume(v);
}
