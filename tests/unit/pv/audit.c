/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by brute force what types.c counts as it goes: walks every page table, root, pin and
 * descriptor window of the machine, and compares. Slow, and only meaningful while no guest runs and
 * no operation on page tables is under way.
 */
#include "audit.h"
#include <arch/x86/pv/types.h>
#include <core/domain.h>
#include <mm/heap.h>

struct audit {
    u32 *refs, *types; /* per frame: what was found */
    unsigned int faults;
};

#define FAULT(a, f, ...)                                                                                              \
    do {                                                                                                              \
        (a)->faults++;                                                                                                \
        log_error("audit: frame %#lx (type %#lx refs %#x owner %u): ", mfn_x(frame_mfn(f)), (unsigned long)(f)->type, \
                  (f)->refs, (f)->owner);                                                                             \
        log_error(__VA_ARGS__);                                                                                       \
    } while (0)

static void found(struct audit *a, const struct frame *f, unsigned int refs, unsigned int types)
{
    a->refs[f - frame_table] += refs;
    a->types[f - frame_table] += types;
}

/* An entry in force of table t. */
static void audit_entry(struct audit *a, const struct frame *t, unsigned int level, u64 e)
{
    mfn_t mfn = pte_mfn(e);
    struct frame *f;
    bool writable = level > 1 || (e & PTE_RW);

    if (!(e & PTE_P) || (level == 1 && mfn_is_io(mfn)))
        return;
    if (!mfn_valid(mfn)) {
        FAULT(a, t, "an entry of level %u leads out of memory: %#lx\n", level, (unsigned long)e);
        return;
    }
    f = mfn_frame(mfn);
    found(a, f, 1, writable);
    if (!writable)
        return;
    if (level == 1 ? (f->type & FT_MASK) != FT_WRITABLE && (f->type & FT_MASK) != FT_SHARED
                   : type_level(f->type) != level - 1)
        FAULT(a, f, "used by an entry of level %u of frame %#lx\n", level, mfn_x(frame_mfn(t)));
    if (!(f->type & (FT_VALIDATED | FT_PARTIAL)))
        FAULT(a, f, "in use but not validated, in frame %#lx\n", mfn_x(frame_mfn(t)));
}

static void audit_frame(struct audit *a, struct frame *f)
{
    unsigned int level = type_level(f->type), n = 0;
    const u64 *e;

    if (!(f->refs & FR_COUNT))
        return; /* the heap's, or ours alone: the type word is used otherwise */
    if (f->refs & FR_ALLOCATED)
        found(a, f, 1, 0);
    if (f->refs & FR_HYPERVISOR)
        found(a, f, 1, 1);
    if (f->type & FT_PINNED)
        found(a, f, 1, 1);
    if (!level)
        return;
    if ((f->type & FT_PARTIAL) && !(f->type & FT_COUNT))
        found(a, f, 1, 0);
    if (f->type & FT_VALIDATED)
        n = 512;
    else if (f->type & FT_PARTIAL)
        n = (f->type & FT_PROGRESS) >> FT_PROGRESS_SHIFT;
    e = mfn_to_virt(frame_mfn(f));
    for (unsigned int i = 0; i < n; i++)
        if (level != 4 || i < HYPERVISOR_FIRST_SLOT || i > HYPERVISOR_LAST_SLOT)
            audit_entry(a, f, level, e[i]);
}

static void audit_vcpu(struct audit *a, const struct vcpu *v)
{
    const mfn_t roots[] = {v->arch.guest_table, v->arch.guest_table_user};

    for (unsigned int i = 0; i < ARRAY_SIZE(roots); i++) {
        if (mfn_eq(roots[i], INVALID_MFN))
            continue;
        found(a, mfn_frame(roots[i]), 1, 1);
        if ((mfn_frame(roots[i])->type & FT_MASK) != FT_L4)
            FAULT(a, mfn_frame(roots[i]), "a root of d%dv%u\n", v->domain->id, v->id);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(v->arch.puts_pending); i++)
        if (v->arch.puts_pending[i])
            found(a, v->arch.puts_pending[i], 1, 1);
    for (unsigned int i = 0; v->arch.pv.gdt_ldt_ptes && i < 32; i++) {
        u64 e = v->arch.pv.gdt_ldt_ptes[i];

        /* The CPU's own pages, and those that stand for what the guest has not given, are not
         * counted. */
        if (i == FIRST_RESERVED_GDT_PAGE || i == FIRST_RESERVED_GDT_PAGE + 1 ||
            (e & (PTE_P | PTE_RW)) != (PTE_P | PTE_RW))
            continue;
        found(a, mfn_frame(pte_mfn(e)), 1, 1);
        if ((mfn_frame(pte_mfn(e))->type & FT_MASK) != FT_SEGDESC)
            FAULT(a, mfn_frame(pte_mfn(e)), "in the window of d%dv%u\n", v->domain->id, v->id);
    }
}

static void audit_compare(struct audit *a, const struct frame *f, bool exact)
{
    u32 refs = a->refs[f - frame_table], types = a->types[f - frame_table];
    u32 have_refs = f->refs & FR_COUNT, have_types = have_refs ? f->type & FT_COUNT : 0;

    if (refs > have_refs || (exact && refs != have_refs))
        FAULT(a, f, "%u references found\n", refs);
    if (types > have_types || (exact && types != have_types))
        FAULT(a, f, "%u uses of its type found\n", types);
}

unsigned int types_audit(bool exact)
{
    unsigned int order = 0;
    struct audit a = {};
    struct domain *d;
    struct vcpu *v;

    while (PAGE_SIZE << order < max_frame * 2 * sizeof(u32))
        order++;
    a.refs = page_alloc(order);
    if (!a.refs) {
        log_error("audit: no memory\n");
        return 1;
    }
    a.types = a.refs + max_frame;
    for (unsigned long i = 0; i < max_frame; i++)
        if (mfn_valid(_mfn(i)))
            audit_frame(&a, mfn_frame(_mfn(i)));
    list_for_each (d, &domain_list, link)
        for_each_vcpu (d, v)
            audit_vcpu(&a, v);
    for (unsigned long i = 0; i < max_frame; i++)
        if (mfn_valid(_mfn(i)))
            audit_compare(&a, mfn_frame(_mfn(i)), exact);
    page_free(a.refs, order);
    return a.faults;
}
