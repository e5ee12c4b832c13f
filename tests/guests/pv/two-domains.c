/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0 and a domU that it makes itself, over and over.
 *
 * Every reason of shutdown arrives as it was given; pausing stops and unpausing goes on; grants of
 * the other are mapped, copied and unmapped, and keep its memory while it dies; events go to and
 * fro; domains are destroyed at any moment of their life, mapped or not; and after all of it the
 * machine's free memory and dom0's event channels are what they were. The module is peer.
 */
#include "lib/guest.h"

const char test_title[] = "two domains";

#define AREA    0x60000000ul
#define REF_RW  8
#define REF_RO  9
#define REF_RUN 16
#define CYCLES  20

static struct domain_plan plan = {.pages = 2048, .vcpus = 1};
static char plan_args[32];

static void build(struct built_domain *d, const char *args)
{
    format(plan_args, sizeof(plan_args), "%s", args);
    plan.args = plan_args;
    if (domain_build(&plan, d))
        test_error("the domain could not be built");
}

static bool wait_flag(struct built_domain *d, uint32_t flag)
{
    uint64_t end = now() + 20000000000ul;
    struct xen_domctl_getdomaininfo info = {0};
    char line[256];

    do {
        domain_console_line(d, line, sizeof(line));
        hc_sched_op(SCHEDOP_yield, 0);
    } while (domain_info(d->id, &info) && !(info.flags & flag) && now() < end);
    return info.flags & flag;
}

static uint64_t free_pages(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    check_eq(hc_sysctl(&op), 0);
    return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

static void check_reasons(void)
{
    static const unsigned int reasons[] = {SHUTDOWN_poweroff,
                                           SHUTDOWN_reboot,
                                           SHUTDOWN_suspend,
                                           SHUTDOWN_crash,
                                           SHUTDOWN_watchdog,
                                           SHUTDOWN_soft_reset,
                                           77};

    for (unsigned int i = 0; i < ARRAY_SIZE(reasons); i++) {
        struct xen_domctl_getdomaininfo info = {0};
        struct built_domain d;
        char args[16];

        format(args, sizeof(args), "end=%u", reasons[i]);
        build(&d, args);
        check_eq(domain_unpause(&d), 0);
        check(wait_flag(&d, XEN_DOMINF_shutdown));
        check(domain_info(d.id, &info));
        check_eq(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, reasons[i]);
        check(domain_destroy(&d));
    }
}

static uint64_t cpu_time(struct built_domain *d)
{
    struct xen_domctl_getdomaininfo info = {0};

    check(domain_info(d->id, &info));
    return info.cpu_time;
}

static void nap(unsigned int ms)
{
    struct sched_poll poll = {.timeout = now() + ms * 1000000ul};

    hc_sched_op(SCHEDOP_poll, &poll);
}

static void check_pause(void)
{
    struct xen_domctl_getdomaininfo info;
    struct xen_domctl op = {0};
    struct built_domain d;
    uint64_t before;

    build(&d, "spin");
    nap(20);
    check(domain_info(d.id, &info));
    check_eq(info.flags & XEN_DOMINF_paused, XEN_DOMINF_paused);
    check_eq(info.cpu_time, 0);
    check_eq(info.tot_pages, plan.pages);
    check_eq(domain_unpause(&d), 0);
    nap(100);
    before = cpu_time(&d);
    check(before > 0);
    check_eq(domctl(&op, XEN_DOMCTL_pausedomain, d.id), 0);
    before = cpu_time(&d);
    nap(50);
    check_eq(cpu_time(&d), before);
    check_eq(domain_unpause(&d), 0);
    nap(100);
    check(cpu_time(&d) > before);
    check_eq(domain_unpause(&d), -XEN_EINVAL);
    check(domain_destroy(&d));
}

/* The peer's event channel; dom0's own end of it is returned. */
static evtchn_port_t meet(struct built_domain *d)
{
    uint64_t end = now() + 20000000000ul;
    evtchn_port_t port = 0, mine = 0;
    char line[256];

    check_eq(domain_unpause(d), 0);
    while (!port && now() < end) {
        if (domain_console_line(d, line, sizeof(line)) && !strncmp(line, "port ", 5))
            for (unsigned int i = 5; line[i]; i++)
                port = port * 10 + line[i] - '0';
        hc_sched_op(SCHEDOP_yield, 0);
    }
    check(port != 0);
    check_eq(event_bind_interdomain(d->id, port, &mine), 0);
    port_clear(mine);
    return mine;
}

static void check_events(evtchn_port_t mine)
{
    for (unsigned int i = 0; i < 100; i++) {
        struct sched_poll poll = {.nr_ports = 1, .timeout = now() + 5000000000ul};

        set_xen_guest_handle(poll.ports, &mine);
        check_eq(event_send(mine), 0);
        check_eq(hc_sched_op(SCHEDOP_poll, &poll), 0);
        check(port_pending(mine));
        port_clear(mine);
    }
}

static struct gnttab_map_grant_ref map_op(domid_t dom, grant_ref_t ref, uint64_t at, unsigned int flags)
{
    return (struct gnttab_map_grant_ref){.host_addr = at, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = dom};
}

static void check_grants(const struct built_domain *d)
{
    struct gnttab_map_grant_ref rw = map_op(d->id, REF_RW, AREA, 0);
    struct gnttab_map_grant_ref ro = map_op(d->id, REF_RO, AREA + PAGE_SIZE, 0);
    struct gnttab_copy copy = {.len = 4096, .flags = GNTCOPY_source_gref};
    uint64_t *page = page_alloc();

    check_eq(grant_map(&rw), GNTST_okay);
    check_eq(*(volatile uint64_t *)AREA, 0x1111);
    check_eq(write_fault(AREA, 0x3333), NO_FAULT);
    check_eq(grant_map(&ro), GNTST_general_error);
    ro.flags |= GNTMAP_readonly;
    check_eq(grant_map(&ro), GNTST_okay);
    check_eq(*(volatile uint64_t *)(AREA + PAGE_SIZE), 0x2222);
    check_eq(write_fault(AREA + PAGE_SIZE, 1), VEC_PF);
    copy.source.domid = d->id;
    copy.source.u.ref = REF_RW;
    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = virt_to_mfn(page);
    check_eq(grant_copy(&copy), GNTST_okay);
    check_eq(page[0], 0x3333);
    copy.source.u.ref = REF_RUN + 31;
    check_eq(grant_copy(&copy), GNTST_okay);
    check_eq(page[0], 31);
    copy.source.u.ref = REF_RUN + 32;
    check(grant_copy(&copy) < 0);
    check_eq(grant_unmap(AREA + PAGE_SIZE, ro.handle), GNTST_okay);
    check_eq(grant_unmap(AREA, rw.handle), GNTST_okay);
    check_eq(read_fault(AREA), VEC_PF);
    page_free(page);
}

/* The domain dies while its pages are mapped: they stay what they are, and it goes when they go. */
static void check_death(struct built_domain *d)
{
    struct gnttab_map_grant_ref op = map_op(d->id, REF_RW, AREA, 0);
    struct gnttab_map_grant_ref late = map_op(d->id, REF_RUN, AREA + PAGE_SIZE, 0);
    struct xen_domctl_getdomaininfo info = {0};
    struct xen_domctl destroy = {0};
    void *foreign = foreign_map(d->id, d->spare_mfn, PTE_KRW);

    check(foreign != NULL);
    check_eq(grant_map(&op), GNTST_okay);
    foreign_unmap(d->console);
    d->console = NULL;
    check_eq(domctl(&destroy, XEN_DOMCTL_destroydomain, d->id), 0);
    nap(50);
    check(domain_info(d->id, &info));
    check_eq(info.flags & XEN_DOMINF_dying, XEN_DOMINF_dying);
    check_eq(write_fault(AREA, 0x4444), NO_FAULT);
    check_eq(*(volatile uint64_t *)AREA, 0x4444);
    check_eq(write_fault(foreign, 0x5555), NO_FAULT);
    check(grant_map(&late) < 0);
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    foreign_unmap(foreign);
    event_close(d->console_port);
    for (uint64_t end = now() + 5000000000ul; domain_info(d->id, &info) && now() < end;)
        hc_sched_op(SCHEDOP_yield, 0);
    check(!domain_info(d->id, &info));
}

static void check_sharing(void)
{
    struct built_domain d;
    evtchn_port_t mine;

    build(&d, "grant");
    mine = meet(&d);
    check_events(mine);
    check_grants(&d);
    check_death(&d);
    check_eq(event_send(mine), 0); /* into the void */
    check_eq(event_close(mine), 0);
}

/* The other way round, into the physmap of an HVM domain. */
static void check_map_ours(void)
{
    struct xen_domctl_getdomaininfo info = {0};
    volatile uint64_t *rw = page_alloc(), *ro = page_alloc();
    struct built_domain d;
    char line[256];
    bool success = false;

    build(&d, "map");
    if (!d.phys32_entry) {
        check(domain_destroy(&d));
        return;
    }
    grant_init();
    rw[0] = 0x1111;
    ro[0] = 0x2222;
    grant_access(REF_RW, d.id, virt_to_mfn((void *)rw), 0);
    grant_access(REF_RO, d.id, virt_to_mfn((void *)ro), GTF_readonly);
    check_eq(domain_unpause(&d), 0);
    for (uint64_t end = now() + 20000000000ul; !(info.flags & XEN_DOMINF_shutdown) && now() < end;) {
        check(domain_info(d.id, &info));
        while (domain_console_line(&d, line, sizeof(line))) {
            printk("d%u| %s\n", d.id, line);
            success |= !strcmp(line, "Test result: SUCCESS");
        }
        hc_sched_op(SCHEDOP_yield, 0);
    }
    check(success);
    check_eq(rw[0], 0x3333);
    check_eq(ro[0], 0x2222);
    check(grant_end(REF_RW) && grant_end(REF_RO));
    check(domain_destroy(&d));
}

static void check_cycles(void)
{
    static const char *const lives[] = {"spin", "idle", "grant", "touch", "end=3"};
    uint64_t before = 0, after, seed = 7;
    evtchn_port_t port_before, port_after;

    check_eq(event_alloc(DOMID_SELF, 0, &port_before), 0);
    check_eq(event_close(port_before), 0);
    for (unsigned int i = 0; i < CYCLES; i++) {
        struct built_domain d;

        build(&d, lives[i % ARRAY_SIZE(lives)]);
        if (i % 7 != 6)
            check_eq(domain_unpause(&d), 0);
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        nap(seed >> 60);
        check(domain_destroy(&d));
        nap(20);
        if (i == 0) /* the first may leave something that the hypervisor keeps for the next */
            before = free_pages();
    }
    for (uint64_t end = now() + 10000000000ul; free_pages() < before && now() < end;)
        nap(20);
    after = free_pages();
    printk("free pages: %lu after the first domain, %lu after %u\n", before, after, CYCLES);
    check(after + 4 >= before);
    check_eq(event_alloc(DOMID_SELF, 0, &port_after), 0);
    check_eq(port_after, port_before);
    check_eq(event_close(port_after), 0);
}

void test_main(void)
{
    plan.elf = module_find(&plan.elf_size);
    if (!plan.elf)
        test_error("the peer was not given as module");
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    map_page(AREA, virt_to_mfn(stacks), PTE_KRO);
    va_write((void *)AREA, 0);
    check_reasons();
    check_pause();
    check_sharing();
    check_map_ours();
    check_cycles();
}
