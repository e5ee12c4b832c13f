/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicalls.
 *
 * Each entry gets its own result and the batch goes on behind a failed one; a nested batch is
 * refused; unknown calls are ENOSYS; a batch of thousands comes to its end though it is preempted;
 * batched page-table updates take effect in order.
 */
#include "lib/guest.h"

const char test_title[] = "multicalls";

#define MANY 4000

static struct multicall_entry list[MANY];

static void entry(unsigned int i, unsigned int op, unsigned long a, unsigned long b, unsigned long c)
{
    list[i] = (struct multicall_entry){.op = op, .args = {a, b, c}, .result = 0x55};
}

static void check_results(void)
{
    entry(0, __HYPERVISOR_xen_version, XENVER_version, 0, 0);
    entry(1, 60, 0, 0, 0);
    entry(2, __HYPERVISOR_xen_version, 999, 0, 0);
    entry(3, 0xffffffff, 0, 0, 0);
    entry(4, __HYPERVISOR_multicall, (unsigned long)list, 1, 0);
    entry(5, __HYPERVISOR_iret, 0, 0, 0);
    entry(6, __HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
    list[5].op = __HYPERVISOR_xen_version;
    check_eq(hc_multicall(list, 7), 0);
    check_eq(list[0].result, 4 << 16 | 17);
    check_eq(list[1].result, -XEN_ENOSYS);
    check_eq(list[2].result, -XEN_ENOSYS);
    check_eq(list[3].result, -XEN_ENOSYS);
    check_eq(list[4].result, -XEN_EINVAL);
    check_eq(list[5].result, 4 << 16 | 17);
    check_eq(list[6].result, 4096);
    check_eq(hc_multicall(list, 0), 0);
    check_eq(hc_multicall(BAD_POINTER, 1), -XEN_EFAULT);
#ifdef GUEST_PV
    check_eq(hc_multicall(list, 0x7fffffff), -XEN_EFAULT); /* runs off the end */
#else
    check_eq(hc_multicall(pfn_to_virt(spare_pfn()), 0x7fffffff), -XEN_EFAULT); /* of memory */
#endif
}

static void check_many(void)
{
    for (unsigned int i = 0; i < MANY; i++)
        entry(i, __HYPERVISOR_xen_version, i & 1 ? XENVER_pagesize : XENVER_version, 0, 0);
    check_eq(hc_multicall(list, MANY), 0);
    for (unsigned int i = 0; i < MANY; i++)
        check_eq(list[i].result, i & 1 ? 4096 : 4 << 16 | 17);
}

#ifdef GUEST_PV
static void check_page_tables(void)
{
    uint64_t *page = page_alloc(), *other = page_alloc();

    page[0] = 1;
    other[0] = 2;
    entry(0, __HYPERVISOR_update_va_mapping, (unsigned long)page, pte_make(virt_to_mfn(other), PTE_KRW), UVM_FLUSH);
    entry(1, __HYPERVISOR_update_va_mapping, (unsigned long)other, pte_make(virt_to_mfn(page), PTE_KRW), UVM_FLUSH);
    check_eq(hc_multicall(list, 2), 0);
    check_eq(list[0].result, 0);
    check_eq(list[1].result, 0);
    check_eq(page[0], 2);
    check_eq(other[0], 1);
}
#endif

void test_main(void)
{
    check_results();
    check_many();
#ifdef GUEST_PV
    check_page_tables();
#endif
}
