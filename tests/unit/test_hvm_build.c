/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the builder of PVH and HVM guests computes: memory layout, start information, ACPI tables, CPUID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "domain/acpi.h"
#include "domain/cpu_policy.h"
#include "domain/hvm_layout.h"
#include "domain/hvm_start.h"

#define MB (1ull << 20)
#define GB (1ull << 30)

static const struct e820_entry *entry_at(const struct hvm_layout *l, uint64_t addr)
{
    for (unsigned int i = 0; i < l->nr_map; i++)
        if (l->map[i].addr <= addr && addr - l->map[i].addr < l->map[i].size)
            return &l->map[i];
    return NULL;
}

static uint64_t ram_of(const struct hvm_layout *l) { return l->low_end + (l->high_end ? l->high_end - HVM_4G : 0); }

static void layout_small(void **state)
{
    struct hvm_layout l;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(hvm_layout_make(&l, true, 256 * MB, 0, 5000, &err), 0);
    assert_int_equal(l.low_end, 256 * MB);
    assert_int_equal(l.high_end, 0);
    assert_false(l.vga_hole);
    assert_int_equal(entry_at(&l, 0)->type, XEN_HVM_MEMMAP_TYPE_RAM);
    assert_int_equal(entry_at(&l, 0)->size, 256 * MB);
    assert_int_equal(entry_at(&l, HVM_ACPI_ADDR)->type, XEN_HVM_MEMMAP_TYPE_ACPI);
    assert_int_equal(entry_at(&l, HVM_ACPI_ADDR)->size, 8192);
    assert_int_equal(entry_at(&l, (uint64_t)HVM_SPECIAL_STORE << 12)->type, XEN_HVM_MEMMAP_TYPE_RESERVED);
    assert_null(entry_at(&l, HVM_4G));
}

static void layout_around_the_hole(void **state)
{
    static const uint64_t sizes[] = {3 * GB, 0xf0000000ull, 0xf0000000ull + 4096, 4 * GB, 7 * GB};
    struct hvm_layout l;
    struct err *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(hvm_layout_make(&l, true, sizes[i], 0, 4096, &err), 0);
        assert_int_equal(ram_of(&l), sizes[i]);
        assert_true(l.low_end <= 0xf0000000ull);
        assert_true(!l.high_end == (sizes[i] <= 0xf0000000ull));
    }
    assert_int_equal(hvm_layout_make(&l, false, 4 * GB, GB, 0, &err), 0);
    assert_int_equal(l.low_end, 3 * GB);
    assert_int_equal(l.high_end, 5 * GB);
    assert_true(l.vga_hole);
    assert_int_equal(l.map[0].addr, MB);
}

static void layout_refused(void **state)
{
    struct hvm_layout l;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(hvm_layout_make(&l, true, MB, 0, 0, &err), -1);
    err_drop(&err);
    assert_int_equal(hvm_layout_make(&l, false, GB, 100 * MB, 0, &err), -1);
    err_drop(&err);
}

static void start_info(void **state)
{
    const uint64_t addr = 0x4a00000;
    struct hvm_layout l;
    struct hvm_start s = {.cmdline = "console=hvc0", .rsdp = HVM_ACPI_ADDR, .layout = &l};
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map;
    struct err *err = NULL;
    uint8_t *blob;

    (void)state;
    assert_int_equal(hvm_layout_make(&l, true, 256 * MB, 0, 4096, &err), 0);
    s.module_addr = 0x5000000;
    s.module_size = 12345;
    s.module_cmdline = "firmware";
    blob = malloc(hvm_start_size(&s));
    hvm_start_write(&s, addr, blob);
    memcpy(&info, blob, sizeof(info));
    assert_int_equal(info.magic, XEN_HVM_START_MAGIC_VALUE);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.rsdp_paddr, HVM_ACPI_ADDR);
    assert_string_equal((char *)blob + (info.cmdline_paddr - addr), "console=hvc0");
    assert_int_equal(info.nr_modules, 1);
    memcpy(&module, blob + (info.modlist_paddr - addr), sizeof(module));
    assert_int_equal(module.paddr, 0x5000000);
    assert_int_equal(module.size, 12345);
    assert_string_equal((char *)blob + (module.cmdline_paddr - addr), "firmware");
    assert_int_equal(info.memmap_entries, l.nr_map);
    for (unsigned int i = 0; i < l.nr_map; i++) {
        memcpy(&map, blob + (info.memmap_paddr - addr) + i * sizeof(map), sizeof(map));
        assert_int_equal(map.addr, l.map[i].addr);
        assert_int_equal(map.size, l.map[i].size);
        assert_int_equal(map.type, l.map[i].type);
    }
    free(blob);
    s = (struct hvm_start){.layout = &l};
    blob = malloc(hvm_start_size(&s));
    hvm_start_write(&s, addr, blob);
    memcpy(&info, blob, sizeof(info));
    assert_int_equal(info.nr_modules, 0);
    assert_int_equal(info.modlist_paddr, 0);
    assert_int_equal(info.cmdline_paddr, 0);
    free(blob);
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--)
        s += *p++;
    return s;
}

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
    uint64_t v = 0;

    memcpy(&v, p, bytes);
    return v;
}

/* The table at `addr` of a block, checked for name and sum. */
static const uint8_t *table(const uint8_t *blob, size_t size, uint64_t addr, const char *name)
{
    const uint8_t *t = blob + (addr - HVM_ACPI_ADDR);

    assert_in_range(addr, HVM_ACPI_ADDR, HVM_ACPI_ADDR + size - 36);
    assert_memory_equal(t, name, 4);
    assert_true(addr - HVM_ACPI_ADDR + get(t + 4, 4) <= size);
    assert_int_equal(sum(t, get(t + 4, 4)), 0);
    return t;
}

static void acpi_tables(void **state)
{
    static const unsigned int counts[] = {1, 2, 16, 128};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        size_t size = acpi_size(counts[i]);
        uint8_t *blob = malloc(size);
        const uint8_t *xsdt, *fadt, *madt;

        acpi_write(counts[i], HVM_ACPI_ADDR, blob);
        assert_memory_equal(blob, "RSD PTR ", 8);
        assert_int_equal(sum(blob, 20), 0);
        assert_int_equal(sum(blob, 36), 0);
        xsdt = table(blob, size, get(blob + 24, 8), "XSDT");
        fadt = table(blob, size, get(xsdt + 36, 8), "FACP");
        madt = table(blob, size, get(xsdt + 44, 8), "APIC");
        table(blob, size, get(fadt + 140, 8), "DSDT");
        assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
        assert_true(get(fadt + 112, 4) & 1 << 20);
        assert_int_equal(get(madt + 4, 4), 44 + 8 * counts[i]);
        for (unsigned int v = 0; v < counts[i]; v++) {
            assert_int_equal(madt[44 + 8 * v + 2], v);
            assert_int_equal(madt[44 + 8 * v + 3], 2 * v);
        }
        free(blob);
    }
}

/* The compiler's own reading of the byte code, where it is installed. */
static void acpi_disassembled(void **state)
{
    size_t size = acpi_size(128);
    uint8_t *blob = malloc(size), *dsdt;
    char dir[] = "/tmp/orlop-acpi-XXXXXX", command[256], line[256];
    unsigned int devices = 0;
    FILE *f;

    (void)state;
    if (system("command -v iasl >/dev/null 2>&1")) {
        free(blob);
        skip();
    }
    acpi_write(128, HVM_ACPI_ADDR, blob);
    dsdt = blob + size - (36 + 8 + 128 * 29);
    assert_memory_equal(dsdt, "DSDT", 4);
    assert_non_null(mkdtemp(dir));
    snprintf(command, sizeof(command), "%s/dsdt.dat", dir);
    f = fopen(command, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(dsdt, get(dsdt + 4, 4), 1, f), 1);
    fclose(f);
    /* Disassembled and compiled again without a word of complaint, it is the same byte code. */
    snprintf(command, sizeof(command),
             "cd %s && iasl -d dsdt.dat >/dev/null 2>&1 && iasl -we -oa -p again dsdt.dsl >/dev/null 2>&1 && "
             "cmp -s -i 36 dsdt.dat again.aml",
             dir);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "%s/dsdt.dsl", dir);
    f = fopen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        devices += strstr(line, "Device (C") != NULL;
    fclose(f);
    assert_int_equal(devices, 128);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(blob);
}

#define NONE XEN_CPUID_NO_SUBLEAF

static void cpuid(void **state)
{
    xen_cpuid_leaf_t l[] = {{0, NONE, 13, 0x68747541, 0x444d4163, 0x69746e65},
                            {1, NONE, 0, 0, 1 << 3, 0x3ff},
                            {7, 0, 0, 0xff, 0, 0},
                            {0x80000001, NONE, 0, 0, 0, 1 << 20},
                            {0x80000008, NONE, 0x3030, 0, 0, 0}};
    const xen_cpuid_leaf_t host[] = {{7, 0, 0, 1u << 31, 0, 0}};
    struct cpuid_rule rules[] = {{1, 0, 2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxx0xx1"},
                                 {7, 0, 1, "kxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxs"},
                                 {0x1234, 0, 0, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}};
    struct guest_config cfg = {.max_vcpus = 3, .hvm = {.apic = true, .pae = true}, .cpuid = rules, .nr_cpuid = 2};
    struct err *err = NULL;

    (void)state;
    assert_int_equal(cpu_policy_shape(l, 5, host, 1, &cfg, &err), 0);
    /* Identifiers 0, 2, 4 need 3 bits. */
    assert_int_equal(l[1].b >> 16 & 0xff, 8);
    assert_int_equal(l[1].d, 0x3ff | 1u << 28);
    assert_int_equal(l[1].c, 1);
    assert_int_equal(l[2].b, 0x800000fe);
    assert_int_equal(l[3].d, 0);
    assert_int_equal(l[4].c, 0x3007);
    cfg.nr_cpuid = 3;
    assert_int_equal(cpu_policy_shape(l, 5, host, 1, &cfg, &err), -1);
    err_drop(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_small),   cmocka_unit_test(layout_around_the_hole),
        cmocka_unit_test(layout_refused), cmocka_unit_test(start_info),
        cmocka_unit_test(acpi_tables),    cmocka_unit_test(acpi_disassembled),
        cmocka_unit_test(cpuid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
