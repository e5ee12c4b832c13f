/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domU side of tests of two domains; run by two-domains, not by itself.
 *
 * What it does the command line says: "end=N" shuts down with reason N, "spin" computes for ever,
 * "idle" sleeps for ever, "grant" offers pages to dom0 and answers its events, "touch" gives memory
 * away and takes it anew for ever, "map" maps what dom0 offers into its physmap.
 */
#include "lib/guest.h"

const char test_title[] = "peer of two-domains";

#ifdef GUEST_HVM
/* dom0's page under reference 8, of which 9 is for reading only, at guest frames where nothing is. */
static void map_dom0(void)
{
    const uint64_t gfn = 0x80000;
    struct gnttab_map_grant_ref op = {.host_addr = gfn << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 8};
    struct gnttab_map_grant_ref ro = {.host_addr = (gfn + 1) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 9};
    volatile uint64_t *at = pfn_to_virt(gfn), *ro_at = pfn_to_virt(gfn + 1);

    check_eq(grant_map(&op), GNTST_okay);
    check_eq(grant_map(&ro), GNTST_general_error);
    ro.flags |= GNTMAP_readonly;
    check_eq(grant_map(&ro), GNTST_okay);
    check_eq(*at, 0x1111);
    check_eq(*ro_at, 0x2222);
    *at = 0x3333;
    check_eq(write_fault(ro_at, 0x4444), NO_FAULT); /* dropped */
    check_eq(*ro_at, 0x2222);
    check_eq(grant_unmap(ro.host_addr, ro.handle), GNTST_okay);
    check_eq(grant_unmap(op.host_addr, op.handle), GNTST_okay);
    check_eq(*at, ~0ul);
    check_eq(*ro_at, ~0ul);
    test_done();
}

/*
 * With interrupts off, but on VT-x: there Bochs 2.7 holds back the machine's own interrupts from a guest that has them
 * off when it is entered, for ever if it only computes (so it is on Xen 4.17 with ple_gap=0).
 */
static void spin(void)
{
    if (!hypercall_by_vmmcall())
        irqs_on();
    for (;;)
        cpu_relax();
}

static void touch(void)
{
    static xen_pfn_t list[256];
    struct xen_memory_reservation r = {.domid = DOMID_SELF, .nr_extents = 256};
    uint64_t first = spare_pfn() - 255;

    set_xen_guest_handle(r.extent_start, list);
    for (unsigned int i = 0; i < 256; i++)
        list[i] = first + i;
    for (;;) {
        hc_memory_op(XENMEM_decrease_reservation, &r);
        hc_memory_op(XENMEM_populate_physmap, &r);
    }
}
#else
static void map_dom0(void) { test_error("for HVM guests"); }

static void spin(void)
{
    for (;;)
        cpu_relax();
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
#endif

void test_main(void)
{
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    if (arg_present("end"))
        guest_stop((unsigned int)arg_number("end", 0));
    if (arg_present("grant"))
        offer_to(0);
    if (arg_present("map"))
        map_dom0();
    if (arg_present("touch"))
        touch();
    if (arg_present("spin"))
        spin();
    for (;;)
        hc_sched_op(SCHEDOP_block, 0);
}
