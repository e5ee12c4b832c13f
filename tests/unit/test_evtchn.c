/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels, whole hypercalls, two domains: both ABIs, every kind of port, wrong arguments,
 * guests that write what they like into their FIFO pages, reset and the end of a domain, and
 * senders on several CPUs while ports come and go.
 */
#include "world.h"
#include <asm/host.h>
#include <asm/irq.h>
#include <core/evtchn.h>
#include <core/rangeset.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <pthread.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BAD ((void *)8)

static struct domain *d0, *d1, *d2;

static void setup(void)
{
    world_init(4);
    d0 = world_domain(0, 4, true);
    d1 = world_domain(1, 4, false);
    d2 = world_domain(2, 4, false);
    world_run(d1->vcpu[0]);
}

static long alloc(domid_t dom, domid_t remote, u32 *port)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
    long rc = do_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

static long bind(domid_t remote, u32 rport, u32 *port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = rport};
    long rc = do_event_channel_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

static long virq(u32 nr, u32 vcpu, u32 *port)
{
    struct evtchn_bind_virq op = {.virq = nr, .vcpu = vcpu};
    long rc = do_event_channel_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return rc;
}

static long port_op(int cmd, u32 port) { return do_event_channel_op(cmd, &port); }

static long bind_vcpu(u32 port, u32 vcpu)
{
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = vcpu};

    return do_event_channel_op(EVTCHNOP_bind_vcpu, &op);
}

static struct evtchn_status status(u32 port)
{
    struct evtchn_status op = {.dom = DOMID_SELF, .port = port};

    assert_int_equal(do_event_channel_op(EVTCHNOP_status, &op), 0);
    return op;
}

/* d1's port `a` connected to d2's `b`; d1 is current. */
static void connect(u32 *a, u32 *b)
{
    world_run(d1->vcpu[0]);
    assert_int_equal(alloc(DOMID_SELF, 2, a), 0);
    world_run(d2->vcpu[0]);
    assert_int_equal(bind(1, *a, b), 0);
    world_run(d1->vcpu[0]);
}

static bool pending(struct domain *d, u32 port) { return test_bit(port, d->shared_info->evtchn_pending); }

static void consume(struct domain *d, u32 port)
{
    clear_bit(port, d->shared_info->evtchn_pending);
    for (unsigned int i = 0; i < 4; i++) {
        d->vcpu[i]->info->evtchn_pending_sel = 0;
        d->vcpu[i]->info->evtchn_upcall_pending = 0;
    }
}

static void test_interdomain(void **state)
{
    u32 a, b, c;

    (void)state;
    setup();
    connect(&a, &b);
    assert_int_equal(a, 1);
    assert_int_equal(b, 1);
    assert_true(pending(d2, b)); /* by binding */
    assert_false(pending(d1, a));
    consume(d2, b);
    assert_int_equal(port_op(EVTCHNOP_send, a), 0);
    assert_true(pending(d2, b));
    assert_int_equal(d2->vcpu[0]->info->evtchn_pending_sel, 1);
    assert_int_equal(d2->vcpu[0]->info->evtchn_upcall_pending, 1);
    consume(d2, b);
    set_bit(b, d2->shared_info->evtchn_mask);
    assert_int_equal(port_op(EVTCHNOP_send, a), 0);
    assert_true(pending(d2, b));
    assert_int_equal(d2->vcpu[0]->info->evtchn_upcall_pending, 0);
    world_run(d2->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_unmask, b), 0);
    assert_int_equal(d2->vcpu[0]->info->evtchn_upcall_pending, 1);
    consume(d2, b);
    assert_int_equal(bind_vcpu(b, 3), 0);
    assert_int_equal(status(b).vcpu, 3);
    assert_int_equal(status(b).u.interdomain.dom, 1);
    world_run(d1->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_send, a), 0);
    assert_int_equal(d2->vcpu[0]->info->evtchn_upcall_pending, 0);
    assert_int_equal(d2->vcpu[3]->info->evtchn_upcall_pending, 1);
    /* Closing one end leaves the other unbound, for the same domain. */
    world_run(d2->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_close, b), 0);
    assert_false(pending(d2, b));
    world_run(d1->vcpu[0]);
    assert_int_equal(status(a).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(a).u.unbound.dom, 2);
    assert_int_equal(port_op(EVTCHNOP_send, a), 0);
    assert_int_equal(bind(1, a, &c), -EINVAL); /* not for oneself */
    world_run(d2->vcpu[0]);
    assert_int_equal(bind(1, a, &b), 0);
    world_end();
}

static void test_errors(void **state)
{
    u32 a, b, p;
    struct evtchn_status st = {.dom = 2, .port = 1};
    struct evtchn_reset reset = {.dom = 2};

    (void)state;
    setup();
    assert_int_equal(alloc(2, 1, &a), -EPERM);
    assert_int_equal(alloc(55, 1, &a), -ESRCH);
    assert_int_equal(bind(55, 1, &a), -ESRCH);
    assert_int_equal(bind(2, 1, &a), -EINVAL);
    assert_int_equal(bind(2, 0, &a), -EINVAL);
    assert_int_equal(bind(2, ~0U, &a), -EINVAL);
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, &st), -EPERM);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &reset), -EPERM);
    for (int cmd = 0; cmd < 14; cmd++)
        assert_int_equal(do_event_channel_op(cmd, BAD), -EFAULT);
    assert_int_equal(do_event_channel_op(14, BAD), -ENOSYS);
    assert_int_equal(do_event_channel_op(-1, BAD), -ENOSYS);
    assert_int_equal(port_op(EVTCHNOP_send, 0), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_send, ~0U), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_close, 0), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_close, 5), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_unmask, ~0U), -EINVAL);
    assert_int_equal(virq(NR_VIRQS, 0, &p), -EINVAL);
    assert_int_equal(virq(VIRQ_TIMER, 4, &p), -ENOENT);
    assert_int_equal(virq(VIRQ_CONSOLE, 1, &p), -EINVAL);
    connect(&a, &b);
    assert_int_equal(bind_vcpu(a, 4), -ENOENT);
    assert_int_equal(bind_vcpu(99, 0), -EINVAL);
    assert_int_equal(bind_vcpu(~0U, 0), -EINVAL);
    world_run(d0->vcpu[0]);
    st.port = b;
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, &st), 0);
    assert_int_equal(st.status, EVTCHNSTAT_interdomain);
    assert_int_equal(alloc(1, 2, &p), 0); /* dom0 makes ports for others */
    assert_int_equal(p, 2);
    world_end();
}

static void test_virq(void **state)
{
    u32 t0, t1, con, p;

    (void)state;
    setup();
    assert_int_equal(virq(VIRQ_TIMER, 0, &t0), 0);
    assert_int_equal(virq(VIRQ_TIMER, 1, &t1), 0);
    assert_int_equal(virq(VIRQ_TIMER, 1, &p), -EEXIST);
    evtchn_send_vcpu_virq(d1->vcpu[1], VIRQ_TIMER);
    assert_false(pending(d1, t0));
    assert_true(pending(d1, t1));
    assert_int_equal(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
    assert_int_equal(bind_vcpu(t0, 1), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_send, t0), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_close, t1), 0);
    evtchn_send_vcpu_virq(d1->vcpu[1], VIRQ_TIMER);
    assert_false(pending(d1, t1));
    assert_int_equal(virq(VIRQ_TIMER, 1, &p), 0);
    assert_int_equal(p, t1);
    /* Host VIRQs are dom0's. */
    world_run(d0->vcpu[0]);
    assert_int_equal(virq(VIRQ_CONSOLE, 0, &con), 0);
    evtchn_send_global_virq(VIRQ_CONSOLE);
    assert_true(pending(d0, con));
    consume(d0, con);
    assert_int_equal(bind_vcpu(con, 2), 0);
    evtchn_send_global_virq(VIRQ_CONSOLE);
    assert_int_equal(d0->vcpu[2]->info->evtchn_upcall_pending, 1);
    consume(d0, con);
    world_end();
}

static void test_pirq(void **state)
{
    struct evtchn_bind_pirq op = {.pirq = 7};

    (void)state;
    setup();
    d1->irq_caps = rangeset_new();
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), -EPERM);
    rangeset_add(d1->irq_caps, 7, 8);
    op.pirq = ~0U;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), -EINVAL);
    op.pirq = 7;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), 0);
    assert_ptr_equal(host_pirq_owner[7], d1);
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), -EEXIST);
    evtchn_send_pirq(d1, 7);
    assert_true(pending(d1, op.port));
    evtchn_send_pirq(d1, 8);
    evtchn_send_pirq(d1, 4000);
    evtchn_send_pirq(d1, ~0U);
    assert_int_equal(status(op.port).u.pirq, 7);
    assert_int_equal(bind_vcpu(op.port, 2), 0);
    assert_int_equal(port_op(EVTCHNOP_close, op.port), 0);
    assert_null(host_pirq_owner[7]);
    op.pirq = 8;
    host_pirq_owner[8] = d2;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), -EBUSY);
    host_pirq_owner[8] = NULL;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, &op), 0);
    assert_int_equal(op.port, 1); /* nothing stayed open */
    evtchn_domain_destroy(d1);
    rangeset_free(d1->irq_caps);
    world_end();
}

static void test_ipi_and_wake(void **state)
{
    struct evtchn_bind_ipi op = {.vcpu = 2};
    struct vcpu *v;

    (void)state;
    setup();
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, &op), 0);
    v = d1->vcpu[2];
    set_bit(_VPF_BLOCKED, &v->pause_flags);
    assert_int_equal(port_op(EVTCHNOP_send, op.port), 0);
    assert_true(pending(d1, op.port));
    assert_int_equal(v->pause_flags, 0);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    assert_true(vcpu_event_pending(v));
    v->info->evtchn_upcall_mask = 1;
    assert_false(vcpu_event_pending(v));
    op.vcpu = 4;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, &op), -ENOENT);
    v->info->evtchn_upcall_pending = 0;
    evtchn_vcpu_info_moved(v);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    assert_int_equal(v->info->evtchn_pending_sel, ~0UL);
    world_end();
}

static void test_limits(void **state)
{
    u32 p, n = 0;

    (void)state;
    setup();
    while (!alloc(DOMID_SELF, 2, &p))
        assert_int_equal(p, ++n);
    assert_int_equal(n, 1023);
    assert_int_equal(alloc(DOMID_SELF, 2, &p), -ENOSPC);
    assert_int_equal(port_op(EVTCHNOP_close, 500), 0);
    assert_int_equal(alloc(DOMID_SELF, 2, &p), 0);
    assert_int_equal(p, 500);
    world_run(d0->vcpu[0]);
    for (n = 0; !alloc(DOMID_SELF, 2, &p);)
        n++;
    assert_int_equal(n, EVTCHN_2L_NR_CHANNELS - 1);
    world_run(d2->vcpu[0]);
    world_alloc_fail_after = 1;
    for (n = 0; !alloc(DOMID_SELF, 2, &p);)
        n++;
    assert_int_equal(n, 127);
    assert_int_equal(alloc(DOMID_SELF, 2, &p), 0);
    world_end();
}

static void test_destroy(void **state)
{
    u32 a[200], b[200];

    (void)state;
    setup();
    for (unsigned int i = 0; i < 200; i++)
        connect(&a[i], &b[i]);
    world_preempt_after = 2;
    assert_int_equal(evtchn_domain_destroy(d2), -ERESTART);
    world_run(d0->vcpu[0]);
    assert_int_equal(alloc(2, 1, &a[0]), -EINVAL); /* no new ones */
    assert_int_equal(evtchn_domain_destroy(d2), 0);
    world_run(d1->vcpu[0]);
    assert_int_equal(status(1).status, EVTCHNSTAT_unbound);
    assert_int_equal(port_op(EVTCHNOP_send, 1), 0);
    assert_int_equal(bind(2, 1, &b[0]), -EINVAL);
    world_end();
}

/* ---- FIFO ---- */

static struct evtchn_fifo_control_block *control;
static event_word_t *words;
static struct frame *control_frame, *words_frame;

static long init_control(struct frame *f, u32 offset, u32 vcpu)
{
    struct evtchn_init_control op = {.control_gfn = f ? mfn_x(frame_mfn(f)) : ~0UL, .offset = offset, .vcpu = vcpu};

    return do_event_channel_op(EVTCHNOP_init_control, &op);
}

static long expand(struct frame *f)
{
    struct evtchn_expand_array op = {.array_gfn = f ? mfn_x(frame_mfn(f)) : ~0UL};

    return do_event_channel_op(EVTCHNOP_expand_array, &op);
}

static long priority(u32 port, u32 prio)
{
    struct evtchn_set_priority op = {.port = port, .priority = prio};

    return do_event_channel_op(EVTCHNOP_set_priority, &op);
}

/* d2 uses the FIFO ABI: vCPU 0 and 1 have control blocks. d2 is current. */
static void fifo_setup(void)
{
    setup();
    world_run(d2->vcpu[0]);
    control_frame = world_frame(d2);
    words_frame = world_frame(d2);
    control = mfn_to_virt(frame_mfn(control_frame));
    words = mfn_to_virt(frame_mfn(words_frame));
    assert_int_equal(priority(1, 3), -ENOSYS);
    assert_int_equal(expand(words_frame), -EOPNOTSUPP);
    assert_int_equal(init_control(control_frame, 0, 0), 0);
    assert_int_equal(init_control(control_frame, 128, 1), 0);
    assert_int_equal(expand(words_frame), 0);
}

static void fifo_end(void)
{
    evtchn_domain_destroy(d2);
    assert_int_equal(control_frame->refs & FR_COUNT, 1);
    assert_int_equal(words_frame->refs & FR_COUNT, 1);
    world_frame_release(control_frame);
    world_frame_release(words_frame);
    world_end();
}

/* As a kernel does it. 0: the queue is empty. */
static u32 take(struct evtchn_fifo_control_block *c, unsigned int prio)
{
    u32 port = c->head[prio], w;

    if (!port)
        return 0;
    w = __atomic_fetch_and(&words[port], ~(1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
    c->head[prio] = w & EVTCHN_FIFO_LINK_MASK;
    if (!(w & EVTCHN_FIFO_LINK_MASK))
        __atomic_fetch_and(&c->ready, ~(1U << prio), __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&words[port], ~(1U << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
    return port;
}

static void test_fifo_order(void **state)
{
    u32 a[5], b[5];

    (void)state;
    fifo_setup();
    for (unsigned int i = 0; i < 5; i++)
        connect(&a[i], &b[i]);
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(take(control, 7), b[i]); /* by binding */
    assert_int_equal(take(control, 7), 0);
    d2->vcpu[0]->info->evtchn_upcall_pending = 0;
    port_op(EVTCHNOP_send, a[3]);
    assert_int_equal(control->ready, 1 << 7);
    assert_int_equal(d2->vcpu[0]->info->evtchn_upcall_pending, 1);
    port_op(EVTCHNOP_send, a[1]);
    port_op(EVTCHNOP_send, a[3]);
    port_op(EVTCHNOP_send, a[4]);
    assert_int_equal(take(control, 7), b[3]);
    port_op(EVTCHNOP_send, a[3]);
    assert_int_equal(take(control, 7), b[1]);
    assert_int_equal(take(control, 7), b[4]);
    assert_int_equal(take(control, 7), b[3]);
    assert_int_equal(take(control, 7), 0);
    /* The only one, again and again. */
    for (unsigned int i = 0; i < 3; i++) {
        port_op(EVTCHNOP_send, a[0]);
        assert_int_equal(take(control, 7), b[0]);
        assert_int_equal(take(control, 7), 0);
    }
    /* Masked: pending, not linked. */
    words[b[2]] |= 1U << EVTCHN_FIFO_MASKED;
    port_op(EVTCHNOP_send, a[2]);
    assert_int_equal(control->ready, 0);
    assert_true(evtchn_port_is_pending(d2, b[2]));
    world_run(d2->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_unmask, b[2]), 0);
    assert_int_equal(take(control, 7), b[2]);
    fifo_end();
}

/* Ports that move between queues: never lost, never in two. */
static void test_fifo_moves(void **state)
{
    struct evtchn_fifo_control_block *second;
    u32 a, b, c, d;

    (void)state;
    fifo_setup();
    second = (void *)((char *)control + 128);
    connect(&a, &b);
    connect(&c, &d);
    assert_int_equal(take(control, 7), b);
    assert_int_equal(take(control, 7), d);
    port_op(EVTCHNOP_send, a); /* b is the tail of queue 7 */
    assert_int_equal(take(control, 7), b);
    world_run(d2->vcpu[0]);
    assert_int_equal(priority(b, 2), 0);
    assert_int_equal(priority(b, 16), -EINVAL);
    assert_int_equal(priority(99999, 2), -EINVAL);
    world_run(d1->vcpu[0]);
    port_op(EVTCHNOP_send, a);
    port_op(EVTCHNOP_send, c); /* must not be linked behind b in queue 7 */
    assert_int_equal(take(control, 2), b);
    assert_int_equal(take(control, 2), 0);
    assert_int_equal(take(control, 7), d);
    world_run(d2->vcpu[0]);
    assert_int_equal(bind_vcpu(b, 1), 0);
    world_run(d1->vcpu[0]);
    port_op(EVTCHNOP_send, a);
    assert_int_equal(second->ready, 1 << 2);
    assert_int_equal(take(second, 2), b);
    /* To a vCPU without a control block: stays pending. */
    world_run(d2->vcpu[0]);
    assert_int_equal(bind_vcpu(b, 3), 0);
    world_run(d1->vcpu[0]);
    port_op(EVTCHNOP_send, a);
    assert_true(evtchn_port_is_pending(d2, b));
    fifo_end();
}

static void test_fifo_early(void **state)
{
    u32 a, b, last = 0;
    struct frame *more;

    (void)state;
    setup();
    connect(&a, &b); /* pending in the two-level ABI */
    world_run(d2->vcpu[0]);
    control_frame = world_frame(d2);
    words_frame = world_frame(d2);
    control = mfn_to_virt(frame_mfn(control_frame));
    words = mfn_to_virt(frame_mfn(words_frame));
    assert_int_equal(init_control(control_frame, 4, 0), -EINVAL);
    assert_int_equal(init_control(control_frame, 4096 - 64, 0), -EINVAL);
    assert_int_equal(init_control(NULL, 0, 0), -EINVAL);
    assert_int_equal(init_control(control_frame, 0, 4), -ENOENT);
    assert_int_equal(init_control(control_frame, 4096 - 72, 0), 0);
    assert_int_equal(init_control(control_frame, 0, 0), -EINVAL);
    control = (void *)((char *)control + 4096 - 72);
    assert_int_equal(expand(NULL), -EINVAL);
    frame_get_type(words_frame, FT_L1);
    assert_int_equal(expand(words_frame), -EINVAL);
    frame_put_type(words_frame);
    assert_int_equal(expand(words_frame), 0);
    assert_int_equal(take(control, 7), b);
    /* Beyond the array: kept until it reaches so far. */
    world_run(d0->vcpu[0]);
    more = world_frame(d0);
    assert_int_equal(init_control(more, 0, 0), 0);
    while (last < 1030)
        assert_int_equal(alloc(DOMID_SELF, 2, &last), 0);
    world_run(d2->vcpu[0]);
    assert_int_equal(bind(0, 1030, &b), 0);
    assert_int_equal(port_op(EVTCHNOP_send, b), 0);
    assert_false(evtchn_port_is_pending(d0, 1030));
    world_run(d0->vcpu[0]);
    assert_int_equal(expand(more), 0);
    assert_false(evtchn_port_is_pending(d0, 1030));
    assert_int_equal(expand(more), 0);
    assert_true(evtchn_port_is_pending(d0, 1030));
    evtchn_domain_destroy(d0);
    world_frame_release(more);
    fifo_end();
}

/* The guest's pages hold anything: nothing of ours is touched, and the call ends. */
static void test_fifo_scribbled(void **state)
{
    u32 a[8], b[8];

    (void)state;
    fifo_setup();
    srand(3);
    for (unsigned int i = 0; i < 8; i++)
        connect(&a[i], &b[i]);
    for (unsigned int n = 0; n < 20000; n++) {
        u32 *page = rand() % 2 ? words : (u32 *)control;

        page[rand() % (n % 2 ? 1024 : 24)] = rand() ^ (u32)rand() << 16;
        world_run(d1->vcpu[0]);
        port_op(EVTCHNOP_send, a[rand() % 8]);
        world_run(d2->vcpu[0]);
        if (rand() % 4 == 0)
            priority(b[rand() % 8], rand() % 16);
        if (rand() % 4 == 0)
            bind_vcpu(b[rand() % 8], rand() % 4);
        if (rand() % 4 == 0)
            port_op(EVTCHNOP_unmask, rand() % 2000);
        if (rand() % 16 == 0) {
            unsigned int i = rand() % 8;

            port_op(EVTCHNOP_close, b[i]);
            assert_int_equal(bind(1, a[i], &b[i]), 0);
        }
    }
    fifo_end();
}

static void test_reset(void **state)
{
    struct evtchn_reset op = {.dom = DOMID_SELF};
    u32 a[100], b[100];

    (void)state;
    fifo_setup();
    for (unsigned int i = 0; i < 100; i++)
        connect(&a[i], &b[i]);
    world_run(d2->vcpu[0]);
    world_preempt_after = 1;
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &op), -ERESTART);
    assert_int_equal(alloc(DOMID_SELF, 1, &a[0]), -EINVAL);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &op), 0);
    assert_int_equal(words_frame->refs & FR_COUNT, 1);
    assert_int_equal(alloc(DOMID_SELF, 1, &a[0]), 0);
    assert_int_equal(a[0], 1);
    assert_int_equal(expand(words_frame), -EOPNOTSUPP);
    world_run(d1->vcpu[0]);
    assert_int_equal(status(50).status, EVTCHNSTAT_unbound);
    fifo_end();
}

/* ---- several CPUs ---- */

static volatile bool stop;

/* d1 on CPU 1: sends through all its ports. */
static void *sender(void *arg)
{
    host_set_cpu((unsigned long)arg);
    world_run(d1->vcpu[1]);
    for (unsigned int i = 0; i < 30000; i++) {
        long rc = port_op(EVTCHNOP_send, 1 + i % 8);

        assert_true(rc == 0 || rc == -EINVAL);
    }
    stop = true;
    return NULL;
}

/* d2 closes and binds its ends; d1 closes and opens others. */
static void *opener(void *arg)
{
    unsigned long cpu = (unsigned long)arg;
    unsigned int seed = cpu;

    host_set_cpu(cpu);
    world_run((cpu == 2 ? d2 : d1)->vcpu[cpu]);
    while (!stop) {
        u32 port = 1 + rand_r(&seed) % 8, p;

        if (cpu == 2 && rand_r(&seed) % 2) {
            port_op(EVTCHNOP_close, port);
        } else if (cpu == 2) {
            bind(1, port, &p);
        } else {
            port_op(EVTCHNOP_close, 8);
            alloc(DOMID_SELF, 2, &p);
        }
    }
    return NULL;
}

static void test_parallel(void **state)
{
    pthread_t t[3];
    u32 a, b;

    (void)state;
    setup();
    for (unsigned int i = 0; i < 8; i++)
        connect(&a, &b);
    stop = false;
    pthread_create(&t[0], NULL, sender, (void *)1UL);
    pthread_create(&t[1], NULL, opener, (void *)2UL);
    pthread_create(&t[2], NULL, opener, (void *)3UL);
    for (unsigned int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    host_set_cpu(0);
    world_end();
}

/* Two CPUs send to one queue, each its own port, as soon as the guest has taken it off: enough rounds to meet within
 * the few instructions in which one of them could lose both. */
#define FIFO_ROUNDS 1500000
static u32 fifo_a[2], fifo_b[2];
static volatile unsigned int fifo_taken[2];

static void *fifo_sender(void *arg)
{
    unsigned long which = (unsigned long)arg;

    host_set_cpu(1 + which);
    world_run(d1->vcpu[1 + which]);
    for (unsigned int i = 1; i <= FIFO_ROUNDS && !stop; i++) {
        time_t end = time(NULL) + 5;

        port_op(EVTCHNOP_send, fifo_a[which]);
        while (fifo_taken[which] != i && !stop)
            if (time(NULL) > end)
                stop = true;
    }
    return NULL;
}

/* As a kernel does it: told by the upcall, it takes off all that is ready. */
static void fifo_upcall(u32 *head)
{
    if (!__atomic_exchange_n(&d2->vcpu[0]->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST) ||
        !__atomic_exchange_n(&control->ready, 0, __ATOMIC_SEQ_CST))
        return;
    do {
        u32 port = *head ? *head : READ_ONCE(control->head[7]);

        *head =
            __atomic_fetch_and(&words[port], ~(1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST) &
            EVTCHN_FIFO_LINK_MASK;
        if (__atomic_fetch_and(&words[port], ~(1U << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST) &
            1U << EVTCHN_FIFO_PENDING)
            fifo_taken[port == fifo_b[1]]++;
    } while (*head);
}

static void test_fifo_parallel(void **state)
{
    pthread_t t[2];
    u32 head = 0;

    (void)state;
    fifo_setup();
    for (unsigned int i = 0; i < 2; i++)
        connect(&fifo_a[i], &fifo_b[i]);
    stop = false;
    while (take(control, 7))
        ;
    d2->vcpu[0]->info->evtchn_upcall_pending = 0;
    for (unsigned long i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, fifo_sender, (void *)i);
    while (!stop && (fifo_taken[0] < FIFO_ROUNDS || fifo_taken[1] < FIFO_ROUNDS))
        fifo_upcall(&head);
    if (stop)
        print_message("lost after %u and %u\n", fifo_taken[0], fifo_taken[1]);
    assert_false(stop); /* an event was lost */
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    fifo_end();
}

/* A channel between us, for d1's vCPU 2, and d2: d1 can neither close it nor see what d2 sends. */
static void test_internal(void **state)
{
    u32 a, b, c;

    (void)state;
    setup();
    assert_int_equal(evtchn_open_internal(d1, 2, 2, &a), 0);
    assert_int_equal(status(a).status, EVTCHNSTAT_unbound);
    world_run(d0->vcpu[0]);
    assert_int_equal(bind(1, a, &b), -EINVAL);
    world_run(d2->vcpu[0]);
    assert_int_equal(bind(1, a, &b), 0);
    assert_int_equal(status(b).status, EVTCHNSTAT_interdomain);
    assert_int_equal(port_op(EVTCHNOP_send, b), 0);
    assert_int_equal(d1->vcpu[2]->arch.internal_events, 1);
    assert_false(pending(d1, a));
    consume(d2, b);
    evtchn_send_internal(d1, a);
    assert_true(pending(d2, b));
    world_run(d1->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_close, a), -EINVAL);
    assert_int_equal(bind_vcpu(a, 1), -EINVAL);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &(struct evtchn_reset){DOMID_SELF}), 0);
    assert_int_equal(status(a).status, EVTCHNSTAT_interdomain);
    /* The other end goes and comes back. */
    world_run(d2->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_close, b), 0);
    evtchn_send_internal(d1, a);
    assert_int_equal(bind(1, a, &c), 0);
    assert_int_equal(port_op(EVTCHNOP_send, c), 0);
    assert_int_equal(d1->vcpu[2]->arch.internal_events, 2);
    evtchn_close_internal(d1, a);
    assert_int_equal(status(c).status, EVTCHNSTAT_unbound);
    assert_int_equal(port_op(EVTCHNOP_send, c), 0);
    assert_int_equal(d1->vcpu[2]->arch.internal_events, 2);
    evtchn_close_internal(d1, a);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interdomain), cmocka_unit_test(test_errors),       cmocka_unit_test(test_virq),
        cmocka_unit_test(test_pirq),        cmocka_unit_test(test_ipi_and_wake), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_internal),    cmocka_unit_test(test_destroy),      cmocka_unit_test(test_fifo_order),
        cmocka_unit_test(test_fifo_moves),  cmocka_unit_test(test_fifo_early),   cmocka_unit_test(test_fifo_scribbled),
        cmocka_unit_test(test_reset),       cmocka_unit_test(test_parallel),     cmocka_unit_test(test_fifo_parallel),
    };

    return cmocka_run_group_tests_name("evtchn", tests, NULL, NULL);
}
