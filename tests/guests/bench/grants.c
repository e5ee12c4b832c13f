/* SPDX-License-Identifier: Apache-2.0 */
/* Costs of grants on oneself: map and unmap. */
#include "bench.h"

#define AREA 0x30000000ul
#define REF  20

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

void bench_grants(void)
{
    uint64_t from = virt_to_mfn(page_alloc()), to = virt_to_mfn(page_alloc());
    domid_t self = domid_self();

    map_page(AREA, from, PTE_KRW);
    va_write((void *)AREA, 0);
    grant_init();
    maps(from, self);
    bench_copies(REF, from, to);
}
