/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of ACPI tables on tables of our own making: a whole set read right, then the same set
 * damaged in every way that throws of the dice find. Memory is handed out in copies of exactly the
 * size that was asked for, the one before is freed, so the sanitizer sees every step too far.
 */
#include <arch/x86/platform/acpi.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MEMORY_SIZE 0x8000
#define RSDP        0x100
#define XSDT        0x400
#define RSDT        0x600
#define MADT        0x800
#define FADT        0xc00
#define HPET        0x1000
#define MCFG        0x1200
#define SRAT        0x1400
#define DSDT        0x1800

static u8 memory[MEMORY_SIZE];
static u8 *lent;

static const void *lend(paddr_t pa, size_t size)
{
    free(lent);
    lent = NULL;
    if (size == 0 || pa >= MEMORY_SIZE || size > MEMORY_SIZE - pa)
        return NULL;
    lent = malloc(size);
    assert_non_null(lent);
    memcpy(lent, memory + pa, size);
    return lent;
}

static void put(unsigned int at, u64 value, unsigned int size) { memcpy(memory + at, &value, size); }

static void fix_sum(unsigned int at, unsigned int size, unsigned int sum_at)
{
    u8 sum = 0;

    memory[at + sum_at] = 0;
    for (unsigned int i = 0; i < size; i++)
        sum += memory[at + i];
    memory[at + sum_at] = -sum;
}

static void table(unsigned int at, const char *signature, unsigned int length)
{
    memcpy(memory + at, signature, 4);
    put(at + 4, length, 4);
    fix_sum(at, length, 9);
}

static unsigned int build_madt(void)
{
    static const u8 entries[] = {
        0, 8,  1,    0, 1, 0, 0,    0,                               /* CPU: APIC 0, ACPI 1 */
        0, 8,  2,    4, 1, 0, 0,    0,                               /* CPU: APIC 4 */
        0, 8,  3,    6, 0, 0, 0,    0,                               /* not enabled */
        1, 12, 9,    0, 0, 0, 0xc0, 0xfe, 0,    0, 0, 0,             /* IO-APIC at 0xfec00000 */
        2, 10, 0,    0, 2, 0, 0,    0,    0,    0,                   /* IRQ 0 is GSI 2 */
        2, 10, 0,    9, 9, 0, 0,    0,    0x0d, 0,                   /* IRQ 9: level, high */
        9, 16, 0,    0, 0, 1, 0,    0,    1,    0, 0, 0, 7, 0, 0, 0, /* x2APIC id 256, ACPI 7 */
        4, 6,  0xff, 0, 0, 1,                                        /* NMI: not ours */
    };

    put(MADT + 36, 0xfee00000, 4);
    put(MADT + 40, 1, 4);
    memcpy(memory + MADT + 44, entries, sizeof(entries));
    return 44 + sizeof(entries);
}

static void build_fadt(void)
{
    put(FADT + 40, DSDT, 4);
    put(FADT + 48, 0xb2, 4);
    memory[FADT + 52] = 2;
    put(FADT + 56, 0x600, 4);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    memory[FADT + 108] = 0x32;
    put(FADT + 112, 1 << 10 | 1 << 8, 4);
    memory[FADT + 116] = ACPI_SPACE_IO;
    put(FADT + 120, 0xcf9, 8);
    memory[FADT + 128] = 0xf;
}

static void build_srat(void)
{
    memcpy(memory + SRAT + 48, (u8[]){0, 16, 5, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 16);
    memory[SRAT + 64] = 1;
    memory[SRAT + 65] = 40;
    put(SRAT + 66, 5, 4);
    put(SRAT + 72, 0x100000, 8);
    put(SRAT + 80, 0x40000000, 8);
    put(SRAT + 92, 1, 4);
}

static int build(void **state)
{
    static const u8 s5[] = {0x08, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, 5, 1, 0, 0};
    static const unsigned int tables[] = {MADT, FADT, HPET, MCFG, SRAT};

    (void)state;
    memset(memory, 0, sizeof(memory));
    table(MADT, "APIC", build_madt());
    build_fadt();
    table(FADT, "FACP", 244);
    put(HPET + 44, 0xfed00000, 8);
    table(HPET, "HPET", 56);
    put(MCFG + 44, 0xb0000000, 8);
    memory[MCFG + 55] = 255;
    table(MCFG, "MCFG", 60);
    build_srat();
    table(SRAT, "SRAT", 104);
    memcpy(memory + DSDT + 36, s5, sizeof(s5));
    table(DSDT, "DSDT", 64);
    for (unsigned int i = 0; i < 5; i++) {
        put(XSDT + 36 + 8 * i, tables[i], 8);
        put(RSDT + 36 + 4 * i, tables[i], 4);
    }
    table(XSDT, "XSDT", 36 + 8 * 5);
    table(RSDT, "RSDT", 36 + 4 * 5);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, XSDT, 8);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
    return 0;
}

static int tidy(void **state)
{
    (void)state;
    free(lent);
    lent = NULL;
    return 0;
}

static void check_all(const struct acpi_info *i)
{
    assert_int_equal(i->nr_cpus, 3);
    assert_int_equal(i->cpu[1].apic_id, 4);
    assert_int_equal(i->cpu[1].acpi_id, 2);
    assert_int_equal(i->cpu[2].apic_id, 256);
    assert_int_equal(i->cpu[2].acpi_id, 7);
    assert_int_equal(i->nr_ioapics, 1);
    assert_int_equal(i->ioapic[0].address, 0xfec00000);
    assert_int_equal(i->nr_overrides, 2);
    assert_int_equal(i->override[0].gsi, 2);
    assert_int_equal(i->override[1].flags, 0x0d);
    assert_int_equal(i->pm1a_control.address, 0x604);
    assert_int_equal(i->pm1b_control.address, 0);
    assert_int_equal(i->pm_timer.address, 0x608);
    assert_true(i->pm_timer_32bit);
    assert_int_equal(i->reset.address, 0xcf9);
    assert_int_equal(i->reset_value, 0xf);
    assert_int_equal(i->century_register, 0x32);
    assert_true(i->s5_known);
    assert_int_equal(i->s5_type[0], 5);
    assert_int_equal(i->s5_type[1], 1);
    assert_int_equal(i->hpet, 0xfed00000);
    assert_int_equal(i->nr_segments, 1);
    assert_int_equal(i->segment[0].last_bus, 255);
    assert_int_equal(i->nr_memory, 1);
    assert_int_equal(i->memory[0].end, 0x40100000);
    assert_int_equal(i->memory[0].domain, 5);
    assert_int_equal(i->nr_affinities, 1);
    assert_int_equal(i->affinity[0].domain, 5);
}

static void test_whole(void **state)
{
    struct acpi_info info;

    (void)state;
    assert_int_equal(acpi_find_rsdp(lend, 0, 0x1000), RSDP);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    check_all(&info);
}

/* ACPI 1.0: no XSDT. */
static void test_old_root(void **state)
{
    struct acpi_info info;

    (void)state;
    memory[RSDP + 15] = 0;
    fix_sum(RSDP, 20, 8);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    check_all(&info);
}

static void test_damaged_root(void **state)
{
    struct acpi_info info;

    (void)state;
    memory[XSDT + 36] ^= 1;
    assert_int_equal(acpi_parse(lend, RSDP, &info), -EINVAL);
    memory[RSDP] ^= 1;
    assert_int_equal(acpi_find_rsdp(lend, 0, 0x1000), 0);
    assert_int_equal(acpi_parse(lend, RSDP, &info), -EINVAL);
    assert_int_equal(acpi_parse(lend, MEMORY_SIZE - 4, &info), -EINVAL);
}

/* A damaged table is left out, the others are read. */
static void test_damaged_table(void **state)
{
    struct acpi_info info;

    (void)state;
    memory[MADT + 50] ^= 1;
    put(HPET + 4, 20, 4);
    put(SRAT + 4, 0x7fffffff, 4);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    assert_int_equal(info.nr_cpus, 0);
    assert_int_equal(info.hpet, 0);
    assert_int_equal(info.nr_memory, 0);
    assert_int_equal(info.pm1a_control.address, 0x604);
    assert_int_equal(info.nr_segments, 1);
}

/* Entries that claim no length, or more than the table has, end the list. */
static void test_entry_lengths(void **state)
{
    struct acpi_info info;

    (void)state;
    memory[MADT + 44 + 8 + 1] = 0;
    fix_sum(MADT, memory[MADT + 4], 9);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    assert_int_equal(info.nr_cpus, 1);
    memory[MADT + 44 + 8 + 1] = 255;
    fix_sum(MADT, memory[MADT + 4], 9);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    assert_int_equal(info.nr_cpus, 1);
}

/* More CPUs than we can have are counted, not stored. */
static void test_too_many(void **state)
{
    unsigned int at = 0x2000, n = 300;
    struct acpi_info info;

    (void)state;
    for (unsigned int i = 0; i < n; i++) {
        u8 *e = memory + at + 44 + 16 * i;

        e[0] = 9;
        e[1] = 16;
        put(at + 44 + 16 * i + 4, i, 4);
        put(at + 44 + 16 * i + 8, 1, 4);
    }
    table(at, "APIC", 44 + 16 * n);
    put(XSDT + 36, at, 8);
    fix_sum(XSDT, 76, 9);
    assert_int_equal(acpi_parse(lend, RSDP, &info), 0);
    assert_int_equal(info.nr_cpus, ACPI_MAX_CPUS);
    assert_int_equal(info.nr_cpus_ignored, n - ACPI_MAX_CPUS);
}

/* Sums that are right over contents that are not: nothing may be read or written out of bounds. */
static void test_dice(void **state)
{
    static const unsigned int places[] = {XSDT, MADT, FADT, HPET, MCFG, SRAT, DSDT};
    struct acpi_info info;

    srandom(1);
    for (unsigned int round = 0; round < 20000; round++) {
        build(state);
        for (unsigned int n = random() % 8 + 1; n; n--) {
            unsigned int at = places[random() % 7], length;

            memory[at + 4 + random() % 200] = random();
            memcpy(&length, memory + at + 4, 4);
            if (length >= 36 && length <= MEMORY_SIZE - at)
                fix_sum(at, length, 9);
        }
        acpi_parse(lend, RSDP, &info);
        assert_true(info.nr_cpus <= ACPI_MAX_CPUS && info.nr_ioapics <= ACPI_MAX_IOAPICS);
        assert_true(info.nr_segments <= ACPI_MAX_SEGMENTS && info.nr_memory <= ACPI_MAX_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, build, tidy),
        cmocka_unit_test_setup_teardown(test_old_root, build, tidy),
        cmocka_unit_test_setup_teardown(test_damaged_root, build, tidy),
        cmocka_unit_test_setup_teardown(test_damaged_table, build, tidy),
        cmocka_unit_test_setup_teardown(test_entry_lengths, build, tidy),
        cmocka_unit_test_setup_teardown(test_too_many, build, tidy),
        cmocka_unit_test_setup_teardown(test_dice, build, tidy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
