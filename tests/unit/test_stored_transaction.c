/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: what they see, what conflicts with them and what does not, their quotas. The table
 * of conflicts is what xenstored 4.17 answers to the same requests.
 */
#include "stored/rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "stored/quota.h"

struct step {
    uint32_t type;
    const char *payload;
    size_t len;
};

#define WRITE(path)                                  \
    {                                                \
        XS_WRITE, path "\0v", sizeof(path "\0v") - 1 \
    }
#define STEP(type, text)             \
    {                                \
        type, text, sizeof(text) - 1 \
    }

/* Somebody does `inside` in a transaction, somebody else `outside` meanwhile. */
static const struct conflict {
    const char *name;
    struct step inside, outside;
    const char *result;
} conflicts[] = {
    {"read, write the same", STEP(XS_READ, "/c/x\0"), WRITE("/c/x"), "EAGAIN"},
    {"write, write the same", WRITE("/c/x"), WRITE("/c/x"), "EAGAIN"},
    {"read one, write another", STEP(XS_READ, "/c/x\0"), WRITE("/c/y"), "OK"},
    {"write one, write another", WRITE("/c/x"), WRITE("/c/y"), "OK"},
    {"two new children", WRITE("/c/a"), WRITE("/c/b"), "EAGAIN"},
    {"read parent, new child", STEP(XS_READ, "/c\0"), WRITE("/c/b"), "EAGAIN"},
    {"list parent, write child", STEP(XS_DIRECTORY, "/c\0"), WRITE("/c/x"), "OK"},
    {"look for one, it is made", STEP(XS_READ, "/c/z\0"), WRITE("/c/z"), "EAGAIN"},
    {"remove, write the same", STEP(XS_RM, "/c/x\0"), WRITE("/c/x"), "EAGAIN"},
    {"remove one, write another", STEP(XS_RM, "/c/x\0"), WRITE("/c/y"), "OK"},
    {"remove two", STEP(XS_RM, "/c/x\0"), STEP(XS_RM, "/c/y\0"), "EAGAIN"},
    {"remove, write below", STEP(XS_RM, "/c\0"), WRITE("/c/x"), "EAGAIN"},
    {"read, remove above", STEP(XS_READ, "/c/x\0"), STEP(XS_RM, "/c\0"), "EAGAIN"},
    {"perms, perms", STEP(XS_GET_PERMS, "/c/x\0"), STEP(XS_SET_PERMS, "/c/x\0n0\0"), "EAGAIN"},
    {"mkdir of what is there", STEP(XS_MKDIR, "/c/x\0"), WRITE("/c/x"), "EAGAIN"},
    {"remove of nothing", STEP(XS_RM, "/c/z\0"), WRITE("/c/z"), "EAGAIN"},
    {"read, write of what was", STEP(XS_READ, "/c/x\0"), WRITE("/c/x"), "EAGAIN"},
    {"new below, write beside", WRITE("/c/d/e/f"), WRITE("/c/x"), "OK"},
    {"new below, new beside", WRITE("/c/d/e/f"), WRITE("/c/d/g"), "EAGAIN"},
    {"read, read", STEP(XS_READ, "/c/x\0"), STEP(XS_READ, "/c/x\0"), "OK"},
};

static void conflict_table(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
        const struct conflict *c = &conflicts[i];
        uint32_t tx;

        assert_ok(RIG_CALL(0, XS_RM, 0, "/c\0"));
        assert_ok(RIG_CALL(0, XS_WRITE, 0, "/c/x\0v"));
        assert_ok(RIG_CALL(0, XS_WRITE, 0, "/c/y\0v"));
        tx = rig_transaction(0);
        rig_call(0, c->inside.type, tx, c->inside.payload, c->inside.len);
        rig_call(0, c->outside.type, 0, c->outside.payload, c->outside.len);
        print_message("%s\n", c->name);
        assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"), c->result);
    }
}

static void isolation(void **state)
{
    uint32_t tx, other;

    (void)state;
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a\0old"));
    tx = rig_transaction(0);
    assert_string_equal(RIG_CALL(0, XS_READ, tx, "/a\0"), "old");
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/a\0new"));
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/b/c\0new"));
    assert_string_equal(RIG_CALL(0, XS_READ, tx, "/a\0"), "new");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a\0"), "old");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/b\0"), "ENOENT");
    other = rig_transaction(0);
    assert_string_equal(RIG_CALL(0, XS_READ, other, "/a\0"), "old");
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/b/c\0"), "new");
    assert_string_equal(RIG_CALL(0, XS_READ, other, "/a\0"), "old");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, other, "T\0"), "EAGAIN");
    tx = rig_transaction(0);
    assert_ok(RIG_CALL(0, XS_RM, tx, "/b\0"));
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "F\0"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/b/c\0"), "new");
}

/* A commit after others' commits is done on the tree of then, and loses nothing of theirs. */
static void replay(void **state)
{
    uint32_t tx = 0;

    (void)state;
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/x\0old"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/b/x\0old"));
    tx = rig_transaction(0);
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/a/new/deep\0v"));
    assert_ok(RIG_CALL(0, XS_RM, tx, "/a/x\0"));
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/a/x\0again"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/b/x\0other"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/b/y\0other"));
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/new/deep\0"), "v");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/x\0"), "again");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/b/x\0"), "other");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/b/y\0"), "other");
    assert_ok(RIG_CALL(0, XS_RM, 0, "/a\0"));
    assert_ok(RIG_CALL(0, XS_RM, 0, "/b\0"));
    assert_int_equal(usage_of(0)->nodes, 3); /* "/", "/tool", "/tool/xenstored" */
}

static void misuse(void **state)
{
    uint32_t tx = rig_transaction(0);

    (void)state;
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_START, tx, "\0"), "EBUSY");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_START, 77, "\0"), "ENOENT");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, 0, "T\0"), "ENOENT");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, 77, "T\0"), "ENOENT");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, tx, "X\0"), "EINVAL");
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, tx, "T"), "EINVAL");
    assert_string_equal(RIG_CALL(0, XS_READ, 77, "/\0"), "ENOENT");
    assert_ok(RIG_CALL(0, XS_WATCH, 77, "/w\0t\0"));
    rig_introduce(1);
    assert_string_equal(RIG_CALL(1, XS_TRANSACTION_END, tx, "T\0"), "ENOENT");
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
}

static void quota_open(void **state)
{
    unsigned int i;

    (void)state;
    rig_introduce(1);
    for (i = 0; i < 20 && rig_transaction(1); i++)
        ;
    assert_int_equal(i, 11); /* as xenstored 4.17 counts a limit of 10 */
    assert_ok(RIG_CALL(1, XS_RESET_WATCHES, 0, "\0"));
    assert_true(rig_transaction(1) > 0);
    for (i = 0; i < 20; i++)
        assert_true(rig_transaction(0) > 0);
}

static void quota_accessed(void **state)
{
    char path[32];
    uint32_t tx;
    int i, len;

    (void)state;
    quotas[QUOTA_TX_NODES].limit = 20;
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, "/local/domain/1\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/local/domain/1\0n1\0"));
    tx = rig_transaction(1);
    for (i = 0; i < 40; i++) {
        len = snprintf(path, sizeof(path), "n%d", i) + 1;
        if (strcmp(rig_call(1, XS_READ, tx, path, len), "ENOENT"))
            break;
    }
    assert_in_range(i, 15, 20);
    assert_string_equal(RIG_CALL(1, XS_READ, tx, "x\0"), "ENOSPC");
    assert_string_equal(RIG_CALL(1, XS_TRANSACTION_END, tx, "T\0"), "ENOMEM");
}

/* The nodes that a guest makes in a transaction count while it is open, and only once. */
static void quota_nodes(void **state)
{
    char path[32];
    uint32_t tx;
    int i, len;

    (void)state;
    quotas[QUOTA_NODES].limit = 10;
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, "/local/domain/1\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/local/domain/1\0n1\0"));
    tx = rig_transaction(1);
    for (i = 0; i < 20; i++) {
        len = snprintf(path, sizeof(path), "n%d", i) + 1;
        if (strcmp(rig_call(1, XS_MKDIR, tx, path, len), "OK"))
            break;
    }
    assert_int_equal(i, 9);
    assert_int_equal(usage_of(1)->nodes, 1);
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/else\0v")); /* makes the commit a replay */
    assert_ok(RIG_CALL(1, XS_TRANSACTION_END, tx, "T\0"));
    assert_int_equal(usage_of(1)->nodes, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conflict_table, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(isolation, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(replay, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(misuse, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_open, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_accessed, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_nodes, rig_start, rig_stop),
    };

    return cmocka_run_group_tests_name("stored: transactions", tests, NULL, NULL);
}
