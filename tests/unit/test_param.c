/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot/param.c: what the hypervisor's command line may look like.
 */
#include "log.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <boot/param.h>

static char text[8];
static bool flag;
static unsigned int number;
static char custom[32];

static int custom_parse(const char *s)
{
    strlcpy(custom, s, sizeof(custom));
    return *s == '!' ? -EINVAL : 0;
}

/* The linker's bounds of the real table: not used here. */
const struct boot_param __start_params[1], __stop_params[1];

static const struct boot_param table[] = {
    {.name = "text", .type = PARAM_STRING, .var = text, .len = sizeof(text)},
    {.name = "flag", .type = PARAM_BOOL, .var = &flag},
    {.name = "number", .type = PARAM_UINT, .var = &number},
    {.name = "custom", .type = PARAM_CUSTOM, .parse = custom_parse},
    {.name = "old", .type = PARAM_IGNORED},
};

static int parse(const char *line, char *bad, size_t bad_size)
{
    return params_parse_table(table, table + ARRAY_SIZE(table), line, bad, bad_size);
}

static void good(void **state)
{
    char bad[64];

    (void)state;
    assert_int_equal(parse("  text=abc flag number=0x10 custom=a,b=c old=1 old", bad, sizeof(bad)), 0);
    assert_string_equal(text, "abc");
    assert_true(flag);
    assert_int_equal(number, 16);
    assert_string_equal(custom, "a,b=c");
    assert_int_equal(parse("no-flag no-custom text=muchtoolong", bad, sizeof(bad)), 0);
    assert_false(flag);
    assert_string_equal(custom, "no");
    assert_string_equal(text, "muchtoo");
    assert_int_equal(parse("flag=on flag=0 flag=enable", bad, sizeof(bad)), 0);
    assert_true(flag);
    assert_int_equal(parse("number=512 -- flag=off nonsense", bad, sizeof(bad)), 0);
    assert_int_equal(number, 512);
    assert_true(flag);
}

static void bad_words(void **state)
{
    char bad[64], tiny[8];

    (void)state;
    flag = true;
    assert_int_equal(parse("nonsense flag=maybe number=12x number custom=!", bad, sizeof(bad)), 5);
    assert_string_equal(bad, " nonsense flag=maybe number=12x number custom=!");
    assert_true(flag);
    assert_int_equal(parse("verylongword x", tiny, sizeof(tiny)), 2);
    assert_string_equal(tiny, " x");
    assert_int_equal(parse("number=99999999999", bad, sizeof(bad)), 1);
}

static void long_word(void **state)
{
    static char line[1024];
    char bad[16];

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "text=", 5);
    assert_int_equal(parse(line, bad, sizeof(bad)), 0);
    assert_string_equal(text, "xxxxxxx");
}

static void sizes(void **state)
{
    const char *end;
    u64 n;

    (void)state;
    assert_int_equal(param_parse_size("2G,max:4G", &end, &n), 0);
    assert_int_equal(n, 2UL << 30);
    assert_string_equal(end, ",max:4G");
    assert_int_equal(param_parse_size("100b", NULL, &n), 0);
    assert_int_equal(n, 100);
    assert_int_equal(param_parse_size("512", NULL, &n), 0);
    assert_int_equal(n, 512 << 10);
    assert_int_equal(param_parse_size("", NULL, &n), -EINVAL);
    assert_int_equal(param_parse_size("3Q", NULL, &n), -EINVAL);
    assert_int_equal(param_parse_size("99999999999999G", NULL, &n), -EINVAL);
    assert_int_equal(param_parse_size("5Tx", NULL, &n), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad_words),
        cmocka_unit_test(long_word),
        cmocka_unit_test(sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
