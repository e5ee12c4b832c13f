/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The micro-benchmark of what passes between two vCPUs and between two domains, in instructions.
 *
 * One CPU: a message to the other and its answer, each side asleep while the other works; grants of
 * the other domain mapped, unmapped and copied, one and 32 at a time. As PV guest it is dom0, and makes a
 * domain of its module, which is peer; as PVH guest it is both domains, which "host" makes: the one that
 * "offer=DOM" is said to is the peer of the one that is told "peer=DOM port=N".
 */
#include "bench.h"

const char test_title[] = "cost between vCPUs and domains in instructions";

#define AREA 0x60000000ul
#define RUN  OFFER_RUN_PAGES

static evtchn_port_t to_second, to_first;
static volatile bool got_answer;

static void answer(evtchn_port_t port)
{
    (void)port;
    event_send(to_first);
}

static void answered(evtchn_port_t port)
{
    (void)port;
    got_answer = true;
}

/* Sleep until an event has been handled that this side waits for. */
static void sleep_until_answer(void)
{
    while (!got_answer) {
        events_off();
        if (!got_answer)
            events_wait();
        events_on();
    }
    got_answer = false;
}

static void second_vcpu(void *arg)
{
    (void)arg;
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 1, 0);
    for (;;) {
        events_off();
        events_wait();
    }
}

static void pingpong_vcpus(void)
{
    if (hc_vcpu_op(VCPUOP_is_up, 1, 0) != 0)
        test_error("a second vCPU is needed");
    check_eq(event_bind_ipi(1, &to_second), 0);
    check_eq(event_bind_ipi(0, &to_first), 0);
    event_handler(to_second, answer);
    event_handler(to_first, answered);
    check_eq(vcpu_start(1, second_vcpu, NULL), 0);
    check_eq(event_unmask(to_second), 0);
    check_eq(event_unmask(to_first), 0);
    events_on();
    BENCH("pingpong_2vcpu_rt", {
        event_send(to_second);
        sleep_until_answer();
    });
    check_eq(event_close(to_second), 0);
    check_eq(event_close(to_first), 0);
}

static void pingpong_domains(evtchn_port_t mine)
{
    event_handler(mine, answered);
    port_clear(mine);
    check_eq(event_unmask(mine), 0);
    BENCH("pingpong_2dom_rt", {
        event_send(mine);
        sleep_until_answer();
    });
}

static struct gnttab_map_grant_ref maps[RUN];
static struct gnttab_unmap_grant_ref unmaps[RUN];
static struct gnttab_copy copies[RUN];

static void map(unsigned int n) { hc_grant_table_op(GNTTABOP_map_grant_ref, maps, n); }

static void unmap(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = maps[i].host_addr, .handle = maps[i].handle};
    hc_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, n);
}

static void peer_maps(domid_t dom)
{
    for (unsigned int i = 0; i < RUN; i++)
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = AREA + i * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = OFFER_RUN + i, .dom = dom};
    map(1);
    check_eq(maps[0].status, GNTST_okay);
    BENCH_PREPARED("peer_grant_map_1", 1, unmap(1), map(1));
    BENCH_PREPARED(
        "peer_grant_unmap_1", 1,
        {
            if (run_ > -BENCH_WARM)
                map(1);
            unmaps[0].handle = maps[0].handle;
        },
        hc_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, 1));
    map(RUN);
    check_eq(maps[RUN - 1].status, GNTST_okay);
    BENCH_PREPARED("peer_grant_map_32_each", RUN, unmap(RUN), map(RUN));
    BENCH_PREPARED(
        "peer_grant_unmap_32_each", RUN,
        {
            if (run_ > -BENCH_WARM)
                map(RUN);
            for (unsigned int i = 0; i < RUN; i++)
                unmaps[i].handle = maps[i].handle;
        },
        hc_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, RUN));
    check_eq(unmaps[RUN - 1].status, GNTST_okay);
}

static void peer_copies(domid_t dom)
{
    for (unsigned int i = 0; i < RUN; i++) {
        copies[i] = (struct gnttab_copy){.len = 4096, .flags = GNTCOPY_source_gref};
        copies[i].source.domid = dom;
        copies[i].source.u.ref = OFFER_RUN + i;
        copies[i].dest.domid = DOMID_SELF;
        copies[i].dest.u.gmfn = virt_to_mfn(page_alloc());
    }
    BENCH("peer_grant_copy_4k", hc_grant_table_op(GNTTABOP_copy, copies, 1));
    BENCH_PREPARED("peer_grant_copy_4k_batch32_each", RUN, , hc_grant_table_op(GNTTABOP_copy, copies, RUN));
    check_eq(copies[RUN - 1].status, GNTST_okay);
}

static void with_peer(domid_t dom, evtchn_port_t port)
{
    evtchn_port_t mine = 0;

    check_eq(event_bind_interdomain(dom, port, &mine), 0);
    pingpong_domains(mine);
    peer_maps(dom);
    peer_copies(dom);
    check_eq(event_close(mine), 0);
}

#ifdef GUEST_PV
/* Let it run; gives the port that it prints. */
static evtchn_port_t start(struct built_domain *d)
{
    evtchn_port_t port = 0;
    uint64_t end = now() + 20000000000ul;
    char line[256];

    check_eq(domain_unpause(d), 0);
    while (!port && now() < end) {
        struct sched_poll poll = {.timeout = now() + 10000000};

        hc_sched_op(SCHEDOP_poll, &poll);
        while (domain_console_line(d, line, sizeof(line)))
            if (!strncmp(line, "port ", 5))
                for (unsigned int i = 5; line[i]; i++)
                    port = port * 10 + line[i] - '0';
    }
    return port;
}

void test_main(void)
{
    struct domain_plan plan = {.pages = 2048, .vcpus = 1, .args = "grant", .tsc_mode = 2};
    struct built_domain d;

    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    plan.elf = module_find(&plan.elf_size);
    if (!plan.elf)
        test_error("the peer was not given as module");
    bench_begin();
    map_page(AREA, virt_to_mfn(stacks), PTE_KRO);
    va_write((void *)AREA, 0);
    pingpong_vcpus();
    if (domain_build(&plan, &d))
        test_error("the domain could not be built");
    with_peer(d.id, start(&d));
    check(domain_destroy(&d));
}
#else
void test_main(void)
{
    if (arg_present("offer"))
        offer_to((domid_t)arg_number("offer", 0));
    bench_begin();
    pingpong_vcpus();
    with_peer((domid_t)arg_number("peer", 0), (evtchn_port_t)arg_number("port", 0));
}
#endif
