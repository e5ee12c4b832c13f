/* SPDX-License-Identifier: Apache-2.0 */
/* Costs that PV and HVM guests have alike: reservations, grant copies from and to oneself. */
#include "bench.h"

static struct gnttab_copy copies[32];

void bench_reservations(void)
{
    static xen_pfn_t list[1];
    domid_t self = DOMID_SELF;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t pfn = spare_pfn(), mfn = pfn_to_mfn(pfn);

    set_xen_guest_handle(r.extent_start, list);
    BENCH("memory_op_current_reservation", hc_memory_op(XENMEM_current_reservation, &self));
    BENCH_PREPARED(
        "memory_op_decrease_1", 1,
        {
            if (run_ > -BENCH_WARM) {
                list[0] = pfn;
                hc_memory_op(XENMEM_populate_physmap, &r);
                mfn = list[0];
            }
            list[0] = mfn;
        },
        hc_memory_op(XENMEM_decrease_reservation, &r));
    BENCH_PREPARED(
        "memory_op_populate_1", 1,
        {
            if (run_ > -BENCH_WARM)
                hc_memory_op(XENMEM_decrease_reservation, &r);
            list[0] = pfn;
        },
        hc_memory_op(XENMEM_populate_physmap, &r));
}

void bench_copies(grant_ref_t ref, uint64_t from, uint64_t to)
{
    struct gnttab_copy op = {.len = 4096};

    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = from;
    op.dest.u.gmfn = to;
    BENCH("grant_copy_4k_frame_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    op.len = 64;
    BENCH("grant_copy_64b_frame_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    op.len = 4096;
    op.source.domid = domid_self();
    op.source.u.ref = ref;
    op.flags = GNTCOPY_source_gref;
    BENCH("grant_copy_4k_gref_to_frame", hc_grant_table_op(GNTTABOP_copy, &op, 1));
    check_eq(op.status, GNTST_okay);
    for (unsigned int i = 0; i < 32; i++)
        copies[i] = op;
    BENCH_PREPARED("grant_copy_4k_gref_batch32_each", 32, , hc_grant_table_op(GNTTABOP_copy, copies, 32));
}
