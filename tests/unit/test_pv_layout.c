/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a PV guest and its page tables: walked here with a walker of the test's own, every
 * address of the initial mapping leads to its page, tables are mapped read-only and everything
 * else writable, nothing overlaps, nothing lies outside; what cannot be laid out is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "domain/pv_layout.h"

#define MB 256ull /* pages */

/* A p2m in which every page is somewhere else; mfn_to_pfn undoes it. */
static uint64_t pfn_to_mfn(uint64_t pfn) { return (pfn ^ 0x5a5) + 0x100000; }

static uint64_t mfn_to_pfn(uint64_t mfn) { return (mfn - 0x100000) ^ 0x5a5; }

struct guest {
    struct pv_layout l;
    uint64_t *p2m, *main, *own;
};

static void guest_make(struct guest *g, const struct elf_kernel *k, uint64_t pages, uint64_t ramdisk)
{
    struct err *err = NULL;
    uint64_t i, room = (pages + 0xfff) & ~0xfffull;

    assert_int_equal(pv_layout_make(k, pages, ramdisk, &g->l, &err), 0);
    g->p2m = malloc(room * sizeof(*g->p2m));
    for (i = 0; i < room; i++)
        g->p2m[i] = pfn_to_mfn(i);
    g->main = calloc(g->l.tables_pages, 4096);
    g->own = g->l.p2m_own_map ? calloc(g->l.p2m_pages - g->l.p2m_list_pages, 4096) : NULL;
    pv_layout_tables(&g->l, g->p2m, g->main, g->own);
}

static void guest_free(struct guest *g)
{
    free(g->p2m);
    free(g->main);
    free(g->own);
}

/* Memory of a table by its pfn: one of the two areas, or the test fails. */
static const uint64_t *table_at(const struct guest *g, uint64_t pfn)
{
    uint64_t own = g->l.p2m_pfn + g->l.p2m_list_pages;

    if (pfn >= g->l.tables_pfn && pfn < g->l.tables_pfn + g->l.tables_pages)
        return g->main + (pfn - g->l.tables_pfn) * 512;
    assert_true(g->own && pfn >= own && pfn < g->l.p2m_pfn + g->l.p2m_pages);
    return g->own + (pfn - own) * 512;
}

/* The leaf entry for an address, 0 when it is not mapped. */
static uint64_t walk(const struct guest *g, uint64_t va)
{
    uint64_t pfn = g->l.tables_pfn, e = 0;

    for (int shift = 39; shift >= 12; shift -= 9) {
        e = table_at(g, pfn)[(va >> shift) & 511];
        if (!(e & 1))
            return 0;
        assert_true(shift == 12 || (e & 7) == 7);
        pfn = mfn_to_pfn(e >> 12 & 0xffffffffff);
    }
    return e;
}

static int is_table(const struct guest *g, uint64_t pfn)
{
    const struct pv_layout *l = &g->l;

    return (pfn >= l->tables_pfn && pfn < l->tables_pfn + l->tables_pages) ||
           (l->p2m_own_map && pfn >= l->p2m_pfn + l->p2m_list_pages && pfn < l->p2m_pfn + l->p2m_pages);
}

static void check_map(const struct guest *g, uint64_t va, uint64_t pages, uint64_t pfn)
{
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t e = walk(g, va + i * 4096);

        assert_int_equal(mfn_to_pfn(e >> 12 & 0xffffffffff), pfn + i);
        assert_int_equal(e & 2, is_table(g, pfn + i) ? 0 : 2);
    }
    assert_int_equal(walk(g, va - 4096), 0);
}

static void check(const struct guest *g, const struct elf_kernel *k)
{
    const struct pv_layout *l = &g->l;
    uint64_t kernel_end = (k->end + 4095) / 4096;

    check_map(g, l->virt_base, l->map_pages, 0);
    if (l->p2m_own_map)
        check_map(g, l->p2m_virt, l->p2m_list_pages, l->p2m_pfn);
    assert_int_equal((l->virt_base + l->map_pages * 4096) % (4 << 20), 0);
    assert_true(l->map_pages >= l->stack_pfn + 1 + 128);
    assert_true(l->start_info_pfn >= kernel_end);
    assert_int_equal(l->store_pfn, l->start_info_pfn + 1);
    assert_int_equal(l->console_pfn, l->start_info_pfn + 2);
    assert_int_equal(l->tables_pfn, l->start_info_pfn + 3);
    assert_int_equal(l->stack_pfn, l->tables_pfn + l->tables_pages);
    assert_true(l->used_pages <= l->nr_pages);
    assert_true(l->p2m_pfn + l->p2m_pages <= l->used_pages);
}

static struct elf_kernel linux_like(void)
{
    return (struct elf_kernel){.start = 0x1000000,
                               .end = 0x4a00000,
                               .virt_base = 0xffffffff80000000,
                               .entry = 0xffffffff830791c0,
                               .init_p2m = 0x8000000000,
                               .mod_start_pfn = true};
}

/* Debian's kernel at 128 MB: xl's builder gave these numbers for it. */
static void test_like_xl(void **state)
{
    struct elf_kernel k = linux_like();
    struct guest g;

    (void)state;
    guest_make(&g, &k, 128 * MB, 0x37410);
    assert_int_equal(g.l.start_info_pfn, 0x4a00);
    assert_int_equal(g.l.tables_pfn, 0x4a03);
    assert_int_equal(g.l.tables_pages, 0x29);
    assert_int_equal(g.l.stack_pfn, 0x4a2c);
    assert_int_equal(g.l.map_pages, 0x4c00);
    assert_int_equal(g.l.ramdisk_pfn, 0x4c00);
    assert_int_equal(g.l.p2m_pfn, 0x4c38);
    assert_int_equal(g.l.p2m_pages, 0x43);
    check(&g, &k);
    guest_free(&g);
}

static void test_sizes(void **state)
{
    static const uint64_t sizes[] = {80 * MB, 81 * MB + 1, 100 * MB, 512 * MB + 77, 4096 * MB + 3, 40000 * MB + 5};
    struct elf_kernel k = linux_like();
    struct guest g;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        guest_make(&g, &k, sizes[i], i * 12345);
        check(&g, &k);
        guest_free(&g);
    }
}

/* A kernel that asks for nothing special: ramdisk and list lie in the mapping, before start_info. */
static void test_plain(void **state)
{
    struct elf_kernel k = linux_like();
    struct guest g;

    (void)state;
    k.init_p2m = 0;
    k.mod_start_pfn = false;
    guest_make(&g, &k, 300 * MB, 5 << 20);
    assert_true(g.l.ramdisk_mapped);
    assert_int_equal(g.l.ramdisk_pfn, 0x4a00);
    assert_int_equal(g.l.p2m_pfn, 0x4a00 + 5 * MB);
    assert_int_equal(g.l.p2m_virt, 0xffffffff80000000 + (g.l.p2m_pfn << 12));
    assert_true(g.l.start_info_pfn == g.l.p2m_pfn + g.l.p2m_pages);
    check(&g, &k);
    guest_free(&g);
    /* At address 0, like small kernels. */
    k = (struct elf_kernel){.end = 0x3000, .virt_base = 0};
    guest_make(&g, &k, 16 * MB, 0);
    check(&g, &k);
    guest_free(&g);
}

static void refuse(const struct elf_kernel *k, uint64_t pages, uint64_t ramdisk, int code)
{
    struct pv_layout l;
    struct err *err = NULL;

    assert_int_equal(pv_layout_make(k, pages, ramdisk, &l, &err), -1);
    assert_int_equal(err->code, code);
    err_drop(&err);
}

static void test_refused(void **state)
{
    struct elf_kernel k = linux_like();

    (void)state;
    refuse(&k, 60 * MB, 0, ERR_NOMEM);
    refuse(&k, 76 * MB, 1 << 20, ERR_NOMEM);
    refuse(&k, 128 * MB, 1ull << 40, ERR_NOMEM);
    refuse(&k, 128 * MB, UINT64_MAX - 4096, ERR_NOMEM);
    k.end = 1ull << 46;
    refuse(&k, 128 * MB, 0, ERR_NOMEM);
    k = linux_like();
    k.virt_base = 0xffff800000000000;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
    k = linux_like();
    k.virt_base = 0xfffffffffff00000;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
    k = linux_like();
    k.virt_base += 8;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
    k = linux_like();
    k.init_p2m = 0xffffffff90000000;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
    k.init_p2m = 0xffff800000000000;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
    k.init_p2m = 0x8000000001;
    refuse(&k, 128 * MB, 0, ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_xl),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
