/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dom0 under which other test guests run as domU, and the witness of what they do.
 *
 * Its module is the guest to run. It builds a domain of it, relays its console, waits for its end
 * and destroys it; with the word "once" a single time, else once per case until the guest says that
 * there are no more. After each it looks whether the host is as before: its own memory, its timer,
 * and the machine's free memory but for a few pages that a heap
 * may keep. Any result but SUCCESS of a domain, a death that was
 * not expected, or a change of the host is a failure.
 *
 * The module may be a PVH kernel of somebody else's, its ramdisk behind it at the offset that "ramdisk=" says: the
 * words behind "--" are then the domain's, "pages=" its memory, "seconds=" its time.
 */
#include "lib/guest.h"

const char test_title[] = "host of a guest domain";

#define CASE_SECONDS  120
#define WILD_SECONDS  8
#define WITNESS_WORDS 512
/* Pages that the hypervisor may keep for its own small allocations, over all domains of a run. */
#define FREE_SLACK 8

static uint64_t witness[WITNESS_WORDS];
static volatile unsigned int ticks;
static uint64_t free_before;
static evtchn_port_t exception_port; /* VIRQ_DOM_EXC: a domain has changed its state */

static void tick(evtchn_port_t port)
{
    (void)port;
    ticks++;
}

static uint64_t free_pages(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    check_eq(hc_sysctl(&op), 0);
    return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

/* The host is as it was, or the reason is printed as a failure. */
static void check_witness(void)
{
    uint64_t end = now() + 10000000000ul, now_free;
    unsigned int before = ticks;

    for (unsigned int i = 0; i < WITNESS_WORDS; i++)
        check_eq(witness[i], i * 0x9e3779b97f4a7c15ul);
    check_eq(hc_set_timer(now() + 1000000), 0);
    while (ticks == before && now() < end)
        cpu_relax();
    check(ticks != before);
    do
        now_free = free_pages();
    while (now_free + FREE_SLACK < free_before && now() < end);
    check(now_free + FREE_SLACK >= free_before);
}

/* What a domain came to. */
struct verdict {
    bool over, expects_death, expects_reset, may_die;
    unsigned int reason;
    char result[16];
};

static void note_line(struct verdict *v, const char *line)
{
    const char *result = strstr(line, "Test result: ");

    if (strstr(line, CASE_DIES_MARK))
        v->expects_death = true;
    if (strstr(line, CASE_RESETS_MARK))
        v->expects_reset = true;
    if (strstr(line, CASE_MAY_DIE_MARK))
        v->may_die = true;
    if (result)
        format(v->result, sizeof(v->result), "%s", result + 13);
}

/* Sleep until the domain has something to say, or something has become of it. */
static void wait_for(struct built_domain *d)
{
    evtchn_port_t ports[2] = {d->console_port, exception_port};
    struct sched_poll poll = {.nr_ports = 2, .timeout = now() + 1000000000ul};

    set_xen_guest_handle(poll.ports, ports);
    hc_sched_op(SCHEDOP_poll, &poll);
    port_clear(ports[0]);
    port_clear(ports[1]);
}

static void watch(struct built_domain *d, struct verdict *v)
{
    uint64_t end = now() + arg_number("seconds", CASE_SECONDS) * 1000000000ul;
    struct xen_domctl_getdomaininfo info = {0};
    char line[256];

    while (now() < end && !v->over) {
        wait_for(d);
        v->over = domain_info(d->id, &info) && (info.flags & XEN_DOMINF_shutdown);
        v->reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        while (domain_console_line(d, line, sizeof(line))) {
            printk("d%u| %s\n", d->id, line);
            note_line(v, line);
            if (v->may_die) /* or do nothing any more */
                end = now() + WILD_SECONDS * 1000000000ul;
        }
    }
}

/* Run one domain; false when its guest has no such case. */
static bool run_domain(struct domain_plan *plan)
{
    struct built_domain d;
    struct verdict v = {0};

    if (domain_build(plan, &d))
        test_error("the domain could not be built");
    check_eq(domain_unpause(&d), 0);
    watch(&d, &v);
    check(domain_destroy(&d));
    if (!strcmp(v.result, "SKIP") && !arg_present("once"))
        return false;
    if (!v.over && !v.may_die) /* one that may die may as well sleep for ever */
        check(!"the domain came to an end in time");
    else if (v.may_die)
        printk("d%u ended with reason %u\n", d.id, v.reason);
    else if (v.expects_death)
        check_eq(v.reason, v.expects_reset ? SHUTDOWN_reboot : SHUTDOWN_crash);
    else
        check(v.reason == SHUTDOWN_poweroff && (!strcmp(v.result, "SUCCESS") || arg_present("e9")));
    check_witness();
    return true;
}

/*
 * A domain of the same guest that offers pages and a port to the next one; writes the next one's words that tell
 * about it. Domains are numbered one after the other.
 */
static void start_peer(const struct domain_plan *like, struct built_domain *peer, char *args, size_t size)
{
    struct domain_plan plan = *like;
    uint64_t end = now() + CASE_SECONDS * 1000000000ul;
    const char *port = NULL;
    char line[256];

    plan.args = "domu offer=2";
    if (domain_build(&plan, peer) || peer->id != 1)
        test_error("the peer could not be built, or is not the first domain");
    check_eq(domain_unpause(peer), 0);
    while (!port && now() < end) {
        wait_for(peer);
        while (!port && domain_console_line(peer, line, sizeof(line)))
            port = strstr(line, "port ");
    }
    if (!port)
        test_error("the peer offers nothing");
    format(args, size, "domu peer=%u port=%s%s", peer->id, port + 5, arg_present("wall") ? " wall" : "");
}

static void run_pair(struct domain_plan *plan)
{
    struct built_domain peer;
    char args[64];

    start_peer(plan, &peer, args, sizeof(args));
    plan->args = args;
    free_before = free_pages();
    run_domain(plan);
    check(domain_destroy(&peer));
}

void test_main(void)
{
    char args[64];
    struct domain_plan plan = {.args = args, .pages = (unsigned int)arg_number("pages", 4096)};
    size_t ramdisk = arg_number("ramdisk", 0);
    evtchn_port_t port;
    unsigned int first = (unsigned int)arg_number("first", 0);

    plan.elf = module_find(&plan.elf_size);
    plan.vcpus = (unsigned int)arg_number("vcpus", 1);
    plan.tsc_mode = (unsigned int)arg_number("tsc_mode", 0);
    plan.board = arg_present("board");
    if (!plan.elf)
        test_error("no guest was given as module");
    for (unsigned int i = 0; i < WITNESS_WORDS; i++)
        witness[i] = i * 0x9e3779b97f4a7c15ul;
    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    event_handler(port, tick);
    check_eq(event_unmask(port), 0);
    check_eq(event_bind_virq(VIRQ_DOM_EXC, 0, &exception_port), 0);
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    events_on();
    free_before = free_pages();
    if (arg_present("pair")) {
        run_pair(&plan);
        return;
    }
    if (ramdisk) {
        const char *words = strstr(guest.args, "-- ");

        plan.args = words ? words + 3 : "";
        plan.ramdisk = (const uint8_t *)plan.elf + ramdisk;
        plan.ramdisk_size = plan.elf_size - ramdisk;
        run_domain(&plan);
        return;
    }
    for (unsigned int i = first;; i++) {
        format(args, sizeof(args), "domu%s%s", arg_present("e9") ? " e9" : "", arg_present("wall") ? " wall" : "");
        if (!arg_present("once"))
            format(args + strlen(args), sizeof(args) - strlen(args), " case=%u", i);
        if (!run_domain(&plan))
            break;
        if (arg_present("once") || i >= arg_number("last", ~0u))
            break;
        if (i > 1000)
            test_error("too many cases");
    }
}
