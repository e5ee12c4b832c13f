/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables: set_gdt, update_descriptor, the LDT, and what may stand in them.
 *
 * Code and data segments of the guest's rings load and work; frames of a table become read-only;
 * entries of any other kind (system segments, gates, DPL 0) are refused or made harmless as on
 * Xen 4.17; tables of too many entries or wrong frames are refused.
 */
#include "lib/guest.h"

const char test_title[] = "descriptor tables";

#define DATA_DESC 0x00cff3000000ffffull /* ring 3, read-write, flat */
#define CODE_DESC 0x00affb000000ffffull /* ring 3, 64-bit, conforming not */

static uint64_t *gdt;

static int load_fs(unsigned int selector)
{
    return FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%fs") : : "r"(selector)));
}

static unsigned int read_fs(void)
{
    unsigned int fs;

    __asm__ volatile("mov %%fs, %0" : "=r"(fs));
    return fs;
}

static void check_set_gdt(void)
{
    unsigned long frames[16] = {0};
    uint64_t mfn = virt_to_mfn(gdt);

    gdt[8] = DATA_DESC;
    frames[0] = mfn;
    check_eq(hc_set_gdt(frames, 512), -XEN_EINVAL); /* mapped writable */
    page_make_ro(gdt);
    check_eq(hc_set_gdt(frames, 512), 0);
    check_eq(va_protect(gdt, PTE_KRW), -XEN_EBUSY);
    check_eq(load_fs(8 * 8 + 3), NO_FAULT);
    check_eq(read_fs(), 8 * 8 + 3);
    check_eq(load_fs(9 * 8 + 3), VEC_GP);
    check_eq(hc_set_gdt(frames, 8193), -XEN_EINVAL);
    check_eq(hc_set_gdt(frames, FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL);
    frames[0] = 0xffffffffff;
    check_eq(hc_set_gdt(frames, 512), -XEN_EINVAL);
    frames[0] = virt_to_mfn(kernel_l4);
    check_eq(hc_set_gdt(frames, 512), -XEN_EINVAL);
    check_eq(hc_set_gdt(8, 512), -XEN_EFAULT);
    check_eq(load_fs(8 * 8 + 3), NO_FAULT); /* the old one is still there */
    check_eq(load_fs(0), NO_FAULT);
}

static void check_update(void)
{
    uint64_t at = virt_to_mfn(gdt) << PAGE_SHIFT;

    check_eq(hc_update_descriptor(at + 9 * 8, DATA_DESC), 0);
    check_eq(gdt[9], DATA_DESC);
    check_eq(load_fs(9 * 8 + 3), NO_FAULT);
    check_eq(load_fs(0), NO_FAULT);
    check_eq(hc_update_descriptor(at + 9 * 8, CODE_DESC), 0);
    check_eq(hc_update_descriptor(at + 9 * 8, 0), 0);
    check_eq(hc_update_descriptor(at + 9 * 8, DATA_DESC & ~(1ull << 47)), 0); /* not present */
    check_eq(load_fs(9 * 8 + 3), VEC_NP);
    check_eq(hc_update_descriptor(at + 9 * 8 + 4, DATA_DESC), -XEN_EINVAL);
    check_eq(hc_update_descriptor(0xfffffffff000ul, DATA_DESC), -XEN_EINVAL);
    check_eq(hc_update_descriptor(virt_to_mfn(kernel_l4) << PAGE_SHIFT, DATA_DESC), -XEN_EINVAL);
    /* also into a plain page of the guest's, which is no table yet */
    check_eq(hc_update_descriptor(virt_to_mfn(stacks) << PAGE_SHIFT | 2048, 0), 0);
}

static void check_kinds(void)
{
    uint64_t at = (virt_to_mfn(gdt) << PAGE_SHIFT) + 9 * 8;

    for (unsigned int dpl = 0; dpl < 4; dpl++) {
        uint64_t data = (DATA_DESC & ~(3ull << 45)) | (uint64_t)dpl << 45;
        uint64_t code = (CODE_DESC & ~(3ull << 45)) | (uint64_t)dpl << 45;

        check_eq(hc_update_descriptor(at, data), 0);
        check_eq(gdt[9] >> 45 & 3, 3); /* other rings are not for guests */
        check_eq(hc_update_descriptor(at, code), 0);
        check_eq(gdt[9] >> 45 & 3, 3);
    }
    for (unsigned int type = 0; type < 16; type++) {
        uint64_t system = 0x00cfe0000000ffffull | (uint64_t)type << 40;

        check_eq(hc_update_descriptor(at, 0), 0);
        if (type == 12) { /* a call gate may stand there, but not to be passed by the CPU */
            long rc = hc_update_descriptor(at, system);

            check(rc == -XEN_EINVAL || (rc == 0 && (gdt[9] >> 45 & 3) == 0));
        } else {
            check_eq(hc_update_descriptor(at, system), type ? -XEN_EINVAL : 0);
            check_eq(gdt[9], type ? 0 : system);
        }
        check_eq(hc_update_descriptor(at, system & ~(1ull << 47)), 0);
    }
    check_eq(hc_update_descriptor(at, 0), 0);
}

static void check_bad_table(void)
{
    uint64_t *bad = page_alloc();
    unsigned long frames[1] = {virt_to_mfn(bad)};

    bad[100] = 0x0000e90000000067ull; /* a task state segment, DPL 3 */
    page_make_ro(bad);
    check_eq(hc_set_gdt(frames, 512), -XEN_EINVAL);
    page_make_rw(bad);
    bad[100] = 0;
    page_make_ro(bad);
    check_eq(hc_set_gdt(frames, 512), 0);
    frames[0] = virt_to_mfn(gdt);
    check_eq(va_protect(gdt, PTE_KRW), 0); /* the old one is free again */
    page_make_ro(gdt);
    check_eq(hc_set_gdt(frames, 512), 0);
    page_make_rw(bad);
    page_free(bad);
}

static void check_ldt(void)
{
    uint64_t *ldt = page_alloc();
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)ldt};

    ldt[3] = DATA_DESC;
    op.arg2.nr_ents = 512;
    page_make_ro(ldt);
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check_eq(load_fs(3 * 8 + 7), NO_FAULT);
    check_eq(load_fs(4 * 8 + 7), VEC_GP);
    check_eq(va_protect(ldt, PTE_KRW), -XEN_EBUSY); /* in use by now */
    check_eq(hc_update_descriptor((virt_to_mfn(ldt) << PAGE_SHIFT) + 4 * 8, DATA_DESC), 0);
    check_eq(load_fs(4 * 8 + 7), NO_FAULT);
    check_eq(load_fs(0), NO_FAULT);
    op.arg2.nr_ents = 0;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check_eq(load_fs(3 * 8 + 7), VEC_GP);
    check_eq(va_protect(ldt, PTE_KRW), 0);
    op.arg2.nr_ents = 8193;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    op.arg2.nr_ents = 8;
    op.arg1.linear_addr = (unsigned long)ldt + 8;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    op.arg1.linear_addr = 0x800000000000;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    /* what is not mapped is found out at the first use */
    op.arg1.linear_addr = 0x600000000000;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check_eq(load_fs(3 * 8 + 7), VEC_PF);
    check_eq(last_fault.cr2, 0x600000000018);
    op.arg2.nr_ents = 0;
    check_eq(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
}

void test_main(void)
{
    gdt = page_alloc();
    check_set_gdt();
    check_update();
    check_kinds();
    check_bad_table();
    check_ldt();
}
