/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots of PV vCPUs' page tables (what goes into CR3), and how a dead domain's frames are given
 * back: roots first, then pins and half-checked tables, then the frames. Called by mmuext.c, by the
 * control operations that set a vCPU's context, by domain_kill.
 */
#include <arch/arch.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/mmu.h>
#include <mm/heap.h>

/* The M2P is in each kernel root, and in user roots unless the guest wants it hidden from user mode
 * (VMASST_TYPE_m2p_strict). */
static void root_m2p(struct domain *d, mfn_t root, bool user)
{
    u64 *slot = (u64 *)mfn_to_virt(root) + HYPERVISOR_FIRST_SLOT;

    if (!user && !*slot)
        WRITE_ONCE(*slot, hyp_l4->e[HYPERVISOR_FIRST_SLOT]);
    else if (user && *slot && (d->vm_assist >> VMASST_TYPE_m2p_strict & 1))
        WRITE_ONCE(*slot, 0);
    else
        return;
    root_changed(d);
}

/* A reference and a type for what becomes a root of v. INVALID_MFN needs none. */
static int root_get(struct vcpu *v, mfn_t mfn, bool user)
{
    struct frame *f;
    int rc;

    if (mfn_eq(mfn, INVALID_MFN))
        return 0;
    /* While dom0 is built there is nothing to give way to. */
    rc = frame_take(mfn, v->domain, FT_L4, !current->is_idle, &f);
    if (!rc)
        root_m2p(v->domain, mfn, user);
    return rc;
}

int pv_new_root(struct vcpu *v, unsigned long mfn, bool user)
{
    mfn_t *root = user ? &v->arch.guest_table_user : &v->arch.guest_table;
    mfn_t old = *root, new = user && !mfn ? INVALID_MFN : _mfn(mfn);
    int rc;

    if (!mfn_eq(old, new)) {
        rc = root_get(v, new, user);
        if (unlikely(rc))
            return rc;
        *root = new;
    }
    if (!user) {
        if (v->arch.pv.ldt_mapped)
            pv_drop_ldt(v);
        v->arch.cr3 = mfn_to_paddr(new);
        load_cr3(v->arch.cr3);
    }
    if (!mfn_eq(old, new) && !mfn_eq(old, INVALID_MFN))
        pv_put_table(mfn_frame(old));
    return 0;
}

static int root_drop(mfn_t *root)
{
    struct frame *f;

    if (mfn_eq(*root, INVALID_MFN))
        return 0;
    f = mfn_frame(*root);
    if (type_put(f, true))
        return -ERESTART;
    *root = INVALID_MFN;
    frame_put(f);
    return 0;
}

int pv_vcpu_set_roots(struct vcpu *v, mfn_t kernel, mfn_t user)
{
    int rc;

    if (pv_finish_puts(v) || root_drop(&v->arch.guest_table_user) || root_drop(&v->arch.guest_table))
        return -ERESTART;
    v->arch.cr3 = 0;
    pv_drop_ldt(v);
    rc = root_get(v, kernel, false);
    if (rc)
        return rc;
    v->arch.guest_table = kernel;
    rc = root_get(v, user, true);
    if (!rc)
        v->arch.guest_table_user = user;
    return rc;
}

/* ---- a domain ends ---- */

/* Nothing but references of others shall keep f: its pin and a check that was given up half way go.
 * 0 or -ERESTART. */
static int frame_untype(struct frame *f)
{
    if (table_unpin_mark(f)) {
        if (type_put(f, true)) {
            table_pin_mark(f); /* so that it is found again */
            return -ERESTART;
        }
        frame_put(f);
    }
    return type_forget(f);
}

/* Does d itself still hold f: as its owner, by a pin, or by a check that was given up half way? */
static bool frame_held(const struct frame *f)
{
    u64 x = READ_ONCE(f->type);

    return (READ_ONCE(f->refs) & FR_ALLOCATED) || (x & FT_PINNED) || ((x & FT_PARTIAL) && !(x & FT_COUNT));
}

/*
 * Such a frame of d, with a reference; NULL: there is none. What was looked at goes to the end of
 * the list, so that those which wait for their last reference are not walked over each time.
 */
static struct frame *frame_next_held(struct domain *d)
{
    struct frame *f;

    spin_guard(&d->page_lock);
    for (unsigned long n = d->tot_pages; n && (f = domain_rotate_frames(d)); n--)
        if (frame_held(f) && frame_get(f, d))
            return f;
    return NULL;
}

static int drop_tables(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (pv_vcpu_set_roots(v, INVALID_MFN, INVALID_MFN))
            return -ERESTART;
        pv_drop_gdt(v);
    }
    return 0;
}

int arch_domain_relinquish(struct domain *d)
{
    unsigned int n = 0;
    struct frame *f;

    if (d->is_hvm ? p2m_relinquish(d) : drop_tables(d))
        return -ERESTART;
    while ((f = frame_next_held(d)) != NULL) {
        int rc = frame_untype(f);

        if (!rc)
            frame_release(f);
        frame_put(f);
        if (rc || (++n % 64 == 0 && hypercall_preempt_check()))
            return -ERESTART;
    }
    return 0;
}
