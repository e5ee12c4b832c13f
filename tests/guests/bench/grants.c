/* SPDX-License-Identifier: Apache-2.0 */
/* Costs of grants on oneself: map, unmap and copy. */
#include "bench.h"

#define AREA 0x30000000ul
#define REF  20

static struct gnttab_copy copies[32];

static void maps(uint64_t mfn, domid_t self)
{
    struct gnttab_map_grant_ref map = {.host_addr = AREA, .flags = GNTMAP_host_map, .ref = REF, .dom = self};
    struct gnttab_unmap_grant_ref unmap = {.host_addr = AREA};

    grant_access(REF, self, mfn, 0);
    BENCH_PREPARED(
        "grant_map_1", 1,
        {
            unmap.handle = map.handle;
            if (run_ > -BENCH_WARM)
                hc_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
        },
        hc_grant_table_op(GNTTABOP_map_grant_ref, &map, 1));
    BENCH_PREPARED(
        "grant_unmap_1", 1,
        {
            if (run_ > -BENCH_WARM)
                hc_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
            unmap.handle = map.handle;
        },
        hc_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1));
    check_eq(unmap.status, GNTST_okay);
}

static void copy(uint64_t from, uint64_t to, domid_t self)
{
    struct gnttab_copy op = {.len = 4096};

    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = from;
    op.dest.u.gmfn = to;
    BENCH("grant_copy_4k_frame_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    op.len = 64;
    BENCH("grant_copy_64b_frame_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    op.len = 4096;
    op.source.domid = self;
    op.source.u.ref = REF;
    op.flags = GNTCOPY_source_gref;
    BENCH("grant_copy_4k_gref_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    check_eq(op.status, GNTST_okay);
    for (unsigned int i = 0; i < 32; i++)
        copies[i] = op;
    BENCH_PREPARED("grant_copy_4k_gref_batch32_each", 32, , hc_grant_table_op(GNTTABOP_copy, copies, 32));
}

void bench_grants(void)
{
    uint64_t from = virt_to_mfn(page_alloc()), to = virt_to_mfn(page_alloc());
    domid_t self = domid_self();

    map_page(AREA, from, PTE_KRW);
    va_write((void *)AREA, 0);
    grant_init();
    maps(from, self);
    copy(from, to, self);
}
