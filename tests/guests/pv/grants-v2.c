/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: version 2 on the domain itself.
 *
 * The table is switched to version 2 and back while empty; status frames are got; a page is granted
 * whole and in part, its status word says what is in use; copies obey the bounds of a part; a part
 * is not for mapping; wrong frames and versions get Xen 4.17's answers.
 */
#include "lib/guest.h"

const char test_title[] = "grants on oneself, version 2";

#define AREA 0x30000000ul
#define REF  20

static volatile grant_entry_v2_t *table;
static volatile uint16_t *status;
static uint8_t status_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t *page;
static domid_t self;

static long set_version(unsigned int version)
{
    struct gnttab_set_version op = {.version = version};

    return hc_grant_table_op(GNTTABOP_set_version, &op, 1);
}

static long version(void)
{
    struct gnttab_get_version op = {.dom = DOMID_SELF};

    check_eq(hc_grant_table_op(GNTTABOP_get_version, &op, 1), 0);
    return op.version;
}

static void check_switch(void)
{
    check_eq(version(), 1);
    check_eq(set_version(2), 0);
    check_eq(version(), 2);
    check_eq(set_version(1), 0);
    check_eq(version(), 1);
    check_eq(set_version(0), -XEN_EINVAL);
    check_eq(set_version(3), -XEN_EINVAL);
    check_eq(set_version(2), 0);
}

static void check_status_frames(void)
{
    static uint64_t frames[4];
    struct gnttab_get_status_frames op = {.nr_frames = 1, .dom = DOMID_SELF};

    set_xen_guest_handle(op.frame_list, frames);
    check_eq(hc_grant_table_op(GNTTABOP_get_status_frames, &op, 1), 0);
    check_eq(op.status, GNTST_okay);
    check_eq(va_write(status_page, pte_make(frames[0], PTE_KRW)), 0);
    status = (uint16_t *)status_page;
    op.nr_frames = 1000;
    check_eq(hc_grant_table_op(GNTTABOP_get_status_frames, &op, 1), 0);
    check_eq(op.status, GNTST_general_error);
    op.dom = 0x1234;
    check_eq(hc_grant_table_op(GNTTABOP_get_status_frames, &op, 1), 0);
    check_eq(op.status, GNTST_bad_domain);
}

static void offer(grant_ref_t ref, uint64_t mfn, unsigned int flags)
{
    table[ref].hdr.domid = self;
    table[ref].full_page.frame = mfn;
    mb();
    table[ref].hdr.flags = (uint16_t)(GTF_permit_access | flags);
}

static void offer_part(grant_ref_t ref, uint64_t mfn, unsigned int offset, unsigned int length)
{
    table[ref].hdr.domid = self;
    table[ref].sub_page.page_off = (uint16_t)offset;
    table[ref].sub_page.length = (uint16_t)length;
    table[ref].sub_page.frame = mfn;
    mb();
    table[ref].hdr.flags = GTF_permit_access | GTF_sub_page;
}

static struct gnttab_map_grant_ref map_op(unsigned int flags)
{
    return (struct gnttab_map_grant_ref){.host_addr = AREA, .flags = GNTMAP_host_map | flags, .ref = REF, .dom = self};
}

static void check_map(void)
{
    struct gnttab_map_grant_ref op = map_op(0);

    offer(REF, virt_to_mfn(page), 0);
    page[0] = 0x77;
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(*(volatile uint64_t *)AREA, 0x77);
    check_eq(status[REF], GTF_reading | GTF_writing);
    check_eq(table[REF].hdr.flags, GTF_permit_access); /* the entry itself is left alone */
    check_eq(set_version(1), -XEN_EBUSY);
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    check_eq(status[REF], 0);
    op = map_op(GNTMAP_readonly);
    check_eq(grant_map(&op), GNTST_okay);
    check_eq(status[REF], GTF_reading);
    check_eq(grant_unmap(AREA, op.handle), GNTST_okay);
    offer(REF, virt_to_mfn(page), GTF_readonly);
    op = map_op(0);
    check_eq(grant_map(&op), GNTST_general_error);
    table[REF].hdr.flags = 0;
    op = map_op(0);
    check_eq(grant_map(&op), GNTST_general_error);
}

static void check_parts(void)
{
    struct gnttab_map_grant_ref map = map_op(0);
    uint64_t *to = page_alloc();
    struct gnttab_copy copy = {.len = 64, .flags = GNTCOPY_source_gref};

    offer_part(REF, virt_to_mfn(page), 512, 64);
    check_eq(grant_map(&map), GNTST_general_error);
    page[64] = 0x99;
    copy.source.domid = self;
    copy.source.u.ref = REF;
    copy.source.offset = 512;
    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = virt_to_mfn(to);
    check_eq(grant_copy(&copy), GNTST_okay);
    check_eq(to[0], 0x99);
    copy.len = 65;
    check_eq(grant_copy(&copy), GNTST_general_error);
    copy.len = 8;
    copy.source.offset = 504;
    check_eq(grant_copy(&copy), GNTST_general_error);
    copy.source.offset = 576;
    check_eq(grant_copy(&copy), GNTST_general_error);
    check_eq(status[REF], 0);
    table[REF].hdr.flags = 0;
}

void test_main(void)
{
    self = domid_self();
    page = page_alloc();
    map_page(AREA, virt_to_mfn(page), PTE_KRW);
    va_write((void *)AREA, 0);
    grant_init();
    table = (grant_entry_v2_t *)grant_table;
    check_switch();
    check_status_frames();
    check_map();
    check_parts();
    check_eq(va_write(status_page, 0), 0);
    check_eq(set_version(1), 0);
    check_eq(version(), 1);
}
