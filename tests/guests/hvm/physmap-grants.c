/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants of an HVM guest: the table's frames in its physmap, and mappings that appear at a guest
 * frame.
 *
 * A page is granted to oneself, mapped read-write and read-only at a guest frame, unmapped; copied
 * from and to by frame and by reference; version 2's status frames are placed; wrong references,
 * handles and addresses get Xen 4.17's status.  Xen has a frame at one place of a physmap only: a
 * domain that maps its own page takes it away from where it was, which is let pass, not asked for.
 */
#include "lib/guest.h"

const char test_title[] = "grants in the physmap";

#define AREA 0x80000ul /* a guest frame where nothing is */
#define REF  20

static volatile unsigned long *page;
static domid_t self;

static struct gnttab_map_grant_ref map_op(unsigned int flags, grant_ref_t ref, uint64_t gfn)
{
    return (struct gnttab_map_grant_ref){.host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref, .dom = self};
}

/* The page's own place: what it holds, or nothing any more. */
static bool holds(unsigned long value) { return page[0] == value || page[0] == ~0ul; }

static volatile unsigned long *at(uint64_t gfn) { return pfn_to_virt(gfn); }

static void check_queries(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};

    check_eq(hc_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
    check_eq(size.status, GNTST_okay);
    check_eq(size.nr_frames, GRANT_FRAMES);
    check_eq(size.max_nr_frames, 32);
    /* a frame of the table is at one place only */
    check_eq(physmap_add(XENMAPSPACE_grant_table, 0, AREA), 0);
    check_eq(*at(virt_to_pfn(grant_table)), ~0ul);
    check_eq(physmap_add(XENMAPSPACE_grant_table, 0, virt_to_pfn(grant_table)), 0);
    check_eq(*at(AREA), ~0ul);
    check_eq(physmap_add(XENMAPSPACE_grant_table, 32, AREA), -XEN_EINVAL);
    check_eq(physmap_add(XENMAPSPACE_grant_table, 0 | XENMAPIDX_grant_table_status, AREA), -XEN_EINVAL);
}

static void check_map(void)
{
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, AREA), second;

    grant_access(REF, self, virt_to_mfn((void *)page), 0);
    page[0] = 0x1234;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(*at(AREA), 0x1234);
    *at(AREA) = 0x5678;
    check(holds(0x5678));
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
    check(!grant_end(REF));
    second = map_op(GNTMAP_host_map | GNTMAP_readonly, REF, AREA + 1);
    check_eq(grant_map(&second), GNTST_okay);
    check_eq(*at(AREA + 1), 0x5678);
    check_eq(grant_unmap(AREA << PAGE_SHIFT, op.handle), GNTST_okay);
    check_eq(*at(AREA), ~0ul);
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading);
    check_eq(grant_unmap(AREA << PAGE_SHIFT, op.handle), GNTST_bad_handle);
    check_eq(grant_unmap(AREA << PAGE_SHIFT, second.handle), GNTST_general_error);
    check_eq(grant_unmap((AREA + 1) << PAGE_SHIFT, second.handle), GNTST_okay);
    check(grant_end(REF));
}

/* A page of one's own may be in the way; it is lost. */
static void check_over_memory(void)
{
    uint64_t gfn = spare_pfn();
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, gfn);

    grant_access(REF, self, virt_to_mfn((void *)page), 0);
    *at(gfn) = 0x99;
    page[0] = 0x55;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(*at(gfn), 0x55);
    check_eq(grant_unmap(gfn << PAGE_SHIFT, op.handle), GNTST_okay);
    check_eq(*at(gfn), ~0ul);
    check(grant_end(REF));
}

static void check_readonly(void)
{
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, AREA);

    grant_access(REF, self, virt_to_mfn((void *)page), GTF_readonly);
    check_eq(grant_map(&op), GNTST_general_error);
    op.flags |= GNTMAP_readonly;
    page[0] = 0x77;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading);
    check_eq(*at(AREA), 0x77);
    check_eq(write_fault(at(AREA), 0x88), NO_FAULT); /* dropped */
    check(holds(0x77));
    check_eq(grant_unmap(AREA << PAGE_SHIFT, op.handle), GNTST_okay);
    check(grant_end(REF));
}

static void check_errors(void)
{
    struct gnttab_map_grant_ref op;

    op = map_op(GNTMAP_host_map, REF, AREA);
    check_eq(grant_map(&op), GNTST_general_error); /* not in use */
    op = map_op(GNTMAP_host_map, 100000, AREA);
    check_eq(grant_map(&op), GNTST_bad_gntref);
    op = map_op(GNTMAP_host_map, REF, AREA);
    op.dom = 0x1234;
    check_eq(grant_map(&op), GNTST_bad_domain);
    grant_access(REF, self, 0xffffff, 0);
    op = map_op(GNTMAP_host_map, REF, AREA);
    check_eq(grant_map(&op), GNTST_bad_page);
    grant_access(REF, self, virt_to_mfn((void *)page), 0);
    op = map_op(GNTMAP_host_map | GNTMAP_contains_pte, REF, AREA);
    check_eq(grant_map(&op), GNTST_general_error);
    op = map_op(GNTMAP_host_map, REF, 1ull << 50);
    check_eq(grant_map(&op), GNTST_general_error);
    op = map_op(GNTMAP_device_map, REF, AREA);
    check_eq(grant_map(&op), GNTST_general_error);
    check(grant_end(REF));
    check_eq(grant_unmap(AREA << PAGE_SHIFT, 0xffff), GNTST_bad_handle);
}

static void check_copy(void)
{
    volatile uint64_t *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy op = {.len = 64};

    from[2] = 0xabcdef;
    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = (xen_pfn_t)virt_to_mfn((void *)from);
    op.dest.u.gmfn = (xen_pfn_t)virt_to_mfn((void *)to);
    op.source.offset = 16;
    op.dest.offset = 32;
    check_eq(grant_copy(&op), GNTST_okay);
    check_eq(to[4], 0xabcdef);
    op.len = 8;
    grant_access(REF, self, virt_to_mfn((void *)from), GTF_readonly);
    op.source.u.ref = REF;
    op.flags = GNTCOPY_source_gref;
    op.dest.offset = 0;
    check_eq(grant_copy(&op), GNTST_okay);
    check_eq(to[0], 0xabcdef);
    op.dest.u.ref = REF;
    op.flags = GNTCOPY_dest_gref;
    op.source.u.gmfn = (xen_pfn_t)virt_to_mfn((void *)to);
    check_eq(grant_copy(&op), GNTST_general_error); /* granted for reading */
    op.flags = 0;
    op.dest.u.gmfn = AREA;
    check_eq(grant_copy(&op), GNTST_bad_page);
    check(grant_end(REF));
}

static void check_version2(void)
{
    struct gnttab_set_version set = {.version = 2};

    check_eq(hc_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
    check_eq(physmap_add(XENMAPSPACE_grant_table, 0 | XENMAPIDX_grant_table_status, AREA), 0);
    check_eq(*at(AREA), 0);
    set.version = 1;
    check_eq(hc_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
    check_eq(*at(AREA), ~0ul);
}

void test_main(void)
{
    self = domid_self();
    grant_init();
    check_queries();
    page = page_alloc();
    check_map();
    page = page_alloc();
    check_over_memory();
    page = page_alloc();
    check_readonly();
    page = page_alloc();
    check_errors();
    check_copy();
    check_version2();
}
