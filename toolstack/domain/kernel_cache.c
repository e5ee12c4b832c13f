/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is a file: a page that says what it is, a map of which pages of the image hold anything but zeros, and the
 * image itself, with holes for the pages of zeros. Its name is the fingerprint of the packed file, so that it cannot be
 * stale. It is written without a name, brought to the disk and then linked: what has a name is whole, however the
 * machine or this process may end, and of two that make the same one the first wins. A fingerprint of all that is in it
 * is checked each time: a damaged entry is removed and made anew.
 *
 * Directory, key and entries belong to root alone; a directory that does not is left alone.
 */
#include "kernel_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/fingerprint.h"

#define PAGE        4096ul
#define KEY_NAME    "key"
#define ENTRY_CHARS 32 /* of a name: both halves of a fingerprint */
#define MAGIC       0x314b504c524f0a1aull

struct cache {
    int dir;
    struct fingerprint_key key;
};

struct head {
    uint64_t magic, packed_size, size;
    struct fingerprint check; /* of the head with zeros here, the map, and each page that is not a hole */
};

static uint64_t pages_of(uint64_t size) { return (size + PAGE - 1) / PAGE; }

/* Where the image begins: the map has a bit for each page of it. */
static uint64_t image_at(uint64_t size) { return PAGE + pages_of((pages_of(size) + 7) / 8) * PAGE; }

/* Whether nobody but us and root can have had a hand in it. */
static bool is_ours(int fd, mode_t kind)
{
    struct stat st;

    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The first to link a key has made the one that counts. */
static void key_make(int dir)
{
    struct fingerprint_key key;
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    /* getrandom gives up to 256 bytes whole. */
    for (size_t at = 0; at < sizeof(key); at += 8)
        if (getrandom((char *)&key + at, 8, 0) != 8)
            goto out;
    if (write(fd, &key, sizeof(key)) == sizeof(key) && !fsync(fd))
        linkat(fd, "", dir, KEY_NAME, AT_EMPTY_PATH);
out:
    close(fd);
}

static bool key_read(struct cache *c)
{
    int fd = openat(c->dir, KEY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0 && is_ours(fd, S_IFREG) && read(fd, &c->key, sizeof(c->key)) == sizeof(c->key);

    if (fd >= 0) {
        if (!ok)
            unlinkat(c->dir, KEY_NAME, 0);
        close(fd);
    }
    return ok;
}

static bool cache_open(const struct kernel_cache *k, struct cache *c)
{
    mkdir(k->dir, 0700);
    c->dir = open(k->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->dir < 0)
        return false;
    if (is_ours(c->dir, S_IFDIR)) {
        if (key_read(c))
            return true;
        key_make(c->dir);
        if (key_read(c))
            return true;
    }
    close(c->dir);
    return false;
}

static void entry_name(const struct cache *c, const struct image *file, char *name)
{
    struct fingerprint f = {{0, 0}};

    fingerprint_add(&c->key, &f, file->data, file->size);
    sprintf(name, "%016llx%016llx", (unsigned long long)f.value[0], (unsigned long long)f.value[1]);
}

static bool is_entry(const char *name)
{
    return strlen(name) == ENTRY_CHARS && strspn(name, "0123456789abcdef") == ENTRY_CHARS;
}

static bool in_map(const uint8_t *map, uint64_t page) { return map[page / 8] & 1 << page % 8; }

static struct fingerprint check_of(const struct cache *c, struct head head, const uint8_t *map, const uint8_t *image)
{
    uint64_t pages = pages_of(head.size);
    struct fingerprint f = {{0, 0}};

    head.check = f;
    fingerprint_add(&c->key, &f, &head, sizeof(head));
    fingerprint_add(&c->key, &f, map, (pages + 7) / 8);
    for (uint64_t i = 0; i < pages; i++)
        if (in_map(map, i))
            fingerprint_add(&c->key, &f, image + i * PAGE, i + 1 < pages ? PAGE : head.size - i * PAGE);
    return f;
}

/* What was mapped is an entry for this file, and whole. */
static bool is_good(const struct cache *c, const uint8_t *at, uint64_t len, const struct image *file)
{
    struct fingerprint check;
    struct head head;

    memcpy(&head, at, sizeof(head));
    if (head.magic != MAGIC || head.packed_size != file->size || head.size > len ||
        len != image_at(head.size) + head.size)
        return false;
    check = check_of(c, head, at + PAGE, at + image_at(head.size));
    return !memcmp(&check, &head.check, sizeof(check));
}

static bool entry_open(const struct cache *c, const char *name, const struct image *file, struct image *img)
{
    int fd = openat(c->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st = {.st_size = 0};
    void *p = MAP_FAILED;
    struct head head;

    if (fd < 0)
        return false;
    if (is_ours(fd, S_IFREG) && !fstat(fd, &st) && st.st_size > (off_t)PAGE)
        p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED || !is_good(c, p, st.st_size, file)) {
        unlinkat(c->dir, name, 0);
        close(fd);
        if (p != MAP_FAILED)
            munmap(p, st.st_size);
        return false;
    }
    /* The time of its last use: what is dropped first goes by it. */
    futimens(fd, NULL);
    close(fd);
    memcpy(&head, p, sizeof(head));
    *img =
        (struct image){.data = (uint8_t *)p + image_at(head.size), .size = head.size, .map = p, .mapped = st.st_size};
    return true;
}

bool kernel_cache_find(const struct kernel_cache *k, const struct image *file, struct image *img)
{
    char name[ENTRY_CHARS + 1];
    struct cache c;
    bool found;

    if (!cache_open(k, &c))
        return false;
    entry_name(&c, file, name);
    found = entry_open(&c, name, file, img);
    close(c.dir);
    return found;
}

/* The bytes that all entries take; *oldest is the one used the longest ago. */
static uint64_t usage(const struct cache *c, char *oldest)
{
    int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct timespec first = {0};
    struct dirent *e;
    uint64_t sum = 0;

    *oldest = '\0';
    while (d && (e = readdir(d))) {
        struct stat st;

        if (!is_entry(e->d_name) || fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        sum += st.st_blocks * 512ull;
        if (*oldest && (st.st_mtim.tv_sec > first.tv_sec ||
                        (st.st_mtim.tv_sec == first.tv_sec && st.st_mtim.tv_nsec >= first.tv_nsec)))
            continue;
        first = st.st_mtim;
        memcpy(oldest, e->d_name, ENTRY_CHARS + 1);
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return sum;
}

/* Drops entries until `size` more bytes are within the limit. False: it is not worth it, or the disk is for others. */
static bool make_room(const struct cache *c, uint64_t size, uint64_t limit)
{
    char oldest[ENTRY_CHARS + 1];
    struct statvfs fs;

    if (size > limit)
        return false;
    while (usage(c, oldest) + size > limit)
        if (!*oldest || unlinkat(c->dir, oldest, 0) < 0)
            return false;
    return !fstatvfs(c->dir, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize / 2 >= size;
}

/* Sets the bits of pages that are not all zeros; gives their number. */
static uint64_t map_make(const struct image *img, uint8_t *map)
{
    static const uint8_t zeros[PAGE];
    uint64_t count = 0;

    for (uint64_t at = 0; at < img->size; at += PAGE) {
        size_t n = img->size - at < PAGE ? img->size - at : PAGE;

        if (!memcmp(img->data + at, zeros, n))
            continue;
        map[at / PAGE / 8] |= 1 << at / PAGE % 8;
        count++;
    }
    return count;
}

static bool write_all(int fd, const void *data, size_t len, off_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)data + done, len - done, at + done);

        if (n <= 0)
            return false;
        done += n;
    }
    return true;
}

static bool entry_write(int fd, const struct head *head, const uint8_t *map, const struct image *img)
{
    uint64_t start = image_at(img->size), pages = pages_of(img->size), from, to;

    if (ftruncate(fd, start + img->size) < 0 || !write_all(fd, head, sizeof(*head), 0) ||
        !write_all(fd, map, (pages + 7) / 8, PAGE))
        return false;
    /* In runs as long as they are. */
    for (from = 0; from < pages; from = to) {
        for (to = from + 1; to < pages && in_map(map, to) == in_map(map, from); to++)
            ;
        if (in_map(map, from) && !write_all(fd, img->data + from * PAGE,
                                            (to < pages ? to * PAGE : img->size) - from * PAGE, start + from * PAGE))
            return false;
    }
    return !fsync(fd);
}

static void keep(const struct cache *c, const struct image *file, const struct image *img, uint64_t limit)
{
    struct head head = {.magic = MAGIC, .packed_size = file->size, .size = img->size};
    uint8_t *map = calloc(1, (pages_of(img->size) + 7) / 8);
    char name[ENTRY_CHARS + 1];
    int fd = -1;

    if (map && make_room(c, (map_make(img, map) * PAGE) + image_at(img->size), limit))
        fd = openat(c->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        head.check = check_of(c, head, map, img->data);
        entry_name(c, file, name);
        if (entry_write(fd, &head, map, img))
            linkat(fd, "", c->dir, name, AT_EMPTY_PATH);
        close(fd);
    }
    free(map);
}

void kernel_cache_keep(const struct kernel_cache *k, const struct image *file, const struct image *img)
{
    struct cache c;

    if (!img->size || !cache_open(k, &c))
        return;
    keep(&c, file, img, k->limit);
    close(c.dir);
}
