/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physmap of an HVM guest: who puts what at which guest frame.
 *
 * Frames are given back and taken anew, moved, removed; the shared info page and grant frames are
 * placed and moved; what is not there reads as ones and swallows writes; counts agree; wrong spaces,
 * indices, domains and pointers get Xen 4.17's answers.
 */
#include "lib/guest.h"

const char test_title[] = "the physmap";

static xen_pfn_t list[64];

static volatile uint32_t *at(uint64_t gfn) { return pfn_to_virt(gfn); }

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

/* Nothing there: reads are ones, writes go nowhere. */
static void check_hole(uint64_t gfn)
{
    check_eq(*at(gfn), 0xffffffff);
    *at(gfn) = 0x12345678;
    check_eq(*at(gfn), 0xffffffff);
    check_eq(*(volatile uint16_t *)((unsigned long)at(gfn) + 6), 0xffff);
    check_eq(*(volatile uint8_t *)((unsigned long)at(gfn) + 9), 0xff);
}

static void check_queries(void)
{
    domid_t self = DOMID_SELF, none = 0x1234;
    struct xen_memory_map map = {.nr_entries = 4};
    struct xen_machphys_mapping m2p = {0};
    static uint64_t entries[16];

    check_eq(current_pages(), 4096 - 1); /* the shared info page took the place of one */
    check_eq(hc_memory_op(XENMEM_current_reservation, &none), -XEN_ESRCH);
    check_eq(hc_memory_op(XENMEM_maximum_reservation, &self), 4096 + 256);
    check_eq(hc_memory_op(XENMEM_maximum_gpfn, &self), 4095);
    set_xen_guest_handle(map.buffer, (void *)entries);
    check_eq(hc_memory_op(XENMEM_memory_map, &map), -XEN_ENOSYS);
    check_eq(hc_memory_op(XENMEM_machine_memory_map, &map), -XEN_ENOSYS);
    check_eq(hc_memory_op(XENMEM_machphys_mapping, &m2p), -XEN_ENOSYS);
    check_eq(hc_memory_op(61, 0), -XEN_ENOSYS);
}

static void check_balloon(void)
{
    long pages = current_pages();
    uint64_t gfn[64];

    for (unsigned int i = 0; i < 64; i++) {
        list[i] = (xen_pfn_t)(gfn[i] = spare_pfn());
        *at(gfn[i]) = i;
    }
    check_eq(reservation(XENMEM_decrease_reservation, 64, 0, DOMID_SELF), 64);
    check_eq(current_pages(), pages - 64);
    check_hole(gfn[0]);
    check_hole(gfn[63]);
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 0); /* gone already */
    check_eq(current_pages(), pages - 64);
    check_eq(reservation(XENMEM_populate_physmap, 64, 0, DOMID_SELF), 64);
    check_eq(current_pages(), pages);
    for (unsigned int i = 0; i < 64; i++) {
        check_eq(list[i], gfn[i]); /* machine frames are none of its business */
        *at(gfn[i]) = i * 5;
    }
    for (unsigned int i = 0; i < 64; i++)
        check_eq(*at(gfn[i]), i * 5);
    check_eq(reservation(XENMEM_populate_physmap, 1, 0, DOMID_SELF), 1); /* there already */
    check(current_pages() == pages || current_pages() == pages + 1);     /* Xen keeps the old one, too */
}

static void check_arguments(void)
{
    list[0] = (xen_pfn_t)spare_pfn();
    check_eq(reservation(XENMEM_populate_physmap, 1, 0, 0x1234), 0);
    check_eq(reservation(XENMEM_populate_physmap, 1, 40, DOMID_SELF), 0);
    check_eq(reservation(XENMEM_decrease_reservation, 1, 40, DOMID_SELF), 0);
    check_eq(reservation(XENMEM_increase_reservation, 1, 0, DOMID_SELF), 1); /* a page that is nowhere */
    check_eq(hc_memory_op(XENMEM_populate_physmap, BAD_POINTER), 0);
    check_eq(physmap_add(99, 0, list[0]), -XEN_EINVAL);
    check_eq(physmap_add(XENMAPSPACE_shared_info, 1, list[0]), -XEN_EINVAL);
    check_eq(physmap_add(XENMAPSPACE_grant_table, 100000, list[0]), -XEN_EINVAL);
    check_eq(physmap_add(XENMAPSPACE_gmfn, 0xfffff00, list[0]), -XEN_EINVAL);
    check_eq(physmap_add(XENMAPSPACE_gmfn_foreign, 0, list[0]), -XEN_ENOSYS);
    check_eq(physmap_remove(0xfffff00), -XEN_ENOENT);
    check_eq(hc_memory_op(XENMEM_add_to_physmap, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_memory_op(XENMEM_remove_from_physmap, BAD_POINTER), -XEN_EFAULT);
}

static void check_move(void)
{
    uint64_t from = spare_pfn(), to = spare_pfn();
    long pages = current_pages();

    *at(from) = 0x1111;
    *at(to) = 0x2222;
    check_eq(physmap_add(XENMAPSPACE_gmfn, from, to), 0);
    check_eq(*at(to), 0x1111);
    check_hole(from);
    check_eq(current_pages(), pages - 1);               /* what was there is gone */
    check_eq(physmap_add(XENMAPSPACE_gmfn, to, to), 0); /* onto itself */
    check_eq(*at(to), 0x1111);
    check_eq(physmap_add(XENMAPSPACE_gmfn, to, from), 0);
    check_eq(*at(from), 0x1111);
    check_hole(to);
    check_eq(physmap_remove(from), 0);
    check_hole(from);
    check_eq(physmap_remove(from), -XEN_ENOENT);
    list[0] = (xen_pfn_t)to;
    check_eq(reservation(XENMEM_populate_physmap, 1, 0, DOMID_SELF), 1);
    *at(to) = 7;
    check_eq(*at(to), 7);
}

/* A frame above the guest's memory, far away: tables for it are made. */
static void check_far(void)
{
    uint64_t from = spare_pfn();
    const uint64_t far = 0x80000; /* 2 GB */

    *at(from) = 0x3333;
    check_hole(far);
    check_eq(physmap_add(XENMAPSPACE_gmfn, from, far), 0);
    check_eq(*at(far), 0x3333);
    check_eq(physmap_remove(far), 0);
    check_hole(far);
}

static void check_shared_info(void)
{
    uint64_t old = virt_to_pfn(guest.shared), new = spare_pfn();
    shared_info_t *moved = (shared_info_t *)at(new);

    check_eq(physmap_add(XENMAPSPACE_shared_info, 0, new), 0);
    check_eq(moved->vcpu_info[0].time.tsc_to_system_mul != 0, 1);
    check_hole(old);
    check_eq(physmap_add(XENMAPSPACE_shared_info, 0, old), 0);
    check_hole(new);
    check(guest.shared->vcpu_info[0].time.version != 0);
}

static void check_batch(void)
{
    static xen_ulong_t idxs[3];
    static xen_pfn_t gfns[3];
    static int errs[3];
    struct xen_add_to_physmap_batch op = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .size = 3};

    idxs[0] = spare_pfn();
    idxs[1] = 0xfffff00;
    idxs[2] = spare_pfn();
    for (unsigned int i = 0; i < 3; i++)
        gfns[i] = 0x80010 + i;
    *at(idxs[0]) = 0x77;
    *at(idxs[2]) = 0x99;
    set_xen_guest_handle(op.idxs, idxs);
    set_xen_guest_handle(op.gpfns, gfns);
    set_xen_guest_handle(op.errs, errs);
    check_eq(hc_memory_op(XENMEM_add_to_physmap_batch, &op), 0);
    check_eq(errs[0], 0);
    check_eq(errs[1], -XEN_EINVAL);
    check_eq(errs[2], 0);
    check_eq(*at(gfns[0]), 0x77);
    check_eq(*at(gfns[2]), 0x99);
    check_hole(gfns[1]);
    op.domid = 0x1234;
    check_eq(hc_memory_op(XENMEM_add_to_physmap_batch, &op), -XEN_ESRCH);
    op.domid = DOMID_SELF;
    op.space = 99;
    check_eq(hc_memory_op(XENMEM_add_to_physmap_batch, &op), 0);
    check_eq(errs[0], -XEN_EINVAL);
}

/* 2 MB at once, and a hole in the midst of them. */
static void check_large(void)
{
    const uint64_t first = 0x40000; /* 1 GB */
    uint64_t gfn = spare_pfn() - 600;

    for (unsigned int i = 0; i < 512; i += 64) { /* room under the domain's limit */
        for (unsigned int j = 0; j < 64; j++)
            list[j] = (xen_pfn_t)(gfn + i + j);
        check_eq(reservation(XENMEM_decrease_reservation, 64, 0, DOMID_SELF), 64);
    }
    list[0] = (xen_pfn_t)first;
    check_eq(reservation(XENMEM_populate_physmap, 1, 9, DOMID_SELF), 1);
    *at(first + 3) = 3;
    *at(first + 511) = 511;
    list[0] = (xen_pfn_t)first + 4;
    check_eq(reservation(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 1);
    check_hole(first + 4);
    check_eq(*at(first + 3), 3);
    check_eq(*at(first + 511), 511);
}

static void check_mem_type(void)
{
    struct xen_hvm_get_mem_type op = {.domid = DOMID_SELF, .pfn = virt_to_pfn(list)};

    check_eq(hc_hvm_op(HVMOP_get_mem_type, &op), 0);
    check_eq(op.mem_type, HVMMEM_ram_rw);
    op.pfn = 0x80000;
    check_eq(hc_hvm_op(HVMOP_get_mem_type, &op), 0);
    check_eq(op.mem_type, HVMMEM_mmio_dm);
    op.domid = 0x1234;
    check_eq(hc_hvm_op(HVMOP_get_mem_type, &op), -XEN_ESRCH);
}

void test_main(void)
{
    check_queries();
    check_balloon();
    check_arguments();
    check_move();
    check_far();
    check_shared_info();
    check_batch();
    check_mem_type();
    check_large();
}
