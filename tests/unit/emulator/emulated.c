/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case by our emulator: callbacks over a copy of the data pages.
 */
#include "case.h"
#include <asm/trapnr.h>
#include <string.h>

/* e must come first: callbacks get it. */
struct run {
    struct emulation e;
    const struct tcase *c;
    struct outcome *o;
    const u8 *ro;
    bool replay;
    unsigned int done, now; /* accesses that were refused once, and the number of the next */
};

static struct run *run_of(struct emulation *e) { return (struct run *)e; }

static int page_fault(struct emulation *e, u64 at, bool write, bool fetch)
{
    bool there = (at >= CODE && at < CODE + CODE_BYTES) || (at >= DATA && at < RO + RO_BYTES) || at >> 47;

    e->exception.cr2 = at;
    return emulate_raise(e, TRAP_PF,
                         PFEC_USER | (there ? PFEC_PRESENT : 0) | (write ? PFEC_WRITE : 0) | (fetch ? PFEC_FETCH : 0));
}

static u8 *byte_at(struct run *r, u64 at, bool write)
{
    if (at >= DATA && at < DATA + DATA_BYTES)
        return r->o->data + (at - DATA);
    if (at >= RO && at < RO + RO_BYTES && !write)
        return (u8 *)r->ro + (at - RO);
    return NULL;
}

/* With replay, each access is refused once: as if it were I/O whose answer comes later. */
static bool refused(struct run *r)
{
    if (!r->replay || r->now++ < r->done)
        return false;
    r->done++;
    return true;
}

static int access_memory(struct emulation *e, u64 at, u8 *buf, unsigned int bytes, bool write, bool modify)
{
    struct run *r = run_of(e);
    u8 code = BREAK, *p;

    for (unsigned int n = 0; n < bytes; n++) {
        if (byte_at(r, at + n, write || modify) || (at + n >= CODE && at + n < CODE + CODE_BYTES && !write && !modify))
            continue;
        return page_fault(e, at + n, write || modify, false);
    }
    if (refused(r))
        return EMU_RETRY;
    for (unsigned int n = 0; buf && n < bytes; n++) {
        p = byte_at(r, at + n, write);
        if (write)
            *p = buf[n];
        else if (!p && at + n - r->c->linear_rip < r->c->n)
            buf[n] = r->c->bytes[at + n - r->c->linear_rip];
        else
            buf[n] = p ? *p : code;
    }
    return EMU_DONE;
}

static int on_read(struct emulation *e, u64 at, void *buf, unsigned int bytes, enum emu_access access)
{
    return access_memory(e, at, buf, bytes, false, access == EMU_MODIFY || access == EMU_PROBE);
}

static int on_write(struct emulation *e, u64 at, const void *buf, unsigned int bytes)
{
    return access_memory(e, at, (u8 *)buf, bytes, true, true);
}

static int on_cmpxchg(struct emulation *e, u64 at, const void *old, const void *new, unsigned int bytes)
{
    u8 now[16];
    int rc = access_memory(e, at, now, bytes, false, true);

    if (rc)
        return rc;
    return memcmp(now, old, bytes) ? EMU_UNHANDLEABLE : on_write(e, at, new, bytes);
}

static int on_fetch(struct emulation *e, u64 at, void *buf, unsigned int bytes)
{
    const struct tcase *c = run_of(e)->c;

    for (unsigned int n = 0; n < bytes; n++) {
        if (at + n < CODE || at + n >= CODE + CODE_BYTES)
            return page_fault(e, at + n, false, true);
        ((u8 *)buf)[n] = at + n - c->linear_rip < c->n ? c->bytes[at + n - c->linear_rip] : BREAK;
    }
    return EMU_DONE;
}

static void on_segment(struct emulation *e, enum insn_seg seg, struct hvm_segment *s)
{
    const struct tcase *c = run_of(e)->c;

    *s = seg <= SEG_GS ? descriptors[c->seg[seg]] : (struct hvm_segment){};
    if (c->mode == MODE_64 && seg == SEG_FS)
        s->base = c->before.fs_base;
    if (c->mode == MODE_64 && seg == SEG_GS)
        s->base = c->before.gs_base;
}

static int on_in(struct emulation *e, u16 port, unsigned int bytes, u32 *val)
{
    struct run *r = run_of(e);

    if (refused(r))
        return EMU_RETRY;
    *val = port_value(port) & mask_of(bytes);
    return EMU_DONE;
}

static int on_out(struct emulation *e, u16 port, unsigned int bytes, u32 val)
{
    struct run *r = run_of(e);

    if (refused(r))
        return EMU_RETRY;
    r->o->io_hash = hash_io(r->o->io_hash, port, bytes, val);
    return EMU_DONE;
}

static int on_read_cr(struct emulation *e, unsigned int n, u64 *val)
{
    *val = run_of(e)->o->after.cr[n];
    return EMU_DONE;
}

static int on_write_cr(struct emulation *e, unsigned int n, u64 val)
{
    run_of(e)->o->after.cr[n] = n ? val : val | X86_CR0_ET;
    return EMU_DONE;
}

static int on_read_dr(struct emulation *e, unsigned int n, u64 *val)
{
    *val = run_of(e)->o->after.dr[n];
    return EMU_DONE;
}

static int on_write_dr(struct emulation *e, unsigned int n, u64 val)
{
    run_of(e)->o->after.dr[n] = val;
    return EMU_DONE;
}

static int on_invlpg(struct emulation *e __unused, u64 linear __unused) { return EMU_DONE; }

static int on_move_xmm(struct emulation *e, unsigned int n, u64 val[2], bool write)
{
    u64 *xmm = run_of(e)->o->after.xmm[n];

    memcpy(write ? xmm : val, write ? val : xmm, 16);
    return EMU_DONE;
}

static bool on_again(struct emulation *e)
{
    run_of(e)->done = run_of(e)->now = 0;
    return true;
}

/* A row by as many elements as one likes: half of them here. */
static int on_rep(struct emulation *e, const struct emu_rep *rep, u64 *count)
{
    u64 step = rep->down ? -(u64)rep->bytes : rep->bytes, src = rep->src, dst = rep->dst, n;
    u64 val = rep->value;
    u32 in;
    int rc = EMU_DONE;

    *count = (*count + 1) / 2;
    for (n = 0; n < *count; n++, src += step, dst += step) {
        if (rep->op == OP_MOVS || rep->op == OP_OUTS)
            rc = access_memory(e, src, (u8 *)&val, rep->bytes, false, false);
        if (!rc && rep->op == OP_INS) {
            rc = access_memory(e, dst, NULL, rep->bytes, false, true);
            rc = rc ? rc : on_in(e, rep->port, rep->bytes, &in);
            val = in;
        }
        if (!rc)
            rc = rep->op == OP_OUTS ? on_out(e, rep->port, rep->bytes, val & mask_of(rep->bytes))
                                    : access_memory(e, dst, (u8 *)&val, rep->bytes, true, true);
        if (rc)
            break;
    }
    if (!n)
        return rc; /* the first fails: its exception */
    *count = n;
    return EMU_DONE;
}

#define OPS                                                                                                           \
    .fetch = on_fetch, .read = on_read, .write = on_write, .cmpxchg = on_cmpxchg, .segment = on_segment, .in = on_in, \
    .out = on_out, .read_cr = on_read_cr, .write_cr = on_write_cr, .read_dr = on_read_dr, .write_dr = on_write_dr,    \
    .invlpg = on_invlpg, .move_xmm = on_move_xmm, .again = on_again
static const struct emulation_ops one_by_one = {OPS}, rows = {OPS, .rep = on_rep};

void run_emulated(const struct tcase *c, const u8 *data, bool replay, struct outcome *o, struct insn *insn)
{
    struct run r = {.c = c, .o = o, .ro = data + DATA_BYTES, .replay = replay};

    o->after = c->before;
    o->io_hash = 0;
    memcpy(o->data, data, DATA_BYTES);
    do {
        r.now = 0;
        r.e = (struct emulation){.ops = c->linear_rip & 1 && !replay ? &rows : &one_by_one,
                                 .regs = &o->after.r,
                                 .code_bytes = code_bytes(c->mode),
                                 .cpl = c->cpl,
                                 .real_mode = c->mode == MODE_REAL};
        o->rc = emulate(&r.e);
    } while (o->rc == EMU_RETRY);
    o->vector = r.e.exception.vector;
    o->error = r.e.exception.has_error ? r.e.exception.error : 0;
    o->cr2 = r.e.exception.cr2;
    *insn = r.e.insn;
}
