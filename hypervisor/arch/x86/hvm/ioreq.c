/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioreq servers (ioreq.h): their life, which of them a request goes to, and the pages by which they talk. What a device
 * model writes there is read once and never trusted: an answer is a number, a state that cannot be crashes the guest
 * that it serves, and where we stand is in our own memory (hvm_vcpu_io.waiting). Only the emulating domain and the
 * guest can lose by anything that either writes.
 *
 * A server's pages are our own and mapped by XENMEM_acquire_resource; frames of the guest are not used for them.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io_private.h>
#include <arch/x86/hvm/ioreq.h>
#include <core/evtchn.h>
#include <core/rangeset.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/hvm/hvm_op.h>

#define SERVERS_MAX 8
#define RANGES_MAX  256
#define NR_KINDS    3 /* XEN_DMOP_IO_RANGE_* */

enum { PAGE_BUFIOREQ, PAGE_IOREQ, NR_PAGES }; /* in the order of XENMEM_resource_ioreq_server_frame_* */

struct ioreq_server {
    domid_t emulator;
    bool enabled;
    u8 bufioreq;          /* HVM_IOREQSRV_BUFIOREQ_* */
    void *page[NR_PAGES]; /* NULL: not asked for yet */
    u32 buf_port;
    struct rangeset *range[NR_KINDS];
    u32 port[]; /* of each vCPU, 0: none */
};

struct ioreq_servers {
    struct spinlock lock; /* LOCK_IOREQ: all of it, and the vCPUs' hvm_vcpu_io.waiting */
    unsigned int nr;      /* of servers */
    struct ioreq_server *server[SERVERS_MAX];
};

static struct ioreq_servers *servers_of(const struct domain *d) { return d->arch.hvm->ioreq; }

/* ---- the state of a slot: one byte (struct ioreq), the rest of which says what the data are ---- */

#define SLOT_FLAGS 30
_Static_assert(sizeof(struct ioreq) == 32 && offsetof(struct ioreq, type) == SLOT_FLAGS + 1, "layout of a slot");

static struct ioreq *slot_of(const struct ioreq_server *srv, const struct vcpu *v)
{
    return ((struct shared_iopage *)srv->page[PAGE_IOREQ])->vcpu_ioreq + v->id;
}

static u8 slot_flags(const struct ioreq *slot)
{
    return __atomic_load_n((const u8 *)slot + SLOT_FLAGS, __ATOMIC_ACQUIRE);
}

static void slot_set_flags(struct ioreq *slot, u8 flags)
{
    __atomic_store_n((u8 *)slot + SLOT_FLAGS, flags, __ATOMIC_RELEASE);
}

/* ---- pages ---- */

/* The channels stand in the page of requests, for the device model to bind to. */
static void ports_show(struct domain *d, struct ioreq_server *srv)
{
    struct shared_iopage *page = srv->page[PAGE_IOREQ];

    for (unsigned int i = 0; page && srv->enabled && i < d->max_vcpus; i++)
        page->vcpu_ioreq[i].vp_eport = srv->port[i];
}

/* ---- life ---- */

int ioreq_domain_create(struct domain *d)
{
    struct ioreq_servers *s = mem_alloc_object(struct ioreq_servers);

    if (!s)
        return -ENOMEM;
    spin_lock_init(&s->lock, LOCK_IOREQ);
    d->arch.hvm->ioreq = s;
    return 0;
}

static int server_add_vcpu(struct domain *d, struct ioreq_server *srv, unsigned int vcpu)
{
    int rc = evtchn_open_internal(d, vcpu, srv->emulator, &srv->port[vcpu]);

    ports_show(d, srv);
    return rc;
}

int ioreq_vcpu_create(struct vcpu *v)
{
    struct ioreq_servers *s = servers_of(v->domain);
    int rc = 0;

    spin_guard(&s->lock);
    for (unsigned int i = 0; i < SERVERS_MAX && !rc; i++)
        if (s->server[i])
            rc = server_add_vcpu(v->domain, s->server[i], v->id);
    return rc;
}

static void server_free(struct domain *d, struct ioreq_server *srv)
{
    for (unsigned int i = 0; i < NR_PAGES; i++)
        if (srv->page[i])
            frame_unshare(srv->page[i]);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (srv->port[i])
            evtchn_close_internal(d, srv->port[i]);
    if (srv->buf_port)
        evtchn_close_internal(d, srv->buf_port);
    for (unsigned int i = 0; i < NR_KINDS; i++)
        rangeset_free(srv->range[i]);
    mem_free(srv);
}

void ioreq_domain_free(struct domain *d)
{
    struct ioreq_servers *s = servers_of(d);

    if (!s)
        return;
    for (unsigned int i = 0; i < SERVERS_MAX; i++)
        if (s->server[i])
            server_free(d, s->server[i]);
    mem_free(s);
    d->arch.hvm->ioreq = NULL;
}

static int server_open(struct domain *d, struct ioreq_server *srv)
{
    int rc = 0;

    for (unsigned int i = 0; i < NR_KINDS; i++)
        if (!(srv->range[i] = rangeset_new()))
            return -ENOMEM;
    for (unsigned int i = 0; i < d->max_vcpus && !rc; i++)
        if (d->vcpu[i])
            rc = server_add_vcpu(d, srv, i);
    if (!rc && srv->bufioreq != HVM_IOREQSRV_BUFIOREQ_OFF)
        rc = evtchn_open_internal(d, 0, srv->emulator, &srv->buf_port);
    return rc;
}

static int server_create(struct domain *d, struct ioreq_servers *s, struct xen_dm_op_create_ioreq_server *o)
{
    struct ioreq_server *srv;
    int rc;

    if (o->handle_bufioreq > HVM_IOREQSRV_BUFIOREQ_ATOMIC)
        return -EINVAL;
    for (o->id = 0; o->id < SERVERS_MAX && s->server[o->id];)
        o->id++;
    if (o->id == SERVERS_MAX)
        return -ENOSPC;
    srv = mem_alloc(sizeof(*srv) + d->max_vcpus * sizeof(srv->port[0]));
    if (!srv)
        return -ENOMEM;
    srv->emulator = current->domain->id;
    srv->bufioreq = o->handle_bufioreq;
    rc = server_open(d, srv);
    if (rc) {
        server_free(d, srv);
        return rc;
    }
    s->server[o->id] = srv;
    s->nr++;
    return 0;
}

/* Whoever waits for server id has waited in vain: reads give all ones. */
static void server_abandon(struct domain *d, ioservid_t id)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        struct hvm_vcpu_io *io = v->arch.hvm.io;

        if (!(io->waiting & 1U << id))
            continue;
        io->waiting &= ~(1U << id);
        io->answer = ~0ULL;
        arch_internal_event(v);
    }
}

static int set_state(struct domain *d, ioservid_t id, struct ioreq_server *srv, bool enabled)
{
    if (srv->enabled && !enabled)
        server_abandon(d, id);
    srv->enabled = enabled;
    ports_show(d, srv);
    return 0;
}

/* Without XEN_DMOP_no_gfns it is frames of the guest that are asked for. */
static int server_info(const struct ioreq_server *srv, struct xen_dm_op_get_ioreq_server_info *info)
{
    info->bufioreq_port = srv->buf_port;
    return info->flags == XEN_DMOP_no_gfns ? 0 : info->flags ? -EINVAL : -EOPNOTSUPP;
}

static int map_range(struct ioreq_server *srv, const struct xen_dm_op_ioreq_server_range *r, bool map)
{
    struct rangeset *set;

    if (r->start > r->end || r->type >= NR_KINDS)
        return -EINVAL;
    set = srv->range[r->type];
    if (!map)
        return rangeset_contains(set, r->start, r->end) ? rangeset_remove(set, r->start, r->end) : -ENOENT;
    if (rangeset_overlaps(set, r->start, r->end))
        return -EEXIST;
    return rangeset_count(set) >= RANGES_MAX ? -ENOMEM : rangeset_add(set, r->start, r->end);
}

long ioreq_dm_op(struct domain *d, struct xen_dm_op *op)
{
    struct ioreq_servers *s = servers_of(d);
    ioservid_t id = op->u.destroy_ioreq_server.id; /* at the same place in all that have one */
    struct ioreq_server *srv;

    spin_guard(&s->lock);
    if (op->op == XEN_DMOP_create_ioreq_server)
        return server_create(d, s, &op->u.create_ioreq_server);
    srv = id < SERVERS_MAX ? s->server[id] : NULL;
    if (!srv)
        return -ENOENT;
    switch (op->op) {
    case XEN_DMOP_get_ioreq_server_info: return server_info(srv, &op->u.get_ioreq_server_info);
    case XEN_DMOP_map_io_range_to_ioreq_server: return map_range(srv, &op->u.map_io_range_to_ioreq_server, true);
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        return map_range(srv, &op->u.unmap_io_range_from_ioreq_server, false);
    case XEN_DMOP_set_ioreq_server_state: return set_state(d, id, srv, op->u.set_ioreq_server_state.enabled);
    default: /* XEN_DMOP_destroy_ioreq_server */
        set_state(d, id, srv, false);
        server_free(d, srv);
        s->server[id] = NULL;
        s->nr--;
        return 0;
    }
}

int ioreq_server_frame(struct domain *d, ioservid_t id, unsigned long frame, mfn_t *mfn)
{
    struct ioreq_servers *s = servers_of(d);
    struct ioreq_server *srv;
    void **page;

    spin_guard(&s->lock);
    srv = id < SERVERS_MAX ? s->server[id] : NULL;
    if (!srv)
        return -ENOENT;
    if (frame >= NR_PAGES || (frame == PAGE_BUFIOREQ && srv->bufioreq == HVM_IOREQSRV_BUFIOREQ_OFF))
        return -EINVAL;
    page = &srv->page[frame];
    if (!*page && (*page = page_alloc(0)))
        frame_share(*page, d, true);
    if (!*page)
        return -ENOMEM;
    ports_show(d, srv);
    *mfn = virt_to_mfn(*page);
    return 0;
}

/* ---- requests ---- */

/* Has srv all of what the request touches? */
static bool server_claims(struct ioreq_server *srv, const struct ioreq *r)
{
    u64 bytes = (u64)r->size * r->count, first = r->addr, last;
    unsigned int kind = r->type == IOREQ_TYPE_PIO ? XEN_DMOP_IO_RANGE_PORT : XEN_DMOP_IO_RANGE_MEMORY;

    if (kind == XEN_DMOP_IO_RANGE_PORT)
        bytes = r->size;
    else if (r->df)
        first -= bytes - r->size;
    last = first + bytes - 1;
    if (r->type == IOREQ_TYPE_PCI_CONFIG) {
        kind = XEN_DMOP_IO_RANGE_PCI;
        first = last = r->addr >> 32;
    }
    return rangeset_contains(srv->range[kind], first, last);
}

/* Servers of higher numbers come later, for what they know better than the first. -1: nobody's. */
static int server_select(struct ioreq_servers *s, const struct ioreq *r)
{
    for (int i = SERVERS_MAX - 1; i >= 0; i--)
        if (s->server[i] && s->server[i]->enabled && server_claims(s->server[i], r))
            return i;
    return -1;
}

static bool server_ready(const struct ioreq_server *srv, const struct vcpu *v)
{
    return srv && srv->enabled && srv->page[PAGE_IOREQ] && srv->port[v->id];
}

/* Servers locked. */
static void post(struct vcpu *v, struct ioreq_servers *s, unsigned int id, const struct ioreq *r)
{
    struct ioreq_server *srv = s->server[id];
    struct ioreq *slot = slot_of(srv, v), request = *r;

    request.vp_eport = srv->port[v->id];
    request.state = STATE_IOREQ_NONE;
    *slot = request;
    v->arch.hvm.io->waiting |= 1U << id;
    request.state = STATE_IOREQ_READY;
    slot_set_flags(slot, ((u8 *)&request)[SLOT_FLAGS]);
    evtchn_send_internal(v->domain, srv->port[v->id]);
    hvm_set_work(v, HVM_WORK_IO);
}

/*
 * The ring of one page, whose two counters go up without end and may be taken back by multiples of its length, both at
 * once, when the device model reads them so (HVM_IOREQSRV_BUFIOREQ_ATOMIC). Servers locked. False: it is full.
 */
static bool ring_put(struct ioreq_server *srv, const struct ioreq *r)
{
    struct buffered_iopage *ring = srv->page[PAGE_BUFIOREQ];
    buf_ioreq_t e = {.type = r->type, .dir = r->dir, .addr = r->addr, .data = r->data};
    u32 slots = r->size == 8 ? 2 : 1, write = READ_ONCE(ring->write_pointer);
    u64 *both = (u64 *)&ring->read_pointer, old;

    if (write - READ_ONCE(ring->read_pointer) > IOREQ_BUFFER_SLOT_NUM - slots)
        return false;
    e.size = __builtin_ctz(r->size);
    ring->buf_ioreq[write % IOREQ_BUFFER_SLOT_NUM] = e;
    if (slots == 2) {
        e.data = r->data >> 32;
        ring->buf_ioreq[(write + 1) % IOREQ_BUFFER_SLOT_NUM] = e;
    }
    __atomic_store_n(&ring->write_pointer, write + slots, __ATOMIC_RELEASE);
    old = READ_ONCE(*both);
    if (srv->bufioreq == HVM_IOREQSRV_BUFIOREQ_ATOMIC && (u32)old >= IOREQ_BUFFER_SLOT_NUM) {
        u64 back = (u32)old / IOREQ_BUFFER_SLOT_NUM * IOREQ_BUFFER_SLOT_NUM;

        /* If the device model reads on meanwhile, the next time will do. */
        __atomic_compare_exchange_n(both, &old, old - (back << 32 | back), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    return true;
}

/* Writes that need no answer: to the screen's memory, and what the guest's clock says. */
static bool may_be_buffered(const struct ioreq_server *srv, const struct ioreq *r)
{
    if (!srv->page[PAGE_BUFIOREQ] || r->dir == IOREQ_READ || r->count != 1 || r->data_is_ptr)
        return false;
    return r->type == IOREQ_TYPE_TIMEOFFSET || (r->type == IOREQ_TYPE_COPY && r->addr >> 17 == 0xa0000 >> 17);
}

/* By the ring where that is possible; else v has to wait. Servers locked. */
static enum hvm_io_result give(struct vcpu *v, struct ioreq_servers *s, unsigned int id, const struct ioreq *r)
{
    struct ioreq_server *srv = s->server[id];

    if (!may_be_buffered(srv, r) || !ring_put(srv, r)) {
        post(v, s, id, r);
        return HVM_IO_RETRY;
    }
    evtchn_send_internal(v->domain, srv->buf_port);
    return HVM_IO_DONE;
}

enum hvm_io_result ioreq_send(struct vcpu *v, const struct ioreq *r)
{
    struct ioreq_servers *s = servers_of(v->domain);
    int id;

    spin_guard(&s->lock);
    id = server_select(s, r);
    return id < 0 || !server_ready(s->server[id], v) ? HVM_IO_NOBODY : give(v, s, id, r);
}

void ioreq_broadcast(struct vcpu *v, const struct ioreq *r)
{
    struct ioreq_servers *s = servers_of(v->domain);

    spin_guard(&s->lock);
    for (unsigned int i = 0; i < SERVERS_MAX; i++)
        if (server_ready(s->server[i], v))
            give(v, s, i, r);
}

bool ioreq_answered(struct vcpu *v)
{
    struct ioreq_servers *s = servers_of(v->domain);
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    u8 bad = STATE_IORESP_READY, left;

    spin_lock(&s->lock);
    for (unsigned int i = 0; i < SERVERS_MAX; i++) {
        struct ioreq *slot;
        u8 state;

        if (!(io->waiting & 1U << i))
            continue;
        slot = slot_of(s->server[i], v);
        state = slot_flags(slot) & 15;
        if (state == STATE_IOREQ_READY || state == STATE_IOREQ_INPROCESS)
            continue;
        if (state == STATE_IORESP_READY)
            io->answer = READ_ONCE(slot->data);
        else
            bad = state; /* one that a slot in our hands cannot have */
        slot_set_flags(slot, STATE_IOREQ_NONE);
        io->waiting &= ~(1U << i);
    }
    left = io->waiting;
    spin_unlock(&s->lock);
    if (bad != STATE_IORESP_READY)
        domain_crash(v->domain, "vCPU %u: its device model left a request in state %u", v->id, bad);
    return !left;
}

bool ioreq_any(const struct domain *d) { return READ_ONCE(servers_of(d)->nr); }

/* Any context. */
void arch_internal_event(struct vcpu *v)
{
    if (test_and_clear_bit(_VPF_IO, &v->pause_flags))
        vcpu_wake(v);
}
