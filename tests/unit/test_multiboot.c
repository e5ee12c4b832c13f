/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot/multiboot.c: information as QEMU and GRUB leave it, and damaged information of every kind.
 * Physical memory is an array of exactly the size that is asked for, so that the sanitizers see a
 * read beyond it.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <asm/mm.h>
#include <boot/multiboot.h>

u8 host_memory[HOST_FRAMES << 12]; /* what virt_to_paddr of arch/host counts from */
static u8 *memory;
static size_t memory_size;
#define BASE 0x10000UL

const void *boot_memory(paddr_t pa, size_t size)
{
    if (pa < BASE || pa - BASE > memory_size || size > memory_size - (pa - BASE))
        return NULL;
    return memory + (pa - BASE);
}

static void memory_set(size_t size)
{
    free(memory);
    memory = calloc(1, size);
    memory_size = size;
}

static void put32(size_t at, u32 v) { memcpy(memory + at, &v, 4); }

static void put64(size_t at, u64 v) { memcpy(memory + at, &v, 8); }

static struct boot_info info;

static const char *parse(u32 magic) { return multiboot_parse(magic, BASE, &info); }

/* As QEMU's -kernel with -initrd "vmlinuz args,initrd" leaves it. */
static void make_mb1(void)
{
    memory_set(1024);
    put32(0, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    put32(16, BASE + 200);
    put32(20, 2);
    put32(24, BASE + 300);
    put32(44, 48);
    put32(48, BASE + 400);
    put32(64, BASE + 250);
    strcpy((char *)memory + 200, "orlop.elf com1=115200 loglvl=all");
    strcpy((char *)memory + 250, "qemu");
    put32(300, 0x400000);
    put32(304, 0x500000);
    put32(308, BASE + 500);
    put32(316, 0x500000);
    put32(320, 0x500100);
    put32(324, BASE + 540);
    strcpy((char *)memory + 500, "vmlinuz console=hvc0 ro");
    strcpy((char *)memory + 540, "initrd.img");
    for (int i = 0; i < 2; i++) {
        put32(400 + i * 24, 20);
        put64(404 + i * 24, (u64)i << 20);
        put64(412 + i * 24, 0x9f000);
        put32(420 + i * 24, 1 + i);
    }
}

static void multiboot1(void **state)
{
    (void)state;
    make_mb1();
    assert_null(parse(MULTIBOOT1_BOOT_MAGIC));
    assert_string_equal(info.cmdline, "com1=115200 loglvl=all");
    assert_string_equal(info.loader, "qemu");
    assert_int_equal(info.nr_ranges, 2);
    assert_int_equal(info.range[1].start, 1 << 20);
    assert_int_equal(info.range[1].type, 2);
    assert_int_equal(info.nr_modules, 2);
    assert_int_equal(info.module[0].size, 0x100000);
    assert_string_equal(info.module[0].cmdline, "console=hvc0 ro");
    assert_string_equal(info.module[1].cmdline, "");
    assert_int_equal(info.video.video_type, XEN_VGATYPE_TEXT_MODE_3);
}

static size_t mb2_end;

static void mb2_tag(u32 type, const void *data, size_t n)
{
    put32(mb2_end, type);
    put32(mb2_end + 4, 8 + n);
    memcpy(memory + mb2_end + 8, data, n);
    mb2_end += ROUNDUP(8 + n, 8);
}

/* As GRUB's multiboot2 and module2 from Debian's menu leave it. */
static void make_mb2(void)
{
    static const struct {
        u32 entry_size, version;
        u64 start, size;
        u32 type, zero;
    } mmap = {24, 0, 0x100000, 0x40000000, 1, 0};
    static const char rsdp_old[20] = "RSD PTR ", rsdp_new[36] = "RSD PTR 2";
    char module[64] = {};
    u32 place[2] = {0x600000, 0x700000};
    u64 system_table = 0x3f000000;
    char fb[30] = {};

    memory_set(2048);
    mb2_end = 8;
    memcpy(module, place, 8);
    strcpy(module + 8, "placeholder root=/dev/sda1 ro");
    mb2_tag(1, "placeholder dom0_mem=1G", 24);
    mb2_tag(2, "GRUB 2.06", 10);
    mb2_tag(3, module, 8 + strlen(module + 8) + 1);
    mb2_tag(6, &mmap, sizeof(mmap));
    mb2_tag(12, &system_table, 8);
    mb2_tag(15, rsdp_new, 36);
    mb2_tag(14, rsdp_old, 20);
    fb[20] = 32;
    fb[21] = 1;
    fb[24] = 16;
    fb[25] = 8;
    mb2_tag(8, fb, sizeof(fb));
    mb2_tag(99, "unknown", 8);
    mb2_tag(0, "", 0);
    put32(0, mb2_end);
}

static void multiboot2(void **state)
{
    (void)state;
    make_mb2();
    assert_null(parse(MULTIBOOT2_BOOT_MAGIC));
    assert_string_equal(info.cmdline, "dom0_mem=1G");
    assert_string_equal(info.module[0].cmdline, "root=/dev/sda1 ro");
    assert_int_equal(info.module[0].start, 0x600000);
    assert_int_equal(info.range[0].size, 0x40000000);
    assert_int_equal(info.efi_system_table, 0x3f000000);
    assert_true(info.rsdp != 0);
    assert_int_equal(info.video.video_type, XEN_VGATYPE_VESA_LFB);
    assert_int_equal(info.video.u.vesa_lfb.red_pos, 16);
}

static void first_words(void **state)
{
    static const struct {
        const char *given, *kept;
    } cases[] = {
        {"placeholder a=b", "a=b"}, {"/boot/orlop.gz a=b", "a=b"},   {"(hd0,1)/boot/orlop a", "a"},
        {"a=/b c", "a=/b c"},       {"noreboot c", "noreboot c"},    {"", ""},
        {"placeholder", ""},        {"  placeholder  x  y", "x  y"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static const u64 mmap[4] = {24, 0x100000, 0x1000000, 1};

        memory_set(512);
        mb2_end = 8;
        mb2_tag(1, cases[i].given, strlen(cases[i].given) + 1);
        mb2_tag(6, mmap, sizeof(mmap));
        mb2_tag(0, "", 0);
        put32(0, mb2_end);
        assert_null(parse(MULTIBOOT2_BOOT_MAGIC));
        assert_string_equal(info.cmdline, cases[i].kept);
    }
}

static void refused(void **state)
{
    (void)state;
    memory_set(64);
    assert_non_null(parse(0x12345678));
    assert_non_null(parse(MULTIBOOT1_BOOT_MAGIC));
    put32(0, 1 << 30);
    assert_non_null(parse(MULTIBOOT2_BOOT_MAGIC));
    put32(0, 0xfffffff8);
    assert_non_null(parse(MULTIBOOT2_BOOT_MAGIC));
    make_mb2();
    put32(12, 0);
    assert_non_null(parse(MULTIBOOT2_BOOT_MAGIC));
    make_mb2();
    put32(12, 0xfffffff0);
    assert_non_null(parse(MULTIBOOT2_BOOT_MAGIC));
}

/* Whatever the bytes say, nothing is read that boot_memory() does not give, and what comes out is
 * bounded. */
static void damaged(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 40000; round++) {
        u32 magic = round & 1 ? MULTIBOOT1_BOOT_MAGIC : MULTIBOOT2_BOOT_MAGIC;

        if (magic == MULTIBOOT1_BOOT_MAGIC)
            make_mb1();
        else
            make_mb2();
        for (int i = rand() % 8; i >= 0; i--) {
            size_t at = rand() % (rand() % 2 ? 64 : memory_size - 4);

            if (rand() % 2)
                put32(at & ~3UL, rand() % 2 ? (u32)rand() * 4 : (u32)rand() % 64);
            else
                memory[at] = rand();
        }
        parse(magic);
        assert_true(info.nr_ranges <= BOOT_MAX_RANGES && info.nr_modules <= BOOT_MAX_MODULES);
        for (unsigned int i = 0; i < info.nr_modules; i++)
            assert_true(strlen(info.module[i].cmdline) < 4096);
        assert_true(strlen(info.cmdline) < 4096 && strlen(info.loader) < 4096);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiboot1), cmocka_unit_test(multiboot2), cmocka_unit_test(first_words),
        cmocka_unit_test(refused),    cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
