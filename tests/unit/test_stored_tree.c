/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The persistent tree against a plain model: random additions, removals and changes, with snapshots
 * that must not see any of what came after them.
 */
#include "stored/rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "stored/tree.h"

#define NAMES     40
#define ROUNDS    20000
#define SNAPSHOTS 8

static struct perms *none;

/* What a directory of NAMES possible children holds; -1: not there. */
struct model {
    int value[NAMES];
};

static void name_of(int i, char path[32]) { snprintf(path, 32, "/d/n%d", i * 7919 % 1000); }

static void check(const struct node *root, const struct model *m)
{
    const struct node *dir = tree_find(root, "/d"), *kid;
    unsigned int count = 0, walked = 0, bytes = 0;
    const char *last = "";
    char path[32];
    int i;

    for (i = 0; i < NAMES; i++) {
        const struct node *n;

        name_of(i, path);
        n = tree_find(root, path);
        assert_int_equal(n != NULL, m->value[i] >= 0);
        if (n) {
            assert_int_equal(n->value->len, sizeof(int));
            assert_memory_equal(n->value->data, &m->value[i], sizeof(int));
            count++;
            bytes += strlen(path) - 2;
        }
    }
    assert_int_equal(dir->kids_count, count);
    assert_int_equal(dir->kids_bytes, bytes);
    for (kid = tree_first_kid(dir); kid; kid = tree_next_kid(dir, kid->name)) {
        assert_true(strcmp(last, kid->name) < 0);
        last = kid->name;
        walked++;
    }
    assert_int_equal(walked, count);
}

static void set(struct node **root, const char *path, int value)
{
    struct blob *b = blob_new(&value, sizeof(value));
    struct node *n = tree_own(root, path);

    if (!n) {
        n = node_new(path + 3, strlen(path + 3), none);
        tree_add(tree_own(root, "/d"), n);
    }
    node_set_value(n, b);
    blob_put(b);
}

static void random_changes(void **state)
{
    struct node *root = node_new("", 0, none), *kept[SNAPSHOTS] = {NULL};
    struct model m, kept_m[SNAPSHOTS];
    char path[32];
    int i;

    (void)state;
    srandom(1);
    tree_add(root, node_new("d", 1, none));
    memset(&m, -1, sizeof(m));
    for (i = 0; i < ROUNDS; i++) {
        int which = random() % NAMES, snap = random() % (SNAPSHOTS * 16);

        name_of(which, path);
        if (random() % 3) {
            m.value[which] = random() % 1000;
            set(&root, path, m.value[which]);
        } else {
            assert_int_equal(tree_remove(&root, path), m.value[which] >= 0);
            m.value[which] = -1;
        }
        if (snap < SNAPSHOTS) {
            if (kept[snap])
                check(kept[snap], &kept_m[snap]);
            node_put(kept[snap]);
            kept[snap] = node_get(root);
            kept_m[snap] = m;
        }
        if (i % 100 == 0)
            check(root, &m);
    }
    for (i = 0; i < SNAPSHOTS; i++)
        node_put(kept[i]);
    check(root, &m);
    node_put(root);
}

/* A directory with very many children must not make each look-up or change long. */
static void many_children(void **state)
{
    struct node *root = node_new("", 0, none), *dir;
    const struct node *kid;
    unsigned int count = 0;
    char path[32];
    int i;

    (void)state;
    dir = node_new("d", 1, none);
    tree_add(root, dir);
    for (i = 0; i < 100000; i++) {
        int len = snprintf(path, sizeof(path), "%d", i);

        tree_add(dir, node_new(path, len, none));
    }
    for (kid = tree_first_kid(dir); kid; kid = tree_next_kid(dir, kid->name))
        count++;
    assert_int_equal(count, 100000);
    for (i = 0; i < 100000; i += 2) {
        struct node *before = node_get(root);

        snprintf(path, sizeof(path), "/d/%d", i);
        assert_true(tree_remove(&root, path));
        assert_non_null(tree_find(before, path));
        assert_null(tree_find(root, path));
        node_put(before);
    }
    assert_int_equal(tree_find(root, "/d")->kids_count, 50000);
    node_put(root);
}

static bool collect(const struct node *n, const char *path, void *arg)
{
    (void)n;
    buf_addf(arg, "%s ", path);
    return true;
}

static void walking(void **state)
{
    struct node *root = node_new("", 0, none), *a;
    struct buf path = {0}, seen = {0};

    (void)state;
    a = node_new("a", 1, none);
    tree_add(root, a);
    tree_add(root, node_new("b", 1, none));
    tree_add(a, node_new("y", 1, none));
    tree_add(a, node_new("x", 1, none));
    buf_add(&path, "/", 1);
    assert_true(tree_walk(root, &path, collect, &seen));
    assert_string_equal(seen.data, "/ /a /a/x /a/y /b ");
    path.len = seen.len = 0;
    buf_add(&path, "/a", 2);
    assert_true(tree_walk(a, &path, collect, &seen));
    assert_string_equal(seen.data, "/a /a/x /a/y ");
    buf_free(&path);
    buf_free(&seen);
    node_put(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(many_children),
        cmocka_unit_test(walking),
    };
    int failed;

    none = perms_single(0, PERM_NONE);
    failed = cmocka_run_group_tests_name("stored: tree", tests, NULL, NULL);
    perms_put(none);
    return failed;
}
