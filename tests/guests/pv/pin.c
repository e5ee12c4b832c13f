/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinning page tables, and the other operations of mmuext_op.
 *
 * Tables of each level are pinned and unpinned; pinning what is pinned, mapped writable, of another
 * type or full of wrong entries is refused; base pointers are switched; frames are cleared and
 * copied; the flushes are accepted; LDTs are set; unknown commands are refused.
 */
#include "lib/guest.h"

const char test_title[] = "mmuext_op: pins, base pointers, flushes";

static const unsigned int pin_command[5] = {0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
                                            MMUEXT_PIN_L4_TABLE};

static void check_empty_tables(void)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = page_alloc(), mfn = virt_to_mfn(table);

        check_eq(mmuext(pin_command[level], mfn), -XEN_EINVAL); /* mapped writable */
        page_make_ro(table);
        check_eq(mmuext(pin_command[level], mfn), 0);
        check_eq(mmuext(pin_command[level], mfn), -XEN_EINVAL);         /* twice */
        check_eq(mmuext(pin_command[level % 4 + 1], mfn), -XEN_EINVAL); /* as another type */
        check_eq(va_protect(table, PTE_KRW), -XEN_EBUSY);
        check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
        check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL);
        if (level == 4) { /* the hypervisor's own slots may have been left in it */
            page_make_rw(table);
            memset(table, 0, PAGE_SIZE);
            page_make_ro(table);
        }
        check_eq(mmuext(pin_command[level % 4 + 1], mfn), 0); /* now it may be one */
        check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
        page_make_rw(table);
        page_free(table);
    }
}

/* A tree of four levels over some pages, pinned at the top, and its parts taken one by one. */
static void check_tree(void)
{
    uint64_t *table[5], *page = page_alloc();

    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t below = level == 1 ? virt_to_mfn(page) : virt_to_mfn(table[level - 1]);

        table[level] = page_alloc();
        for (unsigned int i = 0; i < (level == 1 ? 512 : 1); i++)
            table[level][i] = pte_make(below, level == 1 ? PTE_KRW : PTE_TABLE);
        page_make_ro(table[level]);
    }
    check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(table[4])), 0);
    for (unsigned int level = 1; level < 4; level++) {
        check_eq(mmuext(pin_command[level], virt_to_mfn(table[level])), 0);
        check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table[level])), 0);
        check_eq(va_protect(table[level], PTE_KRW), -XEN_EBUSY);
    }
    /* the entries of the tables below are live now */
    check_eq(pte_write(virt_to_mfn(table[1]) << PAGE_SHIFT, 0), 0);
    check_eq(pte_write(virt_to_mfn(table[4]) << PAGE_SHIFT, 0), 0);
    for (unsigned int level = 1; level < 4; level++)
        check_eq(va_protect(table[level], PTE_KRW), 0);
    check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table[4])), 0);
    check_eq(va_protect(table[4], PTE_KRW), 0);
}

static void check_bad_contents(void)
{
    static const uint64_t bad[] = {
        1ul << 40 | PTE_KRW,  /* no such frame */
        0xfee00000 | PTE_KRW, /* the local APIC */
    };
    uint64_t *table = page_alloc();

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        table[300] = bad[i];
        page_make_ro(table);
        check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), -XEN_EPERM);
        page_make_rw(table);
    }
    table[300] = pte_make(virt_to_mfn(table), PTE_KRW); /* itself, writable */
    page_make_ro(table);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), -XEN_EBUSY);
    page_make_rw(table);
    table[300] = pte_make(virt_to_mfn(table), PTE_KRO); /* itself, read-only */
    page_make_ro(table);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), 0);
    check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
    check_eq(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(table)), -XEN_EINVAL); /* below itself */
    page_make_rw(table);
    /* an L4 gets the hypervisor's slots, whatever the guest had written there */
    memset(table, 0, PAGE_SIZE);
    table[256] = table[260] = pte_make(virt_to_mfn(table), PTE_KRW);
    page_make_ro(table);
    check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(table)), 0);
    check(table[256] != pte_make(virt_to_mfn(table), PTE_KRW));
    check_eq(pte_write((virt_to_mfn(table) << PAGE_SHIFT) + 256 * 8, 0), -XEN_EINVAL);
    check_eq(pte_write((virt_to_mfn(table) << PAGE_SHIFT) + 271 * 8, 0), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
    page_make_rw(table);
    page_free(table);
}

static void check_base_pointers(void)
{
    uint64_t *l4 = page_alloc(), mfn = virt_to_mfn(l4), cr3;

    memcpy(l4, kernel_l4, PAGE_SIZE);
    check_eq(mmuext(MMUEXT_NEW_BASEPTR, mfn), -XEN_EINVAL);
    memset(&l4[256], 0, 16 * 8);
    page_make_ro(l4);
    check_eq(mmuext(MMUEXT_NEW_BASEPTR, mfn), 0); /* needs no pin */
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    check_eq(cr3 >> PAGE_SHIFT, mfn);
    check_eq(mfn_to_pfn(mfn), virt_to_pfn(l4));
    check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(kernel_l4)), 0);
    page_make_rw(l4);
    check_eq(mmuext(MMUEXT_NEW_BASEPTR, 0xffffffffff), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(pte_of(l4))), -XEN_EINVAL);
    memset(l4, 0, PAGE_SIZE);
    page_make_ro(l4);
    check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn), 0);
    check_eq(va_protect(l4, PTE_KRW), -XEN_EBUSY);
    check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
    check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0xffffffffff), -XEN_EINVAL);
    page_make_rw(l4);
    page_free(l4);
}

static void check_flushes(void)
{
    unsigned long mask = 1;
    struct mmuext_op op = {.arg1.linear_addr = 0x1000};
    static const unsigned int masked[] = {MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_MULTI};

    check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
    check_eq(mmuext_linear(MMUEXT_INVLPG_LOCAL, 0x1000), 0);
    check_eq(mmuext_linear(MMUEXT_INVLPG_ALL, 0x1000), 0);
    check_eq(mmuext_linear(MMUEXT_INVLPG_LOCAL, HYPERVISOR_VIRT_START), 0);
    check_eq(mmuext_linear(MMUEXT_INVLPG_ALL, 0x8000000000000000ul), 0);
    for (unsigned int i = 0; i < 2; i++) {
        op.cmd = masked[i];
        set_xen_guest_handle(op.arg2.vcpumask, &mask);
        check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
        set_xen_guest_handle(op.arg2.vcpumask, (void *)8);
        check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    }
    check_eq(mmuext(MMUEXT_FLUSH_CACHE, 0), guest.is_dom0 ? 0 : -XEN_EACCES);
    check_eq(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0), guest.is_dom0 ? 0 : -XEN_EINVAL);
}

static void check_frames(void)
{
    uint64_t *from = page_alloc(), *to = page_alloc();
    struct mmuext_op op = {.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = virt_to_mfn(to)};

    from[5] = 0x55aa;
    op.arg2.src_mfn = virt_to_mfn(from);
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check_eq(to[5], 0x55aa);
    op.arg2.src_mfn = 0xffffffffff;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(to)), 0);
    check_eq(to[5], 0);
    check_eq(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(kernel_l4)), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_CLEAR_PAGE, 0xffffffffff), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_MARK_SUPER, virt_to_mfn(to)), -XEN_EOPNOTSUPP);
    check_eq(mmuext(MMUEXT_UNMARK_SUPER, virt_to_mfn(to)), -XEN_EOPNOTSUPP);
    page_free(from);
    page_free(to);
}

static void check_arguments(void)
{
    struct mmuext_op ops[3] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL}, {.cmd = 99}, {.cmd = MMUEXT_TLB_FLUSH_LOCAL}};
    unsigned int done = 77;

    check_eq(hc_mmuext_op(ops, 3, &done, DOMID_SELF), -XEN_ENOSYS);
    check_eq(done, 1);
    check_eq(hc_mmuext_op(ops, 0, &done, DOMID_SELF), 0);
    check_eq(done, 0);
    check_eq(hc_mmuext_op(8, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    check_eq(hc_mmuext_op(ops, 1, NULL, 0x1234), -XEN_ESRCH);
    check_eq(mmuext(MMUEXT_UNPIN_TABLE, 0xffffffffff), -XEN_EINVAL);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, 0xffffffffff), -XEN_EINVAL);
}

void test_main(void)
{
    check_empty_tables();
    check_tree();
    check_bad_contents();
    check_base_pointers();
    check_flushes();
    check_frames();
    check_arguments();
}
