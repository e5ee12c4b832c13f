/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot/memmap.c: firmware's memory maps put in order, by a slow model that asks for each address;
 * and memory taken before the heap.
 */
#include "log.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <boot/memmap.h>

struct boot_info boot_info;

static u32 rank(u32 type)
{
    switch (type) {
    case MEM_RAM: return 1;
    case MEM_ACPI: return 2;
    case MEM_NVS: return 3;
    case MEM_UNUSABLE: return 5;
    default: return 4;
    }
}

/* The worst type of the ranges that pa is in, 0: none. */
static u32 worst_at(const struct mem_range *r, unsigned int n, paddr_t pa)
{
    u32 worst = 0;

    for (unsigned int i = 0; i < n; i++)
        if (pa >= r[i].start && pa - r[i].start < r[i].size && (!worst || rank(r[i].type) > rank(worst)))
            worst = r[i].type;
    return worst;
}

static void check_order(const struct mem_range *out, int n)
{
    for (int i = 0; i < n; i++) {
        assert_true(out[i].size > 0);
        if (out[i].type == MEM_RAM)
            assert_true(out[i].start % PAGE_SIZE == 0 && out[i].size % PAGE_SIZE == 0);
        if (i) {
            assert_true(out[i - 1].start + out[i - 1].size <= out[i].start);
            if (out[i - 1].start + out[i - 1].size == out[i].start)
                assert_true(out[i - 1].type != out[i].type);
        }
    }
}

static void random_maps(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        struct mem_range in[8], out[64];
        unsigned int nr = rand() % 9;
        int n;

        for (unsigned int i = 0; i < nr; i++)
            in[i] = (struct mem_range){rand() % 24 * 0x800, rand() % 12 * 0x800, rand() % 7 + 1};
        n = memmap_sanitise(in, nr, out, 64);
        assert_true(n >= 0);
        check_order(out, n);
        for (paddr_t pa = 0; pa < 40 * 0x800; pa += 0x800) {
            u32 want = worst_at(in, nr, pa), got = worst_at(out, n, pa);
            paddr_t page = pa & PAGE_MASK;

            /* A page that is RAM in part only is no RAM. */
            if (want == MEM_RAM && (worst_at(in, nr, page) != MEM_RAM || worst_at(in, nr, page + 0x800) != MEM_RAM))
                want = 0;
            if (want != MEM_RAM && rank(want ? want : 1) == 4)
                want = got && rank(got) == 4 ? got : want;
            assert_int_equal(got, want);
        }
    }
}

static void wrapping(void **state)
{
    const struct mem_range in[] = {{0x1000, ~0UL, MEM_RAM}, {~0UL - 10, 100, MEM_RAM}, {0x5000, 0, MEM_NVS}};
    struct mem_range out[8];
    int n = memmap_sanitise(in, 3, out, 8);

    (void)state;
    assert_int_equal(n, 1);
    assert_int_equal(out[0].start, 0x1000);
    assert_int_equal(out[0].start + out[0].size, 1UL << 52);
}

static void too_many(void **state)
{
    struct mem_range in[16], out[4];

    (void)state;
    for (int i = 0; i < 16; i++)
        in[i] = (struct mem_range){i * 0x2000, 0x1000, MEM_RAM};
    assert_int_equal(memmap_sanitise(in, 16, out, 4), -E2BIG);
}

static unsigned long given;

static void give(mfn_t start, mfn_t end)
{
    assert_true(mfn_x(start) >= 0x100 && mfn_x(start) < mfn_x(end));
    given += mfn_x(end) - mfn_x(start);
}

static void early_memory(void **state)
{
    paddr_t a, b, low;

    (void)state;
    boot_info.nr_ranges = 3;
    boot_info.range[0] = (struct mem_range){0, 0x9f000, MEM_RAM};
    boot_info.range[1] = (struct mem_range){0x100000, 0x700000, MEM_RAM};
    boot_info.range[2] = (struct mem_range){1UL << 32, 0x400000, MEM_RAM};
    memmap_start();
    memmap_reserve(0x200123, 0x100000); /* to 0x301000 */
    memmap_reserve(0x700000, 0x100000);
    a = memmap_alloc(0x1000, 0x1000, ~0UL);
    assert_int_equal(a, (1UL << 32) + 0x3ff000);
    b = memmap_alloc(0x200000, 0x200000, 1UL << 32);
    assert_int_equal(b, 0x400000);
    low = memmap_alloc_low_page();
    assert_int_equal(low, 0x9e000);
    assert_int_equal(memmap_taken(), 0x201000);
    if (setjmp(log_panic) == 0) {
        memmap_alloc(0x800000, 0x1000, ~0UL);
        fail();
    }
    memmap_hand_over(give);
    /* RAM above 1 MB less what was reserved or taken */
    assert_int_equal(given, (0x700000 - 0x101000 - 0x100000 - 0x200000 + 0x400000 - 0x1000) >> 12);
    assert_int_equal(memmap_ram(), 0x9f000 + 0x700000 + 0x400000);
    if (setjmp(log_panic) == 0) {
        memmap_alloc(0x1000, 0x1000, ~0UL);
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_maps),
        cmocka_unit_test(wrapping),
        cmocka_unit_test(too_many),
        cmocka_unit_test(early_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
