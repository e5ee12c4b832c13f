/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of ranges against a plain map of which numbers are in: random additions, removals and questions,
 * near 0 and near the largest number.
 */
#include "world.h"
#include <core/rangeset.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define NUMBERS 48

static unsigned int ranges(const bool *in)
{
    unsigned int n = in[0];

    for (unsigned int i = 1; i < NUMBERS; i++)
        n += in[i] && !in[i - 1];
    return n;
}

static void run(unsigned long base)
{
    struct rangeset *r = rangeset_new();
    bool in[NUMBERS] = {};

    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int a = rand() % NUMBERS, b = a + rand() % (NUMBERS - a), what = rand() % 3;
        bool all = true, any = false;

        for (unsigned int i = a; i <= b; i++) {
            all = all && in[i];
            any = any || in[i];
            if (what < 2)
                in[i] = what;
        }
        if (what == 2) {
            assert_int_equal(rangeset_contains(r, base + a, base + b), all);
            assert_int_equal(rangeset_overlaps(r, base + a, base + b), any);
            assert_int_equal(rangeset_count(r), ranges(in));
        } else
            assert_int_equal((what ? rangeset_add : rangeset_remove)(r, base + a, base + b), 0);
    }
    rangeset_free(r);
}

static void test_random(void **state)
{
    (void)state;
    run(0);
    run(1000);
    run(~0UL - NUMBERS + 1);
}

static void test_edges(void **state)
{
    struct rangeset *r = rangeset_new();

    (void)state;
    assert_false(rangeset_contains(NULL, 1, 1));
    assert_false(rangeset_contains(r, 0, ~0UL));
    assert_int_equal(rangeset_add(r, 2, 1), -EINVAL);
    assert_int_equal(rangeset_add(r, 0, ~0UL), 0);
    assert_true(rangeset_contains(r, 0, ~0UL));
    assert_int_equal(rangeset_remove(r, 5, 5), 0);
    assert_false(rangeset_contains(r, 0, ~0UL));
    assert_true(rangeset_contains(r, 6, ~0UL));
    assert_true(rangeset_contains(r, 0, 4));
    assert_int_equal(rangeset_remove(r, 0, ~0UL), 0);
    assert_false(rangeset_contains(r, 0, 0));
    rangeset_free(r);
    rangeset_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_edges)};

    return cmocka_run_group_tests_name("rangeset", tests, NULL, NULL);
}
