/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule of page types: what keeps PV guests apart from each other and from the hypervisor. Here
 * live the counts of struct frame that say what a guest's frame is used as, the checks of page
 * tables and descriptor frames, and what an entry of a page table holds. Not here: hypercalls
 * (mmu_update.c, mmuext.c ...), the references themselves (mm/frame.c). Everybody who puts a
 * guest's frame to a use calls in.
 *
 * The argument
 * ------------
 * A PV guest runs in ring 3 on page tables that it made itself. It reaches memory only through
 * entries that the CPU finds by walking from CR3. It shall reach nothing but: its own frames,
 * frames that others granted it, the I/O it was given; and it shall write no frame that is a page
 * table or holds descriptors (else it could make the CPU walk anything).
 *
 *  1. Each frame has one type at a time. The count says in how many places the frame is used as
 * that type. The type changes only while the count is zero (type_get_slow; all changes by
 * compare-and-exchange of the one word).
 *  2. CR3 is only ever loaded with a frame counted as FT_L4. A GDT or LDT only ever maps frames
 * counted as FT_SEGDESC.
 *  3. A table has FT_VALIDATED only after every entry of it was checked and holds its count: an
 * L4's entries hold FT_L3 counts, an L3's FT_L2, an L2's FT_L1, so the walk of the CPU always meets
 * a table of the level that it expects; an L1's entries hold references to the frames that they
 * map, and FT_WRITABLE counts if they let write. (Tables that contain themselves or tables of their
 * own level would need weaker counts; they are refused, as Xen does with pv-linear-pt=no.)
 *  4. Entries of a validated table change only through us: by 3 and 1 the guest cannot have it
 * mapped writable, since that needs an FT_WRITABLE count. A change takes what the new entry needs,
 * exchanges the entry atomically, and gives back what the old one held: whoever takes an entry out
 * by the exchange is the one who gives its counts back, so no lock is needed. The one who changes
 * it holds a count of the table meanwhile, so that it stays a table of this level.
 *  5. The CPU remembers: TLBs and paging-structure caches may hold what an entry said after it is
 * gone. A use that ended leaves the time of the TLB clock in the frame; before the frame gets
 * another type or another owner, every CPU that may have remembered and has not been emptied since
 * is emptied (stale_flush). FT_VALIDATED is set after that, for FT_WRITABLE too.
 *  6. A frame is given to another owner only when its references are gone (mm/frame.c); each count
 * of 1. comes with a reference.
 *  7. Levels only fall on the way down, so whoever waits for a table (it is just being checked)
 * waits for one of a lower level than any that it is checking itself: no circle.
 *
 * The word of a page table, besides its type:    count  VALIDATED  PARTIAL
 *     not in use                                   0        -         -
 *     somebody checks or empties it ("busy")      > 0       -         -      others that want the
 * same type wait in force                                    > 0       x         - stopped half way
 * 0, 1      -         x      entries below the progress field hold their counts Stopped with count
 * 0: a check was interrupted; PARTIAL itself holds a reference, so that the frame cannot go away
 * with what its entries hold. Stopped with count 1: the last put was interrupted; the count is
 * still the caller's. Either way the next get of the same type resumes the checking, the next put
 * resumes the emptying.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/pv.h>
#include <arch/x86/pv/types.h>
#include <core/domain.h>
#include <core/rangeset.h>
#include <hypercall/hypercall.h>

/* The frame of a device that dom0 may look at but not touch: it is ours. 0: none. */
unsigned long iomem_readonly;

struct domain domid_io = {.id = DOMID_IO}, domid_xen = {.id = DOMID_XEN};

/* ---- the TLB clock ---- */

u64 tlb_clock = 1;
bool tlb_clock_used;
DEFINE_PER_CPU(u64, tlb_flushed);

/* Now, as the bits of a type word. Read after the use has ended. */
static u64 tlb_stamp(void)
{
    if (!READ_ONCE(tlb_clock_used))
        WRITE_ONCE(tlb_clock_used, true);
    return READ_ONCE(tlb_clock) << FT_STAMP_SHIFT & FT_STAMP;
}

/*
 * A frame's last use ended as its type word x says: empties the CPUs of m that may remember it, those
 * that were not emptied since. Of the stamp's time only the low bits are kept; an old stamp may so look
 * younger than it is, which flushes once too often, never the other way round.
 */
static void stale_flush(struct cpumask m, u64 x)
{
    u64 clock = READ_ONCE(tlb_clock);
    u64 stamp = clock - ((clock - (x >> FT_STAMP_SHIFT)) & (FT_STAMP >> FT_STAMP_SHIFT));
    unsigned int cpu;

    for_each_cpu (cpu, &m)
        if (READ_ONCE(per_cpu(tlb_flushed, cpu)) > stamp)
            __clear_bit(cpu, m.bits);
    if (!cpumask_empty(&m))
        flush_tlb_mask(&m);
}

/* From the heap: nobody refers to f any more. */
void arch_frame_freed(struct frame *f, struct domain *owner)
{
    (void)owner;
    f->type = FT_FOREIGN | tlb_stamp();
}

/* From the heap, before f gets an owner: the last one may have been anybody. */
void arch_flush_frame_tlb(struct frame *f)
{
    stale_flush(cpu_online_map, f->type);
    f->type = 0;
}

/* ---- entries ---- */

bool pte_absent_ok(u64 e, const struct domain *d)
{
    return likely(!boot_cpu.bug_l1tf) || d->is_privileged || mfn_x(pte_mfn(e)) >= max_frame;
}

/* An I/O frame in a table of owner, by the rights of fd. */
static int io_get(u64 e, struct domain *owner, struct domain *fd)
{
    unsigned long mfn = mfn_x(pte_mfn(e));

    if (fd == &domid_xen)
        return -EBUSY;
    if (fd == &domid_io)
        fd = owner;
    if (!rangeset_contains(fd->iomem_caps, mfn, mfn))
        return -EPERM;
    return (e & PTE_RW) && iomem_readonly && mfn == iomem_readonly ? PTE_GET_READONLY : 0;
}

int pte_get(u64 e, struct domain *table_owner, struct domain *fd, bool preemptible)
{
    mfn_t mfn = pte_mfn(e);
    struct frame *f;
    int rc = 0;

    if (unlikely(mfn_is_io(mfn)))
        return io_get(e, table_owner, fd);
    f = mfn_frame(mfn);
    if (unlikely(!frame_get(f, fd)))
        return -EBUSY;
    if (unlikely(fd != table_owner) && !(READ_ONCE(f->type) & FT_FOREIGN))
        __atomic_fetch_or(&f->type, FT_FOREIGN, __ATOMIC_SEQ_CST);
    /* Uncached mappings of RAM beside our cached one: only where the guest drives devices. */
    if (unlikely(e & (PTE_PWT | PTE_PCD | PTE_PAT)) && !table_owner->is_hardware)
        rc = -EINVAL;
    else if (e & PTE_RW) {
        rc = type_get(f, FT_WRITABLE, preemptible);
        if (unlikely(rc) && (f->refs & FR_HYPERVISOR))
            rc = type_get(f, FT_SHARED, false);
        if (unlikely(rc == -EINVAL))
            rc = -EBUSY;
    }
    if (unlikely(rc))
        frame_put(f);
    return rc;
}

void pte_put(u64 e)
{
    mfn_t mfn = pte_mfn(e);
    struct frame *f;

    if (!(e & PTE_P) || unlikely(mfn_is_io(mfn)))
        return;
    f = mfn_frame(mfn);
    if (e & PTE_RW)
        type_put(f, false);
    frame_put(f);
}

int table_entry_get(u64 e, unsigned int level, struct domain *owner, bool preemptible)
{
    struct frame *f;

    return mfn_is_io(pte_mfn(e)) ? -EINVAL : frame_take(pte_mfn(e), owner, FT_LEVEL(level - 1), preemptible, &f);
}

/* -ERESTART as type_put: the entry still holds. */
static int table_entry_put(u64 e, bool preemptible)
{
    struct frame *f;
    int rc;

    if (!(e & PTE_P))
        return 0;
    f = mfn_frame(pte_mfn(e));
    rc = type_put(f, preemptible);
    if (!rc)
        frame_put(f);
    return rc;
}

/* ---- contents of tables ---- */

static bool slot_is_ours(unsigned int level, unsigned int slot)
{
    return level == 4 && slot >= HYPERVISOR_FIRST_SLOT && slot <= HYPERVISOR_LAST_SLOT;
}

/* Takes what *p holds, an entry of a table of this level, and makes of it what is in force. */
static __always_inline int entry_validate(u64 *p, unsigned int level, struct domain *d, bool preemptible)
{
    u64 e = *p;
    int rc;

    if (!(e & PTE_P))
        return pte_absent_ok(e, d) ? 0 : -EINVAL;
    if (level == 1)
        rc = pte_get(e, d, d, false);
    else
        rc = e & TABLE_FORBIDDEN ? -EINVAL : table_entry_get(e, level, d, preemptible);
    if (rc < 0)
        return rc;
    if (unlikely(rc == PTE_GET_READONLY))
        e &= ~PTE_RW;
    if (pte_adjust(e) != *p)
        *p = pte_adjust(e);
    return 0;
}

/* Checks entries from *pos on; on return those below *pos are in force. Level 1 does not give way. */
static __always_inline int table_validate(u64 *t, unsigned int level, struct domain *d, unsigned int *pos,
                                          bool preemptible)
{
    unsigned int i;
    int rc = 0;

    for (i = *pos; i < 512; i++) {
        if (!t[i] || slot_is_ours(level, i))
            continue;
        rc = entry_validate(t + i, level, d, preemptible);
        if (rc)
            break;
        if (level > 1 && preemptible && hypercall_preempt_check()) {
            rc = -ERESTART;
            i++;
            break;
        }
    }
    *pos = i;
    return rc;
}

/* Gives back what the entries below *pos hold, from the top down. 0 or -ERESTART; on return those
 * below *pos are in force. */
static __always_inline int entries_empty(const u64 *t, unsigned int level, unsigned int *pos, bool preemptible)
{
    unsigned int i;

    for (i = *pos; i; i--) {
        u64 e = t[i - 1];

        if (!(e & PTE_P) || slot_is_ours(level, i - 1))
            continue;
        if (level == 1) {
            pte_put(e);
        } else if (table_entry_put(e, preemptible)) {
            break;
        } else if (i > 1 && preemptible && hypercall_preempt_check()) {
            i--;
            break;
        }
    }
    *pos = i;
    return i ? -ERESTART : 0;
}

static int table_empty(const u64 *t, unsigned int level, unsigned int *pos, bool preemptible)
{
    return level == 1 ? entries_empty(t, 1, pos, false) : entries_empty(t, level, pos, preemptible);
}

/* Our slots of a root: the template's, the domain's own, and the M2P where the guest wants it in
 * each. */
static void root_fill(u64 *t, struct domain *d)
{
    for (unsigned int i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        t[i] = hyp_l4->e[i];
    t[PERDOMAIN_SLOT] = virt_to_paddr(d->arch.perdomain_l3) | PTE_P | PTE_RW | PTE_A | PTE_D;
    if (!(d->vm_assist >> VMASST_TYPE_m2p_strict & 1))
        t[HYPERVISOR_FIRST_SLOT] = 0;
    root_changed(d);
}

/* Makes the contents of f fit for the type; *pos as table_validate. */
static int contents_validate(struct frame *f, u64 type, unsigned int *pos, bool preemptible)
{
    void *t = mfn_to_virt(frame_mfn(f));
    struct domain *d;
    int rc;

    if (type == FT_WRITABLE)
        return 0;
    if (type == FT_SEGDESC)
        return descriptors_fit(t) ? 0 : -EINVAL;
    d = frame_owner(f);
    if (!d || d->is_hvm) /* its frames are in its physical map, writable: they never become tables */
        return -EINVAL;
    if (type == FT_L1)
        return table_validate(t, 1, d, pos, false);
    rc = table_validate(t, type_level(type), d, pos, preemptible);
    if (!rc && type == FT_L4)
        root_fill(t, d);
    return rc;
}

/* ---- the type word ---- */

/* One step of the word that only we change while we have it busy, except for FT_FOREIGN, which
 * anybody may set. */
static void type_settle(struct frame *f, u64 clear, u64 set, unsigned int minus)
{
    u64 x = READ_ONCE(f->type);

    while (!type_cas(f, &x, ((x - minus) & ~clear) | set))
        cpu_relax();
}

/*
 * Ends a get that did not get through: `pos` entries are in force. own_ref: PARTIAL's reference is
 * in our hands.
 */
static void get_stopped(struct frame *f, unsigned int pos, bool own_ref)
{
    bool held = (READ_ONCE(f->type) & FT_COUNT) > 1; /* a put that stopped waits for its turn */

    if (!pos && !held) {
        type_settle(f, FT_PROGRESS | FT_STAMP, tlb_stamp(), 1);
        if (own_ref)
            frame_put(f);
        return;
    }
    if (!held && !own_ref)
        __atomic_fetch_add(&f->refs, 1, __ATOMIC_SEQ_CST); /* one above what frame_get() allows at most */
    type_settle(f, FT_PROGRESS, FT_PARTIAL | (u64)pos << FT_PROGRESS_SHIFT, 1);
}

/* f stopped half way as another type than is wanted now, and nobody has a count of it: empties it. */
static int partial_drop(struct frame *f, u64 x, bool preemptible)
{
    unsigned int pos = (x & FT_PROGRESS) >> FT_PROGRESS_SHIFT;
    int rc;

    if (!preemptible)
        return -EINVAL;
    if (!type_cas(f, &x, (x & ~FT_PARTIAL) + 1))
        return 0; /* somebody else was faster: look again */
    rc = table_empty(mfn_to_virt(frame_mfn(f)), type_level(x), &pos, true);
    get_stopped(f, pos, true);
    return rc;
}

static int busy_wait(const struct frame *f, u64 *x, bool preemptible)
{
    while (!(*x & (FT_VALIDATED | FT_PARTIAL)) && (*x & FT_COUNT)) {
        if (preemptible && hypercall_preempt_check())
            return -ERESTART;
        cpu_relax();
        *x = READ_ONCE(f->type);
    }
    return 0;
}

/* Counts us in, or makes the frame busy for us: then *old is what its word was. 0: counted; 1:
 * busy; -EINVAL, -ERESTART. */
static int type_claim(struct frame *f, u64 type, u64 *old, bool preemptible)
{
    u64 x = READ_ONCE(f->type), new;
    int rc = 0;

    for (;;) {
        if ((x & FT_COUNT) == FT_COUNT)
            return -EINVAL;
        if ((x & (FT_MASK | FT_VALIDATED)) == (type | FT_VALIDATED)) {
            if (type_cas(f, &x, x + 1))
                return 0;
            continue;
        }
        if (type == FT_SHARED || (READ_ONCE(f->refs) & FR_HYPERVISOR))
            return -EINVAL; /* only frame_share() makes and ends these */
        if ((x & FT_MASK) != type) {
            if (x & FT_COUNT)
                return -EINVAL;
            if (x & FT_PARTIAL) {
                rc = partial_drop(f, x, preemptible);
                if (rc)
                    return rc;
                x = READ_ONCE(f->type);
                continue;
            }
        } else if ((x & FT_COUNT) && !(x & FT_PARTIAL)) {
            rc = busy_wait(f, &x, preemptible);
            if (rc)
                return rc;
            continue;
        }
        new = type | (x & (FT_COUNT | FT_FOREIGN | FT_PROGRESS | FT_STAMP));
        if (type_cas(f, &x, new + 1)) {
            *old = x;
            return 1;
        }
    }
}

int type_get_slow(struct frame *f, u64 type, bool preemptible)
{
    unsigned int pos = 0;
    bool own_ref = false;
    u64 old = 0;
    int rc = type_claim(f, type, &old, preemptible);

    if (rc <= 0)
        return rc;
    if (old & FT_PARTIAL) {
        pos = (old & FT_PROGRESS) >> FT_PROGRESS_SHIFT;
        own_ref = !(old & FT_COUNT);
    } else if ((old & FT_MASK) != type && (old & FT_MASK) != FT_NONE) {
        const struct domain *d = old & FT_FOREIGN ? NULL : frame_owner(f);

        stale_flush(d ? d->arch.dirty_cpus : cpu_online_map, old);
    }
    rc = contents_validate(f, type, &pos, preemptible);
    if (!rc) {
        type_settle(f, FT_PROGRESS, FT_VALIDATED, 0);
        if (own_ref)
            frame_put(f);
        return 0;
    }
    if (rc != -ERESTART && pos)
        table_empty(mfn_to_virt(frame_mfn(f)), type_level(type), &pos, preemptible);
    get_stopped(f, pos, own_ref);
    return rc;
}

int type_put_slow(struct frame *f, bool preemptible)
{
    u64 x = READ_ONCE(f->type);
    unsigned int level, pos;

    for (;;) {
        if ((x & FT_COUNT) > 1 && !(x & FT_VALIDATED)) {
            if (busy_wait(f, &x, preemptible))
                return -ERESTART;
            continue;
        }
        BUG_ON(!(x & FT_COUNT) || !(x & (FT_VALIDATED | FT_PARTIAL)));
        level = type_level(x);
        if ((x & FT_COUNT) > 1) {
            if (type_cas(f, &x, x - 1))
                return 0;
        } else if (level) {
            if (x & FT_LOCKED) {
                cpu_relax();
                x = READ_ONCE(f->type);
            } else if (type_cas(f, &x, x & ~(FT_VALIDATED | FT_PARTIAL))) {
                break;
            }
        } else {
            u64 gone = (x & FT_MASK) == FT_SEGDESC ? FT_STAMP | FT_VALIDATED : FT_STAMP;

            if (type_cas(f, &x, ((x - 1) & ~gone) | tlb_stamp()))
                return 0;
        }
    }
    pos = x & FT_PARTIAL ? (x & FT_PROGRESS) >> FT_PROGRESS_SHIFT : 512;
    if (table_empty(mfn_to_virt(frame_mfn(f)), level, &pos, preemptible)) {
        type_settle(f, FT_PROGRESS, FT_PARTIAL | (u64)pos << FT_PROGRESS_SHIFT, 0);
        return -ERESTART;
    }
    type_settle(f, FT_PROGRESS | FT_STAMP, tlb_stamp(), 1);
    return 0;
}

int frame_get_type(struct frame *f, u64 type) { return type_get(f, type, false); }

void frame_put_type(struct frame *f) { type_put(f, false); }

/* ---- pins ---- */

int table_pin(mfn_t mfn, const struct domain *d, u64 type, bool preemptible)
{
    struct frame *f;
    int rc = frame_take(mfn, d, type, preemptible, &f);

    if (!rc && (__atomic_fetch_or(&f->type, FT_PINNED, __ATOMIC_SEQ_CST) & FT_PINNED)) {
        frame_put_and_type(f); /* the pin has one as well: not the last */
        return -EINVAL;
    }
    return rc;
}

bool table_unpin_mark(struct frame *f)
{
    return __atomic_fetch_and(&f->type, ~FT_PINNED, __ATOMIC_SEQ_CST) & FT_PINNED;
}

void table_pin_mark(struct frame *f) { __atomic_fetch_or(&f->type, FT_PINNED, __ATOMIC_SEQ_CST); }

int type_forget(struct frame *f)
{
    u64 x = READ_ONCE(f->type);

    return (x & FT_PARTIAL) && !(x & FT_COUNT) ? partial_drop(f, x, true) : 0;
}
