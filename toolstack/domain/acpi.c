/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of acpi.h, by the ACPI specification 6.3: 5.2.5.3 (RSDP), 5.2.6 (header), 5.2.8 (XSDT),
 * 5.2.9 (FADT), 5.2.12 (MADT), 20.2 (AML). The machine is a hardware-reduced one (4.1): it has no
 * PM registers, no GPEs, no 8259, no RTC, no VGA. The DSDT names the processors and nothing else, so
 * its byte code is written straight away. All processors are told to be there: a guest of this type
 * learns from its store nodes which of them to keep offline.
 */
#include "acpi.h"

#include <string.h>

#include <xen/hvm/hvm_info_table.h>

#define OEM_ID       "Orlop\0"
#define OEM_TABLE_ID "PVH\0\0\0\0\0"

#define FADT_WBINVD     (1u << 0)
#define FADT_C1         (1u << 2)
#define FADT_NO_POWER   (1u << 4)
#define FADT_NO_SLEEP   (1u << 5)
#define FADT_NO_RTC     (1u << 6)
#define FADT_HW_REDUCED (1u << 20)

#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_RTC (1u << 5)

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct xsdt {
    struct header h;
    uint64_t fadt, madt;
} __attribute__((packed));

/* Revision 5: 268 bytes. What is left out here is registers that are not there. */
struct fadt {
    struct header h;
    uint32_t facs, dsdt;
    uint8_t reserved0, profile;
    uint8_t no_registers[62];
    uint8_t century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    uint8_t reset_register[12], reset_value;
    uint16_t arm_flags;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    uint8_t no_x_registers[120];
} __attribute__((packed));

struct madt {
    struct header h;
    uint32_t lapic_addr, flags;
} __attribute__((packed));

struct madt_lapic {
    uint8_t type, length, processor, apic_id;
    uint32_t flags;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36 && sizeof(struct rsdp) == 36 && sizeof(struct fadt) == 268 &&
                   sizeof(struct madt) == 44 && sizeof(struct madt_lapic) == 8,
               "the specification's sizes");

/* One processor: Device (Cxxx) { Name (_HID, "ACPI0007") Name (_UID, n) }. */
#define AML_DEVICE_BODY (4 + 15 + 7)
#define AML_DEVICE      (2 + 1 + AML_DEVICE_BODY)
/* Scope (\_SB): operator, a length of 2 bytes (it stays below 4096, HVM_MAX_VCPUS being 128), the name. */
#define AML_SCOPE_NAME "\\_SB_"
#define AML_SCOPE_HEAD (1 + 2 + 5)

_Static_assert(AML_SCOPE_HEAD + HVM_MAX_VCPUS * AML_DEVICE < 4096, "two bytes of length are enough");

static size_t dsdt_size(unsigned int vcpus) { return sizeof(struct header) + AML_SCOPE_HEAD + vcpus * AML_DEVICE; }

static size_t madt_size(unsigned int vcpus) { return sizeof(struct madt) + vcpus * sizeof(struct madt_lapic); }

static size_t align16(size_t n) { return (n + 15) & ~(size_t)15; }

/* Where each table begins in the block. */
struct places {
    size_t xsdt, fadt, madt, dsdt, end;
};

static struct places places_make(unsigned int vcpus)
{
    struct places p;

    p.xsdt = align16(sizeof(struct rsdp));
    p.fadt = align16(p.xsdt + sizeof(struct xsdt));
    p.madt = align16(p.fadt + sizeof(struct fadt));
    p.dsdt = align16(p.madt + madt_size(vcpus));
    p.end = p.dsdt + dsdt_size(vcpus);
    return p;
}

size_t acpi_size(unsigned int vcpus) { return places_make(vcpus).end; }

/* The byte that makes a sum of zero. */
static uint8_t checksum(const void *p, size_t len)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += ((const uint8_t *)p)[i];
    return -sum;
}

static struct header header(const char *signature, uint8_t revision, size_t length)
{
    struct header h = {.length = length, .revision = revision, .oem_revision = 1, .creator_revision = 1};

    memcpy(h.signature, signature, sizeof(h.signature));
    memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
    memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
    memcpy(h.creator_id, "ORLP", sizeof(h.creator_id));
    return h;
}

static void seal(uint8_t *table)
{
    struct header h;

    memcpy(&h, table, sizeof(h));
    table[offsetof(struct header, checksum)] = checksum(table, h.length);
}

static void rsdp_write(uint8_t *to, uint64_t xsdt)
{
    struct rsdp r = {.revision = 2, .length = sizeof(r), .xsdt = xsdt};

    memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
    memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
    r.checksum = checksum(&r, offsetof(struct rsdp, length));
    r.extended_checksum = checksum(&r, sizeof(r));
    memcpy(to, &r, sizeof(r));
}

static void fadt_write(uint8_t *to, uint64_t dsdt)
{
    struct fadt f = {.h = header("FACP", 5, sizeof(f)),
                     .dsdt = dsdt,
                     .x_dsdt = dsdt,
                     .boot_flags = BOOT_NO_VGA | BOOT_NO_RTC,
                     .flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER | FADT_NO_SLEEP | FADT_NO_RTC | FADT_HW_REDUCED};

    memcpy(to, &f, sizeof(f));
    seal(to);
}

static void madt_write(uint8_t *to, unsigned int vcpus)
{
    struct madt m = {.h = header("APIC", 4, madt_size(vcpus)), .lapic_addr = 0xfee00000};

    memcpy(to, &m, sizeof(m));
    for (unsigned int i = 0; i < vcpus; i++) {
        struct madt_lapic l = {.length = sizeof(l), .processor = i, .apic_id = acpi_apic_id(i), .flags = 1};

        memcpy(to + sizeof(m) + i * sizeof(l), &l, sizeof(l));
    }
    seal(to);
}

static uint8_t *put(uint8_t *to, const void *data, size_t len)
{
    memcpy(to, data, len);
    return to + len;
}

static uint8_t *aml_processor(uint8_t *to, unsigned int n)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t head[] = {0x5b, 0x82, 1 + AML_DEVICE_BODY, 'C', '0', digits[n / 16 % 16], digits[n % 16]};
    const uint8_t uid[] = {0x08, '_', 'U', 'I', 'D', 0x0a, n};

    to = put(to, head, sizeof(head));
    to = put(to,
             "\x08_HID\x0d"
             "ACPI0007",
             15);
    return put(to, uid, sizeof(uid));
}

static void dsdt_write(uint8_t *to, unsigned int vcpus)
{
    struct header h = header("DSDT", 2, dsdt_size(vcpus));
    /* 20.2.4: the low 4 bits, and one more byte; the length counts itself and what follows. */
    uint32_t len = dsdt_size(vcpus) - sizeof(h) - 1;
    const uint8_t head[] = {0x10, 0x40 | (len & 15), len >> 4};
    uint8_t *at = put(to, &h, sizeof(h));

    at = put(at, head, sizeof(head));
    at = put(at, AML_SCOPE_NAME, 5);
    for (unsigned int i = 0; i < vcpus; i++)
        at = aml_processor(at, i);
    seal(to);
}

void acpi_write(unsigned int vcpus, uint64_t addr, uint8_t *to)
{
    struct places p = places_make(vcpus);
    struct xsdt x = {.h = header("XSDT", 1, sizeof(x)), .fadt = addr + p.fadt, .madt = addr + p.madt};

    memset(to, 0, p.end);
    rsdp_write(to, addr + p.xsdt);
    memcpy(to + p.xsdt, &x, sizeof(x));
    seal(to + p.xsdt);
    fadt_write(to + p.fadt, addr + p.dsdt);
    madt_write(to + p.madt, vcpus);
    dsdt_write(to + p.dsdt, vcpus);
}
