/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to get a writable page table.
 *
 * A domU tries to have a page-table page mapped writable, or a page that it can write taken for a
 * page table: by each update call, through other levels, superpages, recursive and linear tables,
 * grants, descriptor frames, foreign and freed frames, partly validated tables, and from two vCPUs
 * at once. Nothing of it may succeed; the errors are Xen 4.17's. After each attempt the table is
 * written by the guest's own store, which must fault.
 */
#include "lib/guest.h"

const char test_title[] = "ways to a writable page table";

#define AREA 0x40000000ul

static uint64_t *table, *spare, *entry; /* a live L1 table, a plain page, the entry of AREA */

static void prepare(void)
{
    hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
    spare = page_alloc();
    map_page(AREA, virt_to_mfn(spare), PTE_KRW);
    entry = pte_find(kernel_l4, AREA, 1);
    table = (uint64_t *)((uint64_t)entry & ~(PAGE_SIZE - 1));
    va_write((void *)AREA, 0);
}

/* The table is not writable at the address of the attempt, nor at its own. */
static void check_not_writable(void)
{
    check_eq(write_fault(table + 511, 0), VEC_PF);
    check_eq(write_fault(AREA + PAGE_SIZE - 8, 0), VEC_PF);
}

static void by_updates(void)
{
    uint64_t bad;
    struct mmu_update u;
    struct multicall_entry call = {.op = __HYPERVISOR_update_va_mapping, .args = {AREA, 0, UVM_FLUSH}};

    prepare();
    bad = pte_make(virt_to_mfn(table), PTE_KRW);
    u = (struct mmu_update){.ptr = pte_maddr(entry), .val = bad};
    call.args[1] = bad;
    check_eq(hc_mmu_update(&u, 1, NULL, DOMID_SELF), -XEN_EBUSY);
    u.ptr |= MMU_PT_UPDATE_PRESERVE_AD;
    check_eq(hc_mmu_update(&u, 1, NULL, DOMID_SELF), -XEN_EBUSY);
    u.ptr |= MMU_PT_UPDATE_NO_TRANSLATE;
    check_eq(hc_mmu_update(&u, 1, NULL, DOMID_SELF), -XEN_EBUSY);
    check_eq(hc_update_va(AREA, bad, UVM_FLUSH), -XEN_EBUSY);
    check_eq(hc_update_va_other(AREA, bad, UVM_FLUSH, DOMID_SELF), -XEN_EBUSY);
    check_eq(hc_multicall(&call, 1), 0);
    check_eq(call.result, -XEN_EBUSY);
    check_not_writable();
    /* read-only first, then only the flag */
    check_eq(hc_update_va(AREA, bad & ~PTE_RW, UVM_FLUSH), 0);
    check_eq(pte_write(pte_maddr(entry), bad), -XEN_EBUSY);
    u.ptr = pte_maddr(entry) | MMU_PT_UPDATE_PRESERVE_AD;
    check_eq(hc_mmu_update(&u, 1, NULL, DOMID_SELF), -XEN_EBUSY);
    check_eq(hc_update_va(AREA, bad, UVM_FLUSH), -XEN_EBUSY);
    check_not_writable();
    /* each level's table */
    for (unsigned int level = 1; level <= 4; level++)
        check_eq(hc_update_va(AREA, pte_make(virt_to_mfn(pte_find(kernel_l4, AREA, level)), PTE_KRW), UVM_FLUSH),
                 -XEN_EBUSY);
}

/* A store to a table is emulated only if what it stores is allowed. */
static void by_emulated_store(void)
{
    prepare();
    hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    check_eq(write_fault(entry, pte_make(virt_to_mfn(table), PTE_KRW)), VEC_PF);
    check_eq(write_fault(entry, pte_make(virt_to_mfn(kernel_l4), PTE_KRW)), VEC_PF);
    check_eq(write_fault(entry, pte_make(virt_to_mfn(table), PTE_KRO)), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("lock btsq $1, (%0)") : : "r"(entry) : "memory")), VEC_PF);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("orb $2, (%0)") : : "r"(entry) : "memory")), VEC_PF);
    check_eq(*entry & PTE_RW, 0);
    check_eq(write_fault(AREA + 8, pte_make(virt_to_mfn(table), PTE_KRW)), VEC_PF);
    check_eq(table[1], 0);
}

/* A page that is mapped writable becomes no table, of no level and by no way. */
static void by_promotion(void)
{
    static const unsigned int pins[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
                                        MMUEXT_PIN_L4_TABLE, MMUEXT_NEW_BASEPTR,  MMUEXT_NEW_USER_BASEPTR};
    uint64_t mfn;

    prepare();
    mfn = virt_to_mfn(spare);
    for (unsigned int i = 0; i < ARRAY_SIZE(pins); i++)
        check_eq(mmuext(pins[i], mfn), -XEN_EINVAL);
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *e = pte_find(kernel_l4, AREA, level);

        check_eq(pte_write(pte_maddr(e), pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
        /* and an entry that keeps the table, to a slot that is free */
        check_eq(pte_write(pte_maddr(e + 1), pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
    }
    check_eq(write_fault(spare, 1), NO_FAULT);
}

static void by_superpages(void)
{
    prepare();
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t at = pte_maddr(pte_find(kernel_l4, AREA, level) + 1);

        check_eq(pte_write(at, pte_make(virt_to_mfn(spare) & ~511ul, PTE_KRW | PTE_PSE)), -XEN_EINVAL);
        check_eq(pte_write(at, pte_make(0, PTE_KRW | PTE_PSE)), -XEN_EINVAL);
        check_eq(pte_write(at, pte_make(virt_to_mfn(table), PTE_KRO | PTE_PSE)), -XEN_EINVAL);
    }
    check_not_writable();
}

/* Where slot 300 of the L4, itself a reference to it, shows the L4. */
#define LINEAR_L4 (0xffff000000000000ul | 300ul << 39 | 300ul << 30 | 300ul << 21 | 300ul << 12)

/* Xen allows a read-only reference of a table to itself; refusing is as good, writing through is
 * not. */
static void check_linear(long rc, uint64_t at)
{
    check(rc == 0 || rc == -XEN_EINVAL);
    if (rc == 0 && at)
        check_eq(write_fault(at, 0), VEC_PF);
}

/* Tables that map themselves: read-only is a linear table and allowed at the top; writable never. */
static void by_recursion(void)
{
    uint64_t l4ma;

    prepare();
    l4ma = virt_to_mfn(kernel_l4) << PAGE_SHIFT;
    check_eq(pte_write(l4ma + 300 * 8, pte_make(virt_to_mfn(kernel_l4), PTE_TABLE)), -XEN_EINVAL);
    check_linear(pte_write(l4ma + 300 * 8, pte_make(virt_to_mfn(kernel_l4), PTE_KRO)), LINEAR_L4);
    check_eq(pte_write(l4ma + 300 * 8, 0), 0);
    check_eq(pte_write(l4ma + 300 * 8, pte_make(virt_to_mfn(table), PTE_TABLE)), -XEN_EINVAL);
    for (unsigned int level = 2; level <= 3; level++) {
        uint64_t *e = pte_find(kernel_l4, AREA, level);

        check_eq(pte_write(pte_maddr(e + 1), pte_make(virt_to_mfn(e), PTE_TABLE)), -XEN_EINVAL);
        check_linear(pte_write(pte_maddr(e + 1), pte_make(virt_to_mfn(e), PTE_KRO)), 0);
        check_eq(pte_write(pte_maddr(e + 1), 0), 0);
    }
    check_not_writable();
}

/* Levels mixed up: a table of one level under an entry of another. */
static void by_wrong_level(void)
{
    prepare();
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *e = pte_find(kernel_l4, AREA, level);

        for (unsigned int of = 1; of <= 4; of++) {
            uint64_t mfn = virt_to_mfn(pte_find(kernel_l4, AREA, of));

            if (of != level - 1 && of != level)
                check_eq(pte_write(pte_maddr(e + 1), pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
        }
    }
}

static void by_reserved_bits(void)
{
    prepare();
    for (unsigned int bit = 40; bit < 52; bit++)
        check_eq(hc_update_va(AREA, pte_make(virt_to_mfn(spare), PTE_KRW) | 1ul << bit, UVM_FLUSH), -XEN_EPERM);
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *e = pte_find(kernel_l4, AREA, level);

        check_eq(pte_write(pte_maddr(e), *e | 1ul << 51), -XEN_EINVAL);
        check_eq(pte_write(pte_maddr(e), *e | PTE_PSE), -XEN_EINVAL);
    }
}

/* The hypervisor's own slots of an L4 table. */
static void by_hypervisor_slots(void)
{
    uint64_t l4ma;

    prepare();
    l4ma = virt_to_mfn(kernel_l4) << PAGE_SHIFT;
    for (unsigned int slot = 256; slot < 272; slot++) {
        check_eq(pte_write(l4ma + slot * 8, 0), -XEN_EINVAL);
        check_eq(pte_write(l4ma + slot * 8, kernel_l4[0]), -XEN_EINVAL);
        check_eq(pte_write(l4ma + slot * 8, kernel_l4[slot]), -XEN_EINVAL);
    }
}

static void by_descriptors(void)
{
    unsigned long frame;
    struct mmuext_op ldt = {.cmd = MMUEXT_SET_LDT, .arg2.nr_ents = 512};

    prepare();
    frame = virt_to_mfn(table);
    check_eq(hc_set_gdt(&frame, 512), -XEN_EINVAL);
    check_eq(hc_update_descriptor(pte_maddr(entry), 0), -XEN_EINVAL);
    check_eq(hc_update_descriptor(pte_maddr(entry), pte_make(virt_to_mfn(table), PTE_KRW)), -XEN_EINVAL);
    /* an LDT over a page table: what it cannot be, it is not at the first use */
    ldt.arg1.linear_addr = (unsigned long)table;
    check_eq(hc_mmuext_op(&ldt, 1, NULL, DOMID_SELF), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%fs") : : "r"(15))), VEC_PF);
    ldt.arg2.nr_ents = 0;
    check_eq(hc_mmuext_op(&ldt, 1, NULL, DOMID_SELF), 0);
    /* a descriptor page is no page table, nor is it writable */
    page_make_ro(spare);
    frame = virt_to_mfn(spare);
    check_eq(hc_set_gdt(&frame, 512), 0);
    check_eq(hc_update_va(AREA, pte_make(frame, PTE_KRW), UVM_FLUSH), -XEN_EBUSY);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, frame), -XEN_EINVAL);
    check_eq(hc_set_gdt(&frame, 0), 0);
    check_eq(hc_update_va(AREA, pte_make(frame, PTE_KRW), UVM_FLUSH), 0);
}

static void by_grants(void)
{
    domid_t self = domid_self();
    struct gnttab_map_grant_ref map = {.host_addr = AREA, .flags = GNTMAP_host_map, .ref = 9, .dom = self};
    struct gnttab_copy copy = {.len = 8};

    prepare();
    grant_init();
    grant_access(9, self, virt_to_mfn(table), 0);
    check_eq(grant_map(&map), GNTST_general_error);
    map.flags |= GNTMAP_contains_pte;
    map.host_addr = pte_maddr(entry);
    check_eq(grant_map(&map), GNTST_general_error);
    check_not_writable();
    /* read-only, then made writable by hand */
    map.flags = GNTMAP_host_map | GNTMAP_readonly;
    map.host_addr = AREA;
    check_eq(grant_map(&map), GNTST_okay);
    check_eq(hc_update_va(AREA, pte_make(virt_to_mfn(table), PTE_KRW), UVM_FLUSH), -XEN_EBUSY);
    check_not_writable();
    check_eq(grant_unmap(AREA, map.handle), GNTST_okay);
    /* copying over a table */
    copy.source.domid = copy.dest.domid = DOMID_SELF;
    copy.source.u.gmfn = virt_to_mfn(spare);
    copy.dest.u.gmfn = virt_to_mfn(table);
    check_eq(grant_copy(&copy), GNTST_general_error);
    copy.dest.domid = self;
    copy.dest.u.ref = 9;
    copy.flags = GNTCOPY_dest_gref;
    check_eq(grant_copy(&copy), GNTST_general_error);
    /* a page granted and mapped writable is no table while it is */
    check(grant_end(9));
    grant_access(9, self, virt_to_mfn(spare), 0);
    map.flags = GNTMAP_host_map;
    check_eq(grant_map(&map), GNTST_okay);
    va_write(spare, 0);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(spare)), -XEN_EINVAL);
    check_eq(grant_unmap(AREA, map.handle), GNTST_okay);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(spare)), 0);
}

static void by_frames_of_others(void)
{
    prepare();
    for (uint64_t mfn = 0; mfn < 512; mfn++) {
        check(hc_update_va(AREA, pte_make(mfn, PTE_KRW), UVM_FLUSH) != 0);
        check(hc_update_va(AREA, pte_make(mfn, PTE_KRO), UVM_FLUSH) != 0);
    }
    /* whatever the machine has that is not ours: its frame number says so */
    for (uint64_t mfn = 512; mfn < 0x20000; mfn += 61) {
        uint64_t pfn = mfn_to_pfn(mfn);

        if (pfn < guest.start->nr_pages && pfn_to_mfn(pfn) == mfn)
            continue;
        if (mfn == guest.start->shared_info >> PAGE_SHIFT)
            continue;
        check(hc_update_va(AREA, pte_make(mfn, PTE_KRW), UVM_FLUSH) != 0);
        check(hc_update_va(AREA, pte_make(mfn, PTE_KRO), UVM_FLUSH) != 0);
        check(mmuext(MMUEXT_PIN_L1_TABLE, mfn) != 0);
        check(mmuext(MMUEXT_CLEAR_PAGE, mfn) != 0);
        check(pte_write(mfn << PAGE_SHIFT, 0) != 0);
        if (test_failures())
            return;
    }
}

static void by_freed_frames(void)
{
    static xen_pfn_t list[1];
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t mfn;

    prepare();
    set_xen_guest_handle(r.extent_start, list);
    mfn = pfn_to_mfn(spare_pfn());
    list[0] = mfn;
    check_eq(hc_memory_op(XENMEM_decrease_reservation, &r), 1);
    check_eq(hc_update_va(AREA, pte_make(mfn, PTE_KRW), UVM_FLUSH), -XEN_EBUSY);
    check_eq(hc_update_va(AREA, pte_make(mfn, PTE_KRO), UVM_FLUSH), -XEN_EBUSY);
    check_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EINVAL);
    /* a table that is given away stays a table as long as it is one */
    list[0] = virt_to_mfn(table);
    hc_memory_op(XENMEM_decrease_reservation, &r);
    check_not_writable();
    check_eq(hc_update_va(AREA, pte_make(list[0], PTE_KRW), UVM_FLUSH), -XEN_EBUSY);
}

/* A table with a bad entry in its middle is refused as a whole, and free to be written again. */
static void by_partial_validation(void)
{
    uint64_t *l2 = page_alloc(), *l1 = page_alloc();

    prepare();
    for (unsigned int at = 0; at < 512; at += 73) {
        memset(l1, 0, PAGE_SIZE);
        for (unsigned int i = 0; i < at; i++)
            l1[i] = pte_make(virt_to_mfn(spare), PTE_KRW);
        l1[at] = pte_make(virt_to_mfn(table), PTE_KRW);
        page_make_ro(l1);
        check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(l1)), -XEN_EBUSY);
        memset(l2, 0, PAGE_SIZE);
        l2[0] = pte_make(virt_to_mfn(table), PTE_TABLE);
        l2[7] = pte_make(virt_to_mfn(l1), PTE_TABLE);
        page_make_ro(l2);
        check(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(l2)) < 0);
        page_make_rw(l2);
        page_make_rw(l1);
    }
    /* the good table that was looked at on the way is as before */
    check_eq(write_fault(table, 0), VEC_PF);
    check_eq(hc_update_va(AREA, pte_make(virt_to_mfn(table), PTE_KRW), UVM_FLUSH), -XEN_EBUSY);
    check_eq(hc_update_va(AREA, pte_make(virt_to_mfn(spare), PTE_KRW), UVM_FLUSH), 0);
}

/* One vCPU makes the page a table and none again, the other tries to map it writable, at once. */
static volatile bool stop;
static uint64_t raced;

static void racer(void *arg)
{
    (void)arg;
    while (!stop)
        if (!hc_update_va(AREA + PAGE_SIZE, pte_make(raced, PTE_KRW), UVMF_INVLPG | UVMF_LOCAL))
            hc_update_va(AREA + PAGE_SIZE, 0, UVMF_INVLPG | UVMF_LOCAL);
}

static void by_race(void)
{
    unsigned int pinned = 0;

    prepare();
    page_make_ro(spare);
    raced = virt_to_mfn(spare);
    check_eq(vcpu_start(1, racer, NULL), 0);
    for (unsigned int i = 0; i < 3000; i++) {
        if (mmuext(MMUEXT_PIN_L1_TABLE, raced))
            continue;
        pinned++;
        check(!(*(volatile uint64_t *)(entry + 1) & PTE_P));
        check_eq(mmuext(MMUEXT_UNPIN_TABLE, raced), 0);
    }
    stop = true;
    check(vcpu_wait(1, 60000));
    printk("pinned %u times of 3000\n", pinned);
}

/* Both vCPUs change the same entries and the tables above them. */
static void churn(void *arg)
{
    uint64_t seed = (uint64_t)arg, l2 = pte_maddr(pte_find(kernel_l4, AREA, 2)), value = PTE_TABLE;

    value |= virt_to_mfn(table) << PAGE_SHIFT;
    for (unsigned int i = 0; i < 500; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        switch (seed >> 60 & 3) {
        case 0: pte_write(l2, 0); break;
        case 1: pte_write(l2, value); break;
        case 2: pte_write(pte_maddr(entry) + (seed >> 40 & 63) * 8, pte_make(virt_to_mfn(spare), PTE_KRW)); break;
        default: pte_write(pte_maddr(entry) + (seed >> 40 & 63) * 8, 0); break;
        }
    }
}

static void by_churn(void)
{
    uint64_t l2, value;

    prepare();
    l2 = pte_maddr(pte_find(kernel_l4, AREA, 2));
    value = pte_make(virt_to_mfn(table), PTE_TABLE);
    check_eq(vcpu_start(1, churn, (void *)77), 0);
    churn((void *)5);
    check(vcpu_wait(1, 60000));
    check_eq(pte_write(l2, value), 0);
    check_eq(write_fault(table, 0), VEC_PF);
    check_eq(va_write(table, pte_make(virt_to_mfn(table), PTE_KRW)), -XEN_EBUSY);
}

void test_main(void)
{
    static const struct test_case cases[] = {
        {"update calls", by_updates, false},
        {"emulated stores", by_emulated_store, false},
        {"promotion of a writable page", by_promotion, false},
        {"superpages", by_superpages, false},
        {"recursive tables", by_recursion, false},
        {"wrong levels", by_wrong_level, false},
        {"reserved bits", by_reserved_bits, false},
        {"the hypervisor's slots", by_hypervisor_slots, false},
        {"descriptor frames", by_descriptors, false},
        {"grants", by_grants, false},
        {"frames of others", by_frames_of_others, false},
        {"freed frames", by_freed_frames, false},
        {"partial validation", by_partial_validation, false},
        {"a race of pin and map", by_race, false},
        {"churn on two vCPUs", by_churn, false},
    };

    cases_run(cases, ARRAY_SIZE(cases));
}
