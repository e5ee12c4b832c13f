/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_op: reservations, ballooning, exchange, and the queries.
 *
 * Pages are given back, gone, and taken anew; counts in the answers and in the reservation agree;
 * what is mapped or pinned cannot be given; exchange swaps a page for another; wrong orders,
 * counts, domains and pointers get Xen 4.17's answers.
 */
#include "lib/guest.h"

const char test_title[] = "memory_op";

static xen_pfn_t list[64];

static long reservation(unsigned int cmd, unsigned int count, unsigned int order, domid_t dom)
{
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = order, .domid = dom};

    set_xen_guest_handle(r.extent_start, list);
    return hc_memory_op(cmd, &r);
}

static long current_pages(void)
{
    domid_t self = DOMID_SELF;

    return hc_memory_op(XENMEM_current_reservation, &self);
}

static void check_queries(void)
{
    domid_t dom = DOMID_SELF, none = 0x1234;
    long pages = current_pages();

    check(pages >= (long)guest.start->nr_pages);
    check_eq(hc_memory_op(XENMEM_current_reservation, &none), -XEN_ESRCH);
    check(hc_memory_op(XENMEM_maximum_reservation, &dom) >= pages);
    check_eq(hc_memory_op(XENMEM_current_reservation, 8), -XEN_EFAULT);
    check(hc_memory_op(XENMEM_maximum_ram_page, 0) > 0x1000);
    guest.shared->arch.max_pfn = 0x1000; /* which is what a PV guest says of itself */
    check_eq(hc_memory_op(XENMEM_maximum_gpfn, &dom), 0x1000 - 1);
    check_eq(hc_memory_op(61, 0), -XEN_ENOSYS);
}

static void check_machphys(void)
{
    struct xen_machphys_mapping map = {0};
    struct xen_machphys_mfn_list l = {.max_extents = ARRAY_SIZE(list)};

    check_eq(hc_memory_op(XENMEM_machphys_mapping, &map), 0);
    check_eq(map.v_start, MACH2PHYS_VIRT_START);
    check_eq(map.v_end, MACH2PHYS_VIRT_END);
    /* how much memory there is, is dom0's to know */
    check_eq(map.max_mfn,
             guest.is_dom0 ? (uint64_t)hc_memory_op(XENMEM_maximum_ram_page, 0) - 1 : MACH2PHYS_NR_ENTRIES - 1);
    set_xen_guest_handle(l.extent_start, list);
    check_eq(hc_memory_op(XENMEM_machphys_mfn_list, &l), 0);
    check(l.nr_extents >= 1);
    check(list[0] != 0);
}

static void check_maps(void)
{
    static struct e820entry {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) entries[64];
    struct xen_memory_map map = {.nr_entries = 64};

    set_xen_guest_handle(map.buffer, (void *)entries);
    if (!guest.is_dom0) {
        check_eq(hc_memory_op(XENMEM_machine_memory_map, &map), -XEN_EPERM);
        check_eq(hc_memory_op(XENMEM_memory_map, &map), -XEN_ENOSYS);
        return;
    }
    check_eq(hc_memory_op(XENMEM_memory_map, &map), -XEN_ENOSYS);
    map.nr_entries = 64;
    check_eq(hc_memory_op(XENMEM_machine_memory_map, &map), 0);
    check(map.nr_entries > 4 && map.nr_entries < 64);
    check_eq(entries[0].addr, 0);
    check_eq(entries[0].type, 1);
    map.nr_entries = 1;
    check_eq(hc_memory_op(XENMEM_machine_memory_map, &map), -XEN_EINVAL); /* too small a buffer */
}

/* Spare frames, not mapped anywhere, go and come. */
static void check_balloon(void)
{
    long pages = current_pages();
    uint64_t pfn[64];

    for (unsigned int i = 0; i < 64; i++) {
        pfn[i] = spare_pfn();
        list[i] = pfn_to_mfn(pfn[i]);
    }
    check_eq(reservation(XENMEM_decrease_reservation, 64, 0, DOMID_SELF), 64);
    check_eq(current_pages(), pages - 64);
    check_eq(reservation(XENMEM_decrease_reservation, 64, 0, DOMID_SELF), 0); /* gone already */
    for (unsigned int i = 0; i < 64; i++)
        list[i] = pfn[i];
    check_eq(reservation(XENMEM_populate_physmap, 64, 0, DOMID_SELF), 64);
    check_eq(current_pages(), pages);
    for (unsigned int i = 0; i < 64; i++)
        check_eq(mfn_to_pfn(list[i]), pfn[i]);
    check_eq(reservation(XENMEM_decrease_reservation, 64, 0, DOMID_SELF), 64);
    check_eq(reservation(XENMEM_increase_reservation, 64, 0, DOMID_SELF), 64);
    check_eq(current_pages(), pages);
    check_eq(list[0] != 0, 1);
}

/* A page that came anew reads as zeros or as nobody's data, never as its old content. */
static void check_scrubbed(void)
{
    uint64_t *page = page_alloc(), pfn = virt_to_pfn(page);

    page[7] = 0x5ec2e7;
    list[0] = virt_to_mfn(page);
    check_eq(va_write(page, 0), 0);
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 1);
    list[0] = pfn;
    check_eq(reservation(XENMEM_populate_physmap, 1, 0, DOMID_SELF), 1);
    check_eq(va_write(page, pte_make(list[0], PTE_KRW)), 0);
    check(page[7] == 0 || page[7] == 0x5ec2e7); /* its own of before is let pass, as on Xen */
}

static void check_in_use(void)
{
    uint64_t *page = page_alloc(), mfn = virt_to_mfn(page);
    long pages = current_pages();

    list[0] = virt_to_mfn(pte_of(page)); /* a page table */
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 1);
    check_eq(read_fault(page), NO_FAULT);
    list[0] = mfn; /* mapped: it stays until the mapping goes */
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 1);
    page[3] = 4;
    check_eq(page[3], 4);
    check_eq(va_write(page, 0), 0);
    check_eq(va_write(page, pte_make(mfn, PTE_KRW)), -XEN_EBUSY);
    check(current_pages() < pages);
}

static void check_arguments(void)
{
    list[0] = spare_pfn();
    check_eq(reservation(XENMEM_populate_physmap, 1, 0, 0x1234), 0);
    check_eq(reservation(XENMEM_populate_physmap, 1, 40, DOMID_SELF), 0);
    check_eq(reservation(XENMEM_decrease_reservation, 1, 40, DOMID_SELF), 0);
    list[0] = 0xffffffffff;
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 0);
    check_eq(reservation(XENMEM_populate_physmap, 0, 0, DOMID_SELF), 0);
    check_eq(hc_memory_op(XENMEM_populate_physmap, 8), 0);
}

static void check_exchange(void)
{
    static xen_pfn_t in[1], out[1];
    struct xen_memory_exchange ex = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    uint64_t pfn = spare_pfn(), old = pfn_to_mfn(pfn);

    in[0] = old;
    out[0] = pfn;
    set_xen_guest_handle(ex.in.extent_start, in);
    set_xen_guest_handle(ex.out.extent_start, out);
    check_eq(hc_memory_op(XENMEM_exchange, &ex), 0);
    check_eq(ex.nr_exchanged, 1);
    check_eq(mfn_to_pfn(out[0]), pfn);
    in[0] = out[0];
    out[0] = pfn;
    ex.nr_exchanged = 0;
    ex.out.extent_order = 1;
    check_eq(hc_memory_op(XENMEM_exchange, &ex), -XEN_EINVAL); /* counts do not agree */
    ex.out.extent_order = 0;
    ex.nr_exchanged = 5;
    check_eq(hc_memory_op(XENMEM_exchange, &ex), -XEN_EINVAL);
    ex.nr_exchanged = 0;
    in[0] = 0xffffffffff;
    check_eq(hc_memory_op(XENMEM_exchange, &ex), -XEN_EINVAL);
    in[0] = virt_to_mfn(kernel_l4);
    check_eq(hc_memory_op(XENMEM_exchange, &ex), -XEN_EINVAL);
}

void test_main(void)
{
    check_queries();
    check_machphys();
    check_maps();
    check_balloon();
    check_scrubbed();
    check_arguments();
    check_exchange();
    check_in_use();
}
