/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading an image into a guest's memory, over a fake hypervisor whose foreign mappings are pieces of one buffer:
 * leaving out zeros leaves the same memory as writing them, whether the image knows its holes or not, and maps nothing
 * for long rows of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "domain/guest_memory.h"

#define PAGES     600
#define FILE_SIZE (400 * PAGE_SIZE)

static uint8_t memory[PAGES * PAGE_SIZE];
static unsigned int mapped_pages, mappings;

void *hyp_map(struct hyp *h, uint32_t domid, const xen_pfn_t *frames, size_t count, struct err **err)
{
    (void)h;
    (void)err;
    assert_int_equal(domid, 7);
    for (size_t i = 0; i < count; i++)
        assert_true(frames[i] == frames[0] + i && frames[i] < PAGES);
    mapped_pages += count;
    mappings++;
    return memory + frames[0] * PAGE_SIZE;
}

void hyp_unmap(struct hyp *h, void *p, size_t count)
{
    (void)h;
    (void)p;
    (void)count;
}

long hyp_populate(struct hyp *h, uint32_t domid, xen_pfn_t *pfns, unsigned long count, unsigned int order,
                  struct err **err)
{
    (void)h;
    (void)domid;
    (void)pfns;
    (void)order;
    (void)err;
    return count;
}

static uint64_t random_below(uint64_t n)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x % n;
}

/* Rows of pages, filled or zeros, some with a single byte at one end. */
static void make_content(uint8_t *file)
{
    uint64_t at = 0, n;

    memset(file, 0, FILE_SIZE);
    for (; at < FILE_SIZE; at += n * PAGE_SIZE) {
        uint64_t left = FILE_SIZE / PAGE_SIZE - at / PAGE_SIZE;

        n = 1 + random_below(40) < left ? 1 + random_below(40 < left ? 40 : left) : left;
        switch (random_below(4)) {
        case 0: memset(file + at, 0xa5, n * PAGE_SIZE); break;
        case 1: file[at] = 1; break;
        case 2: file[at + n * PAGE_SIZE - 1] = 1; break;
        default: break;
        }
    }
}

static uint8_t *make_map(const uint8_t *file)
{
    uint8_t *map = calloc(1, FILE_SIZE / PAGE_SIZE / 8 + 1);

    for (uint64_t i = 0; i < FILE_SIZE; i++)
        if (file[i])
            map[i / PAGE_SIZE / 8] |= 1 << i / PAGE_SIZE % 8;
    return map;
}

/* Two parts with odd places and sizes, and a zero-filled tail. */
static struct elf_kernel make_parts(void)
{
    struct elf_kernel k = {.nr_segments = 2};

    k.seg[0] = (struct elf_segment){.paddr = 5 * PAGE_SIZE + random_below(3 * PAGE_SIZE),
                                    .file_off = random_below(3 * PAGE_SIZE),
                                    .file_size = 200 * PAGE_SIZE - random_below(2 * PAGE_SIZE)};
    k.seg[0].memory_size = k.seg[0].file_size + random_below(60 * PAGE_SIZE);
    k.seg[1] = (struct elf_segment){.paddr = k.seg[0].paddr + k.seg[0].memory_size + random_below(20 * PAGE_SIZE),
                                    .file_off = 205 * PAGE_SIZE + random_below(5 * PAGE_SIZE),
                                    .file_size = 150 * PAGE_SIZE + random_below(PAGE_SIZE)};
    k.seg[1].memory_size = k.seg[1].file_size + random_below(50 * PAGE_SIZE);
    return k;
}

static void load(struct elf_kernel k, const struct image *image, bool zeroed)
{
    struct guest_memory m = {.domid = 7, .zeroed = zeroed};
    struct err *err = NULL;

    memset(memory, zeroed ? 0 : 0xcc, sizeof(memory));
    mapped_pages = mappings = 0;
    assert_int_equal(memory_load_elf(&m, &k, image, &err), 0);
}

static void same_memory(void **state)
{
    uint8_t *file = malloc(FILE_SIZE), *want = malloc(sizeof(memory));

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct elf_kernel k = make_parts();
        struct image image = {.data = file, .size = FILE_SIZE};
        uint64_t begin = k.seg[0].paddr, end = k.seg[1].paddr + k.seg[1].memory_size;
        uint8_t *map;

        make_content(file);
        map = make_map(file);
        load(k, &image, false);
        memcpy(want, memory, sizeof(memory));
        for (int known = 0; known < 2; known++) {
            image.filled = known ? map : NULL;
            load(k, &image, true);
            assert_memory_equal(memory + begin, want + begin, end - begin);
        }
        free(map);
    }
    free(want);
    free(file);
}

/* One byte between long rows of zeros: one page is mapped. Without zeroed memory all of it is. */
static void left_out(void **state)
{
    uint8_t *file = calloc(1, FILE_SIZE);
    struct elf_kernel k = {.nr_segments = 1};
    struct image image = {.data = file, .size = FILE_SIZE};

    (void)state;
    k.seg[0] =
        (struct elf_segment){.paddr = PAGE_SIZE, .file_size = FILE_SIZE, .memory_size = FILE_SIZE + 100 * PAGE_SIZE};
    file[200 * PAGE_SIZE + 5] = 9;
    load(k, &image, true);
    assert_int_equal(mappings, 1);
    assert_int_equal(mapped_pages, 1);
    assert_int_equal(memory[201 * PAGE_SIZE + 5], 9);
    load(k, &image, false);
    assert_int_equal(mapped_pages, 500);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_memory), cmocka_unit_test(left_out)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
