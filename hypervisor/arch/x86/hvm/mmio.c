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
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <asm/trapnr.h>
#include <lib/lib.h>
#include <sched/softirq.h>

/* ---- what the instruction has done already ---- */

static void forget(struct hvm_vcpu_io *io) { io->nr_done = io->next = io->nr_bytes = 0; }

/* The next access of this run, if an earlier run of the instruction made it: its value. */
static bool remembered(struct hvm_vcpu_io *io, struct io_access *a)
{
    const struct io_access *d = &io->done[io->next];

    if (io->next == io->nr_done)
        return false;
    if (d->address != a->address || d->bytes != a->bytes || d->write != a->write || d->port != a->port ||
        d->count != a->count) {
        io->nr_done = io->next; /* the guest changed the instruction meanwhile */
        return false;
    }
    a->value = d->value;
    io->next++;
    return true;
}

static int remember(struct hvm_vcpu_io *io, const struct io_access *a)
{
    if (io->nr_done == IO_DONE_MAX)
        return EMU_UNHANDLEABLE;
    io->done[io->nr_done++] = *a;
    io->next = io->nr_done;
    return EMU_DONE;
}

static int wait_for(struct hvm_vcpu_io *io, const struct io_access *a)
{
    io->pending = *a;
    io->step = IO_EMULATE;
    return EMU_RETRY;
}

/* One access to a device, of 1, 2, 4 or 8 bytes. */
static int device_access(struct io_access *a)
{
    struct vcpu *v = current;
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    enum hvm_io_result result;
    u32 value = a->value;

    if (remembered(io, a))
        return EMU_DONE;
    if (a->port) {
        result = hvm_port_io(v, a->address, a->bytes, a->write, &value);
        a->value = value;
    } else {
        result = hvm_mmio(v, a->address, a->bytes, a->write, &a->value);
    }
    return result == HVM_IO_RETRY ? wait_for(io, a) : remember(io, a);
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

static bool drops_writes(paddr_t gpa)
{
    enum p2m_type type;

    p2m_lookup(current->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    return type == P2M_RAM_RO || type == P2M_GRANT_RO;
}

/* Within a page; what is no memory is accessed in pieces that devices know. */
static int physical_access(paddr_t gpa, void *buf, unsigned int bytes, bool write)
{
    struct domain *d = current->domain;
    int rc = write ? hvm_copy_to_phys(d, gpa, buf, bytes) : hvm_copy_from_phys(d, buf, gpa, bytes);

    if (!rc || (write && drops_writes(gpa)))
        return EMU_DONE;
    rc = EMU_DONE;
    for (unsigned int n; bytes && rc == EMU_DONE; bytes -= n, gpa += n, buf = (u8 *)buf + n) {
        struct io_access a = {.address = gpa, .write = write};

        n = a.bytes = bytes >= 8 ? 8 : bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
        if (write)
            memcpy(&a.value, buf, n);
        rc = device_access(&a);
        if (!write)
            memcpy(buf, &a.value, n);
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

#define EXCHANGE(type, p, old, new)                                                                       \
    ({                                                                                                    \
        type _old = *(const type *)(old), _new = *(const type *)(new);                                    \
        __atomic_compare_exchange_n((type *)(p), &_old, _new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); \
    })

static bool exchange16(void *p, const u64 old[2], const u64 new[2])
{
    u64 low = old[0], high = old[1];
    bool done;

    __asm__ __volatile__("lock cmpxchg16b %1"
                         : "=@ccz"(done), "+m"(*(u8(*)[16])p), "+a"(low), "+d"(high)
                         : "b"(new[0]), "c"(new[1])
                         : "memory");
    return done;
}

static bool exchange(void *p, const void *old, const void *new, unsigned int bytes)
{
    switch (bytes) {
    case 1: return EXCHANGE(u8, p, old, new);
    case 2: return EXCHANGE(u16, p, old, new);
    case 4: return EXCHANGE(u32, p, old, new);
    case 8: return EXCHANGE(u64, p, old, new);
    default: return exchange16(p, old, new);
    }
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

/* Memory that a device model may be told to read or write itself. */
static bool is_ram(paddr_t gpa)
{
    enum p2m_type type;

    p2m_lookup(current->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    return type == P2M_RAM || type == P2M_LOGDIRTY;
}

static bool is_servers(paddr_t gpa)
{
    enum p2m_type type;

    p2m_lookup(current->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
    return (type == P2M_NONE || type == P2M_MMIO_DM) && !platform_mmio(current, gpa);
}

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

/* The row as one request. False: it cannot be. */
static bool row_request(struct emulation *e, const struct emu_rep *r, struct ioreq *q, u64 *count)
{
    bool port = r->op == OP_INS || r->op == OP_OUTS;
    paddr_t src = 0, dst = 0;

    if ((r->op == OP_MOVS || r->op == OP_OUTS) && !row_side(e, r, r->src, 0, &src, count))
        return false;
    if (r->op != OP_OUTS && !row_side(e, r, r->dst, PFEC_WRITE, &dst, count))
        return false;
    *q = (struct ioreq){.type = port ? IOREQ_TYPE_PIO : IOREQ_TYPE_COPY, .size = r->bytes, .df = r->down};
    q->count = *count;
    q->data_is_ptr = r->op != OP_STOS;
    if (port) {
        q->addr = r->port;
        q->dir = r->op == OP_INS ? IOREQ_READ : IOREQ_WRITE;
        q->data = r->op == OP_INS ? dst : src;
        return is_ram(q->data) && !platform_port(current, r->port);
    }
    q->dir = is_servers(dst) ? IOREQ_WRITE : IOREQ_READ;
    q->addr = q->dir == IOREQ_WRITE ? dst : src;
    if (r->op == OP_STOS) {
        q->data = r->value;
        return q->dir == IOREQ_WRITE;
    }
    q->data = q->dir == IOREQ_WRITE ? src : dst;
    return is_servers(q->addr) && is_ram(q->data);
}

/* A page's worth of elements goes to the device model at once. */
static int op_rep(struct emulation *e, const struct emu_rep *r, u64 *count)
{
    struct hvm_vcpu_io *io = current->arch.hvm.io;
    struct io_access a = {.bytes = r->bytes};
    struct ioreq q;
    u64 n = *count;

    if (n < 2 || !row_request(e, r, &q, &n))
        return EMU_UNHANDLEABLE;
    a.address = q.addr;
    a.write = q.dir == IOREQ_WRITE;
    a.port = q.type == IOREQ_TYPE_PIO;
    a.count = n;
    if (!remembered(io, &a))
        switch (ioreq_send(current, &q, false)) {
        case HVM_IO_RETRY: return wait_for(io, &a);
        case HVM_IO_NOBODY: return EMU_UNHANDLEABLE;
        case HVM_IO_DONE: break;
        }
    *count = n;
    return EMU_DONE;
}

static bool op_again(struct emulation *e __unused)
{
    struct hvm_vcpu_io *io = current->arch.hvm.io;

    io->nr_done = io->next = 0;
    return !softirq_pending() && !READ_ONCE(current->arch.hvm.work);
}

/* ---- registers and ports ---- */

static int op_in(struct emulation *e __unused, u16 port, unsigned int bytes, u32 *val)
{
    struct io_access a = {.address = port, .bytes = bytes, .port = true};
    int rc = device_access(&a);

    *val = a.value;
    return rc;
}

static int op_out(struct emulation *e __unused, u16 port, unsigned int bytes, u32 val)
{
    struct io_access a = {.address = port, .bytes = bytes, .port = true, .write = true, .value = val};

    return device_access(&a);
}

static void op_segment(struct emulation *e __unused, enum insn_seg seg, struct emu_segment *out)
{
    struct hvm_segment s;

    hvm->get_segment(current, seg == SEG_TR ? HVM_TR : (enum hvm_segment_name)seg, &s);
    *out = (struct emu_segment){s.sel, s.attr, s.limit, s.base};
}

static int op_read_cr(struct emulation *e __unused, unsigned int n, u64 *val)
{
    *val = n == 8 ? vlapic_get_cr8(current) : hvm_get_cr(current, n);
    return EMU_DONE;
}

static int op_write_cr(struct emulation *e, unsigned int n, u64 val)
{
    if (n == 8 && val < 16) {
        vlapic_set_cr8(current, val);
        return EMU_DONE;
    }
    return n == 8 || hvm_set_cr(current, n, val) ? emulate_raise(e, TRAP_GP, 0) : EMU_DONE;
}

static int op_invlpg(struct emulation *e __unused, u64 linear __unused)
{
    hvm->flush_tlb(current);
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

static int op_read_xmm(struct emulation *e, unsigned int n, u64 val[2])
{
    struct fxsave_image image;
    int rc = sse_usable(e);

    if (rc != EMU_DONE)
        return rc;
    __asm__ __volatile__("fxsaveq %0" : "=m"(image));
    memcpy(val, image.xmm[n], 16);
    return EMU_DONE;
}

static int op_write_xmm(struct emulation *e, unsigned int n, const u64 val[2])
{
    struct fxsave_image image;
    int rc = sse_usable(e);

    if (rc != EMU_DONE)
        return rc;
    __asm__ __volatile__("fxsaveq %0" : "=m"(image));
    memcpy(image.xmm[n], val, 16);
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
    .read_xmm = op_read_xmm,
    .write_xmm = op_write_xmm,
    .again = op_again,
    .rep = op_rep,
};

/* ---- running it ---- */

static u8 code_bytes(struct vcpu *v)
{
    struct hvm_segment cs;

    hvm->get_segment(v, HVM_CS, &cs);
    if (hvm_long_mode(v) && cs.attr & HVM_ATTR_L)
        return 8;
    return cs.attr & HVM_ATTR_DB ? 4 : 2;
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

static void run(struct vcpu *v)
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
    if (rc == EMU_RETRY && io->step == IO_EMULATE) {
        io->nr_bytes = e.insn.fetched;
        memcpy(io->bytes, e.insn.bytes, sizeof(io->bytes));
        return;
    }
    forget(io);
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

    forget(io);
    if (insn) {
        io->nr_bytes = min(n, (unsigned int)sizeof(io->bytes));
        memcpy(io->bytes, insn, io->nr_bytes);
    }
    run(v);
}

void hvm_emulate_resume(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;

    io->pending.value = io->answer & ~0ULL >> (64 - 8 * io->pending.bytes);
    io->next = io->nr_done;
    if (remember(io, &io->pending) == EMU_DONE)
        run(v);
    else
        forget(io);
}
