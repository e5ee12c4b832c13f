/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An access of an HVM guest on its way (arch/x86/hvm/io.c, ioreq.c): to a device in the hypervisor, to a device model
 * and back, to nobody. Instructions are lists of accesses; whatever the device models do meanwhile, each access is made
 * once, and the vCPU goes on when all answers are there.
 */
#include "world.h"
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io_private.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <asm/host.h>
#include <core/console.h>
#include <core/evtchn.h>
#include <mm/heap.h>
#include <xen/hvm/hvm_op.h>
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define OWN_PORT    0x40 /* a device of ours */
#define MODEL_PORT  0x300
#define NOBODY_PORT 0x700
#define MODEL_MMIO  0xf0000000UL
#define VGA         0xa0000UL
#define ALL_ONES(n) (~0UL >> (64 - 8 * (n)))

static struct domain *d;
static struct vcpu *v;
static ioservid_t id;
static unsigned int own_accesses, sent, retired;

/* ---- what the two files call ---- */

static u64 reading(u64 address, unsigned int bytes) { return (address * 0x9e3779b97f4a7c15 ^ 0x55) & ALL_ONES(bytes); }

static enum hvm_io_result own_device(struct vcpu *w, u64 address, unsigned int bytes, bool write, u64 *value)
{
    assert_ptr_equal(w, v);
    own_accesses++;
    if (!write)
        *value = reading(address, bytes);
    return HVM_IO_DONE;
}

hvm_io_access_t *platform_port(const struct vcpu *w, u16 port)
{
    return w == v && port == OWN_PORT ? own_device : NULL;
}
hvm_io_access_t *platform_mmio(const struct vcpu *w, u64 gpa)
{
    (void)w, (void)gpa;
    return NULL;
}
void hvm_insn_retired(struct vcpu *w, unsigned int length)
{
    (void)w, (void)length;
    retired++;
}
void console_write_guest(struct domain *o, const char *text, size_t n) { (void)o, (void)text, (void)n; }
int evtchn_open_internal(struct domain *o, unsigned int vcpu, domid_t remote, u32 *port)
{
    (void)o, (void)remote;
    *port = 10 + vcpu;
    return 0;
}
void evtchn_close_internal(struct domain *o, u32 port) { (void)o, (void)port; }
void evtchn_send_internal(struct domain *o, u32 port)
{
    (void)o, (void)port;
    sent++;
}

/* ---- an instruction: so many accesses, one after the other ---- */

static struct ioreq insn[8];
static unsigned int insn_nr, finished;

void hvm_emulate_resume(struct vcpu *w)
{
    struct hvm_vcpu_io *io = w->arch.hvm.io;

    io->next = 0;
    for (unsigned int i = 0; i < insn_nr; i++) {
        struct ioreq r = insn[i];

        if (hvm_insn_access(w, &r) != HVM_IO_DONE)
            return;
        if (r.dir == IOREQ_READ)
            insn[i].data = r.data;
    }
    hvm_io_forget(io);
    finished++;
}

static void start(unsigned int nr)
{
    hvm_io_forget(v->arch.hvm.io);
    insn_nr = nr;
    finished = 0;
    hvm_emulate_resume(v);
}

static void start_one(u8 type, u64 addr, unsigned int bytes, bool write, u64 data)
{
    insn[0] = hvm_io_request(type, addr, bytes, write, data);
    start(1);
}

/* On the way into the guest: may it go on? */
static bool enter(void) { return !(v->arch.hvm.work & HVM_WORK_IO) || hvm_io_resume(v); }

/* ---- the device model ---- */

static void *page(unsigned int frame)
{
    mfn_t mfn;

    assert_int_equal(ioreq_server_frame(d, id, frame, &mfn), 0);
    return mfn_to_virt(mfn);
}

static struct ioreq *slot(void) { return page(1); }

static void answer(u8 state, u64 data)
{
    slot()->data = data;
    slot()->state = state;
    arch_internal_event(v);
}

static long server_op(u32 op, struct xen_dm_op *o)
{
    o->op = op;
    return ioreq_dm_op(d, o);
}

static void set_state(bool enabled)
{
    struct xen_dm_op o = {.u.set_ioreq_server_state = {.id = id, .enabled = enabled}};

    assert_int_equal(server_op(XEN_DMOP_set_ioreq_server_state, &o), 0);
}

static void map_range(u32 type, u64 first, u64 last)
{
    struct xen_dm_op o = {.u.map_io_range_to_ioreq_server = {.id = id, .type = type, .start = first, .end = last}};

    assert_int_equal(server_op(XEN_DMOP_map_io_range_to_ioreq_server, &o), 0);
    assert_int_equal(server_op(XEN_DMOP_map_io_range_to_ioreq_server, &o), -EEXIST);
}

static int setup(void **state)
{
    struct xen_dm_op o = {.u.create_ioreq_server.handle_bufioreq = HVM_IOREQSRV_BUFIOREQ_ATOMIC};

    (void)state;
    world_init(1);
    d = world_domain(5, 1, false);
    v = d->vcpu[0];
    world_run(v);
    d->arch.hvm = mem_alloc_object(struct hvm_domain);
    assert_int_equal(ioreq_domain_create(d), 0);
    assert_int_equal(hvm_io_vcpu_create(v), 0);
    assert_int_equal(server_op(XEN_DMOP_create_ioreq_server, &o), 0);
    id = o.u.create_ioreq_server.id;
    map_range(XEN_DMOP_IO_RANGE_PORT, MODEL_PORT, MODEL_PORT + 15);
    map_range(XEN_DMOP_IO_RANGE_MEMORY, MODEL_MMIO, MODEL_MMIO + 0xfff);
    map_range(XEN_DMOP_IO_RANGE_MEMORY, VGA, VGA + 0x1ffff);
    map_range(XEN_DMOP_IO_RANGE_PCI, 0x18, 0x18);
    page(0), page(1);
    set_state(true);
    own_accesses = sent = retired = world_crashes = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ioreq_domain_free(d);
    hvm_io_vcpu_free(v);
    mem_free(d->arch.hvm);
    world_end();
    return 0;
}

/* ---- the tests ---- */

/* What needs no answer is done at once, and nothing is left to be resumed. */
static void test_at_once(void **state)
{
    (void)state;
    start_one(IOREQ_TYPE_PIO, OWN_PORT, 2, false, 0);
    assert_int_equal(insn[0].data, reading(OWN_PORT, 2));
    start_one(IOREQ_TYPE_PIO, NOBODY_PORT, 2, false, 0);
    assert_int_equal(insn[0].data, 0xffff);
    start_one(IOREQ_TYPE_COPY, MODEL_MMIO - 4, 8, false, 0); /* half of it is the model's: nobody's */
    assert_int_equal(insn[0].data, ~0UL);
    insn[0] = hvm_io_request(IOREQ_TYPE_PIO, OWN_PORT, 1, false, 0);
    insn[0].count = 7; /* a row: one at a time, please */
    assert_int_equal(hvm_insn_access(v, &insn[0]), HVM_IO_NOBODY);
    assert_int_equal(own_accesses, 1);
    assert_true(enter());
    assert_int_equal(sent, 0);
}

/* IN and OUT: RAX as the CPU changes it; one that has to wait is the emulator's then. */
static void test_port_insn(void **state)
{
    (void)state;
    guest_regs()->rax = 0x1122334455667788;
    hvm_port_insn(v, OWN_PORT, 1, false, 2);
    assert_int_equal(guest_regs()->rax, 0x1122334455667700 | reading(OWN_PORT, 1));
    hvm_port_insn(v, NOBODY_PORT, 4, false, 2);
    assert_int_equal(guest_regs()->rax, 0xffffffff);
    assert_int_equal(retired, 2);
    guest_regs()->rax = 0xabcdef;
    insn[0] = hvm_io_request(IOREQ_TYPE_PIO, MODEL_PORT, 2, true, 0xcdef);
    insn_nr = 1, finished = 0;
    hvm_port_insn(v, MODEL_PORT, 2, true, 2);
    assert_int_equal(slot()->data, 0xcdef);
    assert_false(enter());
    answer(STATE_IORESP_READY, 0);
    assert_true(enter());
    assert_int_equal(finished, 1);
    assert_int_equal(sent, 1);
    assert_int_equal(retired, 2);
}

/* The vCPU waits as long as the model takes, and its request is as the ABI says. */
static void test_wait(void **state)
{
    (void)state;
    start_one(IOREQ_TYPE_COPY, MODEL_MMIO + 8, 4, false, 0);
    assert_int_equal(slot()->state, STATE_IOREQ_READY);
    assert_int_equal(slot()->type, IOREQ_TYPE_COPY);
    assert_int_equal(slot()->addr, MODEL_MMIO + 8);
    assert_int_equal(slot()->size, 4);
    assert_int_equal(slot()->count, 1);
    assert_int_equal(slot()->dir, IOREQ_READ);
    assert_int_equal(slot()->vp_eport, 10);
    assert_false(enter());
    assert_true(v->pause_flags & VPF_IO);
    slot()->state = STATE_IOREQ_INPROCESS;
    arch_internal_event(v); /* for nothing */
    assert_false(v->pause_flags & VPF_IO);
    assert_false(enter());
    answer(STATE_IORESP_READY, 0x1122334455667788);
    assert_true(enter());
    assert_false(v->pause_flags & VPF_IO);
    assert_int_equal(finished, 1);
    assert_int_equal(insn[0].data, 0x55667788);
    assert_int_equal(slot()->state, STATE_IOREQ_NONE);
    assert_int_equal(sent, 1);
}

/* A server that goes, and a state that cannot be: the instruction ends all the same. */
static void test_lost(void **state)
{
    (void)state;
    start_one(IOREQ_TYPE_PIO, MODEL_PORT, 1, false, 0);
    assert_false(enter());
    set_state(false);
    assert_false(v->pause_flags & VPF_IO);
    assert_true(enter());
    assert_int_equal(insn[0].data, 0xff);
    start_one(IOREQ_TYPE_PIO, MODEL_PORT, 1, false, 0);
    assert_int_equal(finished, 1); /* it has no ranges while it is off */
    assert_int_equal(world_crashes, 0);
    set_state(true);
    for (unsigned int bad = STATE_IOREQ_NONE; bad < 16; bad += bad ? 1 : 4) {
        world_crashes = 0;
        start_one(IOREQ_TYPE_PIO, MODEL_PORT, 1, false, 0);
        answer(bad, 0);
        assert_true(enter());
        assert_int_equal(world_crashes, 1);
    }
}

/* Configuration mechanism #1: to whom depends on what was written to 0xcf8. */
static void test_pci(void **state)
{
    (void)state;
    start_one(IOREQ_TYPE_PIO, 0xcf8, 4, true, 0x80001840);
    start_one(IOREQ_TYPE_PIO, 0xcfe, 2, false, 0);
    assert_int_equal(slot()->type, IOREQ_TYPE_PCI_CONFIG);
    assert_int_equal(slot()->addr, 0x18UL << 32 | 0x42);
    answer(STATE_IORESP_READY, 0x8086);
    assert_true(enter());
    assert_int_equal(insn[0].data, 0x8086);
    start_one(IOREQ_TYPE_PIO, 0xcf8, 4, true, 0x80002040);
    start_one(IOREQ_TYPE_PIO, 0xcfc, 4, false, 0);
    assert_int_equal(insn[0].data, 0xffffffff);
    assert_int_equal(sent, 1);
}

/* Writes to the screen go by the ring until it is full; reads, and what comes then, wait. */
static void test_ring(void **state)
{
    struct buffered_iopage *ring = page(0);

    (void)state;
    for (unsigned int i = 0; i < IOREQ_BUFFER_SLOT_NUM - 1; i++) {
        start_one(IOREQ_TYPE_COPY, VGA + i, 1, true, i & 0xff);
        assert_int_equal(finished, 1);
        assert_int_equal(ring->buf_ioreq[i].data, i & 0xff);
        assert_int_equal(ring->buf_ioreq[i].addr, VGA + i);
    }
    start_one(IOREQ_TYPE_COPY, VGA, 8, true, 1);
    assert_int_equal(finished, 0);
    answer(STATE_IORESP_READY, 0);
    assert_true(enter());
    ring->read_pointer = ring->write_pointer;
    start_one(IOREQ_TYPE_COPY, VGA, 8, true, 0x1122334455667788);
    assert_int_equal(finished, 1);
    assert_int_equal(ring->buf_ioreq[510].data, 0x55667788);
    assert_int_equal(ring->buf_ioreq[0].data, 0x11223344);
    start_one(IOREQ_TYPE_COPY, VGA, 1, false, 0);
    assert_int_equal(finished, 0);
    answer(STATE_IORESP_READY, 3);
    assert_true(enter());
}

/* News are sent before the guest goes on, behind an instruction that waits. */
static void test_news(void **state)
{
    (void)state;
    start_one(IOREQ_TYPE_PIO, MODEL_PORT, 1, false, 0);
    hvm_mapcache_invalidate(v);
    answer(STATE_IORESP_READY, 9);
    assert_false(enter());
    assert_int_equal(insn[0].data, 9);
    assert_int_equal(slot()->type, IOREQ_TYPE_INVALIDATE);
    answer(STATE_IORESP_READY, 0);
    assert_true(enter());
    assert_int_equal(finished, 1);
}

/* The guest changes the instruction while it waits: what is another access now is made. */
static void test_changed(void **state)
{
    (void)state;
    insn[0] = hvm_io_request(IOREQ_TYPE_PIO, MODEL_PORT, 1, false, 0);
    insn[1] = hvm_io_request(IOREQ_TYPE_PIO, MODEL_PORT + 1, 1, false, 0);
    start(2);
    insn[0].addr = MODEL_PORT + 2;
    answer(STATE_IORESP_READY, 1);
    assert_false(enter());
    assert_int_equal(slot()->addr, MODEL_PORT + 2);
    answer(STATE_IORESP_READY, 2);
    assert_false(enter());
    assert_int_equal(slot()->addr, MODEL_PORT + 1);
    answer(STATE_IORESP_READY, 3);
    assert_true(enter());
    assert_int_equal(insn[0].data, 2);
    assert_int_equal(insn[1].data, 3);
}

/* Random instructions, a model that takes its time: every access once, every value the right one. */
static void test_random(void **state)
{
    static const u64 where[] = {OWN_PORT, MODEL_PORT, MODEL_PORT + 8, NOBODY_PORT, MODEL_MMIO, MODEL_MMIO + 256};

    (void)state;
    srand(1);
    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int nr = 1 + rand() % 8, own = 0, models = 0;

        own_accesses = sent = 0;
        for (unsigned int i = 0; i < nr; i++) {
            u64 addr = where[rand() % ARRAY_SIZE(where)];
            bool mmio = addr >= MODEL_MMIO;

            insn[i] = hvm_io_request(mmio ? IOREQ_TYPE_COPY : IOREQ_TYPE_PIO, addr, 1U << rand() % (mmio ? 4 : 3),
                                     rand() % 2, 0);
            own += addr == OWN_PORT;
            models += addr != OWN_PORT && addr != NOBODY_PORT;
        }
        start(nr);
        while (!enter()) {
            if (rand() % 4)
                arch_internal_event(v);
            else if (rand() % 2)
                slot()->state = STATE_IOREQ_INPROCESS;
            else
                answer(STATE_IORESP_READY, slot()->dir == IOREQ_READ ? reading(slot()->addr, 8) : 0x1234);
        }
        assert_int_equal(finished, 1);
        assert_int_equal(own_accesses, own);
        assert_int_equal(sent, models);
        for (unsigned int i = 0; i < nr; i++)
            if (insn[i].dir == IOREQ_READ)
                assert_int_equal(insn[i].data, insn[i].addr == NOBODY_PORT ? ALL_ONES(insn[i].size)
                                                                           : reading(insn[i].addr, insn[i].size));
    }
}

/* What a device model may not ask. */
static void test_refused(void **state)
{
    struct xen_dm_op o = {.u.destroy_ioreq_server.id = 7};

    (void)state;
    assert_int_equal(server_op(XEN_DMOP_destroy_ioreq_server, &o), -ENOENT);
    o = (struct xen_dm_op){.u.map_io_range_to_ioreq_server = {.id = id, .type = 3}};
    assert_int_equal(server_op(XEN_DMOP_map_io_range_to_ioreq_server, &o), -EINVAL);
    o = (struct xen_dm_op){.u.unmap_io_range_from_ioreq_server = {.id = id, .start = 1, .end = 2}};
    assert_int_equal(server_op(XEN_DMOP_unmap_io_range_from_ioreq_server, &o), -ENOENT);
    o = (struct xen_dm_op){.u.get_ioreq_server_info = {.id = id, .flags = 2}};
    assert_int_equal(server_op(XEN_DMOP_get_ioreq_server_info, &o), -EINVAL);
    o = (struct xen_dm_op){.u.create_ioreq_server.handle_bufioreq = 3};
    assert_int_equal(server_op(XEN_DMOP_create_ioreq_server, &o), -EINVAL);
    o = (struct xen_dm_op){};
    for (unsigned int i = 1; i < 8; i++)
        assert_int_equal(server_op(XEN_DMOP_create_ioreq_server, &o), 0);
    assert_int_equal(server_op(XEN_DMOP_create_ioreq_server, &o), -ENOSPC);
    o = (struct xen_dm_op){.u.destroy_ioreq_server.id = 5};
    assert_int_equal(server_op(XEN_DMOP_destroy_ioreq_server, &o), 0);
    assert_int_equal(server_op(XEN_DMOP_destroy_ioreq_server, &o), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(at_once), TEST(port_insn), TEST(wait),    TEST(lost),   TEST(pci),
                                       TEST(ring),    TEST(news),      TEST(changed), TEST(random), TEST(refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
