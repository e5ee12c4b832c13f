/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_mmuext_op: pins, page-table roots, TLB and cache flushes, the LDT, clearing and
 * copying of frames. One function per kind of operation. (ABI: xen/xen.h, "MMUEXT_*".)
 */
#include <arch/arch.h>
#include <arch/x86/pv/mmu.h>

static int op_unpin(struct domain *fd, unsigned long mfn)
{
    struct frame *f = mfn_get(_mfn(mfn), fd);
    bool pinned;

    if (!f)
        return -EINVAL;
    pinned = table_unpin_mark(f);
    if (pinned)
        pv_put_table(f);
    frame_put(f);
    return pinned ? 0 : -EINVAL;
}

static int op_flush(const struct domain *d, const struct mmuext_op *op, enum flush_who who, bool one)
{
    return guest_flush(d, who, op->arg2.vcpumask.p, one, op->arg1.linear_addr) ? -EINVAL : 0;
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
    struct frame *dst, *src = copy ? mfn_get(_mfn(from), fd) : NULL;
    int rc = copy && !src ? -EINVAL : frame_take(_mfn(mfn), fd, FT_WRITABLE, true, &dst);

    if (!rc) {
        if (copy)
            memcpy(mfn_to_virt(_mfn(mfn)), mfn_to_virt(_mfn(from)), PAGE_SIZE);
        else
            arch_clear_page(mfn_to_virt(_mfn(mfn)));
        frame_put_and_type(dst);
    }
    if (src)
        frame_put(src);
    return rc;
}

static long op_own(struct vcpu *v, const struct mmuext_op *op)
{
    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR: return pv_new_root(v, op->arg1.mfn, false);
    case MMUEXT_NEW_USER_BASEPTR: return pv_new_root(v, op->arg1.mfn, true);
    case MMUEXT_TLB_FLUSH_LOCAL: return op_flush(v->domain, op, FLUSH_LOCAL, false);
    case MMUEXT_INVLPG_LOCAL: return op_flush(v->domain, op, FLUSH_LOCAL, true);
    case MMUEXT_TLB_FLUSH_MULTI: return op_flush(v->domain, op, FLUSH_BITMAP, false);
    case MMUEXT_INVLPG_MULTI: return op_flush(v->domain, op, FLUSH_BITMAP, true);
    case MMUEXT_TLB_FLUSH_ALL: return op_flush(v->domain, op, FLUSH_ALL, false);
    case MMUEXT_INVLPG_ALL: return op_flush(v->domain, op, FLUSH_ALL, true);
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
    case MMUEXT_PIN_L4_TABLE:
        return table_pin(_mfn(op->arg1.mfn), fd, FT_LEVEL(op->cmd - MMUEXT_PIN_L1_TABLE + 1), true);
    case MMUEXT_UNPIN_TABLE: return op_unpin(fd, op->arg1.mfn);
    case MMUEXT_CLEAR_PAGE: return op_fill(fd, op->arg1.mfn, false, 0);
    case MMUEXT_COPY_PAGE: return op_fill(fd, op->arg1.mfn, true, op->arg2.src_mfn);
    default: return fd == v->domain ? op_own(v, op) : -EPERM;
    }
}

static unsigned int operations(const struct owners *o, const void __guest *ops, unsigned int count, long *rc)
{
    struct vcpu *v = current;
    unsigned int done;

    for (done = 0; done < count; done++) {
        struct mmuext_op op;

        if (unlikely(v->arch.puts_pending[0] || (done && hypercall_preempt_check())))
            *rc = -ERESTART;
        else if (unlikely(copy_from_guest(&op, (const mmuext_op_t __guest *)ops + done, sizeof(op))))
            *rc = -EFAULT;
        else
            *rc = mmuext_one(v, o->frame, &op);
        if (unlikely(*rc))
            break;
    }
    return done;
}

long do_mmuext_op(void __guest *uops, unsigned int count, unsigned int __guest *udone, unsigned int foreigndom)
{
    return requests_run(operations, uops, sizeof(mmuext_op_t), count, udone, foreigndom & 0xffff);
}
