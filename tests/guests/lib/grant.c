/* SPDX-License-Identifier: Apache-2.0 */
/* Grants of a test guest (<xen/grant_table.h>, version 1 entries and their order of updates). */
#include "guest.h"

grant_entry_v1_t *grant_table;

static uint8_t table_pages[GRANT_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));

#ifdef GUEST_PV
void grant_init(void)
{
    static xen_pfn_t frames[GRANT_FRAMES];
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = GRANT_FRAMES};

    set_xen_guest_handle(op.frame_list, frames);
    if (hc_grant_table_op(GNTTABOP_setup_table, &op, 1) || op.status)
        test_error("the grant table could not be set up");
    for (unsigned int i = 0; i < GRANT_FRAMES; i++)
        if (va_write(table_pages[i], pte_make(frames[i], PTE_KRW)))
            test_error("the grant table could not be mapped");
    grant_table = (grant_entry_v1_t *)table_pages;
}
#else
void grant_init(void)
{
    for (unsigned int i = 0; i < GRANT_FRAMES; i++)
        if (physmap_add(XENMAPSPACE_grant_table, i, virt_to_pfn(table_pages[i])))
            test_error("the grant table could not be mapped");
    grant_table = (grant_entry_v1_t *)table_pages;
}
#endif

void grant_access(grant_ref_t ref, domid_t dom, uint64_t mfn, unsigned int flags)
{
    grant_table[ref].frame = (uint32_t)mfn;
    grant_table[ref].domid = dom;
    mb();
    grant_table[ref].flags = (uint16_t)(GTF_permit_access | flags);
}

bool grant_end(grant_ref_t ref)
{
    uint16_t flags = __atomic_load_n(&grant_table[ref].flags, __ATOMIC_SEQ_CST);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (
        !__atomic_compare_exchange_n(&grant_table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

long grant_map(struct gnttab_map_grant_ref *op)
{
    long rc = hc_grant_table_op(GNTTABOP_map_grant_ref, op, 1);

    return rc ? rc : op->status;
}

long grant_unmap(uint64_t host_addr, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = host_addr, .handle = handle};
    long rc = hc_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);

    return rc ? rc : op.status;
}

long grant_copy(struct gnttab_copy *op)
{
    long rc = hc_grant_table_op(GNTTABOP_copy, op, 1);

    return rc ? rc : op->status;
}
