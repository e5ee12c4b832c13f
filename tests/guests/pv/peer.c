/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domU side of tests of two domains; run by two-domains, not by itself.
 *
 * What it does the command line says: "end=N" shuts down with reason N, "spin" computes for ever,
 * "idle" sleeps for ever, "grant" offers pages to dom0 and answers its events, "touch" gives memory
 * away and takes it anew for ever.
 */
#include "lib/guest.h"

const char test_title[] = "peer of two-domains";

/* References that dom0 knows: a page to write, one to read, and a run of 32. */
enum { REF_RW = 8, REF_RO = 9, REF_RUN = 16 };

static void answer(evtchn_port_t port) { event_send(port); }

static void offer(void)
{
    uint64_t *rw = page_alloc(), *ro = page_alloc();
    evtchn_port_t port;

    grant_init();
    rw[0] = 0x1111;
    ro[0] = 0x2222;
    grant_access(REF_RW, 0, virt_to_mfn(rw), 0);
    grant_access(REF_RO, 0, virt_to_mfn(ro), GTF_readonly);
    for (unsigned int i = 0; i < 32; i++) {
        uint64_t *page = page_alloc();

        page[0] = i;
        grant_access(REF_RUN + i, 0, virt_to_mfn(page), 0);
    }
    check_eq(event_alloc(DOMID_SELF, 0, &port), 0);
    event_handler(port, answer);
    check_eq(event_unmask(port), 0);
    events_on();
    printk("port %u\n", port);
    for (;;) {
        events_off();
        if (!vcpu_info()->evtchn_upcall_pending)
            hc_sched_op(SCHEDOP_block, 0);
        events_on();
    }
}

static void touch(void)
{
    static xen_pfn_t list[256];
    struct xen_memory_reservation r = {.domid = DOMID_SELF};
    uint64_t first = guest.start->nr_pages - 256;

    set_xen_guest_handle(r.extent_start, list);
    for (;;) {
        for (unsigned int i = 0; i < 256; i++)
            list[i] = pfn_to_mfn(first + i);
        r.nr_extents = 256;
        hc_memory_op(XENMEM_decrease_reservation, &r);
        for (unsigned int i = 0; i < 256; i++)
            list[i] = first + i;
        hc_memory_op(XENMEM_populate_physmap, &r);
        for (unsigned int i = 0; i < 256; i++)
            ((uint64_t *)guest.start->mfn_list)[first + i] = list[i];
    }
}

void test_main(void)
{
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    if (arg_present("end"))
        guest_stop((unsigned int)arg_number("end", 0));
    if (arg_present("grant"))
        offer();
    if (arg_present("touch"))
        touch();
    while (arg_present("spin"))
        cpu_relax();
    for (;;)
        hc_sched_op(SCHEDOP_block, 0);
}
