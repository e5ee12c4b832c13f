/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical map of an HVM domain against a model: random operations, in both vendors' formats; after each, what the
 * CPU would find by walking the nested tables, what lookups say, and all references are compared with the model. The
 * guest's CPU remembers translations: none may lead to a frame that was given back, neither at the end of an operation
 * nor at the flush on its way. Then the guest's own page tables: every mode's walk against what its manual says.
 * Usage: p2m_sim [--steps N] [--seed N].
 */
#include "machine.h"
#include <arch/arch.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/p2m_private.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <mm/heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/memory.h>

static struct domain *d, *pv; /* the HVM domain, and a PV one that manages it and whose frames it gets */
static struct vcpu guest;     /* d's */
static unsigned long step;

#define CHECK(cond, ...)                                              \
    do {                                                              \
        if (!(cond)) {                                                \
            printf("step %lu, line %d: %s: ", step, __LINE__, #cond); \
            printf(__VA_ARGS__);                                      \
            printf("\n"), fflush(stdout);                             \
            abort();                                                  \
        }                                                             \
    } while (0)

static unsigned int rnd(unsigned int n) { return machine_random() % n; }

#define GFNS 2048

/* One of the first few half of the time, so that they meet again. */
static unsigned int some_gfn(void) { return rnd(rnd(2) ? 30 : GFNS); }

/* ---- what other files would give ---- */

static u64 guest_cr[5];

static u64 get_cr(struct vcpu *v, unsigned int n) { return (void)v, guest_cr[n]; }

static const struct hvm_vendor vendor = {.get_cr = get_cr};
const struct hvm_vendor *hvm = &vendor;

int grant_table_frame(struct domain *o, unsigned long idx, bool status, mfn_t *mfn)
{
    return (void)o, (void)idx, (void)status, (void)mfn, -EINVAL;
}

int ioreq_server_frame(struct domain *o, ioservid_t id, unsigned long frame, mfn_t *mfn)
{
    return (void)o, (void)id, (void)frame, (void)mfn, -ENOENT;
}

mfn_t arch_gfn_to_mfn(struct domain *o, gfn_t gfn) { return o->is_hvm ? p2m_own_mfn(o, gfn, true) : _mfn(gfn_x(gfn)); }

void hvm_mapcache_invalidate(struct vcpu *v) { (void)v; }
void hvm_latch_width(struct vcpu *v) { (void)v; }
size_t hvm_compat_copy(u64 va, void *ours, size_t n, bool write)
{
    (void)va, (void)ours, (void)write;
    return n;
}

/* ---- the model ---- */

static struct {
    enum p2m_type type;
    unsigned long mfn; /* 0: no frame */
} model[GFNS];

/* Two regions, far apart. */
static unsigned long gfn_of(unsigned int i) { return i < 1024 ? i : (3UL << 27) + (5UL << 18) + i; }

static bool own(enum p2m_type t) { return P2M_OWN_TYPES >> t & 1; }

static void model_clear(unsigned int i, unsigned int n) { memset(model + i, 0, n * sizeof(model[0])); }

/* After an operation that may have done a part of what it was asked for. */
static void model_reread(unsigned int i, unsigned int n)
{
    for (; n; n--, i++) {
        mfn_t mfn = p2m_lookup(d, _gfn(gfn_of(i)), &model[i].type, NULL);

        model[i].mfn = mfn_eq(mfn, INVALID_MFN) ? 0 : mfn_x(mfn);
    }
}

/* ---- the CPU ---- */

struct walked {
    bool present, writable, executable;
    unsigned long mfn;
};

/* As the manuals have it, from the raw bits. */
static struct walked cpu_walk(unsigned long gfn)
{
    bool ept = d->arch.p2m->format == &p2m_ept, w = true, x = true;
    const u64 *t = mfn_to_virt(p2m_root(d));

    for (unsigned int level = 4;; level--) {
        u64 e = t[gfn >> 9 * (level - 1) & 511];

        if (!(e & (ept ? 7 : PTE_P)))
            return (struct walked){};
        CHECK(ept || e & PTE_US, "the guest is a user of nested tables");
        w = w && e & (ept ? 2 : PTE_RW);
        x = x && (ept ? e & 4 : !(e & PTE_NX));
        CHECK(!ept || (e & 3) != 2, "writable and not readable");
        if (level == 1 || e & PTE_PS) {
            u64 span = 1UL << 9 * (level - 1);

            CHECK(level > 1 || !(e & PTE_PS), "bit 7 of a small entry");
            CHECK(level <= 3 && !((e & PTE_ADDR) >> 12 & (span - 1)), "frame of a large entry");
            return (struct walked){true, w, x, (e & PTE_ADDR) >> 12 | (gfn & (span - 1))};
        }
        CHECK(!ept || !(e & 0xf8), "reserved bits");
        t = mfn_to_virt(_mfn((e & PTE_ADDR) >> 12));
    }
}

/* What the guest's CPU remembers. */
#define TLB 64
static struct {
    unsigned long gfn, mfn;
    bool writable;
} tlb[TLB];

static void tlb_audit(void)
{
    for (unsigned int i = 0; i < TLB; i++) {
        struct frame *f = mfn_frame(_mfn(tlb[i].mfn));

        if (tlb[i].mfn && tlb[i].mfn < SIM_FRAMES)
            CHECK(f->refs & FR_COUNT && (!tlb[i].writable || f->owner == d->id || (u32)f->type),
                  "the CPU remembers frame %#lx, which was given back", tlb[i].mfn);
    }
}

/* p2m_flush on its way to d's CPU. */
void arch_call_on(const struct cpumask *m, void (*fn)(void *), void *arg)
{
    (void)m;
    fn(arg);
    tlb_audit();
    memset(tlb, 0, sizeof(tlb));
}

/* Between operations: nothing that may not be done any more, either. */
static void tlb_compare(void)
{
    for (unsigned int i = 0; i < TLB; i++) {
        struct walked w = tlb[i].mfn ? cpu_walk(tlb[i].gfn) : (struct walked){};

        CHECK(!tlb[i].mfn || (w.present && w.mfn == tlb[i].mfn && w.writable >= tlb[i].writable),
              "the CPU remembers gfn %#lx as frame %#lx", tlb[i].gfn, tlb[i].mfn);
    }
}

static void guest_touches(void)
{
    unsigned long gfn = gfn_of(some_gfn());
    struct walked w = cpu_walk(gfn);
    unsigned int i = rnd(TLB);

    if (w.present) {
        tlb[i].gfn = gfn;
        tlb[i].mfn = w.mfn;
        tlb[i].writable = w.writable;
    }
}

/* ---- comparison ---- */

static void compare_one(unsigned int i)
{
    static const unsigned int writes = P2M_BIT(RAM) | P2M_BIT(GRANT_RW) | P2M_BIT(FOREIGN);
    struct walked w = cpu_walk(gfn_of(i));
    enum p2m_type type;
    mfn_t mfn = p2m_lookup(d, _gfn(gfn_of(i)), &type, NULL);
    bool mapped = model[i].type != P2M_NONE && model[i].type != P2M_MMIO_DM;

    CHECK(type == model[i].type, "index %u is of type %u, not %u", i, type, model[i].type);
    CHECK(model[i].mfn ? mfn_x(mfn) == model[i].mfn : mfn_eq(mfn, INVALID_MFN), "index %u", i);
    CHECK(w.present == mapped && (!mapped || w.mfn == model[i].mfn), "index %u: the CPU sees frame %#lx", i, w.mfn);
    CHECK(w.writable == (writes >> type & 1), "index %u, type %u", i, type);
    CHECK(w.executable == own(type), "index %u, type %u", i, type);
    if (own(type))
        CHECK(arch_get_m2p(mfn) == gfn_of(i), "index %u: the M2P says %#lx", i, arch_get_m2p(mfn));
}

static unsigned long tables_below(const u64 *t, unsigned int level)
{
    unsigned long n = 1;

    for (unsigned int i = 0; level > 1 && i < 512; i++)
        if (entry_type(t[i]) == P2M_TABLE)
            n += tables_below(mfn_to_virt(_mfn((t[i] & PTE_ADDR) >> 12)), level - 1);
    return n;
}

static void compare_all(void)
{
    static unsigned int entries[SIM_FRAMES], writers[SIM_FRAMES];

    memset(entries, 0, sizeof(entries));
    memset(writers, 0, sizeof(writers));
    for (unsigned int i = 0; i < GFNS; i++) {
        compare_one(i);
        if (!model[i].mfn)
            continue;
        entries[model[i].mfn]++;
        writers[model[i].mfn] += model[i].type == P2M_GRANT_RW || model[i].type == P2M_FOREIGN;
    }
    for (unsigned long mfn = 0x100; mfn < SIM_FRAMES; mfn++) {
        struct frame *f = mfn_frame(_mfn(mfn));
        u32 refs = f->refs;

        CHECK((refs & FR_COUNT) == entries[mfn] + !!(refs & FR_ALLOCATED) + !!(refs & FR_HYPERVISOR),
              "frame %#lx: refs %#x, %u entries", mfn, refs, entries[mfn]);
        if (refs & FR_ALLOCATED)
            CHECK((u32)f->type == writers[mfn], "frame %#lx: type %#lx", mfn, (unsigned long)f->type);
    }
    CHECK(d->arch.p2m->pool_used == tables_below(d->arch.p2m->root, 4), "pages of the pool");
    tlb_audit();
}

/* ---- operations ---- */

/* An index for an extent of the order. */
static unsigned int some_index(unsigned int order) { return rnd(8) ? rnd(GFNS >> order) << order : rnd(1024 - 512); }

static void op_populate(void)
{
    unsigned int order = rnd(4) ? 0 : 9, i = some_index(order);
    xen_pfn_t gfn = gfn_of(i);
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = d->id};

    r.extent_start.p = &gfn;
    if (memory_reservation(XENMEM_populate_physmap, 0, (void __guest *)&r) == 1) {
        model_reread(i, 1U << order);
        for (unsigned int j = i; j < i + (1U << order); j++) {
            const u64 *page = mfn_to_virt(_mfn(model[j].mfn));

            CHECK(model[j].type == P2M_RAM, "index %u", j);
            CHECK(!page[0] && !page[511], "memory with a past");
            *(u64 *)mfn_to_virt(_mfn(model[j].mfn)) = 1;
        }
    } else {
        model_reread(i, 1U << order);
    }
}

static void op_decrease(void)
{
    unsigned int order = rnd(3) ? 0 : 9, i = some_index(order), n = order ? 1 : 1 + rnd(20), want = 0;
    xen_pfn_t gfns[20];
    struct xen_memory_reservation r = {.extent_order = order, .domid = d->id};
    bool all = true;
    long rc;

    n = min(n, GFNS - i);
    r.nr_extents = n;
    r.extent_start.p = gfns;
    for (unsigned int j = 0; j < n; j++)
        gfns[j] = gfn_of(i + j);
    for (unsigned int j = 0; j < n << order && all; j++)
        all = own(model[i + j].type);
    for (; want < n && own(model[i + want].type); want++)
        ;
    rc = memory_reservation(XENMEM_decrease_reservation, 0, (void __guest *)&r);
    if (d->arch.p2m->pool_limit < 100)
        return model_reread(i, n << order);
    CHECK(rc == (order ? (all ? 1 : 0) : (long)want), "%ld extents given up", rc);
    if (order && !all)
        model_reread(i, n << order);
    else
        model_clear(i, rc << order);
}

static void op_change_type(void)
{
    static const enum p2m_type types[] = {P2M_RAM, P2M_RAM_RO, P2M_LOGDIRTY, P2M_MMIO_DM};
    enum p2m_type from = types[rnd(4)], to = types[rnd(4)];
    unsigned int i = some_gfn();
    int rc = p2m_change_type(d, _gfn(gfn_of(i)), from, to), want = model[i].type == from ? 0 : -EBUSY;

    CHECK(rc == want || rc == -ENOMEM, "%d", rc);
    if (rc)
        return;
    model[i].type = to;
    if (to == P2M_MMIO_DM || from == P2M_MMIO_DM) /* hidden frames keep their number */
        return;
    CHECK(arch_get_m2p(_mfn(model[i].mfn)) == gfn_of(i), "index %u", i);
}

/* The frame at index i is at no other index of d's. */
static void model_only_at(unsigned int i)
{
    for (unsigned int j = 0; j < GFNS; j++)
        if (j != i && model[j].mfn == model[i].mfn && own(model[j].type))
            model_clear(j, 1);
}

static void op_move(void)
{
    unsigned int from = some_gfn(), to = some_gfn();
    struct xen_add_to_physmap x = {.domid = d->id, .space = XENMAPSPACE_gmfn, .idx = gfn_of(from), .gpfn = gfn_of(to)};
    bool ok = own(model[from].type);
    unsigned long mfn = model[from].mfn;
    long rc = physmap_op(XENMEM_add_to_physmap, 0, (void __guest *)&x);

    CHECK(rc == (ok ? 0 : -EINVAL) || rc == -ENOMEM, "%ld", rc);
    if (rc == -ENOMEM) {
        model_reread(from, 1);
        model_reread(to, 1);
    } else if (ok && from != to) {
        model[to].type = P2M_RAM;
        model[to].mfn = mfn;
        model_only_at(to);
    }
}

static void op_remove(void)
{
    unsigned int i = some_gfn();
    struct xen_remove_from_physmap x = {.domid = d->id, .gpfn = gfn_of(i)};
    long rc = physmap_op(XENMEM_remove_from_physmap, 0, (void __guest *)&x);

    CHECK(rc == (own(model[i].type) || model[i].type == P2M_FOREIGN ? 0 : -ENOENT) || rc == -ENOMEM, "%ld", rc);
    if (!rc)
        model_clear(i, 1);
}

static mfn_t pv_frame(void)
{
    u32 mfn = pv->first_frame;

    for (unsigned int n = rnd(20); n; n--)
        mfn = mfn_frame(_mfn(mfn))->next;
    return _mfn(mfn);
}

static void op_grant(void)
{
    unsigned int i = some_gfn();
    bool ro = rnd(2);
    mfn_t mfn = pv_frame();
    struct frame *f = mfn_get(mfn, pv);

    CHECK(f && (ro || !frame_get_type(f, FT_WRITABLE)), "frame %#lx", mfn_x(mfn));
    if (!p2m_put_grant(d, _gfn(gfn_of(i)), mfn, ro)) {
        model[i].type = ro ? P2M_GRANT_RO : P2M_GRANT_RW;
        model[i].mfn = mfn_x(mfn);
        return;
    }
    if (!ro)
        frame_put_type(f);
    frame_put(f);
}

static void op_ungrant(void)
{
    unsigned int i = some_gfn();
    bool ro = rnd(2), is = model[i].type == (ro ? P2M_GRANT_RO : P2M_GRANT_RW);
    mfn_t mfn = model[i].mfn ? _mfn(model[i].mfn) : pv_frame();

    CHECK(!p2m_take_grant(d, _gfn(gfn_of(i)), mfn_add(mfn, 1), ro), "index %u: another frame", i);
    CHECK(p2m_take_grant(d, _gfn(gfn_of(i)), mfn, ro) == is, "index %u", i);
    if (!is)
        return;
    p2m_flush(d);
    if (!ro)
        frame_put_type(mfn_frame(mfn));
    frame_put(mfn_frame(mfn));
    model_clear(i, 1);
}

static void op_foreign(void)
{
    unsigned int i = some_gfn();
    xen_ulong_t idx = mfn_x(pv_frame());
    xen_pfn_t gfn = gfn_of(i);
    int err = 1;
    struct xen_add_to_physmap_batch x = {.domid = d->id, .space = XENMAPSPACE_gmfn_foreign, .size = 1};

    x.u.foreign_domid = pv->id;
    x.idxs.p = &idx;
    x.gpfns.p = &gfn;
    x.errs.p = &err;
    CHECK(!physmap_op(XENMEM_add_to_physmap_batch, 0, (void __guest *)&x), "batch");
    CHECK(!err || err == -ENOMEM, "%d", err);
    if (err)
        return model_reread(i, 1);
    model[i].type = P2M_FOREIGN;
    model[i].mfn = idx;
}

static void op_dirty(void)
{
    enum p2m_dirty_op op = rnd(3);
    unsigned int i = rnd(1024), n = 1 + rnd(1024 - i), base = rnd(2) * 1024;
    u8 bits[128];
    int rc = p2m_dirty_scan(d, _gfn(gfn_of(base + i)), n, op, bits);

    if (rc) {
        CHECK(rc == -ENOMEM, "%d", rc);
        model_reread(base + i, n);
    }
    for (unsigned int j = 0; j < n && !rc; j++) {
        enum p2m_type *t = &model[base + i + j].type;

        CHECK((bits[j / 8] >> j % 8 & 1) == (*t == P2M_RAM), "index %u, type %u", base + i + j, *t);
        if (op == P2M_DIRTY_CLEAN && *t == P2M_RAM)
            *t = P2M_LOGDIRTY;
        else if (op == P2M_DIRTY_STOP && *t == P2M_LOGDIRTY)
            *t = P2M_RAM;
    }
    p2m_flush(d);
}

/* The guest writes, reads or runs where it may not. */
static void op_fault(void)
{
    unsigned int i = some_gfn();
    unsigned int access = (unsigned int[]){0, PFEC_WRITE, PFEC_FETCH}[rnd(3)];
    enum p2m_type t = model[i].type;
    enum p2m_fault want = P2M_FAULT_RETRY, got = p2m_fault(d, gfn_of(i) << PAGE_SHIFT | 123, access);

    if (t == P2M_NONE || t == P2M_MMIO_DM)
        want = P2M_FAULT_MMIO;
    else if (access == PFEC_FETCH && !own(t))
        want = P2M_FAULT_VIOLATION;
    else if (access == PFEC_WRITE && (t == P2M_RAM_RO || t == P2M_GRANT_RO))
        want = P2M_FAULT_MMIO;
    CHECK(got == want, "index %u, type %u, access %u: %u", i, t, access, got);
    if (t != P2M_LOGDIRTY || access != PFEC_WRITE)
        return;
    CHECK(cpu_walk(gfn_of(i)).writable, "index %u", i);
    model_reread(i & ~511U, 512); /* all of a large one when the pool is empty */
    CHECK(model[i].type == P2M_RAM, "index %u", i);
}

static void op_get_frame(void)
{
    unsigned int i = some_gfn(), types = P2M_READ_TYPES;
    bool write = rnd(2);
    struct frame *f = p2m_get_frame(d, _gfn(gfn_of(i)), write);

    if (write)
        types = P2M_WRITE_TYPES | P2M_BIT(LOGDIRTY);
    CHECK(!f == !(types >> model[i].type & 1), "index %u, type %u", i, model[i].type);
    if (f)
        CHECK(mfn_x(frame_mfn(f)) == model[i].mfn, "index %u", i);
    if (f)
        frame_put(f);
    if (write && model[i].type == P2M_LOGDIRTY)
        model_reread(i & ~511U, 512);
}

static void op_copy(void)
{
    unsigned int i = rnd(GFNS - 1), offset = 4000 + rnd(96), n = 1 + rnd(200);
    u8 out[200], in[200];
    bool ok = true;

    if (i == 1023)
        return;
    for (unsigned int j = i; j < i + (offset + n > PAGE_SIZE ? 2U : 1U); j++)
        ok &= (P2M_WRITE_TYPES | P2M_BIT(LOGDIRTY)) >> model[j].type & 1;
    memset(out, step, sizeof(out));
    current = rnd(2) ? &guest : pv->vcpu[0];
    CHECK(!hvm_copy_to_phys(d, (gfn_of(i) << PAGE_SHIFT) + offset, out, n) == ok, "index %u", i);
    if (ok)
        CHECK(!hvm_copy_from_phys(d, in, (gfn_of(i) << PAGE_SHIFT) + offset, n) && !memcmp(in, out, n), "index %u", i);
    current = pv->vcpu[0];
    model_reread(i & ~511U, 512);
    model_reread((i + 1) & ~511U, 512);
}

static void op_pool(void)
{
    unsigned long used = d->arch.p2m->pool_used;

    CHECK(p2m_pool_set(d, used - 1) == -ENOMEM, "less than is used");
    CHECK(!p2m_pool_set(d, rnd(3) ? 1000 : used + rnd(2)), "pool");
}

static void (*const ops[])(void) = {
    op_populate, op_populate, op_decrease,  op_change_type, op_change_type, op_move,
    op_remove,   op_grant,    op_ungrant,   op_foreign,     op_dirty,       op_fault,
    op_fault,    op_fault,    op_get_frame, op_copy,        op_pool,
};

static void simulate(const struct p2m_format *format, unsigned long steps)
{
    unsigned long free = heap_free_frames();

    d = machine_domain(1, false, 0);
    d->is_hvm = true;
    d->max_pages = 2500;
    d->max_vcpus = 0; /* those of machine.c are PV's */
    cpumask_set(&d->arch.dirty_cpus, 1);
    guest.domain = d;
    guest.is_hvm = true;
    guest.arch.hvm.kept[0].va = guest.arch.hvm.kept[1].va = HVM_KEEP_NONE;
    CHECK(!p2m_create(d, format, P2M_ORDER_2M), "create");
    model_clear(0, GFNS);
    for (step = 0; step < steps; step++) {
        ops[rnd(ARRAY_SIZE(ops))]();
        tlb_audit();
        tlb_compare();
        for (unsigned int i = 0; i < 4; i++)
            guest_touches();
        if (step % 16 == 0)
            compare_all();
    }
    compare_all();
    machine_preempt = 3;
    d->dying = DOMDYING_DYING;
    while (p2m_relinquish(d) == -ERESTART)
        ;
    machine_preempt = 0;
    CHECK(p2m_set(d, _gfn(0), INVALID_MFN, 0, P2M_MMIO_DM) == -EINVAL, "the map is closed");
    domain_get(d);
    machine_domain_end(d);
    p2m_free(d);
    domain_put(d);
    CHECK(heap_free_frames() == free, "%ld frames are missing", (long)(free - heap_free_frames()));
}

/* ---- the guest's own tables ---- */

static void *ram(paddr_t gpa)
{
    enum p2m_type type;

    return (char *)mfn_to_virt(p2m_lookup(d, _gfn(gpa >> PAGE_SHIFT), &type, NULL)) + (gpa & ~PAGE_MASK);
}

/* A mode: its tables lie at 0x10000, one page each, from the top; leaf: the level of the last entry. */
struct mode {
    const char *name;
    unsigned int levels, bits, bytes, leaf;
    u64 cr4, efer, va, rsvd; /* rsvd: a bit that must be 0 in the last entry */
};

#define TABLES 0x10000UL
static const struct mode modes[] = {
    {"long mode, 4 kB", 4, 9, 8, 1, X86_CR4_PAE, 0x500, 0xffff812345678000, 1UL << 51},
    {"long mode, 2 MB", 4, 9, 8, 2, X86_CR4_PAE, 0x500, 0x00007f8765400000, 1UL << 13},
    {"long mode, 1 GB", 4, 9, 8, 3, X86_CR4_PAE, 0x500, 0x0000123480000000, 1UL << 29},
    {"PAE, 4 kB", 3, 9, 8, 1, X86_CR4_PAE, 0, 0xc0de1000, 1UL << 52},
    {"PAE, 2 MB", 3, 9, 8, 2, X86_CR4_PAE, 0, 0x81400000, 1UL << 20},
    {"two levels, 4 kB", 2, 10, 4, 1, 0, 0, 0xfedcb000, 0},
    {"two levels, 4 MB", 2, 10, 4, 2, X86_CR4_PSE, 0, 0x40c00000, 1UL << 21},
};

static u64 *entry_at(const struct mode *m, unsigned int level)
{
    u64 index = m->va >> (12 + m->bits * (level - 1)) & ((1UL << m->bits) - 1);

    return ram(TABLES + (m->levels - level) * PAGE_SIZE + index * m->bytes);
}

static void entry_set(const struct mode *m, unsigned int level, u64 e)
{
    if (m->bytes == 8)
        *entry_at(m, level) = e;
    else
        *(u32 *)entry_at(m, level) = e;
}

static u64 entry_get(const struct mode *m, unsigned int level)
{
    return m->bytes == 8 ? *entry_at(m, level) : *(u32 *)entry_at(m, level);
}

/* Upper entries with the rights `upper` (the first that can have any; the others have all), the last with `last`. */
static void build(const struct mode *m, u64 upper, u64 last)
{
    bool given = false;

    guest_cr[3] = TABLES;
    for (unsigned int level = m->levels; level > m->leaf; level--) {
        bool pdpte = m->levels == 3 && level == 3;
        u64 rights = pdpte ? 0 : given ? PTE_RW | PTE_US : upper;

        given |= !pdpte;
        entry_set(m, level, (TABLES + (m->levels - level + 1) * PAGE_SIZE) | PTE_P | rights);
    }
    entry_set(m, m->leaf, last | (m->leaf > 1 ? PTE_PS : 0));
}

struct access {
    unsigned int what;
    bool wp, smep, smap, ac, nxe;
};

/* Intel SDM vol. 3, 4.6 and 4.7, for rights that all and that any of the entries have. ~0: allowed. */
static u32 expected_error(const struct mode *m, const struct access *a, bool present, u64 all, u64 any)
{
    bool user = a->what & PFEC_USER, write = a->what & PFEC_WRITE, fetch = a->what & PFEC_FETCH,
         user_page = all & PTE_US;
    bool nx = a->nxe && m->bytes == 8, bad = false;
    u32 error = a->what & (PFEC_USER | PFEC_WRITE);

    if (fetch && (nx || a->smep))
        error |= PFEC_FETCH;
    if (!present)
        return error;
    bad |= user && !user_page;
    bad |= write && !(all & PTE_RW) && (user || a->wp);
    bad |= fetch && nx && any & PTE_NX;
    bad |= fetch && a->smep && !user && user_page;
    bad |= !fetch && a->smap && !a->ac && !user && user_page;
    return bad ? error | PFEC_PRESENT : ~0U;
}

static u64 rights_of(unsigned int n) { return (n & 1 ? PTE_RW : 0) | (n & 2 ? PTE_US : 0) | (n & 4 ? PTE_NX : 0); }

static void set_mode(const struct mode *m, const struct access *a)
{
    guest_cr[0] = X86_CR0_PG | X86_CR0_PE | (a->wp ? X86_CR0_WP : 0);
    guest_cr[4] = m->cr4 | (a->smep ? X86_CR4_SMEP : 0) | (a->smap ? X86_CR4_SMAP : 0);
    guest.arch.hvm.efer = m->efer | (a->nxe ? 0x800 : 0);
    sim_regs.rflags = a->ac ? X86_EFLAGS_AC : 0;
}

static void walk_one(const struct mode *m, const struct access *a, unsigned int up, unsigned int low, bool present)
{
    u64 upper = rights_of(up), last = rights_of(low), all = upper & last, any = upper | last;
    u64 base = m->leaf == 1 ? 0x55000 : m->leaf == 2 ? 0xc00000 : 0x40000000, offset = 0x123;
    bool only_leaf = m->levels == 3 ? m->leaf == 2 : m->leaf == m->levels;
    paddr_t gpa = 0;
    u32 error = 0, want;
    int rc;

    if (only_leaf)
        all = any = last;
    if (any & PTE_NX && (!a->nxe || m->bytes == 4))
        return; /* reserved: elsewhere */
    build(m, upper, base | last | (present ? PTE_P : 0));
    set_mode(m, a);
    want = expected_error(m, a, present, all, any);
    rc = hvm_translate(&guest, m->va | offset, a->what, &gpa, &error);
    CHECK(rc == (want == ~0U ? 0 : -EFAULT), "%s: access %#x: %d, error %#x", m->name, a->what, rc, error);
    if (rc) {
        CHECK(error == want, "%s: access %#x: error %#x, not %#x", m->name, a->what, error, want);
        return;
    }
    CHECK(gpa == (base | offset), "%s: %#lx", m->name, (unsigned long)gpa);
    for (unsigned int level = m->levels; level >= m->leaf; level--)
        if (m->levels != 3 || level != 3)
            CHECK(entry_get(m, level) & PTE_A, "%s: level %u was accessed", m->name, level);
    CHECK(!(entry_get(m, m->leaf) & PTE_D) == !(a->what & PFEC_WRITE), "%s: dirty", m->name);
}

static void walk_specials(const struct mode *m)
{
    struct access a = {.wp = true, .nxe = true, .what = PFEC_WRITE};
    paddr_t gpa;
    u32 error = 0;

    set_mode(m, &a);
    if (m->rsvd) {
        build(m, PTE_RW | PTE_US, PTE_P | PTE_RW | m->rsvd);
        CHECK(hvm_translate(&guest, m->va, PFEC_WRITE, &gpa, &error) == -EFAULT &&
                  error == (PFEC_PRESENT | PFEC_RSVD | PFEC_WRITE),
              "%s: reserved bit: error %#x", m->name, error);
    }
    if (m->bytes == 8) { /* NX without EFER.NXE */
        a.nxe = false;
        set_mode(m, &a);
        build(m, PTE_RW | PTE_US, PTE_P | PTE_RW | PTE_NX);
        CHECK(hvm_translate(&guest, m->va, 0, &gpa, &error) == -EFAULT && error == (PFEC_PRESENT | PFEC_RSVD),
              "%s: NX is reserved: error %#x", m->name, error);
    }
    /* Upper entries that are not there; tables where there is no memory. */
    for (unsigned int level = m->levels; level > m->leaf; level--) {
        build(m, PTE_RW | PTE_US, PTE_P | PTE_RW);
        entry_set(m, level, 0);
        CHECK(hvm_translate(&guest, m->va, 0, &gpa, &error) == -EFAULT && !error, "%s: error %#x", m->name, error);
        entry_set(m, level, 0x70000000 | PTE_P | PTE_RW);
        CHECK(hvm_translate(&guest, m->va, 0, &gpa, &error) == -EFAULT && !error, "%s: error %#x", m->name, error);
    }
    /* The CPU's own access is held back by SMAP whatever AC says. */
    a = (struct access){.smap = true, .ac = true, .wp = true};
    set_mode(m, &a);
    build(m, PTE_RW | PTE_US, PTE_P | PTE_RW | PTE_US);
    CHECK(!hvm_translate(&guest, m->va, 0, &gpa, &error), "%s: AC", m->name);
    CHECK(m->levels == m->leaf ||
              (hvm_translate(&guest, m->va, HVM_ACCESS_IMPLICIT, &gpa, &error) == -EFAULT && error == PFEC_PRESENT),
          "%s: implicit: error %#x", m->name, error);
}

static void walk_all(const struct mode *m)
{
    for (unsigned int n = 0; n < 6 * 32; n++) {
        struct access a = {.what = (n % 3 == 1   ? PFEC_WRITE
                                    : n % 3 == 2 ? PFEC_FETCH
                                                 : 0) |
                                   (n / 3 % 2 ? PFEC_USER : 0),
                           .wp = n / 6 & 1,
                           .smep = n / 6 & 2,
                           .smap = n / 6 & 4,
                           .ac = n / 6 & 8,
                           .nxe = n / 6 & 16};

        for (unsigned int up = 0; up < 8; up++)
            for (unsigned int low = 0; low < 8; low++)
                walk_one(m, &a, up, low, true);
        walk_one(m, &a, 3, 3, false);
    }
    walk_specials(m);
}

/* No paging; what is no address; log-dirty tables; copies across pages of the guest's own addresses. */
static void walk_others(void)
{
    const struct mode *m = &modes[0];
    struct access a = {.wp = true, .what = PFEC_WRITE};
    char in[32], out[32] = "across the border of two pages";
    paddr_t gpa;
    u32 error;

    guest_cr[0] = 0;
    CHECK(!hvm_translate(&guest, 0x1234567890, PFEC_WRITE, &gpa, &error) && gpa == 0x34567890, "no paging");
    set_mode(m, &a);
    CHECK(hvm_translate(&guest, 0x0000812345678000, 0, &gpa, &error) == -EINVAL, "not canonical");
    build(m, PTE_RW, PTE_P | PTE_RW | 0x55000);
    entry_at(m, 1)[1] = PTE_P | PTE_RW | 0x77000;
    CHECK(!p2m_dirty_scan(d, _gfn(0), 512, P2M_DIRTY_CLEAN, NULL), "clean");
    CHECK(!hvm_copy_to_guest((void __guest *)(m->va + 4080), out, 32), "copy out");
    CHECK(!hvm_copy_from_guest(in, (void __guest *)(m->va + 4080), 32) && !memcmp(in, out, 32), "copy in");
    CHECK(!memcmp(ram(0x55000 + 4080), out, 16) && !memcmp(ram(0x77000), out + 16, 16), "where they went");
    CHECK(cpu_walk(0x55).writable && cpu_walk(0x77).writable && cpu_walk(TABLES >> 12).writable &&
              !cpu_walk(0x56).writable,
          "dirty: what was written, and the tables");
    CHECK(hvm_copy_to_guest((void __guest *)(m->va + 8190), out, 32) == 30, "nothing is mapped there");
    guest.arch.hvm.kept[0].va = guest.arch.hvm.kept[1].va = HVM_KEEP_EMPTY;
    for (unsigned int i = 0; i < 3; i++) {
        memset(in, 0, sizeof(in));
        CHECK(!hvm_copy_from_guest(in, (void __guest *)(m->va + 4080), 32) && !memcmp(in, out, 32), "kept");
        CHECK(!hvm_copy_to_guest((void __guest *)(m->va + 4080), out, 32), "kept, written");
    }
    guest.arch.hvm.kept[0].va = guest.arch.hvm.kept[1].va = HVM_KEEP_NONE;
}

static void walks(void)
{
    xen_pfn_t gfn = 0;
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = 9, .domid = 1};

    d = machine_domain(1, false, 0);
    d->is_hvm = true;
    d->max_pages = 600;
    d->max_vcpus = 0;
    guest.domain = d;
    CHECK(!p2m_create(d, &p2m_npt, P2M_ORDER_2M), "create");
    r.extent_start.p = &gfn;
    CHECK(memory_reservation(XENMEM_populate_physmap, 0, (void __guest *)&r) == 1, "populate");
    current = &guest;
    boot_cpu.phys_bits = 40;
    boot_cpu.features[XEN_X86_FEATURE_PAGE1GB / 32] |= 1U << XEN_X86_FEATURE_PAGE1GB % 32;
    for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++)
        walk_all(&modes[i]);
    walk_others();
    current = pv->vcpu[0];
}

/* Extents of 1 GB, split down to 4 kB. */
static void large(void)
{
    const unsigned long gfn = 7UL << 18, mfn = 3UL << 18, at = (200UL << 9) + 77;
    unsigned int order;
    enum p2m_type type;

    d->arch.p2m->top_leaf = 3;
    CHECK(!p2m_set(d, _gfn(gfn), _mfn(mfn), P2M_ORDER_1G, P2M_RAM), "1 GB");
    CHECK(mfn_x(p2m_lookup(d, _gfn(gfn + at), &type, &order)) == mfn + at && order == P2M_ORDER_1G, "order %u", order);
    CHECK(!p2m_change_type(d, _gfn(gfn + at), P2M_RAM, P2M_RAM_RO), "one of them");
    for (unsigned long i = 0; i < 1UL << 18; i++)
        CHECK(cpu_walk(gfn + i).mfn == mfn + i && cpu_walk(gfn + i).writable == (i != at), "%#lx", i);
    p2m_lookup(d, _gfn(gfn + at + 512), &type, &order);
    CHECK(order == P2M_ORDER_2M, "order %u", order);
    p2m_lookup(d, _gfn(gfn + at + 1), &type, &order);
    CHECK(order == 0, "order %u", order);
}

int main(int argc, char **argv)
{
    unsigned long steps = 6000;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--steps"))
            steps = strtoul(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            machine_seed = strtoul(argv[i + 1], NULL, 0) | 1;
    }
    machine_init();
    pv = machine_domain(2, true, 40);
    current = pv->vcpu[0];
    simulate(&p2m_npt, steps);
    simulate(&p2m_ept, steps);
    walks();
    large();
    printf("%lu steps in each format, %zu modes walked, no fault\n", steps, ARRAY_SIZE(modes));
    return 0;
}
