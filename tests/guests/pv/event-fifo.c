/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels over the FIFO ABI.
 *
 * The control block and the event array are taken; events link into the queue of their priority in
 * order of arrival; masked ones do not; unmasking links; priorities are kept; ports beyond the
 * array need it expanded; bad frames and priorities are refused.
 */
#include "lib/guest.h"

const char test_title[] = "event channels, FIFO";

static struct evtchn_fifo_control_block *control;
static volatile event_word_t *words;

static bool word_bit(evtchn_port_t port, unsigned int bit) { return words[port] >> bit & 1; }

static void make_pair(evtchn_port_t *a, evtchn_port_t *b)
{
    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, a), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, *a, b), 0);
    __atomic_fetch_and(&words[*b], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
}

/* Close a port, its word left masked for the next owner of the number. */
static void drop(evtchn_port_t port)
{
    check_eq(event_close(port), 0);
    words[port] = 1u << EVTCHN_FIFO_MASKED;
}

/* Take the head off the queue of a priority, as a kernel does: gives its port, 0 if empty. */
static evtchn_port_t take(unsigned int priority)
{
    evtchn_port_t port = control->head[priority];
    uint32_t word;

    if (!port)
        return 0;
    word = __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
    control->head[priority] = word & EVTCHN_FIFO_LINK_MASK;
    if (!(word & EVTCHN_FIFO_LINK_MASK))
        __atomic_fetch_and(&control->ready, ~(1u << priority), __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
    return port;
}

static void check_init(void)
{
    struct evtchn_init_control init = {.control_gfn = virt_to_mfn(control), .vcpu = 99};
    struct evtchn_expand_array expand = {.array_gfn = virt_to_mfn((void *)words)};

    check_eq(hc_event_channel_op(EVTCHNOP_expand_array, &expand), -XEN_EOPNOTSUPP); /* not FIFO yet */
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), -XEN_ENOENT);
    init.vcpu = 0;
    init.offset = 3;
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), -XEN_EINVAL);
    init.offset = 4096 - 8;
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), -XEN_EINVAL);
    init.offset = 0;
    init.control_gfn = 0xffffffffff;
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), -XEN_EINVAL);
    init.control_gfn = virt_to_mfn(control);
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), 0);
    check_eq(init.link_bits, EVTCHN_FIFO_LINK_BITS);
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), -XEN_EINVAL); /* twice */
    check_eq(hc_event_channel_op(EVTCHNOP_expand_array, &expand), 0);
    expand.array_gfn = 0xffffffffff;
    check_eq(hc_event_channel_op(EVTCHNOP_expand_array, &expand), -XEN_EINVAL);
}

static void check_order(void)
{
    evtchn_port_t a[3], b[3];

    for (unsigned int i = 0; i < 3; i++) {
        make_pair(&a[i], &b[i]);
        check(word_bit(b[i], EVTCHN_FIFO_MASKED));
        check_eq(event_unmask(b[i]), 0);
        check(!word_bit(b[i], EVTCHN_FIFO_MASKED));
    }
    check_eq(event_send(a[2]), 0);
    check_eq(event_send(a[0]), 0);
    check_eq(event_send(a[2]), 0); /* pending already */
    check_eq(event_send(a[1]), 0);
    check_eq(control->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    check_eq(vcpu_info()->evtchn_upcall_pending, 1);
    check(word_bit(b[1], EVTCHN_FIFO_LINKED) && word_bit(b[1], EVTCHN_FIFO_PENDING));
    check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), b[2]);
    check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), b[0]);
    check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), b[1]);
    check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), 0);
    /* masked: pending but in no queue, until it is unmasked */
    __atomic_fetch_or(&words[b[0]], 1u << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST);
    check_eq(event_send(a[0]), 0);
    check(word_bit(b[0], EVTCHN_FIFO_PENDING) && !word_bit(b[0], EVTCHN_FIFO_LINKED));
    check_eq(event_unmask(b[0]), 0);
    check(word_bit(b[0], EVTCHN_FIFO_LINKED));
    check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), b[0]);
    for (unsigned int i = 0; i < 3; i++) {
        drop(b[i]);
        drop(a[i]);
    }
}

static void check_priority(void)
{
    evtchn_port_t a, b;
    struct evtchn_set_priority p = {.priority = EVTCHN_FIFO_PRIORITY_MAX};

    make_pair(&a, &b);
    p.port = b;
    check_eq(hc_event_channel_op(EVTCHNOP_set_priority, &p), 0);
    check_eq(event_unmask(b), 0);
    check_eq(event_send(a), 0); /* an event may stay once more in the queue that it is the last of */
    if (!take(EVTCHN_FIFO_PRIORITY_MAX))
        check_eq(take(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
    check_eq(event_send(a), 0);
    check_eq(control->ready & 1, 1);
    check_eq(take(EVTCHN_FIFO_PRIORITY_MAX), b);
    p.priority = EVTCHN_FIFO_PRIORITY_MIN + 1;
    check_eq(hc_event_channel_op(EVTCHNOP_set_priority, &p), -XEN_EINVAL);
    p.port = 0x1ffff;
    p.priority = 3;
    check_eq(hc_event_channel_op(EVTCHNOP_set_priority, &p), -XEN_EINVAL);
    drop(b);
    drop(a);
}

static void check_many(void)
{
    static evtchn_port_t ports[1100];
    struct evtchn_expand_array expand = {.array_gfn = virt_to_mfn(page_alloc())};
    unsigned int n = 0;
    long rc = 0;

    while (n < 1100 && !(rc = event_alloc(DOMID_SELF, DOMID_SELF, &ports[n])))
        n++;
    if (guest.is_dom0) { /* more than there are words for */
        check_eq(n, 1100);
        check_eq(hc_event_channel_op(EVTCHNOP_expand_array, &expand), 0);
    } else { /* more than the domain may have */
        check_eq(rc, -XEN_ENOSPC);
        check(n > 900 && n < 1024);
    }
    while (n)
        check_eq(event_close(ports[--n]), 0);
}

void test_main(void)
{
    control = page_alloc();
    words = page_alloc();
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*words); i++)
        words[i] = 1u << EVTCHN_FIFO_MASKED; /* that is the guest's to do */
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    check_init();
    check_order();
    check_priority();
    check_many();
}
