/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_mmuext_op: pins, page-table roots, TLB and cache flushes, the LDT, clearing and
 * copying of frames. One function per kind of operation. (ABI: xen/xen.h, "MMUEXT_*".)
 */
#include <arch/arch.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/descriptor.h>
#include <arch/x86/pv/mmu.h>
#include <arch/x86/pv/pv.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>

#define COUNT_CONTINUED (1U << 31)

static int op_pin(struct domain *fd, unsigned long mfn, unsigned int level)
{
    struct frame *f = mfn_get(_mfn(mfn), fd);
    int rc;

    if (!f)
        return -EINVAL;
    rc = table_pin(f, FT_LEVEL(level), true);
    if (rc)
        frame_put(f);
    return rc;
}

static int op_unpin(struct domain *fd, unsigned long mfn)
{
    struct frame *f = mfn_get(_mfn(mfn), fd);
    int rc = -EINVAL;

    if (!f)
        return -EINVAL;
    if (table_unpin_mark(f)) {
        pv_put_table(f);
        rc = 0;
    }
    frame_put(f);
    return rc;
}

static int op_flush_local(const struct mmuext_op *op, bool one)
{
    if (!one)
        flush_tlb_local();
    else if (guest_address_ok(op->arg1.linear_addr))
        flush_tlb_one_local(op->arg1.linear_addr);
    return 0;
}

static int op_flush(const struct vcpu *v, const struct mmuext_op *op)
{
    const struct domain *d = v->domain;
    unsigned long va = op->arg1.linear_addr;
    bool one = op->cmd == MMUEXT_INVLPG_MULTI || op->cmd == MMUEXT_INVLPG_ALL;
    bool all = op->cmd == MMUEXT_TLB_FLUSH_ALL || op->cmd == MMUEXT_INVLPG_ALL;
    struct cpumask m;

    if (all && cpus_only_self(&d->arch.dirty_cpus))
        return op_flush_local(op, one);
    if (all)
        m = d->arch.dirty_cpus;
    else if (vcpus_to_cpus(d, op->arg2.vcpumask.p, &m))
        return -EINVAL;
    if (!one)
        flush_tlb_mask(&m);
    else if (guest_address_ok(va))
        flush_tlb_one_mask(&m, va);
    return 0;
}

static int op_cache(const struct domain *d, bool all)
{
    if (!d->is_hardware)
        return all ? -EINVAL : -EACCES;
    if (all)
        flush_cache_mask(&cpu_online_map);
    else
        __asm__ __volatile__("wbinvd" ::: "memory");
    return 0;
}

/* The frame that is written, and for a copy the one that is read. */
static int op_fill(struct domain *fd, unsigned long mfn, bool copy, unsigned long from)
{
    struct frame *dst, *src = NULL;
    int rc;

    if (copy) {
        src = mfn_get(_mfn(from), fd);
        if (!src)
            return -EINVAL;
    }
    dst = mfn_get(_mfn(mfn), fd);
    rc = dst ? type_get(dst, FT_WRITABLE, true) : -EINVAL;
    if (!rc) {
        if (copy)
            memcpy(mfn_to_virt(_mfn(mfn)), mfn_to_virt(_mfn(from)), PAGE_SIZE);
        else
            arch_clear_page(mfn_to_virt(_mfn(mfn)));
        type_put(dst, false);
    }
    if (dst)
        frame_put(dst);
    if (src)
        frame_put(src);
    return rc;
}

static long op_own(struct vcpu *v, const struct mmuext_op *op)
{
    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR: return pv_new_root(v, op->arg1.mfn, false);
    case MMUEXT_NEW_USER_BASEPTR: return pv_new_root(v, op->arg1.mfn, true);
    case MMUEXT_TLB_FLUSH_LOCAL: flush_tlb_local(); return 0;
    case MMUEXT_INVLPG_LOCAL:
        if (guest_address_ok(op->arg1.linear_addr))
            flush_tlb_one_local(op->arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL: return op_flush(v, op);
    case MMUEXT_FLUSH_CACHE: return op_cache(v->domain, false);
    case MMUEXT_FLUSH_CACHE_GLOBAL: return op_cache(v->domain, true);
    case MMUEXT_SET_LDT: return pv_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER: return hypercall_unknown("mmuext_op", op->cmd, -EOPNOTSUPP);
    default: return hypercall_unknown("mmuext_op", op->cmd, -ENOSYS);
    }
}

static long mmuext_one(struct vcpu *v, struct domain *fd, const struct mmuext_op *op)
{
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE: return op_pin(fd, op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
    case MMUEXT_UNPIN_TABLE: return op_unpin(fd, op->arg1.mfn);
    case MMUEXT_CLEAR_PAGE: return op_fill(fd, op->arg1.mfn, false, 0);
    case MMUEXT_COPY_PAGE: return op_fill(fd, op->arg1.mfn, true, op->arg2.src_mfn);
    default: return fd == v->domain ? op_own(v, op) : -EPERM;
    }
}

long do_mmuext_op(void __guest *uops, unsigned int count, unsigned int __guest *udone, unsigned int foreigndom)
{
    const mmuext_op_t __guest *ops = uops;
    unsigned int i, before = 0;
    struct vcpu *v = current;
    struct domain *fd;
    long rc;

    if (unlikely(pv_finish_puts(v)))
        return hypercall_again(4, uops, (unsigned long)count, udone, (unsigned long)foreigndom);
    if (unlikely(count & COUNT_CONTINUED)) {
        count &= ~COUNT_CONTINUED;
        if (udone && copy_from_guest(&before, udone, sizeof(before)))
            return -EFAULT;
    }
    rc = fd_get(foreigndom, &fd);
    if (unlikely(rc))
        return rc;
    for (i = 0; i < count; i++) {
        struct mmuext_op op;

        if (unlikely(v->arch.puts_pending[0] || (i && hypercall_preempt_check())))
            rc = -ERESTART;
        else if (unlikely(copy_from_guest(&op, ops + i, sizeof(op))))
            rc = -EFAULT;
        else
            rc = mmuext_one(v, fd, &op);
        if (unlikely(rc))
            break;
    }
    fd_put(fd);

    before += i;
    if (udone)
        (void)raw_copy_to_guest(udone, &before, sizeof(before)); /* what was done is done */
    if (unlikely(rc == -ERESTART))
        return hypercall_again(4, ops + i, (unsigned long)((count - i) | COUNT_CONTINUED), udone,
                               (unsigned long)foreigndom);
    return rc;
}
