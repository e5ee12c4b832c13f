/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operations on domains that only x86 knows: ports, the hypercall page, CPUID policy, the
 * parts of a vCPU's context beyond vcpu_guest_context, what page tables a frame holds. From
 * hypercall/domctl.c, under the domctl lock.
 */
#include <arch/arch.h>
#include <arch/x86/control/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/pv/pv.h>
#include <core/domain.h>
#include <core/rangeset.h>
#include <hypercall/control.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

static long ioport_permission(struct domain *d, const struct xen_domctl_ioport_permission *p)
{
    u32 last = p->first_port + p->nr_ports - 1;

    if (!p->nr_ports || p->first_port > 0xffff || last > 0xffff || last < p->first_port)
        return -EINVAL;
    if (!rangeset_contains(current->domain->arch.ioport_caps, p->first_port, last))
        return -EPERM;
    return p->allow_access ? rangeset_add(d->arch.ioport_caps, p->first_port, last)
                           : rangeset_remove(d->arch.ioport_caps, p->first_port, last);
}

static long hypercall_init(struct domain *d, u64 gmfn)
{
    struct frame *f = mfn_get(_mfn(gmfn), d);
    long rc = -EACCES;

    if (!f)
        return -EACCES;
    if (!frame_get_type(f, FT_WRITABLE)) {
        pv_hypercall_page_init(mfn_to_virt(frame_mfn(f)));
        frame_put_type(f);
        rc = 0;
    }
    frame_put(f);
    return rc;
}

/* Types as the toolstack saves them. Frames that are not d's are told as such, they are no error. */
static u64 frame_info(struct domain *d, u64 gfn)
{
    static const u32 table[] = {0, XEN_DOMCTL_PFINFO_L1TAB, XEN_DOMCTL_PFINFO_L2TAB, XEN_DOMCTL_PFINFO_L3TAB,
                                XEN_DOMCTL_PFINFO_L4TAB};
    struct frame *f = mfn_get(_mfn(gfn), d);
    u64 type, info = XEN_DOMCTL_PFINFO_XTAB;

    if (!f)
        return info;
    type = READ_ONCE(f->type);
    info = type >> FT_SHIFT < ARRAY_SIZE(table) ? table[type >> FT_SHIFT] : 0;
    if (type & FT_PINNED)
        info |= XEN_DOMCTL_PFINFO_LPINTAB;
    frame_put(f);
    return info;
}

static long page_frame_info(struct domain *d, struct xen_domctl_getpageframeinfo3 *p)
{
    for (u64 i = 0; i < p->num; i++) {
        xen_pfn_t gfn;

        if (i % 64 == 63 && hypercall_preempt_check()) {
            p->num -= i;
            p->array.p += i;
            return -ERESTART;
        }
        if (guest_read(&gfn, p->array, i))
            return -EFAULT;
        gfn = frame_info(d, gfn);
        if (guest_write(p->array, i, &gfn))
            return -EFAULT;
    }
    return 0;
}

static long ext_context(struct xen_domctl *op, struct domain *d, bool *copyback)
{
    struct xen_domctl_ext_vcpucontext *c = &op->u.ext_vcpucontext;
    struct vcpu *v = domain_vcpu(d, c->vcpu);
    struct pv_vcpu *pv;

    if (!v)
        return -ESRCH;
    pv = &v->arch.pv;
    if (op->cmd == XEN_DOMCTL_get_ext_vcpucontext) {
        u32 vcpu = c->vcpu;

        memset(c, 0, sizeof(*c));
        c->vcpu = vcpu;
        c->size = sizeof(*c);
        c->sysenter_callback_eip = pv->sysenter_callback;
        c->sysenter_disables_events = pv->sysenter_masks_events;
        c->syscall32_callback_eip = pv->syscall32_callback;
        c->syscall32_disables_events = pv->syscall32_masks_events;
        *copyback = true;
        return 0;
    }
    if (d == current->domain || c->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
        return -EINVAL;
    if (!guest_address_ok(c->sysenter_callback_eip) || !guest_address_ok(c->syscall32_callback_eip))
        return -EINVAL;
    vcpu_pause(v);
    pv->sysenter_callback = c->sysenter_callback_eip;
    pv->sysenter_masks_events = c->sysenter_disables_events;
    pv->syscall32_callback = c->syscall32_callback_eip;
    pv->syscall32_masks_events = c->syscall32_disables_events;
    vcpu_unpause(v);
    return 0;
}

static long address_size(struct xen_domctl *op, bool *copyback)
{
    if (op->cmd == XEN_DOMCTL_set_address_size)
        return op->u.address_size.size == 64 ? 0 : -EINVAL;
    op->u.address_size.size = 64;
    *copyback = true;
    return 0;
}

/* Guests read the machine's TSC; emulation and offsets of it are not for PV guests here. */
static long tsc_info(struct xen_domctl *op, struct domain *d, bool *copyback)
{
    struct xen_domctl_tsc_info *t = &op->u.tsc_info;

    if (op->cmd == XEN_DOMCTL_settscinfo) {
        if (d == current->domain || t->tsc_mode > 2)
            return -EINVAL;
        if (t->tsc_mode == 1)
            return -EOPNOTSUPP;
        d->arch.tsc_mode = t->tsc_mode;
        return 0;
    }
    *t = (struct xen_domctl_tsc_info){.tsc_mode = d->arch.tsc_mode, .gtsc_khz = d->arch.tsc_khz};
    *copyback = true;
    return 0;
}

/* ---- CPUID policy ---- */

long policy_to_guest(const struct cpu_policy *p, u32 *nr_leaves, u32 *nr_msrs,
                     const XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) * leaves)
{
    u32 room = *nr_leaves;

    *nr_leaves = leaves->p ? p->nr_leaves : POLICY_MAX_LEAVES;
    *nr_msrs = 0;
    if (!leaves->p)
        return 0;
    if (room < p->nr_leaves)
        return -ENOBUFS;
    return copy_to_guest((void __guest *)leaves->p, p->leaf, p->nr_leaves * sizeof(p->leaf[0]));
}

static long set_policy(struct domain *d, struct xen_domctl_cpu_policy *p, bool *copyback)
{
    xen_cpuid_leaf_t *leaves;
    unsigned int bad = 0;
    long rc = -ENOMEM;

    if (d->created)
        return -EEXIST; /* the guest may have looked already */
    if (p->nr_leaves > POLICY_MAX_LEAVES || p->nr_msrs)
        return -E2BIG;
    leaves = mem_alloc_array(xen_cpuid_leaf_t, POLICY_MAX_LEAVES);
    if (leaves) {
        rc = copy_from_guest(leaves, (const void __guest *)p->leaves.p, p->nr_leaves * sizeof(*leaves));
        if (!rc) {
            rc = policy_domain_set(d, leaves, p->nr_leaves, &bad);
            p->err_leaf = rc ? leaves[bad].leaf : ~0U;
            p->err_subleaf = rc ? leaves[bad].subleaf : ~0U;
            p->err_msr = ~0U;
            *copyback = true;
        }
    }
    mem_free(leaves);
    return rc;
}

unsigned int arch_gpaddr_bits(const struct domain *d __unused) { return boot_cpu.phys_bits; }

long arch_do_domctl(struct xen_domctl *op, struct domain *d, bool *copyback)
{
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;

    switch (op->cmd) {
    case XEN_DOMCTL_ioport_permission: return ioport_permission(d, &op->u.ioport_permission);
    case XEN_DOMCTL_hypercall_init: return hypercall_init(d, op->u.hypercall_init.gmfn);
    case XEN_DOMCTL_getpageframeinfo3: return page_frame_info(d, &op->u.getpageframeinfo3);
    case XEN_DOMCTL_set_ext_vcpucontext:
    case XEN_DOMCTL_get_ext_vcpucontext: return ext_context(op, d, copyback);
    case XEN_DOMCTL_set_address_size:
    case XEN_DOMCTL_get_address_size: return address_size(op, copyback);
    case XEN_DOMCTL_settscinfo:
    case XEN_DOMCTL_gettscinfo: return tsc_info(op, d, copyback);
    case XEN_DOMCTL_get_cpu_policy:
        *copyback = true;
        return policy_to_guest(d->arch.policy, &p->nr_leaves, &p->nr_msrs, &p->leaves);
    case XEN_DOMCTL_set_cpu_policy: return set_policy(d, p, copyback);
    case XEN_DOMCTL_get_device_group:
    case XEN_DOMCTL_assign_device:
    case XEN_DOMCTL_test_assign_device:
    case XEN_DOMCTL_deassign_device: return -ENODEV; /* no IOMMU */
    default: return -ENOSYS;
    }
}
