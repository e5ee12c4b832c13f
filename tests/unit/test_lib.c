/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/string.c, lib/printf.c and lib/bitops.c against libc, the reference for what C's functions
 * mean.
 */
#include <stdarg.h>
#include <stdio.h>
#undef snprintf
#undef vsnprintf
int snprintf(char *restrict s, size_t n, const char *restrict format, ...);
static int libc_format(char *buf, size_t size, const char *fmt, va_list ap);
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#define vsnprintf our_vsnprintf
#define snprintf  our_snprintf
#include <lib/printf.h>

#undef vsnprintf
static int libc_format(char *buf, size_t size, const char *fmt, va_list ap)
{
    return __builtin_vsnprintf(buf, size, fmt, ap);
}

static void check(const char *fmt, ...)
{
    for (size_t size = 0; size < 80; size++) {
        char a[80], b[80];
        va_list ap;
        int n, m;

        __builtin_memset(a, '#', sizeof(a));
        __builtin_memset(b, '#', sizeof(b));
        va_start(ap, fmt);
        n = our_vsnprintf(a, size, fmt, ap);
        va_end(ap);
        va_start(ap, fmt);
        m = libc_format(b, size, fmt, ap);
        va_end(ap);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, size);
    }
}

static void format_like_libc(void **state)
{
    (void)state;
    check("plain %% text");
    check("%d %d %5d|%5d|%05d", 1, -2, 34, -34, -34);
    check("%u %x %#x %3u %12u", 0u, 0xbeefu, 0xbeefu, 8888u, ~0u);
    check("%lx %llx %zu %lu", ~0UL, 1ULL << 40, (size_t)77, ~0UL);
    check("%s|%c", "abc", 'x');
    check("%ld %ld", INT64_MIN, INT64_MAX);
    check("%#06x|%#8x|%#lx|%016lx", 0x12u, 0x12u, 0UL, 0x123456789abcdefUL);
}

static void format_own_pointer(void **state)
{
    char buf[32];

    (void)state;
    our_snprintf(buf, sizeof(buf), "%p", (void *)0x1234);
    assert_string_equal(buf, "0000000000001234");
    our_snprintf(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
    our_snprintf(buf, sizeof(buf), "%o", 8);
    assert_string_equal(buf, "%o");
}

static void strings(void **state)
{
    char small[4];

    (void)state;
    assert_int_equal(our_strlen("abc"), 3);
    assert_true(our_strcmp("abc", "abd") < 0 && our_strcmp("b", "a") > 0 && !our_strcmp("", ""));
    assert_true(our_strcmp("\xff", "a") > 0);
    assert_true(our_strncmp("abcx", "abcy", 3) == 0 && our_strncmp("abcx", "abcy", 4) < 0);
    assert_string_equal(our_strchr("a=b=c", '='), "=b=c");
    assert_null(our_strchr("abc", 'x'));
    assert_int_equal(our_strlcpy(small, "longer", sizeof(small)), 6);
    assert_string_equal(small, "lon");
    assert_true(our_memcmp("ab\0c", "ab\0d", 4) < 0);
    assert_int_equal((const char *)our_memchr("a\0b", 'b', 3) - (const char *)our_memchr("a\0b", 0, 3), 0 + 1);
}

static void numbers(void **state)
{
    const char *end;

    (void)state;
    assert_int_equal(str_to_u64("0x1fG", &end, 0), 0x1f);
    assert_string_equal(end, "G");
    assert_int_equal(str_to_u64("017", &end, 0), 15);
    assert_int_equal(str_to_u64("19", &end, 10), 19);
    assert_int_equal(str_to_u64("ff", NULL, 16), 255);
    assert_int_equal(str_to_u64("xyz", &end, 0), 0);
    assert_string_equal(end, "xyz");
    assert_int_equal(str_to_u64("0x", &end, 0), 0);
    assert_string_equal(end, "x");
}

static void bitmaps(void **state)
{
    unsigned long map[3] = {};

    (void)state;
    assert_int_equal(find_next_bit(map, 190, 0), 190);
    set_bit(3, map);
    __set_bit(64, map);
    assert_false(test_and_set_bit(189, map));
    assert_true(test_and_set_bit(189, map));
    assert_int_equal(find_next_bit(map, 190, 0), 3);
    assert_int_equal(find_next_bit(map, 190, 4), 64);
    assert_int_equal(find_next_bit(map, 189, 65), 189);
    assert_true(test_and_clear_bit(64, map) && !test_bit(64, map));
    assert_int_equal(popcount64(~0UL), 64);
    assert_int_equal(popcount64(0x8000000000000001UL), 2);
    assert_int_equal(fls64(1), 0);
    assert_int_equal(ffs64(1UL << 63), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_like_libc), cmocka_unit_test(format_own_pointer),
        cmocka_unit_test(strings),          cmocka_unit_test(numbers),
        cmocka_unit_test(bitmaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
