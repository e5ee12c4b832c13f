/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writable page tables: a store to an L1 table is emulated.
 *
 * Stores, exchanges and locked read-modify-write of 8 aligned bytes to a live L1 table take effect
 * as if by hypercall, in every instruction form that kernels use; narrower ones too; a store of a
 * bad entry faults or is refused; a store to an upper table, or to a read-only page that is no
 * table, is the guest's own page fault. So is any without the assist, which a domU must ask for.
 */
#include "lib/guest.h"

const char test_title[] = "emulated page-table writes";

#define AREA 0x20000000ul

static uint64_t frame[2], *table, *entry;

/* One store form: must not fault, must leave the value, which must be in force. */
#define STORE(insn, value, ...)                                                                        \
    do {                                                                                               \
        uint64_t want_ = (value);                                                                      \
        check_eq(FAULT_VECTOR(__asm__ volatile(EX(insn) : : __VA_ARGS__ : "memory", "cc")), NO_FAULT); \
        check_eq(*entry & ~(PTE_G | PTE_US), want_ & ~(PTE_G | PTE_US));                               \
        mmuext_linear(MMUEXT_INVLPG_LOCAL, AREA);                                                      \
    } while (0)

static void check_forms(void)
{
    uint64_t a = pte_make(frame[0], PTE_KRW), b = pte_make(frame[1], PTE_KRW);

    STORE("movq %0, (%1)", a, "r"(a), "r"(entry));
    check_eq(*(volatile uint64_t *)AREA, 0x1111);
    STORE("xchgq %0, (%1)", b, "r"(b), "r"(entry));
    check_eq(*(volatile uint64_t *)AREA, 0x2222);
    STORE("movq $0, (%0)", 0, "r"(entry));
    check_eq(read_fault(AREA), VEC_PF);
    STORE("lock cmpxchgq %0, (%1)", a, "r"(a), "r"(entry), "a"(0));
    check_eq(*(volatile uint64_t *)AREA, 0x1111);
    STORE("lock andq %0, (%1)", a & ~PTE_RW, "r"(~PTE_RW), "r"(entry));
    check_eq(write_fault(AREA, 1), VEC_PF);
    STORE("lock orq %0, (%1)", a, "r"(PTE_RW), "r"(entry));
    check_eq(write_fault(AREA, 0x1111), NO_FAULT);
    STORE("lock btrq $1, (%0)", a & ~PTE_RW, "r"(entry));
    STORE("btsq $1, (%0)", a, "r"(entry));
    STORE("movq %0, 0x10(%1,%2,8)", b, "r"(b), "r"(entry - 5), "r"(3ul));
    STORE("stosq", a, "a"(a), "D"(entry));
    STORE("movsq", b, "S"(&b), "D"(entry));
    STORE("lock addq $0x200, (%0)", b + 0x200, "r"(entry));
    STORE("subq $0x200, (%0)", b, "r"(entry));
    STORE("movnti %0, (%1)", a, "r"(a), "r"(entry));
}

static void check_narrow(void)
{
    uint64_t a = pte_make(frame[0], PTE_KRW);

    STORE("movl %k0, (%1)", a, "r"(a), "r"(entry));
    STORE("movl %k0, 4(%1)", a, "r"((uint32_t)(a >> 32)), "r"(entry));
    STORE("andb $0xfd, (%0)", a & ~PTE_RW, "r"(entry));
    STORE("orb $2, (%0)", a, "r"(entry));
    STORE("lock btrl $1, (%0)", a & ~PTE_RW, "r"(entry));
    check_eq(pte_write(pte_maddr(entry), a), 0);
}

/* The hardware's own bits: a store keeps what it was told to. */
static void check_refused(void)
{
    uint64_t a = pte_make(frame[0], PTE_KRW);

    check_eq(write_fault(entry, pte_make(virt_to_mfn(table), PTE_KRW)), VEC_PF); /* a table, writable */
    check_eq(*entry & ~(PTE_G | PTE_US), a & ~(PTE_G | PTE_US));
    check_eq(write_fault(entry, pte_make(1ul << 38, PTE_KRW)), VEC_PF);
    check_eq(last_fault.cr2, entry);
    check_eq(last_fault.error, 3);
    check_eq(*entry & ~(PTE_G | PTE_US), a & ~(PTE_G | PTE_US));
    /* across two entries: not a page-table write */
    check_eq(write_fault((uint8_t *)entry + 4, 0), VEC_PF);
}

static void check_not_l1(void)
{
    uint64_t *page = page_alloc();

    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *upper = pte_find(kernel_l4, AREA, level);

        check_eq(write_fault(upper, *upper), VEC_PF);
        check_eq(last_fault.error, 3);
        check_eq(last_fault.cr2, upper);
    }
    page_make_ro(page);
    check_eq(write_fault(page, 1), VEC_PF);
    check_eq(page[0], 0);
    page_make_rw(page);
    page_free(page);
}

void test_main(void)
{
    for (unsigned int i = 0; i < 2; i++) {
        uint64_t *page = page_alloc();

        *page = i ? 0x2222 : 0x1111;
        frame[i] = virt_to_mfn(page);
    }
    map_page(AREA, frame[0], PTE_KRW);
    entry = pte_find(kernel_l4, AREA, 1);
    table = (uint64_t *)((uint64_t)entry & ~(PAGE_SIZE - 1));
    check_eq(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
    if (!guest.is_dom0) /* Xen does dom0 the favour without being asked */
        check_eq(write_fault(entry, *entry), VEC_PF);
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    check_forms();
    check_narrow();
    check_refused();
    check_not_l1();
}
