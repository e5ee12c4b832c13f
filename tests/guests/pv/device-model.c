/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device model: an ioreq server for an HVM domain, which hvm/dm-client.c runs in. Its pages are mapped as resources;
 * requests come by the vCPU's event channel. It has 16 ports, a page of registers and one PCI device; when the guest
 * has done what it wanted, it is asked to answer with a state that there is not, which is to end that guest and nothing
 * else. <xen/hvm/dm_op.h>, <xen/hvm/ioreq.h>.
 */
#include "lib/guest.h"
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/ioreq.h>

const char test_title[] = "device model";

#define PORT    0x5000
#define MMIO    0xf0000000ul
#define SECONDS 1000000000ul

static struct built_domain d;
static ioservid_t server;
static uint8_t pages[2][PAGE_SIZE] __attribute__((aligned(4096))); /* ring, slots */
static volatile struct ioreq *const slot = (void *)pages[1];
static uint8_t ports[16], registers[PAGE_SIZE];
static bool done;

static long dm(struct xen_dm_op *op, unsigned int nr)
{
    struct xen_dm_op_buf buf = {.size = sizeof(*op)};

    op->op = nr;
    set_xen_guest_handle(buf.h, op);
    return HC(dm_op, d.id, 1, &buf);
}

static void map_range(uint32_t type, uint64_t start, uint64_t end)
{
    struct xen_dm_op op = {.u.map_io_range_to_ioreq_server = {.id = server, .type = type, .start = start, .end = end}};

    check_eq(dm(&op, XEN_DMOP_map_io_range_to_ioreq_server), 0);
    check_eq(dm(&op, XEN_DMOP_map_io_range_to_ioreq_server), -XEN_EEXIST);
}

/* Both pages, in the order of their numbers. */
static void pages_map(void)
{
    struct xen_mem_acquire_resource r = {
        .domid = d.id, .type = XENMEM_resource_ioreq_server, .id = server, .nr_frames = 2};
    xen_pfn_t frames[2];

    set_xen_guest_handle(r.frame_list, frames);
    check_eq(hc_memory_op(XENMEM_acquire_resource, &r), 0);
    for (unsigned int i = 0; i < 2; i++) {
        struct mmu_update u = {pte_maddr(pte_of(pages[i])) | MMU_PT_UPDATE_NO_TRANSLATE, pte_make(frames[i], PTE_KRW)};

        check_eq(hc_mmu_update(&u, 1, NULL, d.id), 0);
        check_eq(mmuext_linear(MMUEXT_INVLPG_LOCAL, (uint64_t)pages[i]), 0);
    }
}

static void server_make(evtchn_port_t *port)
{
    struct xen_dm_op op = {.u.create_ioreq_server.handle_bufioreq = HVM_IOREQSRV_BUFIOREQ_ATOMIC};

    check_eq(dm(&op, XEN_DMOP_create_ioreq_server), 0);
    server = op.u.create_ioreq_server.id;
    pages_map();
    op = (struct xen_dm_op){.u.get_ioreq_server_info = {.id = server, .flags = XEN_DMOP_no_gfns}};
    check_eq(dm(&op, XEN_DMOP_get_ioreq_server_info), 0);
    check(op.u.get_ioreq_server_info.bufioreq_port != 0);
    map_range(XEN_DMOP_IO_RANGE_PORT, PORT, PORT + 15);
    map_range(XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO + PAGE_SIZE - 1);
    map_range(XEN_DMOP_IO_RANGE_PCI, XEN_DMOP_PCI_SBDF(0, 0, 3, 0), XEN_DMOP_PCI_SBDF(0, 0, 3, 0));
    op = (struct xen_dm_op){.u.set_ioreq_server_state = {.id = server, .enabled = 1}};
    check_eq(dm(&op, XEN_DMOP_set_ioreq_server_state), 0);
    check(slot->vp_eport != 0);
    check_eq(event_bind_interdomain(d.id, slot->vp_eport, port), 0);
}

/* Element i of a row: where its data are, in the guest's memory or in the request. */
static void element(volatile struct ioreq *r, unsigned int i, uint8_t *device)
{
    uint64_t at = r->data + (r->df ? -(uint64_t)i : (uint64_t)i) * r->size;
    uint64_t data = r->data;
    uint8_t *page = r->data_is_ptr ? foreign_map(d.id, at >> PAGE_SHIFT, PTE_KRW) : NULL;
    uint8_t *ours = page ? page + at % PAGE_SIZE : (uint8_t *)&data;

    if (r->dir == IOREQ_READ) {
        if (!page)
            data = 0;
        memcpy(ours, device, r->size);
    } else {
        memcpy(device, ours, r->size);
    }
    if (page)
        foreign_unmap(page);
    else if (r->dir == IOREQ_READ)
        r->data = data;
}

static void answer(volatile struct ioreq *r)
{
    if (r->type == IOREQ_TYPE_INVALIDATE) /* nothing of the guest stays mapped here */
        return;
    if (r->type == IOREQ_TYPE_PCI_CONFIG) {
        check_eq(r->addr >> 32, 3 << 3);
        r->data = 0x00031810 >> (r->addr & 3) * 8;
        return;
    }
    check(r->type == IOREQ_TYPE_PIO || r->type == IOREQ_TYPE_COPY);
    for (unsigned int i = 0; i < r->count; i++)
        if (r->type == IOREQ_TYPE_PIO)
            element(r, i, ports + (r->addr - PORT));
        else
            element(r, i, registers + (r->addr - MMIO) + (r->df ? -(uint64_t)i : (uint64_t)i) * r->size);
    done = r->type == IOREQ_TYPE_PIO && r->addr == PORT + 15 && ports[15] == 0xee;
}

/* That the guest set its clock came without waiting for an answer, in two pieces. */
static void check_clock(void)
{
    const struct buffered_iopage *ring = (void *)pages[0];
    const struct buf_ioreq *r = ring->buf_ioreq;
    int64_t moved = (int64_t)(r[0].data | (uint64_t)r[1].data << 32);

    check_eq(ring->write_pointer, 2);
    check_eq(r[0].type, IOREQ_TYPE_TIMEOFFSET);
    check_eq(r[0].dir, IOREQ_WRITE);
    check_eq(r[0].size, 3);
    printk("the guest's clock was moved by %ld s\n", moved);
    check((moved >= 3599 && moved <= 3601) || (moved >= -23 * 3600 - 1 && moved <= -23 * 3600 + 1));
}

static void serve(evtchn_port_t port)
{
    uint64_t end = now() + 20 * SECONDS;
    char line[256];

    while (!done && now() < end) {
        struct sched_poll poll = {.nr_ports = 1, .timeout = now() + SECONDS / 10};

        while (domain_console_line(&d, line, sizeof(line))) {
            printk("d%u| %s\n", d.id, line);
            check(!strstr(line, "FAILED"));
        }
        if (slot->state != STATE_IOREQ_READY) {
            set_xen_guest_handle(poll.ports, &port);
            hc_sched_op(SCHEDOP_poll, &poll);
            port_clear(port);
            continue;
        }
        slot->state = STATE_IOREQ_INPROCESS;
        answer(slot);
        mb();
        slot->state = done ? 9 : STATE_IORESP_READY;
        check_eq(event_send(port), 0);
    }
    check(done);
}

void test_main(void)
{
    struct domain_plan plan = {.args = "domu", .pages = 4096, .vcpus = 1, .board = true};
    struct xen_domctl_getdomaininfo info;
    evtchn_port_t port;

    plan.elf = module_find(&plan.elf_size);
    if (!plan.elf)
        test_error("no guest was given as module");
    if (domain_build(&plan, &d))
        test_error("the domain could not be built");
    server_make(&port);
    check_eq(domain_unpause(&d), 0);
    serve(port);
    check_clock();
    for (uint64_t end = now() + 5 * SECONDS; now() < end;)
        if (domain_info(d.id, &info) && info.flags & XEN_DOMINF_shutdown)
            break;
    check_eq(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_crash);
    check(info.flags & XEN_DOMINF_hvm_guest);
    va_write(pages[0], 0);
    va_write(pages[1], 0);
    check(domain_destroy(&d));
}
