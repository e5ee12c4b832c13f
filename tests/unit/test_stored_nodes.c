/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on nodes as dom0 and guests see them: values, permissions, inheritance, what errors
 * tell, quotas. What is expected here is what xenstored 4.17 answers (stored/conformance.py).
 */
#include "stored/rig.h"

#include <stdio.h>

#include "lib/daemon_xen.h"
#include "stored/quota.h"

#define HOME "/local/domain/1"

/* dom0 and guest 1 with a directory of its own, as the toolstack makes it. */
static int start(void **state)
{
    rig_start(state);
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "\0n0\0r1\0"));
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "/data\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "/data\0n1\0"));
    return 0;
}

static void values(void **state)
{
    (void)state;
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/\0"), "");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/b/c\0value"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/b/c\0"), "value");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/b\0"), "");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/b/c\0\0\1\2"));
    RIG_CALL(0, XS_READ, 0, "/a/b/c\0");
    assert_int_equal(rig_len, 3);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, "/a/b/c\0"));
    RIG_CALL(0, XS_READ, 0, "/a/b/c\0");
    assert_int_equal(rig_len, 3);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, "/a/b/a\0"));
    assert_memory_equal(RIG_CALL(0, XS_DIRECTORY, 0, "/a/b\0"), "a\0c\0", 4);
    assert_ok(RIG_CALL(0, XS_RM, 0, "/a\0"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/b/c\0"), "ENOENT");
    assert_ok(RIG_CALL(0, XS_RM, 0, "/a\0"));
    assert_string_equal(RIG_CALL(0, XS_RM, 0, "/a/b\0"), "ENOENT");
    assert_string_equal(RIG_CALL(0, XS_RM, 0, "/\0"), "EINVAL");
}

static void bad_paths(void **state)
{
    static const char *const bad[] = {"/a//b", "/a/", "//", "", "/a$", "/a b", "@x", "/\377"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(rig_call(0, XS_READ, 0, bad[i], strlen(bad[i]) + 1), "EINVAL");
    assert_string_equal(RIG_CALL(0, XS_WRITE, 0, "/no-separator"), "EINVAL");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/no-value\0"));
}

static void path_length(void **state)
{
    char path[2100];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[2048] = '\0';
    assert_string_equal(rig_call(0, XS_READ, 0, path, 2049), "ENOENT");
    path[2048] = 'a';
    path[2049] = '\0';
    assert_string_equal(rig_call(0, XS_READ, 0, path, 2050), "EINVAL");
}

static void guest_rights(void **state)
{
    (void)state;
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "/\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "/nothing\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "nothing\0"), "ENOENT");
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "data\0"), "");
    assert_string_equal(RIG_CALL(1, XS_WRITE, 0, HOME "/x\0v"), "EACCES");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x/y\0v"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, HOME "/data/x/y\0"), "v");
    assert_string_equal(RIG_CALL(0, XS_GET_PERMS, 0, HOME "/data/x/y\0"), "n1");
    assert_string_equal(RIG_CALL(1, XS_RM, 0, HOME "\0"), "EACCES");
    assert_ok(RIG_CALL(1, XS_RM, 0, "data/x\0"));
    /* dom0 writes below what the guest owns: the guest's, too. */
    assert_ok(RIG_CALL(0, XS_WRITE, 0, HOME "/data/z\0v"));
    assert_string_equal(RIG_CALL(0, XS_GET_PERMS, 0, HOME "/data/z\0"), "n1");
}

static void privileged_requests(void **state)
{
    (void)state;
    assert_string_equal(RIG_CALL(1, XS_INTRODUCE, 0, "2\0001\0001\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_RELEASE, 0, "1\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_RESUME, 0, "1\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_SET_TARGET, 0, "1\0002\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_CONTROL, 0, "help\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_GET_DOMAIN_PATH, 0, "1\0"), HOME);
    assert_string_equal(RIG_CALL(1, XS_WATCH_EVENT, 0, "1\0"), "ENOSYS");
    assert_string_equal(RIG_CALL(1, 20, 0, "1\0"), "ENOSYS");
    assert_string_equal(RIG_CALL(1, 0xffff, 0, "1\0"), "ENOSYS");
    assert_ok(RIG_CALL(0, XS_CONTROL, 0, "check\0"));
}

static void set_perms(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n1\0r2\0b3\0"));
    assert_memory_equal(RIG_CALL(1, XS_GET_PERMS, 0, "data\0"), "n1\0r2\0b3\0", 9);
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n2\0"), "EPERM");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0x1\0"), "EINVAL");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n1\0r\0"), "EINVAL");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n1"), "EINVAL");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0"), "EINVAL");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, HOME "\0n1\0"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n1\0r2\0r3\0r4\0r5\0r6\0"), "ENOSPC");
    assert_ok(RIG_CALL(1, XS_SET_PERMS, 0, "data\0n1\0r2\0r3\0r4\0r5\0"));
}

static void other_guests(void **state)
{
    (void)state;
    rig_introduce(2);
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"));
    assert_string_equal(RIG_CALL(2, XS_READ, 0, HOME "/data/x\0"), "EACCES");
    assert_ok(RIG_CALL(1, XS_SET_PERMS, 0, "data/x\0n1\0r2\0"));
    assert_string_equal(RIG_CALL(2, XS_READ, 0, HOME "/data/x\0"), "v");
    assert_string_equal(RIG_CALL(2, XS_WRITE, 0, HOME "/data/x\0w"), "EACCES");
    assert_ok(RIG_CALL(1, XS_SET_PERMS, 0, "data/x\0n1\0b2\0"));
    assert_ok(RIG_CALL(2, XS_WRITE, 0, HOME "/data/x\0w"));
    assert_ok(RIG_CALL(2, XS_WRITE, 0, HOME "/data/x/y\0w"));
    assert_memory_equal(RIG_CALL(0, XS_GET_PERMS, 0, HOME "/data/x/y\0"), "n2\0b2\0", 6);
}

static void targets(void **state)
{
    (void)state;
    rig_introduce(2);
    assert_string_equal(RIG_CALL(0, XS_SET_TARGET, 0, "2\0003\0"), "ENOENT");
    assert_ok(RIG_CALL(0, XS_SET_TARGET, 0, "2\0001\0"));
    assert_ok(RIG_CALL(2, XS_WRITE, 0, HOME "/data/x\0v"));
    assert_string_equal(RIG_CALL(2, XS_READ, 0, HOME "\0"), "");
    assert_string_equal(RIG_CALL(2, XS_WRITE, 0, HOME "\0v"), "EACCES");
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "/local/domain/2\0"), "EACCES");
}

static void quota_nodes(void **state)
{
    char path[32];
    int i, len;

    (void)state;
    quotas[QUOTA_NODES].limit = 50;
    for (i = 0; i < 100; i++) {
        len = snprintf(path, sizeof(path), "data/%d", i) + 1;
        if (strcmp(rig_call(1, XS_MKDIR, 0, path, len), "OK"))
            break;
    }
    assert_int_equal(i, 49); /* with "data" itself */
    assert_string_equal(RIG_CALL(1, XS_MKDIR, 0, "data/one-more\0"), "ENOSPC");
    assert_ok(RIG_CALL(1, XS_RM, 0, "data/7\0"));
    assert_ok(RIG_CALL(1, XS_MKDIR, 0, "data/one-more\0"));
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "/data/by-dom0\0"));
    assert_ok(RIG_CALL(0, XS_RM, 0, HOME "/data\0"));
    assert_int_equal(usage_of(1)->nodes, 0);
    assert_int_equal(usage_of(1)->bytes, 0);
}

static void quota_size(void **state)
{
    char data[3000];

    (void)state;
    memset(data, 'v', sizeof(data));
    memcpy(data, "data/s", 7);
    assert_ok(rig_call(1, XS_WRITE, 0, data, 7 + 2000));
    assert_string_equal(rig_call(1, XS_WRITE, 0, data, 7 + 2030), "ENOSPC");
    RIG_CALL(1, XS_READ, 0, "data/s\0");
    assert_int_equal(rig_len, 2000);
}

static void quota_memory(void **state)
{
    char data[1100];
    int i;

    (void)state;
    quotas[QUOTA_MEMORY].limit = 20000;
    memset(data, 'v', sizeof(data));
    for (i = 0; i < 30; i++) {
        int len = snprintf(data, sizeof(data), "data/%d", i) + 1;

        if (strcmp(rig_call(1, XS_WRITE, 0, data, len + 1000), "OK"))
            break;
    }
    assert_in_range(i, 17, 19);
    assert_string_equal(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"), "OK");
}

/* A directory longer than a message is read in parts. */
static void directory_part(void **state)
{
    char name[600];
    size_t offset = 0;
    bool last;
    int i, len;

    (void)state;
    memset(name, 'b', sizeof(name));
    for (i = 0; i < 9; i++) {
        len = snprintf(name, sizeof(name), "/big/%d", i);
        name[len] = 'b';
        name[500] = '\0';
        assert_ok(rig_call(0, XS_MKDIR, 0, name, 501));
        name[500] = 'b';
    }
    assert_string_equal(RIG_CALL(0, XS_DIRECTORY, 0, "/big\0"), "E2BIG");
    do {
        const char *part;

        len = snprintf(name, sizeof(name), "/big%c%zu", 0, offset) + 1;
        part = rig_call(0, XS_DIRECTORY_PART, 0, name, len);
        assert_true(rig_len > strlen(part) + 1);
        last = part[rig_len - 1] == '\0' && part[rig_len - 2] == '\0';
        offset += rig_len - strlen(part) - 1 - last;
    } while (!last);
    assert_int_equal(offset, 9 * (500 - strlen("/big/") + 1));
    assert_string_equal(RIG_CALL(0, XS_DIRECTORY_PART, 0, "/big\0"), "EINVAL");
}

static void death(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/shared\0v"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/shared\0n0\0r1\0r2\0"));
    assert_ok(RIG_CALL(0, XS_WATCH, 0, "@releaseDomain\0t\0"));
    assert_string_equal(rig_event(0), "@releaseDomain t");
    rig_set_state(1, XEN_DOMAIN_EXISTS | XEN_DOMAIN_SHUTDOWN);
    rig_exception();
    rig_exception();
    assert_string_equal(rig_event(0), "@releaseDomain t");
    assert_string_equal(rig_event(0), "");
    assert_string_equal(RIG_CALL(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "T");
    assert_ok(RIG_CALL(0, XS_RESUME, 0, "1\0"));
    rig_exception();
    assert_string_equal(rig_event(0), "@releaseDomain t");
    rig_set_state(1, XEN_DOMAIN_EXISTS | XEN_DOMAIN_DYING);
    rig_exception();
    assert_string_equal(rig_event(0), "@releaseDomain t");
    assert_string_equal(RIG_CALL(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "F");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, HOME "/data\0"), "ENOENT");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, HOME "\0"), "");
    /* Whoever gets the number next has none of its rights. */
    assert_memory_equal(RIG_CALL(0, XS_GET_PERMS, 0, "/shared\0"), "n0\0r2\0", 6);
    assert_int_equal(rig_len, 6);
    rig_set_state(1, 0);
    rig_exception();
    assert_string_equal(rig_event(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values, start, rig_stop),
        cmocka_unit_test_setup_teardown(bad_paths, start, rig_stop),
        cmocka_unit_test_setup_teardown(path_length, start, rig_stop),
        cmocka_unit_test_setup_teardown(guest_rights, start, rig_stop),
        cmocka_unit_test_setup_teardown(privileged_requests, start, rig_stop),
        cmocka_unit_test_setup_teardown(set_perms, start, rig_stop),
        cmocka_unit_test_setup_teardown(other_guests, start, rig_stop),
        cmocka_unit_test_setup_teardown(targets, start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_nodes, start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_size, start, rig_stop),
        cmocka_unit_test_setup_teardown(quota_memory, start, rig_stop),
        cmocka_unit_test_setup_teardown(directory_part, start, rig_stop),
        cmocka_unit_test_setup_teardown(death, start, rig_stop),
    };

    return cmocka_run_group_tests_name("stored: nodes", tests, NULL, NULL);
}
