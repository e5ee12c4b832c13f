/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_dm_op: what a device model asks for the domain that it serves (xen/hvm/dm_op.h). Buffer 0 holds the
 * operation, buffer 1 what an operation has beside it. One function per operation, chosen by the table at the end;
 * errors are those of Xen 4.17. Callers: privileged domains.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/p2m.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/hvm/hvm_op.h>

#define BUFS_MAX 2

struct dm_call {
    struct domain *d;
    struct xen_dm_op op;
    unsigned int nr_bufs;
    struct xen_dm_op_buf buf[BUFS_MAX];
};

/* Time to let others run, after so many steps of a loop? */
static bool pause_due(unsigned int *steps) { return ++*steps % 256 == 0 && hypercall_preempt_check(); }

/* ---- servers ---- */

static long create_server(struct dm_call *c)
{
    struct xen_dm_op_create_ioreq_server *o = &c->op.u.create_ioreq_server;

    if (o->pad[0] | o->pad[1] | o->pad[2])
        return -EINVAL;
    return ioreq_server_create(c->d, current->domain->id, o->handle_bufioreq, &o->id);
}

static long server_info(struct dm_call *c) { return ioreq_server_info(c->d, &c->op.u.get_ioreq_server_info); }

static long map_range(struct dm_call *c)
{
    const struct xen_dm_op_ioreq_server_range *o = &c->op.u.map_io_range_to_ioreq_server;

    if (o->pad)
        return -EINVAL;
    return ioreq_server_map_range(c->d, o, c->op.op == XEN_DMOP_map_io_range_to_ioreq_server);
}

static long set_state(struct dm_call *c)
{
    const struct xen_dm_op_set_ioreq_server_state *o = &c->op.u.set_ioreq_server_state;

    return o->pad ? -EINVAL : ioreq_server_set_state(c->d, o->id, o->enabled);
}

static long destroy_server(struct dm_call *c)
{
    const struct xen_dm_op_destroy_ioreq_server *o = &c->op.u.destroy_ioreq_server;

    return o->pad ? -EINVAL : ioreq_server_destroy(c->d, o->id);
}

/* No server: the pages that were its own become plain memory; opaque is the next to be looked at. */
static long map_mem_type(struct dm_call *c)
{
    struct xen_dm_op_map_mem_type_to_ioreq_server *o = &c->op.u.map_mem_type_to_ioreq_server;
    unsigned int steps = 0;
    enum p2m_type type;
    long rc;

    if (o->type != HVMMEM_ioreq_server || o->flags & ~XEN_DMOP_IOREQ_MEM_ACCESS_WRITE)
        return -EINVAL;
    rc = o->opaque ? 0 : ioreq_server_map_mem_type(c->d, o->id, o->flags);
    if (rc || o->flags)
        return rc;
    for (; o->opaque < p2m_max_gfn(c->d); o->opaque++) {
        p2m_lookup(c->d, _gfn(o->opaque), &type, NULL);
        if (type == P2M_IOREQ_SERVER)
            p2m_change_type(c->d, _gfn(o->opaque), P2M_IOREQ_SERVER, P2M_RAM);
        if (pause_due(&steps))
            return -ERESTART;
    }
    o->opaque = 0;
    return 0;
}

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

static long inject_msi(struct dm_call *c)
{
    const struct xen_dm_op_inject_msi *o = &c->op.u.inject_msi;

    return o->pad ? -EINVAL : hvm_msi(c->d, o->addr, o->data);
}

static long inject_event(struct dm_call *c)
{
    const struct xen_dm_op_inject_event *o = &c->op.u.inject_event;
    struct vcpu *v = domain_vcpu(c->d, o->vcpuid);
    long rc = -EBUSY;

    if (o->pad0 || o->pad1 || !v || o->type == 1 || o->type > XEN_DMOP_EVENT_sw_exc)
        return -EINVAL;
    vcpu_pause(v);
    if (!v->arch.hvm.event.valid) {
        v->arch.hvm.event = (struct hvm_event){
            .valid = true,
            .vector = o->vector,
            .type = o->type,
            .has_error = o->error_code != ~0U,
            .error = o->error_code,
            .length = o->insn_len,
        };
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

    if (c->nr_bufs < 2 || o->pad || o->nr > 1UL << P2M_ORDER_1G || c->buf[1].size < bytes ||
        o->first_pfn + o->nr < o->first_pfn)
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
static long mark_modified(struct domain *d, struct xen_dm_op_modified_memory_extent *e)
{
    unsigned int steps = 0;

    if (e->pad || e->first_pfn + e->nr < e->first_pfn)
        return -EINVAL;
    for (; e->nr && e->first_pfn < p2m_max_gfn(d); e->nr--, e->first_pfn++) {
        if (pause_due(&steps))
            return -ERESTART;
        p2m_mark_dirty(d, _gfn(e->first_pfn));
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
        rc = mark_modified(c->d, &e);
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
    [HVMMEM_ioreq_server] = P2M_IOREQ_SERVER,
};

/* Between plain memory and a server's there is no other way. */
static bool type_allowed(enum p2m_type from, enum p2m_type to)
{
    if (from == P2M_IOREQ_SERVER || to == P2M_IOREQ_SERVER)
        return from == P2M_RAM || from == P2M_LOGDIRTY || to == P2M_RAM || from == to;
    return from == P2M_RAM || from == P2M_LOGDIRTY || from == P2M_RAM_RO || from == P2M_MMIO_DM || from == P2M_NONE;
}

static long set_mem_type(struct dm_call *c)
{
    struct xen_dm_op_set_mem_type *o = &c->op.u.set_mem_type;
    enum p2m_type from, to;
    unsigned int steps = 0;
    long rc = 0;

    if (o->pad || o->mem_type >= ARRAY_SIZE(types) || !o->nr || o->first_pfn + o->nr < o->first_pfn ||
        o->first_pfn + o->nr > p2m_max_gfn(c->d))
        return -EINVAL;
    to = types[o->mem_type];
    if (to == P2M_NONE || (to == P2M_IOREQ_SERVER && !ioreq_server_has_mem_type(c->d)))
        return -EINVAL;
    for (; o->nr && !rc; o->nr--, o->first_pfn++) {
        if (pause_due(&steps))
            return -ERESTART;
        p2m_lookup(c->d, _gfn(o->first_pfn), &from, NULL);
        if (!type_allowed(from, to))
            return -EINVAL;
        if (from != to && (from != P2M_NONE || to == P2M_MMIO_DM))
            rc = p2m_change_type(c->d, _gfn(o->first_pfn), from, to);
    }
    return rc;
}

static long relocate(struct dm_call *c)
{
    struct xen_dm_op_relocate_memory *o = &c->op.u.relocate_memory;
    unsigned int steps = 0;
    long rc = 0;

    if (o->pad)
        return -EINVAL;
    for (; o->size && !rc; o->size--, o->src_gfn++, o->dst_gfn++) {
        if (pause_due(&steps))
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

    return o->pad || o->end < o->start || !known ? -EINVAL : 0;
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

#define OUT                           1 /* the operation goes back to the caller */
#define PIC                           2 /* for domains that have the board's wires */
#define ROW(name, handler, row_flags) [XEN_DMOP_##name] = {handler, sizeof(((struct xen_dm_op *)0)->u.name), row_flags}

static const struct {
    long (*fn)(struct dm_call *c);
    u8 size, flags;
} operations[] = {
    ROW(create_ioreq_server, create_server, OUT),
    ROW(get_ioreq_server_info, server_info, OUT),
    ROW(map_io_range_to_ioreq_server, map_range, 0),
    ROW(unmap_io_range_from_ioreq_server, map_range, 0),
    ROW(set_ioreq_server_state, set_state, 0),
    ROW(destroy_ioreq_server, destroy_server, 0),
    ROW(track_dirty_vram, track_vram, 0),
    ROW(set_pci_intx_level, set_intx, PIC),
    ROW(set_isa_irq_level, set_isa_irq, PIC),
    ROW(set_pci_link_route, set_link, PIC),
    ROW(modified_memory, modified_memory, OUT),
    ROW(set_mem_type, set_mem_type, OUT),
    ROW(inject_event, inject_event, 0),
    ROW(inject_msi, inject_msi, 0),
    ROW(map_mem_type_to_ioreq_server, map_mem_type, OUT),
    ROW(remote_shutdown, remote_shutdown, 0),
    ROW(relocate_memory, relocate, OUT),
    ROW(pin_memory_cacheattr, pin_cacheattr, 0),
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
