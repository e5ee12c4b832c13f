/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who is told of which change, in which order, and what a reader that does not read gets.
 */
#include "stored/rig.h"

#include <stdio.h>

#include "stored/quota.h"

#define HOME "/local/domain/1"

static int start(void **state)
{
    rig_start(state);
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "/data\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "\0n0\0r1\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "/data\0n1\0"));
    return 0;
}

static void add_and_remove(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/w\0t\0"));
    assert_string_equal(rig_event(0), "/w t");
    assert_string_equal(RIG_CALL(0, XS_WATCH, 0, "/w\0t\0"), "EEXIST");
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/w\0t2\0"));
    assert_string_equal(rig_event(0), "/w t2");
    assert_string_equal(RIG_CALL(0, XS_WATCH, 0, "/w\0"), "EINVAL");
    assert_string_equal(RIG_CALL(0, XS_WATCH, 0, "/w\0t"), "EINVAL");
    assert_string_equal(RIG_CALL(0, XS_WATCH, 0, "/w//\0t\0"), "EINVAL");
    assert_ok(RIG_CALL(0, XS_UNWATCH, 0, "/w\0t\0"));
    assert_string_equal(RIG_CALL(0, XS_UNWATCH, 0, "/w\0t\0"), "ENOENT");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w\0v"));
    assert_string_equal(rig_event(0), "/w t2");
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_RESET_WATCHES, 0, "\0"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w\0v"));
    assert_string_equal(rig_event(0), "");
}

static void changes(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/w\0top\0"));
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/w/x/y\0low\0"));
    rig_event(0);
    rig_event(0);
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w/x/y/z\0v"));
    assert_string_equal(rig_event(0), "/w/x/y/z top");
    assert_string_equal(rig_event(0), "/w/x/y/z low");
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, "/w/x/y/z\0")); /* changes nothing */
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/w/x\0n0\0"));
    assert_string_equal(rig_event(0), "/w/x top");
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/wx\0v")); /* a name that only begins alike */
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_RM, 0, "/w\0"));
    assert_string_equal(rig_event(0), "/w/x/y low");
    assert_string_equal(rig_event(0), "/w top");
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/\0root\0"));
    assert_string_equal(rig_event(0), "/ root");
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/\0n0\0"));
    assert_string_equal(rig_event(0), "/ root");
    assert_string_equal(rig_event(0), "");
}

static void relative(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0rel\0"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, HOME "/data\0abs\0"));
    assert_string_equal(rig_event(1), "data rel");
    assert_string_equal(rig_event(1), HOME "/data abs");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, HOME "/data/x\0v"));
    assert_string_equal(rig_event(1), "data/x rel");
    assert_string_equal(rig_event(1), HOME "/data/x abs");
}

static void permissions(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "/w\0w\0"));
    assert_string_equal(rig_event(1), "/w w"); /* always once, whether it may be read or not */
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w\0v"));
    assert_string_equal(rig_event(1), "");
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/w\0n0\0r1\0"));
    assert_string_equal(rig_event(1), "/w w");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w/x\0v")); /* inherits, so it may be read */
    assert_string_equal(rig_event(1), "/w/x w");
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/w/x\0n0\0")); /* could be read before */
    assert_string_equal(rig_event(1), "/w/x w");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/w/x/y\0v"));
    assert_string_equal(rig_event(1), "");
    assert_ok(RIG_CALL(0, XS_RM, 0, "/w\0")); /* could be read before it went */
    assert_string_equal(rig_event(1), "/w w");
}

static void special(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "@introduceDomain\0i\0"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "@introduceDomain\0i\0"));
    assert_string_equal(rig_event(0), "@introduceDomain i");
    assert_string_equal(rig_event(1), "@introduceDomain i");
    rig_introduce(2);
    assert_string_equal(rig_event(0), "@introduceDomain i");
    assert_string_equal(rig_event(1), ""); /* guests are not told of each other */
    assert_ok(RIG_CALL(0, XS_RELEASE, 0, "2\0"));
    assert_string_equal(rig_event(0), "");
}

static void transactions(void **state)
{
    uint32_t tx = rig_transaction(0);

    (void)state;
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "/w\0w\0"));
    rig_event(0);
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/w/b\0v"));
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/w/a\0v"));
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/w/b\0v2"));
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/w/c\0v"));
    assert_ok(RIG_CALL(0, XS_RM, tx, "/w/c\0"));
    assert_string_equal(rig_event(0), "");
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
    assert_string_equal(rig_event(0), "/w/b w");
    assert_string_equal(rig_event(0), "/w/a w");
    assert_string_equal(rig_event(0), "");
    tx = rig_transaction(0);
    assert_ok(RIG_CALL(0, XS_RM, tx, "/w\0"));
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "F\0"));
    assert_string_equal(rig_event(0), "");
}

static void quota(void **state)
{
    char text[32];
    int i, len;

    (void)state;
    for (i = 0; i < 200; i++) {
        len = snprintf(text, sizeof(text), "data%ct%d", 0, i) + 1;
        if (strcmp(rig_call(1, XS_WATCH, 0, text, len), "OK"))
            break;
    }
    assert_int_equal(i, 128);
    assert_string_equal(RIG_CALL(1, XS_WATCH, 0, "data\0one-more\0"), "E2BIG");
    assert_ok(RIG_CALL(1, XS_UNWATCH, 0, "data\0t5\0"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0one-more\0"));
}

/*
 * A guest that watches much and reads nothing: the daemon keeps a bounded number of events, and
 * what the guest gets in the end still tells it to look at everything.
 */
static void slow_reader(void **state)
{
    char text[64];
    int i, len, events = 0;
    bool whole = false;
    const char *ev;

    (void)state;
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0t\0"));
    rig_event(1);
    rig_deaf[1] = true;
    for (i = 0; i < 3000; i++) {
        len = snprintf(text, sizeof(text), HOME "/data/%d%cv", i, 0);
        assert_ok(rig_call(0, XS_WRITE, 0, text, len));
        assert_true(usage_of(1)->queued <= (long)quotas[QUOTA_OUTSTANDING].limit + 1);
    }
    rig_deaf[1] = false;
    rig_run();
    while (*(ev = rig_event(1))) {
        events++;
        whole = !strcmp(ev, "data t");
    }
    assert_in_range(events, 200, 400);
    assert_true(whole); /* the last one says: look at everything */
    assert_int_equal(usage_of(1)->queued, 0);
    assert_ok(RIG_CALL(0, XS_WRITE, 0, HOME "/data/x\0v"));
    assert_string_equal(rig_event(1), "data/x t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(add_and_remove, start, rig_stop),
        cmocka_unit_test_setup_teardown(changes, start, rig_stop),
        cmocka_unit_test_setup_teardown(relative, start, rig_stop),
        cmocka_unit_test_setup_teardown(permissions, start, rig_stop),
        cmocka_unit_test_setup_teardown(special, start, rig_stop),
        cmocka_unit_test_setup_teardown(transactions, start, rig_stop),
        cmocka_unit_test_setup_teardown(quota, start, rig_stop),
        cmocka_unit_test_setup_teardown(slow_reader, start, rig_stop),
    };

    return cmocka_run_group_tests_name("stored: watches", tests, NULL, NULL);
}
