/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical map of HVM and PVH domains (p2m.h): four levels of tables in the format of the CPU's nested paging (AMD
 * APM vol. 2, 15.25; Intel SDM vol. 3, 29.3), and what their entries hold. Here: entries put, taken and looked up, the
 * pool that the tables come from, nested faults. Not here: who asks for what (memory_op_hvm.c, grants), dirty memory
 * (p2m_dirty.c).
 *
 * The argument
 * ------------
 * An HVM guest reaches memory only through these tables, and only we write them: their pages are ours, and an entry
 * names either a table of ours, or frames that it holds. So it is kept from all else if a frame is never given to
 * somebody new while an entry, or what a CPU remembers of one, leads to it.
 *
 *  1. Each entry that has a frame holds a reference to it (to each of its 512 or 262144, for a large one); one of
 * another domain that lets write (P2M_GRANT_RW, P2M_FOREIGN) a count as FT_WRITABLE too, so that no page table of a PV
 * guest can be written. Own frames need no type: frames of HVM domains never become page tables or descriptors
 * (pv/types.c, contents_validate; those only of a PV vCPU's own frames).
 *  2. Entries change under the lock, by one store each. What an entry held goes to the one who overwrote it, into a
 * struct p2m_gone, and from there back only after p2m_flush(): no CPU remembers it any more.
 *  3. Tables are never freed before the end of the domain, and an entry that became a table stays one. So a lookup
 * needs no lock, and the CPU's paging-structure caches never lead to a page that is no table.
 *  4. What a lookup finds may be gone the next moment. Who uses the frame either takes a reference and looks whether
 * the entry is still the same (p2m_get_frame): then the entry's own reference stood when ours was taken, so the frame
 * is the one meant. Or it is the domain's own current vCPU with interrupts off (hvm/guest_memory.c): the flush of 2
 * waits for an answer of every CPU that runs the domain, and so for the end of that access.
 *  5. When the domain ends its vCPUs never run again. One flush, and then the entries go with what they hold.
 *
 * The M2P has the guest frame number of each own frame in the map, one: whoever puts a frame at a second place takes
 * it from the first (memory_op_hvm.c). Nothing above depends on it.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/mm/p2m_private.h>
#include <asm/trapnr.h>
#include <core/continuation.h>
#include <mm/heap.h>

/* ---- formats ---- */

#define NPT_RO (PTE_P | PTE_US | PTE_A | PTE_D)
#define NPT_RW (NPT_RO | PTE_RW)

const struct p2m_format p2m_npt = {
    .table = PTE_P | PTE_RW | PTE_US | PTE_A,
    .rights =
        {
            [P2M_RAM] = NPT_RW,
            [P2M_RAM_RO] = NPT_RO,
            [P2M_LOGDIRTY] = NPT_RO,
            [P2M_GRANT_RW] = NPT_RW | PTE_NX,
            [P2M_GRANT_RO] = NPT_RO | PTE_NX,
            [P2M_FOREIGN] = NPT_RW | PTE_NX,
        },
};

/* Intel SDM vol. 3, tables 29-1 to 29-7. RAM is cached whatever the guest's PAT says, as our own mapping of it is. */
#define EPT_R  1UL
#define EPT_W  2UL
#define EPT_X  4UL
#define EPT_WB (6UL << 3 | 1UL << 6)

const struct p2m_format p2m_ept = {
    .table = EPT_R | EPT_W | EPT_X,
    .rights =
        {
            [P2M_RAM] = EPT_R | EPT_W | EPT_X | EPT_WB,
            [P2M_RAM_RO] = EPT_R | EPT_X | EPT_WB,
            [P2M_LOGDIRTY] = EPT_R | EPT_X | EPT_WB,
            [P2M_GRANT_RW] = EPT_R | EPT_W | EPT_WB,
            [P2M_GRANT_RO] = EPT_R | EPT_WB,
            [P2M_FOREIGN] = EPT_R | EPT_W | EPT_WB,
        },
};

/* ---- what entries hold ---- */

/* Gives back what entries of the type held of n frames. Nobody remembers them. */
static void frames_put(enum p2m_type type, mfn_t mfn, unsigned long n)
{
    if (mfn_eq(mfn, INVALID_MFN))
        return;
    for (struct frame *f = mfn_frame(mfn); n; n--, f++)
        if (type == P2M_GRANT_RW || type == P2M_FOREIGN)
            frame_put_and_type(f);
        else
            frame_put(f);
}

static bool type_is_own(enum p2m_type type) { return P2M_OWN_TYPES >> type & 1; }

static void answer(void *arg __unused) {}

/* A vCPU empties the CPU's memory of it before it goes on; those that run are made to look, by an interrupt. */
void p2m_flush(struct domain *d)
{
    struct cpumask others = d->arch.dirty_cpus;
    struct vcpu *v;

    for_each_vcpu (d, v)
        hvm_set_work(v, HVM_WORK_TLB);
    __clear_bit(smp_processor_id(), others.bits);
    if (!cpumask_empty(&others))
        arch_call_on(&others, answer, NULL);
}

void p2m_settle(struct domain *d, struct p2m_gone *gone)
{
    if (!gone->nr)
        return;
    p2m_flush(d);
    for (struct p2m_run *r = gone->run; r < gone->run + gone->nr; r++) {
        for (unsigned long i = 0; gone->release && type_is_own(r->type) && i < 1UL << r->order; i++)
            frame_release(mfn_frame(_mfn(r->mfn + i)));
        frames_put(r->type, _mfn(r->mfn), 1UL << r->order);
    }
    gone->nr = 0;
}

/* ---- tables ---- */

static u64 *table_alloc(struct p2m *p2m)
{
    u64 *t = p2m->pool_used < p2m->pool_limit ? page_alloc(0) : NULL;

    p2m->pool_used += !!t;
    return t;
}

/* *e, of this level and no table, becomes one whose entries say the same. 0 or -ENOMEM. */
static int entry_split(struct p2m *p2m, u64 *e, unsigned int level)
{
    u64 *t = table_alloc(p2m), below = level == 2 ? *e & ~PTE_PS : *e;

    if (!t)
        return -ENOMEM;
    for (unsigned long i = 0; below && i < 512; i++)
        t[i] = entry_has_frame(below) ? below + (i * p2m_span(level - 1) << PAGE_SHIFT) : below;
    __atomic_store_n(e, virt_to_paddr(t) | p2m->format->table | (u64)P2M_TABLE << 52, __ATOMIC_RELEASE);
    return 0;
}

u64 *p2m_entry_find(struct p2m *p2m, unsigned long gfn, unsigned int *level, bool make)
{
    u64 *t = p2m->root;

    for (unsigned int l = P2M_LEVELS;; l--) {
        u64 *e = &t[gfn >> 9 * (l - 1) & 511];

        if (entry_type(*e) != P2M_TABLE) {
            if (l <= *level || (!make && !*e)) {
                *level = l;
                return e;
            }
            if (entry_split(p2m, e, l))
                return NULL;
        }
        t = paddr_to_virt(*e & PTE_ADDR);
    }
}

/* ---- lookups ---- */

void *p2m_pointer(const struct domain *d, paddr_t gpa, unsigned int types, enum p2m_type *type)
{
    unsigned int level;
    u64 e = p2m_entry_read(d->arch.p2m, gpa >> PAGE_SHIFT, &level);

    *type = entry_type(e);
    if (!(types >> entry_type(e) & 1))
        return NULL;
    return paddr_to_virt((e & PTE_ADDR) | (gpa & ((p2m_span(level) << PAGE_SHIFT) - 1)));
}

mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    unsigned int level;
    u64 e = p2m_entry_read(d->arch.p2m, gfn_x(gfn), &level);

    *type = entry_type(e);
    if (order)
        *order = 9 * (level - 1);
    return entry_mfn(e, level, gfn_x(gfn));
}

struct frame *p2m_get_frame(struct domain *d, gfn_t gfn, bool write)
{
    unsigned int level;
    struct frame *f;
    bool got, same;
    u64 e;

    for (;;) {
        e = p2m_entry_read(d->arch.p2m, gfn_x(gfn), &level);
        if (write && entry_type(e) == P2M_LOGDIRTY) {
            p2m_mark_dirty(d, gfn);
            continue;
        }
        if (!((write ? P2M_WRITE_TYPES : P2M_READ_TYPES) >> entry_type(e) & 1))
            return NULL;
        f = mfn_frame(entry_mfn(e, level, gfn_x(gfn)));
        got = frame_get_any(f);
        same = p2m_entry_read(d->arch.p2m, gfn_x(gfn), &level) == e;
        if (got && same)
            return f;
        if (got)
            frame_put(f);
        if (same)
            return NULL; /* it has as many references as can be counted */
    }
}

mfn_t p2m_own_mfn(struct domain *d, gfn_t gfn, bool write)
{
    enum p2m_type type;
    mfn_t mfn = p2m_lookup(d, gfn, &type, NULL);

    if (type == P2M_LOGDIRTY && write)
        p2m_mark_dirty(d, gfn);
    return type_is_own(type) && !(type == P2M_RAM_RO && write) ? mfn : INVALID_MFN;
}

/* ---- changes ---- */

/* Locked. *e of this level becomes `new`; what it held is noted, for which there is room. */
static void entry_replace(u64 *e, unsigned int level, unsigned long gfn, u64 new, struct p2m_gone *gone)
{
    u64 old = *e;
    mfn_t mfn = entry_mfn(old, level, gfn);

    __atomic_store_n(e, new, __ATOMIC_SEQ_CST);
    if (!entry_has_frame(old))
        return;
    for (unsigned long i = 0; type_is_own(entry_type(old)) && i < p2m_span(level); i++)
        if (arch_get_m2p(mfn_add(mfn, i)) == gfn + i)
            arch_set_m2p(mfn_add(mfn, i), ~0UL);
    gone->run[gone->nr++] = (struct p2m_run){mfn_x(mfn), 9 * (level - 1), entry_type(old)};
}

/* Locked. One entry at gfn, for n frames at most: how many it is for, or -ENOMEM. */
static long extent_put(struct p2m *p2m, unsigned long gfn, mfn_t mfn, unsigned long n, enum p2m_type type,
                       struct p2m_gone *gone)
{
    unsigned long low = mfn_eq(mfn, INVALID_MFN) ? gfn : gfn | mfn_x(mfn);
    unsigned int level = p2m->top_leaf;
    u64 *e;

    if (p2m->closed)
        return -EINVAL;
    while (level > 1 && (low & (p2m_span(level) - 1) || n < p2m_span(level)))
        level--;
    e = p2m_entry_find(p2m, gfn, &level, type != P2M_NONE);
    if (!e)
        return -ENOMEM;
    if (type == P2M_NONE && !*e)
        return p2m_span(level) - (gfn & (p2m_span(level) - 1));
    entry_replace(e, level, gfn, entry_make(p2m, mfn, type, level), gone);
    if (type != P2M_NONE)
        p2m->max_gfn = max(p2m->max_gfn, gfn + p2m_span(level));
    for (unsigned long i = 0; type_is_own(type) && i < p2m_span(level); i++)
        arch_set_m2p(mfn_add(mfn, i), gfn + i);
    return p2m_span(level);
}

/* From *gfn on; on return what is left is not put. 0, -ENOMEM, -EINVAL. */
static int range_put(struct domain *d, unsigned long *gfn, mfn_t *mfn, unsigned long *n, enum p2m_type type,
                     struct p2m_gone *gone)
{
    struct p2m *p2m = d->arch.p2m;
    long done;

    if (*gfn >= P2M_GFN_LIMIT || *n > P2M_GFN_LIMIT - *gfn)
        return -EINVAL;
    while (*n) {
        if (gone->nr == P2M_GONE_MAX)
            p2m_settle(d, gone);
        spin_lock(&p2m->lock);
        done = extent_put(p2m, *gfn, *mfn, *n, type, gone);
        spin_unlock(&p2m->lock);
        if (done < 0)
            return done;
        done = min((unsigned long)done, *n);
        *gfn += done;
        *n -= done;
        if (!mfn_eq(*mfn, INVALID_MFN))
            *mfn = mfn_add(*mfn, done);
    }
    return 0;
}

int p2m_set_noflush(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type,
                    struct p2m_gone *gone)
{
    unsigned long g = gfn_x(gfn), n = 1UL << order;
    int rc = range_put(d, &g, &mfn, &n, type, gone);

    if (rc)
        frames_put(type, mfn, n);
    return rc;
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    struct p2m_gone gone = {};
    int rc = p2m_set_noflush(d, gfn, mfn, order, type, &gone);

    p2m_settle(d, &gone);
    return rc;
}

int p2m_remove(struct domain *d, gfn_t gfn, unsigned int order, struct p2m_gone *gone)
{
    return p2m_set_noflush(d, gfn, INVALID_MFN, order, P2M_NONE, gone);
}

int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type from, enum p2m_type to)
{
    struct p2m *p2m = d->arch.p2m;
    unsigned int level = 1;
    int rc = -EBUSY;
    u64 old, *e;

    spin_lock(&p2m->lock);
    old = p2m_entry_read(p2m, gfn_x(gfn), &level);
    if (gfn_x(gfn) >= P2M_GFN_LIMIT || p2m->closed) {
        rc = -EINVAL;
    } else if (entry_type(old) == from) {
        level = 1;
        e = p2m_entry_find(p2m, gfn_x(gfn), &level, true);
        rc = e ? 0 : -ENOMEM;
        if (e)
            entry_retype(p2m, e, level, to);
    }
    spin_unlock(&p2m->lock);
    if (!rc && p2m->format->rights[from] & ~p2m->format->rights[to])
        p2m_flush(d);
    return rc;
}

void p2m_mark_dirty(struct domain *d, gfn_t gfn)
{
    struct p2m *p2m = d->arch.p2m;
    unsigned int level, one = 1;
    u64 *e;

    spin_guard(&p2m->lock);
    if (entry_type(p2m_entry_read(p2m, gfn_x(gfn), &level)) != P2M_LOGDIRTY)
        return;
    e = p2m_entry_find(p2m, gfn_x(gfn), &one, true);
    if (e)
        level = 1;
    else
        e = p2m_entry_find(p2m, gfn_x(gfn), &level, false);
    entry_retype(p2m, e, level, P2M_RAM);
}

int p2m_put_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    unsigned long g = gfn_x(gfn), n = 1;
    struct p2m_gone gone = {};
    int rc = range_put(d, &g, &mfn, &n, readonly ? P2M_GRANT_RO : P2M_GRANT_RW, &gone);

    p2m_settle(d, &gone);
    return rc;
}

bool p2m_take_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    struct p2m *p2m = d->arch.p2m;
    enum p2m_type type = readonly ? P2M_GRANT_RO : P2M_GRANT_RW;
    unsigned int level = 1;
    u64 *e;

    if (gfn_x(gfn) >= P2M_GFN_LIMIT)
        return false;
    spin_guard(&p2m->lock);
    e = p2m_entry_find(p2m, gfn_x(gfn), &level, false);
    if (!e || entry_type(*e) != type || !mfn_eq(entry_mfn(*e, level, gfn_x(gfn)), mfn))
        return false;
    __atomic_store_n(e, 0, __ATOMIC_SEQ_CST);
    return true;
}

/* ---- nested faults ---- */

enum p2m_fault p2m_fault(struct domain *d, paddr_t gpa, unsigned int access)
{
    gfn_t gfn = _gfn(gpa >> PAGE_SHIFT);
    unsigned int level;
    enum p2m_type type = entry_type(p2m_entry_read(d->arch.p2m, gfn_x(gfn), &level));

    if (type == P2M_NONE || type == P2M_MMIO_DM)
        return P2M_FAULT_MMIO;
    if (access & PFEC_FETCH && 1U << type & (P2M_BIT(GRANT_RW) | P2M_BIT(GRANT_RO) | P2M_BIT(FOREIGN)))
        return P2M_FAULT_VIOLATION;
    if (!(access & PFEC_WRITE))
        return P2M_FAULT_RETRY;
    if (type == P2M_LOGDIRTY)
        p2m_mark_dirty(d, gfn);
    return type == P2M_RAM_RO || type == P2M_GRANT_RO ? P2M_FAULT_MMIO : P2M_FAULT_RETRY;
}

/* ---- life ---- */

#define POOL_DEFAULT 256 /* pages, until the toolstack says */

int p2m_create(struct domain *d, const struct p2m_format *format, unsigned int max_order)
{
    struct p2m *p2m = mem_alloc_object(struct p2m);

    d->arch.p2m = p2m;
    if (!p2m)
        return -ENOMEM;
    spin_lock_init(&p2m->lock, LOCK_P2M);
    p2m->format = format;
    p2m->top_leaf = 1 + max_order / 9;
    p2m->pool_limit = POOL_DEFAULT;
    p2m->root = table_alloc(p2m);
    return p2m->root ? 0 : -ENOMEM;
}

/* The entry that gfn is in, emptied: its level, and what it was. */
static u64 entry_clear(struct p2m *p2m, unsigned long gfn, unsigned int *level)
{
    u64 *e, old;

    spin_guard(&p2m->lock);
    *level = p2m->top_leaf;
    e = p2m_entry_find(p2m, gfn, level, false);
    old = *e;
    *e = 0;
    return old;
}

int p2m_relinquish(struct domain *d)
{
    struct p2m *p2m = d->arch.p2m;
    unsigned long put = 0;

    if (!p2m)
        return 0;
    if (!p2m->closed) {
        spin_lock(&p2m->lock);
        p2m->closed = true;
        spin_unlock(&p2m->lock);
        p2m_flush(d);
    }
    while (p2m->next < p2m->max_gfn) {
        unsigned int level;
        u64 e = entry_clear(p2m, p2m->next, &level);

        p2m->next = (p2m->next | (p2m_span(level) - 1)) + 1;
        if (!entry_has_frame(e))
            continue;
        frames_put(entry_type(e), entry_mfn(e, level, 0), p2m_span(level));
        put += p2m_span(level);
        if (put >= 512) {
            put = 0;
            if (hypercall_preempt_check())
                return -ERESTART;
        }
    }
    return 0;
}

static void table_free(u64 *t, unsigned int level)
{
    for (unsigned int i = 0; level > 1 && i < 512; i++)
        if (entry_type(t[i]) == P2M_TABLE)
            table_free(paddr_to_virt(t[i] & PTE_ADDR), level - 1);
    page_free(t, 0);
}

void p2m_free(struct domain *d)
{
    if (!d->arch.p2m)
        return;
    if (d->arch.p2m->root)
        table_free(d->arch.p2m->root, P2M_LEVELS);
    mem_free(d->arch.p2m);
    d->arch.p2m = NULL;
}

/* ---- numbers ---- */

mfn_t p2m_root(const struct domain *d) { return virt_to_mfn(d->arch.p2m->root); }

unsigned long p2m_max_gfn(const struct domain *d) { return READ_ONCE(d->arch.p2m->max_gfn); }

unsigned long p2m_pool_limit(const struct domain *d) { return d->arch.p2m->pool_limit; }

int p2m_pool_set(struct domain *d, unsigned long limit)
{
    struct p2m *p2m = d->arch.p2m;

    spin_guard(&p2m->lock);
    if (limit < p2m->pool_used)
        return -ENOMEM;
    p2m->pool_limit = limit;
    return 0;
}
