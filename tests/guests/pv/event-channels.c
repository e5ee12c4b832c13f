/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels over the two-level ABI.
 *
 * Unbound, interdomain (looped back), VIRQ and IPI ports are made, sent to, masked, unmasked,
 * delivered to the vCPU that they are bound to, moved to another one, told apart by status, closed
 * and reused; delivery obeys the upcall mask; every wrong argument gets Xen 4.17's error.
 */
#include "lib/guest.h"

const char test_title[] = "event channels, two-level";

static void check_loopback(void)
{
    evtchn_port_t a, b, c;
    struct evtchn_status st;

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    check(a > 0);
    check_eq(event_send(a), 0); /* nobody there: dropped */
    check_eq(event_bind_interdomain(DOMID_SELF, a, &b), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, a, &c), -XEN_EINVAL);
    st = (struct evtchn_status){.dom = DOMID_SELF, .port = a};
    check_eq(hc_event_channel_op(EVTCHNOP_status, &st), 0);
    check_eq(st.status, EVTCHNSTAT_interdomain);
    check_eq(st.u.interdomain.port, b);
    check_eq(st.vcpu, 0);
    port_clear(a);
    port_clear(b);
    check_eq(event_send(a), 0);
    check(port_pending(b) && !port_pending(a));
    check_eq(event_unmask(b), 0);
    check_eq(vcpu_info()->evtchn_upcall_pending, 1);
    check_eq(event_count(b), 0); /* upcalls are masked */
    events_on();
    check_eq(event_count(b), 1);
    check_eq(event_send(a), 0);
    check_eq(event_count(b), 2);
    events_off();
    check_eq(event_close(b), 0);
    st.port = a;
    check_eq(hc_event_channel_op(EVTCHNOP_status, &st), 0);
    check_eq(st.status, EVTCHNSTAT_unbound);
    check_eq(event_close(a), 0);
    check_eq(event_close(a), -XEN_EINVAL);
    check_eq(event_send(a), -XEN_EINVAL);
    st.port = a;
    check_eq(hc_event_channel_op(EVTCHNOP_status, &st), 0);
    check_eq(st.status, EVTCHNSTAT_closed);
    check_eq(event_alloc(DOMID_SELF, 0, &b), 0);
    check_eq(b, a); /* the lowest free one */
    check_eq(event_close(b), 0);
}

static void check_virq(void)
{
    evtchn_port_t a, b;
    struct evtchn_status st = {.dom = DOMID_SELF};

    check_eq(event_bind_virq(VIRQ_DEBUG, 0, &a), 0);
    check_eq(event_bind_virq(VIRQ_DEBUG, 0, &b), -XEN_EEXIST);
    st.port = a;
    check_eq(hc_event_channel_op(EVTCHNOP_status, &st), 0);
    check_eq(st.status, EVTCHNSTAT_virq);
    check_eq(st.u.virq, VIRQ_DEBUG);
    check_eq(event_bind_virq(99, 0, &b), -XEN_EINVAL);
    check_eq(event_bind_virq(VIRQ_TIMER, 99, &b), -XEN_ENOENT);
    if (guest.is_dom0) {
        check_eq(event_bind_virq(VIRQ_DOM_EXC, 0, &b), 0);
        check_eq(event_close(b), 0);
        check_eq(event_bind_virq(VIRQ_DOM_EXC, 1, &b), -XEN_EINVAL); /* a global one: vCPU 0 */
    }
    check_eq(event_send(a), -XEN_EINVAL); /* a VIRQ is not for sending */
    check_eq(event_close(a), 0);
}

static volatile unsigned int ipi_on_vcpu = 99;

static void ipi_handler(evtchn_port_t port)
{
    (void)port;
    ipi_on_vcpu = vcpu_id();
}

static volatile bool second_ready, second_stop;

static void second_vcpu(void *arg)
{
    (void)arg;
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 1, 0);
    events_on();
    second_ready = true;
    while (!second_stop)
        cpu_relax();
    events_off();
}

static bool wait_ipi(void)
{
    uint64_t end = now() + 30000000000ul;

    while (ipi_on_vcpu == 99 && now() < end)
        cpu_relax();
    return ipi_on_vcpu != 99;
}

static void check_ipi(void)
{
    evtchn_port_t ipi, x, y;
    struct evtchn_bind_vcpu bind;

    check_eq(event_bind_ipi(99, &ipi), -XEN_ENOENT);
    check_eq(vcpu_start(1, second_vcpu, NULL), 0);
    while (!second_ready)
        cpu_relax();
    check_eq(event_bind_ipi(1, &ipi), 0);
    event_handler(ipi, ipi_handler);
    check_eq(event_unmask(ipi), 0);
    check_eq(event_send(ipi), 0);
    check(wait_ipi());
    check_eq(ipi_on_vcpu, 1);
    bind = (struct evtchn_bind_vcpu){.port = ipi, .vcpu = 0};
    check_eq(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_EINVAL); /* bound for good */
    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &x), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, x, &y), 0);
    port_clear(y);
    bind = (struct evtchn_bind_vcpu){.port = y, .vcpu = 1};
    check_eq(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), 0);
    bind.vcpu = 99;
    check_eq(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_ENOENT);
    event_handler(y, ipi_handler);
    ipi_on_vcpu = 99;
    check_eq(event_unmask(y), 0);
    check_eq(event_send(x), 0);
    check(wait_ipi());
    check_eq(ipi_on_vcpu, 1);
    second_stop = true;
    check(vcpu_wait(1, 60000));
    check_eq(event_close(ipi), 0);
    check_eq(event_close(x), 0);
    check_eq(event_close(y), 0);
}

static void check_errors(void)
{
    evtchn_port_t a;
    struct evtchn_unmask unmask = {.port = 4096};
    struct evtchn_reset reset = {.dom = 0x1234};

    check_eq(event_alloc(0x1234, 0, &a), -XEN_ESRCH);
    check_eq(event_alloc(DOMID_SELF, 0x1234, &a), 0); /* the remote end need not be there */
    check_eq(event_close(a), 0);
    check_eq(event_bind_interdomain(0x1234, 1, &a), -XEN_ESRCH);
    check_eq(event_bind_interdomain(DOMID_SELF, 0, &a), -XEN_EINVAL);
    check_eq(event_bind_interdomain(DOMID_SELF, 100000, &a), -XEN_EINVAL);
    check_eq(event_send(0), -XEN_EINVAL);
    check_eq(event_send(100000), -XEN_EINVAL);
    check_eq(event_close(0), -XEN_EINVAL);
    check_eq(event_close(100000), -XEN_EINVAL);
    check_eq(hc_event_channel_op(EVTCHNOP_unmask, &unmask), -XEN_EINVAL);
    check_eq(hc_event_channel_op(EVTCHNOP_reset, &reset), -XEN_ESRCH);
    check_eq(hc_event_channel_op(77, &unmask), -XEN_ENOSYS);
    check_eq(hc_event_channel_op(EVTCHNOP_send, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_event_channel_op(EVTCHNOP_alloc_unbound, BAD_POINTER), -XEN_EFAULT);
}

static void check_poll(void)
{
    evtchn_port_t a, b, ports[2];
    struct sched_poll poll = {.nr_ports = 1};
    uint64_t begin = now();

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, a, &b), 0);
    port_clear(b);
    port_mask(b);
    ports[0] = b;
    set_xen_guest_handle(poll.ports, ports);
    poll.timeout = begin + 5000000;
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0);
    check(now() >= begin + 5000000 - 1000);
    check_eq(event_send(a), 0);
    poll.timeout = now() + 10000000000ul;
    begin = now();
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0); /* pending already: at once */
    check(now() < begin + 5000000000ul);
    ports[0] = 100000;
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 129;
    check_eq(hc_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    check_eq(event_close(a), 0);
    check_eq(event_close(b), 0);
}

/* Ports up to the end of the table, or of what the domain may have; and all of them back. */
static void check_many(void)
{
    static evtchn_port_t ports[EVENT_PORTS];
    unsigned int n = 0;
    long rc;

    while (n < EVENT_PORTS && !(rc = event_alloc(DOMID_SELF, DOMID_SELF, &ports[n])))
        n++;
    check_eq(rc, -XEN_ENOSPC);
    check(guest.is_dom0 ? n > 4000 : n > 900 && n < 1024);
    while (n)
        check_eq(event_close(ports[--n]), 0);
}

void test_main(void)
{
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    check_loopback();
    check_virq();
    check_ipi();
    check_errors();
    check_poll();
    check_many();
}
