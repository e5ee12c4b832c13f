/* SPDX-License-Identifier: Apache-2.0 */
/* Costs of page-table updates, pins, flushes, and of giving and taking memory. */
#include "bench.h"

#define AREA 0x20000000ul

static uint64_t frame[2];
static uint64_t *entry, entry_ma;
static struct mmu_update batch[128];

static uint64_t other(unsigned int *turn, uint64_t flags) { return pte_make(frame[(*turn)++ & 1], flags); }

static void single_updates(void)
{
    unsigned int turn = 0;
    struct mmu_update u = {.ptr = entry_ma};

    BENCH_PREPARED("mmu_update_1_remap", 1, u.val = other(&turn, PTE_KRW), hc_mmu_update(&u, 1, NULL, DOMID_SELF));
    BENCH_PREPARED("mmu_update_1_flags", 1, u.val = pte_make(frame[0], turn++ & 1 ? PTE_KRW : PTE_KRO),
                   hc_mmu_update(&u, 1, NULL, DOMID_SELF));
    BENCH("mmu_update_1_same", hc_mmu_update(&u, 1, NULL, DOMID_SELF));
    BENCH_PREPARED(
        "mmu_update_1_set", 1,
        {
            u.val = 0;
            hc_mmu_update(&u, 1, NULL, DOMID_SELF);
            u.val = pte_make(frame[0], PTE_KRW);
        },
        hc_mmu_update(&u, 1, NULL, DOMID_SELF));
    BENCH_PREPARED(
        "mmu_update_1_clear", 1,
        {
            u.val = pte_make(frame[0], PTE_KRW);
            hc_mmu_update(&u, 1, NULL, DOMID_SELF);
            u.val = 0;
        },
        hc_mmu_update(&u, 1, NULL, DOMID_SELF));
}

static void fill_batch(unsigned int turn, bool present)
{
    for (unsigned int i = 0; i < 128; i++) {
        batch[i].ptr = entry_ma + i * 8;
        batch[i].val = present ? pte_make(frame[turn & 1], PTE_KRW) : 0;
    }
}

static void batches(void)
{
    unsigned int turn = 0;

    BENCH_PREPARED("mmu_update_128_remap", 1, fill_batch(turn++, true), hc_mmu_update(batch, 128, NULL, DOMID_SELF));
    BENCH_PREPARED("mmu_update_128_remap_each", 128, fill_batch(turn++, true),
                   hc_mmu_update(batch, 128, NULL, DOMID_SELF));
    BENCH_PREPARED(
        "mmu_update_128_set_each", 128,
        {
            fill_batch(0, false);
            hc_mmu_update(batch, 128, NULL, DOMID_SELF);
            fill_batch(0, true);
        },
        hc_mmu_update(batch, 128, NULL, DOMID_SELF));
    fill_batch(0, false);
    hc_mmu_update(batch, 128, NULL, DOMID_SELF);
}

static void va_updates(void)
{
    unsigned int turn = 0;
    uint64_t pte = pte_make(frame[0], PTE_KRW);

    hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    hc_update_va(AREA, pte, UVM_FLUSH);
#define REMAP(name, flags) BENCH_PREPARED(name, 1, pte = other(&turn, PTE_KRW), hc_update_va(AREA, pte, flags))
    REMAP("uvm_remap_noflush", UVMF_NONE);
    REMAP("uvm_remap_invlpg_local", UVMF_INVLPG | UVMF_LOCAL);
    REMAP("uvm_remap_invlpg_all", UVMF_INVLPG | UVMF_ALL);
    REMAP("uvm_remap_tlbflush_local", UVMF_TLB_FLUSH | UVMF_LOCAL);
    BENCH_PREPARED("uvm_set_noflush", 1, hc_update_va(AREA, 0, UVM_FLUSH), hc_update_va(AREA, pte, UVMF_NONE));
    BENCH_PREPARED("uvm_clear_invlpg_local", 1, hc_update_va(AREA, pte, UVM_FLUSH),
                   hc_update_va(AREA, 0, UVMF_INVLPG | UVMF_LOCAL));
    BENCH_PREPARED("ptwr_emulated_store", 1, pte = other(&turn, PTE_KRW), *(volatile uint64_t *)entry = pte);
    hc_update_va(AREA, 0, UVM_FLUSH);
}

static void flushes(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    BENCH("mmuext_tlb_flush_local", hc_mmuext_op(&op, 1, NULL, DOMID_SELF));
    op = (struct mmuext_op){.cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = AREA};
    BENCH("mmuext_invlpg_local", hc_mmuext_op(&op, 1, NULL, DOMID_SELF));
    op.cmd = MMUEXT_INVLPG_ALL;
    BENCH("mmuext_invlpg_all", hc_mmuext_op(&op, 1, NULL, DOMID_SELF));
}

static void demand_map(void)
{
    bench_map_va = AREA;
    bench_map_pte = pte_make(frame[0], PTE_KRW);
    bench_trap(VEC_PF, bench_map_page, 0);
    BENCH_PREPARED("pf_demand_map", 1, hc_update_va(AREA, 0, UVM_FLUSH), *(volatile uint64_t *)AREA);
    bench_trap(VEC_PF, NULL, 0);
    hc_update_va(AREA, 0, UVM_FLUSH);
}

static void pin_pair(const char *pin_name, const char *unpin_name, unsigned int cmd, uint64_t mfn)
{
    struct mmuext_op pin = {.cmd = cmd, .arg1.mfn = mfn};
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn};

    BENCH_PREPARED(pin_name, 1, hc_mmuext_op(&unpin, 1, NULL, DOMID_SELF), hc_mmuext_op(&pin, 1, NULL, DOMID_SELF));
    BENCH_PREPARED(unpin_name, 1, hc_mmuext_op(&pin, 1, NULL, DOMID_SELF), hc_mmuext_op(&unpin, 1, NULL, DOMID_SELF));
}

static void pins(void)
{
    uint64_t *table[5] = {NULL};

    table[1] = page_alloc();
    page_make_ro(table[1]);
    mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table[1]));
    pin_pair("pin_l1_empty", "unpin_l1_empty", MMUEXT_PIN_L1_TABLE, virt_to_mfn(table[1]));
    page_make_rw(table[1]);
    for (unsigned int i = 0; i < 512; i++)
        table[1][i] = pte_make(frame[0], PTE_KRW);
    page_make_ro(table[1]);
    mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table[1]));
    pin_pair("pin_l1_512", "unpin_l1_512", MMUEXT_PIN_L1_TABLE, virt_to_mfn(table[1]));
    page_make_rw(table[1]);
    memset(&table[1][64], 0, (512 - 64) * 8);
    page_make_ro(table[1]);
    for (unsigned int level = 2; level <= 4; level++) {
        table[level] = page_alloc();
        table[level][0] = pte_make(virt_to_mfn(table[level - 1]), PTE_TABLE);
        page_make_ro(table[level]);
    }
    mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(table[4]));
    pin_pair("pin_l4_tree64", "unpin_l4_tree64", MMUEXT_PIN_L4_TABLE, virt_to_mfn(table[4]));
}

void bench_memory(void)
{
    frame[0] = virt_to_mfn(page_alloc());
    frame[1] = virt_to_mfn(page_alloc());
    map_page(AREA, frame[0], PTE_KRW);
    entry = pte_find(kernel_l4, AREA, 1);
    entry_ma = pte_maddr(entry);
    single_updates();
    batches();
    va_updates();
    flushes();
    demand_map();
    pins();
    bench_reservations();
}
