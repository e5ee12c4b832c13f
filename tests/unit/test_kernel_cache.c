/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept kernels: what is found is what was kept, to the byte; an entry that was changed, cut or belongs to somebody else
 * is not used; the limit, a full disk and several processes at once leave whole entries and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/kernel_cache.h"
#include "lib/fingerprint.h"

#define PAGE  4096
#define SIZE  (40 * PAGE + 123)
#define LIMIT (1 << 20)

struct fixture {
    char dir[64], cache[80];
    struct kernel_cache c;
    uint8_t packed[5000], data[SIZE];
    struct image file, img;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->dir, "/tmp/orlop-test-cache-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->cache, sizeof(f->cache), "%s/kernels", f->dir);
    f->c = (struct kernel_cache){.dir = f->cache, .limit = LIMIT};
    for (size_t i = 0; i < sizeof(f->packed); i++)
        f->packed[i] = i * 31;
    /* Pages of zeros at the start, in a row inside, and at the end. */
    for (size_t i = PAGE; i < SIZE - PAGE; i++)
        f->data[i] = i / PAGE >= 10 && i / PAGE < 20 ? 0 : i * 7 + 1;
    f->file = (struct image){.data = f->packed, .size = sizeof(f->packed)};
    f->img = (struct image){.data = f->data, .size = SIZE};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* The number of files but the key; the path of one of them. */
static int entries(const struct fixture *f, char *path)
{
    DIR *d = opendir(f->cache);
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d))) {
        if (*e->d_name == '.' || !strcmp(e->d_name, "key"))
            continue;
        if (path)
            sprintf(path, "%s/%s", f->cache, e->d_name);
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

static bool found(struct fixture *f)
{
    struct image img;

    if (!kernel_cache_find(&f->c, &f->file, &img))
        return false;
    assert_int_equal(img.size, SIZE);
    assert_memory_equal(img.data, f->data, SIZE);
    image_close(&img);
    return true;
}

static void kept(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[512];

    assert_false(found(f));
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_true(found(f));
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, path), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(st.st_blocks * 512 < SIZE - 8 * PAGE);
    assert_int_equal(stat(f->cache, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

/* Any change of the packed file leads to another entry. */
static void told_apart(void **state)
{
    struct fixture *f = *state;
    static const size_t places[] = {0, 1023, 1024, 4095, 4999};

    kernel_cache_keep(&f->c, &f->file, &f->img);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        f->packed[places[i]] ^= 1;
        assert_false(found(f));
        f->packed[places[i]] ^= 1;
    }
    f->file.size--;
    assert_false(found(f));
    f->file.size++;
    assert_true(found(f));
}

static void change(const char *path, off_t at, uint8_t bits)
{
    int fd = open(path, O_RDWR);
    uint8_t b;

    assert_int_equal(pread(fd, &b, 1, at), 1);
    b ^= bits;
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
    close(fd);
}

/* Head, map, first byte, last byte of the last page that is kept: not used, and gone. */
static void damaged(void **state)
{
    struct fixture *f = *state;
    static const off_t places[] = {0, 8, 17, 24, PAGE, PAGE + 1, 2 * PAGE + PAGE, 2 * PAGE + 39 * PAGE};
    char path[512];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        kernel_cache_keep(&f->c, &f->file, &f->img);
        assert_int_equal(entries(f, path), 1);
        change(path, places[i], 1 << i % 8);
        assert_false(found(f));
        assert_int_equal(entries(f, path), 0);
    }
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_true(found(f));
}

static void cut(void **state)
{
    struct fixture *f = *state;
    static const off_t sizes[] = {0, 10, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + SIZE - 1, 2 * PAGE + SIZE + 1, 1 << 24};
    char path[512];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        kernel_cache_keep(&f->c, &f->file, &f->img);
        assert_int_equal(entries(f, path), 1);
        assert_int_equal(truncate(path, sizes[i]), 0);
        assert_false(found(f));
        assert_int_equal(entries(f, NULL), 0);
    }
}

/* What others could have written is not read, and nothing is written where they could change it. */
static void of_others(void **state)
{
    struct fixture *f = *state;
    char path[512], real[96];

    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, path), 1);
    assert_int_equal(chmod(path, 0622), 0);
    assert_false(found(f));
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_true(found(f));
    assert_int_equal(chmod(f->cache, 0777), 0);
    assert_false(found(f));
    assert_int_equal(chmod(f->cache, 0700), 0);
    if (!geteuid()) {
        assert_int_equal(entries(f, path), 1);
        assert_int_equal(chown(path, 1, 1), 0);
        assert_false(found(f));
    }
    snprintf(real, sizeof(real), "%s/real", f->dir);
    assert_int_equal(rename(f->cache, real), 0);
    assert_int_equal(symlink(real, f->cache), 0);
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_false(found(f));
}

/* Without its key an entry is not found; with half a key another one is made. */
static void key_lost(void **state)
{
    struct fixture *f = *state;
    char key[96];

    kernel_cache_keep(&f->c, &f->file, &f->img);
    snprintf(key, sizeof(key), "%s/key", f->cache);
    assert_int_equal(truncate(key, 100), 0);
    assert_false(found(f));
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_true(found(f));
}

/* The entries used the longest ago go first; what is larger than all of it is not kept. */
static void limited(void **state)
{
    struct fixture *f = *state;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char path[512];

    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, path), 1);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    /* Room for two of about 140 kB each. */
    f->c.limit = 350 << 10;
    f->packed[0] = 1;
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, NULL), 2);
    f->packed[0] = 2;
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, NULL), 2);
    assert_true(found(f));
    f->packed[0] = 1;
    assert_true(found(f));
    f->packed[0] = 0;
    assert_false(found(f));
    f->c.limit = 50 << 10;
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_int_equal(entries(f, NULL), 2);
}

/* A disk that takes no more than the first pages: no entry, and nothing left over. */
static void full(void **state)
{
    struct fixture *f = *state;
    struct rlimit was, small = {.rlim_cur = 20 * PAGE};

    assert_false(found(f));
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    kernel_cache_keep(&f->c, &f->file, &f->img);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_int_equal(entries(f, NULL), 0);
    kernel_cache_keep(&f->c, &f->file, &f->img);
    assert_true(found(f));
}

static void at_once(void **state)
{
    struct fixture *f = *state;
    int status;

    for (int i = 0; i < 8; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid)
            continue;
        for (int n = 0; n < 20; n++) {
            struct image img;

            f->packed[0] = n % 3;
            if (!kernel_cache_find(&f->c, &f->file, &img)) {
                kernel_cache_keep(&f->c, &f->file, &f->img);
                continue;
            }
            if (img.size != SIZE || memcmp(img.data, f->data, SIZE))
                _exit(1);
            image_close(&img);
        }
        _exit(0);
    }
    for (int i = 0; i < 8; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    /* More only if a key was made twice, which linking excludes. */
    assert_int_equal(entries(f, NULL), 3);
}

/* Against the same arithmetic on whole numbers, done elsewhere. */
static void fingerprints(void **state)
{
    struct fingerprint_key k;
    struct fingerprint f = {{0, 0}};
    uint8_t data[2500];

    (void)state;
    for (size_t i = 0; i < sizeof(k); i++)
        ((uint8_t *)&k)[i] = i * 13 + 5;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = i * i + 3;
    fingerprint_add(&k, &f, data, sizeof(data));
    fingerprint_add(&k, &f, data, 7);
    for (int i = 0; i < 2; i++)
        f.value[i] %= ((uint64_t)1 << 61) - 1;
    assert_int_equal(f.value[0], 0x1c3fa331fafc5ab9);
    assert_int_equal(f.value[1], 0x1fb4876fcb6ead4c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints),
        cmocka_unit_test_setup_teardown(kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
