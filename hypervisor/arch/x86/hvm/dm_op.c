/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_dm_op: what a device model asks for the domain that it serves (xen/hvm/dm_op.h). Buffer 0 holds the
 * operation, buffer 1 what an operation has beside it. One function per operation, chosen by the table at the end;
 * errors are those of Xen 4.17. Callers: privileged domains.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/p2m.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <xen/hvm/hvm_op.h>

#define BUFS_MAX 2

struct dm_call {
    struct domain *d;
    struct xen_dm_op op;
    unsigned int nr_bufs;
    struct xen_dm_op_buf buf[BUFS_MAX];
    unsigned int steps;
};

/* Time to let others run, after so many steps? */
static bool pause_due(struct dm_call *c) { return ++c->steps % 256 == 0 && hypercall_preempt_check(); }

static long server(struct dm_call *c) { return ioreq_dm_op(c->d, &c->op); }

/* ---- interrupts ---- */

static long set_intx(struct dm_call *c)
{
    const struct xen_dm_op_set_pci_intx_level *o = &c->op.u.set_pci_intx_level;

    if (o->domain || o->bus || o->device > 31 || o->intx > 3 || o->level > 1)
        return -EINVAL;
    hvm_pci_intx_set(c->d, o->device, o->intx, o->level);
    return 0;
}

static long set_isa_irq(struct dm_call *c)
{
    const struct xen_dm_op_set_isa_irq_level *o = &c->op.u.set_isa_irq_level;

    if (o->isa_irq > 15 || o->level > 1)
        return -EINVAL;
    hvm_isa_irq_set(c->d, o->isa_irq, o->level);
    return 0;
}

static long set_link(struct dm_call *c)
{
    const struct xen_dm_op_set_pci_link_route *o = &c->op.u.set_pci_link_route;

    if (o->link > 3 || o->isa_irq > 15)
        return -EINVAL;
    hvm_pci_link_route(c->d, o->link, o->isa_irq);
    return 0;
}

static long inject_msi(struct dm_call *c) { return hvm_msi(c->d, c->op.u.inject_msi.addr, c->op.u.inject_msi.data); }

static long inject_event(struct dm_call *c)
{
    const struct xen_dm_op_inject_event *o = &c->op.u.inject_event;
    struct vcpu *v = domain_vcpu(c->d, o->vcpuid);
    long rc = -EBUSY;

    if (o->pad0 || o->pad1 || !v || o->type == 1 || o->type > XEN_DMOP_EVENT_sw_exc)
        return -EINVAL;
    vcpu_pause(v);
    if (!v->arch.hvm.event.valid) {
        v->arch.hvm.event = hvm_event_unpack(
            o->vector | o->type << 8 | (o->error_code != ~0U ? HVM_EVENT_INFO_ERROR : 0), o->error_code);
        v->arch.hvm.event.length = o->insn_len;
        if (o->type == XEN_DMOP_EVENT_hw_exc && o->vector == TRAP_PF)
            hvm->set_cr(v, 2, o->cr2);
        hvm_wake(v);
        rc = 0;
    }
    vcpu_unpause(v);
    return rc;
}

/* ---- memory ---- */

/* Which pages of a frame buffer were written since the last time: a bit each into buffer 1. nr 0: no more of it. */
static long track_vram(struct dm_call *c)
{
    const struct xen_dm_op_track_dirty_vram *o = &c->op.u.track_dirty_vram;
    struct hvm_domain *h = c->d->arch.hvm;
    size_t bytes = DIV_ROUND_UP(o->nr, 8);
    u8 *bitmap;
    long rc = 0;

    if (c->nr_bufs < 2 || o->nr > 1UL << P2M_ORDER_1G || c->buf[1].size < bytes || o->first_pfn + o->nr < o->first_pfn)
        return -EINVAL;
    if (h->nr_vram && (h->first_vram != o->first_pfn || h->nr_vram != o->nr))
        rc = p2m_dirty_scan(c->d, _gfn(h->first_vram), h->nr_vram, P2M_DIRTY_STOP, NULL);
    h->first_vram = o->first_pfn;
    h->nr_vram = o->nr;
    if (rc || !o->nr)
        return rc;
    bitmap = page_alloc(size_order(bytes));
    if (!bitmap)
        return -ENOMEM;
    rc = p2m_dirty_scan(c->d, _gfn(o->first_pfn), o->nr, P2M_DIRTY_CLEAN, bitmap);
    p2m_flush(c->d);
    if (!rc && copy_to_guest((void __guest *)c->buf[1].h.p, bitmap, bytes))
        rc = -EFAULT;
    page_free(bitmap, size_order(bytes));
    return rc;
}

/* One extent that the device model wrote to; it is shortened as it is worked off. */
static long mark_modified(struct dm_call *c, struct xen_dm_op_modified_memory_extent *e)
{
    if (e->pad || e->first_pfn + e->nr < e->first_pfn)
        return -EINVAL;
    for (; e->nr && e->first_pfn < p2m_max_gfn(c->d); e->nr--, e->first_pfn++) {
        if (pause_due(c))
            return -ERESTART;
        p2m_mark_dirty(c->d, _gfn(e->first_pfn));
    }
    return 0;
}

/* opaque: how many extents are done; a restart has the rest of the next one in its place. */
static long modified_memory(struct dm_call *c)
{
    struct xen_dm_op_modified_memory *o = &c->op.u.modified_memory;
    struct xen_dm_op_modified_memory_extent __guest *list = (void __guest *)c->buf[1].h.p;
    long rc = 0;

    if (c->nr_bufs < 2 || c->buf[1].size / sizeof(*list) < o->nr_extents || o->opaque > o->nr_extents)
        return -EINVAL;
    for (; o->opaque < o->nr_extents && !rc; o->opaque += !rc) {
        struct xen_dm_op_modified_memory_extent e;

        if (copy_from_guest(&e, list + o->opaque, sizeof(e)))
            return -EFAULT;
        rc = mark_modified(c, &e);
        if (rc == -ERESTART && copy_to_guest(list + o->opaque, &e, sizeof(e)))
            return -EFAULT;
    }
    if (rc && rc != -ERESTART)
        o->nr_extents = o->opaque + 1;
    if (rc != -ERESTART)
        o->opaque = 0;
    return rc;
}

static const enum p2m_type types[] = {
    [HVMMEM_ram_rw] = P2M_RAM,
    [HVMMEM_ram_ro] = P2M_RAM_RO,
    [HVMMEM_mmio_dm] = P2M_MMIO_DM,
    [HVMMEM_unused] = P2M_NONE,
};

static long set_mem_type(struct dm_call *c)
{
    const u32 settable = P2M_BIT(RAM) | P2M_BIT(LOGDIRTY) | P2M_BIT(RAM_RO) | P2M_BIT(MMIO_DM) | P2M_BIT(NONE);
    struct xen_dm_op_set_mem_type *o = &c->op.u.set_mem_type;
    enum p2m_type from, to;
    long rc = 0;

    if (o->mem_type >= ARRAY_SIZE(types) || !o->nr || o->first_pfn + o->nr < o->first_pfn ||
        o->first_pfn + o->nr > p2m_max_gfn(c->d))
        return -EINVAL;
    to = types[o->mem_type];
    if (to == P2M_NONE)
        return -EINVAL;
    for (; o->nr && !rc; o->nr--, o->first_pfn++) {
        if (pause_due(c))
            return -ERESTART;
        p2m_lookup(c->d, _gfn(o->first_pfn), &from, NULL);
        if (!(settable >> from & 1))
            return -EINVAL;
        if (from != to && (from != P2M_NONE || to == P2M_MMIO_DM))
            rc = p2m_change_type(c->d, _gfn(o->first_pfn), from, to);
    }
    return rc;
}

static long relocate(struct dm_call *c)
{
    struct xen_dm_op_relocate_memory *o = &c->op.u.relocate_memory;
    long rc = 0;

    for (; o->size && !rc; o->size--, o->src_gfn++, o->dst_gfn++) {
        if (pause_due(c))
            return -ERESTART;
        rc = physmap_relocate(c->d, o->src_gfn, o->dst_gfn);
    }
    return rc;
}

/* All memory of a guest that has no device of the machine is cached as the machine caches memory: what is pinned here
 * makes no difference. */
static long pin_cacheattr(struct dm_call *c)
{
    const struct xen_dm_op_pin_memory_cacheattr *o = &c->op.u.pin_memory_cacheattr;
    bool known = o->type == XEN_DMOP_DELETE_MEM_CACHEATTR ||
                 (o->type <= XEN_DMOP_MEM_CACHEATTR_UCM && o->type != 2 && o->type != 3);

    return o->end < o->start || !known ? -EINVAL : 0;
}

/* ---- the domain ---- */

static long remote_shutdown(struct dm_call *c)
{
    domain_shutdown(c->d, (u8)c->op.u.remote_shutdown.reason);
    return 0;
}

static long nr_vcpus(struct dm_call *c)
{
    c->op.u.nr_vcpus.vcpus = c->d->max_vcpus;
    return 0;
}

/* ---- dispatch ---- */

#define OUT 1 /* the operation goes back to the caller */
#define PIC 2 /* for domains that have the board's wires */

#define OPERATION ((struct xen_dm_op *)0)
#define ROW(name, handler, row_flags) \
    [XEN_DMOP_##name] = {.fn = handler, .size = sizeof(OPERATION->u.name), .flags = row_flags}
/* One with a field that has to be 0. */
#define PADDED(name, handler, row_flags)                                                               \
    [XEN_DMOP_##name] = {handler, sizeof(OPERATION->u.name), row_flags, sizeof(OPERATION->u.name.pad), \
                         offsetof(struct xen_dm_op, u.name.pad)}

static const struct {
    long (*fn)(struct dm_call *c);
    u8 size, flags, pad_bytes, pad_at;
} operations[] = {
    PADDED(create_ioreq_server, server, OUT),
    ROW(get_ioreq_server_info, server, OUT),
    PADDED(map_io_range_to_ioreq_server, server, 0),
    PADDED(unmap_io_range_from_ioreq_server, server, 0),
    PADDED(set_ioreq_server_state, server, 0),
    PADDED(destroy_ioreq_server, server, 0),
    PADDED(track_dirty_vram, track_vram, 0),
    ROW(set_pci_intx_level, set_intx, PIC),
    ROW(set_isa_irq_level, set_isa_irq, PIC),
    ROW(set_pci_link_route, set_link, PIC),
    ROW(modified_memory, modified_memory, OUT),
    PADDED(set_mem_type, set_mem_type, OUT),
    ROW(inject_event, inject_event, 0),
    PADDED(inject_msi, inject_msi, 0),
    ROW(remote_shutdown, remote_shutdown, 0),
    PADDED(relocate_memory, relocate, OUT),
    PADDED(pin_memory_cacheattr, pin_cacheattr, 0),
    ROW(nr_vcpus, nr_vcpus, OUT),
};
#define HEAD offsetof(struct xen_dm_op, u)

static long call(struct dm_call *c)
{
    void __guest *op = (void __guest *)c->buf[0].h.p;
    unsigned int nr, size;
    long rc;

    if (c->buf[0].size < HEAD || copy_from_guest(&c->op, op, HEAD))
        return -EFAULT;
    nr = c->op.op;
    if (nr >= ARRAY_SIZE(operations) || !operations[nr].fn)
        return hypercall_unknown("dm_op", nr, -EOPNOTSUPP);
    size = HEAD + operations[nr].size;
    if (c->op.pad)
        return -EINVAL;
    if (c->buf[0].size < size || copy_from_guest(&c->op, op, size))
        return -EFAULT;
    for (unsigned int i = 0; i < operations[nr].pad_bytes; i++)
        if (((u8 *)&c->op)[operations[nr].pad_at + i])
            return -EINVAL;
    if (operations[nr].flags & PIC && !(c->d->arch.hvm->emulation_flags & XEN_X86_EMU_PIC))
        return -EINVAL;
    rc = operations[nr].fn(c);
    if ((rc == 0 || rc == -ERESTART || nr == XEN_DMOP_modified_memory) && operations[nr].flags & OUT &&
        copy_to_guest(op, &c->op, size))
        return -EFAULT;
    return rc;
}

/*
 * -EPERM: not privileged, or one's own domain; -ESRCH; -EINVAL: no HVM domain; -ENODATA, -E2BIG: no buffer, too many;
 * -EFAULT; -EOPNOTSUPP: no such operation.
 */
long do_dm_op(domid_t domid, unsigned int nr_bufs, void __guest *bufs)
{
    domain_ref d = domain_get_by_id(domid);
    struct dm_call c = {.d = d, .nr_bufs = nr_bufs};
    long rc;

    if (!d)
        return -ESRCH;
    if (d == current->domain || !current->domain->is_privileged)
        return -EPERM;
    if (!d->is_hvm)
        return -EINVAL;
    if (!nr_bufs || nr_bufs > BUFS_MAX)
        return nr_bufs ? -E2BIG : -ENODATA;
    if (copy_from_guest(c.buf, bufs, nr_bufs * sizeof(c.buf[0])))
        return -EFAULT;
    rc = call(&c);
    return rc == -ERESTART ? hypercall_again(3, (unsigned long)domid, (unsigned long)nr_bufs, (unsigned long)bufs) : rc;
}
