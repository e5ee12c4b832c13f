/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: version 1 on the domain itself.
 *
 * Table frames are got and mapped; a page is granted, mapped read-write and read-only, its flags
 * say so, unmapped; copied from and to by frame and by reference; queries and version switches
 * answer; wrong references, domains, handles, addresses and offsets get Xen 4.17's status.
 */
#include "lib/guest.h"

const char test_title[] = "grants on oneself, version 1";

#define AREA 0x30000000ul
#define REF  20

static uint64_t *page;
static domid_t self;

static struct gnttab_map_grant_ref map_op(unsigned int flags, grant_ref_t ref, uint64_t at)
{
    return (struct gnttab_map_grant_ref){.host_addr = at, .flags = flags, .ref = ref, .dom = self};
}

static void check_queries(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_get_version version = {.dom = DOMID_SELF};

    check_eq(hc_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
    check_eq(size.status, GNTST_okay);
    check_eq(size.nr_frames, GRANT_FRAMES);
    check(size.max_nr_frames >= 32);
    check_eq(hc_grant_table_op(GNTTABOP_get_version, &version, 1), 0);
    check_eq(version.version, 1);
    version.dom = 0x1234;
    check_eq(hc_grant_table_op(GNTTABOP_get_version, &version, 1), -XEN_ESRCH);
    check_eq(hc_grant_table_op(77, &size, 1), -XEN_ENOSYS);
    check_eq(hc_grant_table_op(GNTTABOP_query_size, 8, 1), -XEN_EFAULT);
}

static void check_map(void)
{
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, AREA), second;

    grant_access(REF, self, virt_to_mfn(page), 0);
    page[0] = 0x1234;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(*(volatile uint64_t *)AREA, 0x1234);
    check_eq(op.dev_bus_addr, virt_to_mfn(page) << PAGE_SHIFT);
    check_eq(write_fault(AREA, 0x5678), NO_FAULT);
    check_eq(page[0], 0x5678);
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
    check(!grant_end(REF));
    second = map_op(GNTMAP_host_map | GNTMAP_readonly, REF, AREA + PAGE_SIZE);
    check_eq(grant_map(&second), GNTST_okay);
    check_eq(write_fault(AREA + PAGE_SIZE, 1), VEC_PF);
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    check_eq(read_fault(AREA), VEC_PF);
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading);
    check_eq(grant_unmap(AREA, op.handle), GNTST_bad_handle);
    check_eq(grant_unmap(AREA, second.handle), GNTST_general_error);
    check_eq(grant_unmap(AREA + PAGE_SIZE, second.handle), GNTST_okay);
    check(grant_end(REF));
}

static void check_readonly(void)
{
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, AREA);

    grant_access(REF, self, virt_to_mfn(page), GTF_readonly);
    check_eq(grant_map(&op), GNTST_general_error);
    op.flags |= GNTMAP_readonly;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(grant_table[REF].flags & (GTF_reading | GTF_writing), GTF_reading);
    check_eq(va_write((void *)AREA, pte_make(virt_to_mfn(page), PTE_KRO)), 0); /* by hand */
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    check(grant_end(REF));
}

static void check_map_errors(void)
{
    struct gnttab_map_grant_ref op;

    op = map_op(GNTMAP_host_map, REF, AREA);
    check_eq(grant_map(&op), GNTST_general_error); /* not in use */
    op = map_op(GNTMAP_host_map, 100000, AREA);
    check_eq(grant_map(&op), GNTST_bad_gntref);
    op = map_op(0, REF, AREA);
    check_eq(grant_map(&op), GNTST_bad_gntref);
    op = map_op(GNTMAP_host_map, REF, AREA);
    op.dom = 0x1234;
    check_eq(grant_map(&op), GNTST_bad_domain);
    op.dom = DOMID_SELF; /* this one takes numbers only */
    check_eq(grant_map(&op), GNTST_bad_domain);
    grant_access(REF, 0x55, virt_to_mfn(page), 0);
    op = map_op(GNTMAP_host_map, REF, AREA);
    check_eq(grant_map(&op), GNTST_general_error); /* granted to another */
    grant_access(REF, self, 0xffffffff, 0);
    check_eq(grant_map(&op), GNTST_bad_page);
    grant_access(REF, self, virt_to_mfn(page), 0);
    op = map_op(GNTMAP_host_map, REF, 0x700000000000);
    check_eq(grant_map(&op), GNTST_general_error);
    op = map_op(GNTMAP_host_map, REF, HYPERVISOR_VIRT_START);
    check_eq(grant_map(&op), GNTST_general_error);
    check(grant_end(REF));
    check_eq(grant_unmap(AREA, 0xffff), GNTST_bad_handle);
    check_eq(hc_grant_table_op(GNTTABOP_map_grant_ref, 8, 1), -XEN_EFAULT);
    check_eq(hc_grant_table_op(GNTTABOP_map_grant_ref, &op, 0), 0);
}

/* A page that is a page table must not come back as a writable mapping. */
static void check_map_table(void)
{
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map, REF, AREA);

    grant_access(REF, self, virt_to_mfn(kernel_l4), 0);
    check_eq(grant_map(&op), GNTST_general_error);
    op = map_op(GNTMAP_host_map | GNTMAP_readonly, REF, AREA);
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    check(grant_end(REF));
}

/* The mapping goes into an entry of the guest's choice. */
static void check_map_pte(void)
{
    uint64_t at = pte_maddr(pte_find(kernel_l4, AREA, 1));
    struct gnttab_map_grant_ref op = map_op(GNTMAP_host_map | GNTMAP_contains_pte, REF, at);

    page[0] = 0x1234;
    grant_access(REF, self, virt_to_mfn(page), 0);
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(*(volatile uint64_t *)AREA, 0x1234);
    check_eq(grant_unmap(at, op.handle), GNTST_okay);
    mmuext_linear(MMUEXT_INVLPG_LOCAL, AREA);
    check_eq(read_fault(AREA), VEC_PF);
    op = map_op(GNTMAP_host_map | GNTMAP_contains_pte, REF, at + 4);
    check_eq(grant_map(&op), GNTST_general_error);
    op = map_op(GNTMAP_host_map | GNTMAP_contains_pte, REF, virt_to_mfn(page) << PAGE_SHIFT);
    check_eq(grant_map(&op), GNTST_general_error); /* not in a page table */
    check(grant_end(REF));
}

static void check_copy(void)
{
    uint64_t *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy op = {.len = 64};

    from[2] = 0xabcdef;
    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = virt_to_mfn(from);
    op.dest.u.gmfn = virt_to_mfn(to);
    op.source.offset = 16;
    op.dest.offset = 32;
    check_eq(grant_copy(&op), GNTST_okay);
    check_eq(to[4], 0xabcdef);
    op.len = 4096;
    check_eq(grant_copy(&op), GNTST_bad_copy_arg); /* across the end */
    op.len = 8;
    grant_access(REF, self, virt_to_mfn(from), GTF_readonly);
    op.source.u.ref = REF;
    op.flags = GNTCOPY_source_gref;
    op.dest.offset = 0;
    check_eq(grant_copy(&op), GNTST_okay);
    check_eq(to[0], 0xabcdef);
    op.dest.u.ref = REF;
    op.flags = GNTCOPY_dest_gref;
    op.source.u.gmfn = virt_to_mfn(to);
    check_eq(grant_copy(&op), GNTST_general_error); /* granted for reading */
    op.flags = 0;
    op.dest.u.gmfn = virt_to_mfn(kernel_l4);
    check_eq(grant_copy(&op), GNTST_general_error); /* a page table is not for writing */
    op.dest.u.gmfn = 0xffffffffff;
    check_eq(grant_copy(&op), GNTST_bad_page);
    op.source.domid = 0;
    op.dest.domid = 0x1234;
    check(grant_copy(&op) < 0);
    check(grant_end(REF));
}

static void check_setup(void)
{
    static xen_pfn_t frames[4];
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 100000};
    struct gnttab_set_version set = {.version = 3};

    set_xen_guest_handle(op.frame_list, frames);
    check_eq(hc_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    check_eq(op.status, GNTST_general_error);
    op.dom = 0x1234;
    op.nr_frames = 1;
    check_eq(hc_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    check_eq(op.status, GNTST_bad_domain);
    check_eq(hc_grant_table_op(GNTTABOP_set_version, &set, 1), -XEN_EINVAL);
    set.version = 1;
    check_eq(hc_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
}

void test_main(void)
{
    self = domid_self();
    page = page_alloc();
    map_page(AREA, virt_to_mfn(page), PTE_KRW);
    va_write((void *)AREA, 0);
    grant_init();
    check_queries();
    check_map();
    check_readonly();
    check_map_errors();
    check_map_table();
    check_map_pte();
    check_copy();
    check_setup();
}
