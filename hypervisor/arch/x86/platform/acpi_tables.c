/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of the static ACPI tables (ACPI 6.4, chapter 5.2; HPET 1.0a, 3.2.4; PCI
 * firmware 3.2, 4.1.2). Trusts no length and no count that it reads. It has no state and reads
 * memory by a function that its caller gives, so the tests run it on tables of their own making.
 */
#include <arch/x86/platform/acpi.h>

/* No table that we read is larger; firmware that claims more is damaged. */
#define TABLE_MAX (1U << 20)

struct rsdp {
    char signature[8];
    u8 checksum;
    char oem_id[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
} __packed;
#define RSDP_V1_SIZE 20

struct table_header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem_id[6], oem_table_id[8];
    u32 oem_revision, creator_id, creator_revision;
} __packed;

static u8 byte_sum(const void *p, size_t n)
{
    const u8 *b = p;
    u8 sum = 0;

    while (n--)
        sum += *b++;
    return sum;
}

/* Fields are read where they lie, whatever their alignment; caller has checked the bounds. */
static u16 get16(const u8 *p) { return p[0] | p[1] << 8; }

static u32 get32(const u8 *p) { return get16(p) | (u32)get16(p + 2) << 16; }

static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

paddr_t acpi_find_rsdp(acpi_map_fn map, paddr_t start, size_t size)
{
    const u8 *area = map(start, size);

    if (!area)
        return 0;
    for (size_t i = 0; i + RSDP_V1_SIZE <= size; i += 16)
        if (memcmp(area + i, "RSD PTR ", 8) == 0 && byte_sum(area + i, RSDP_V1_SIZE) == 0)
            return start + i;
    return 0;
}

/* A whole table with its sum checked, NULL when damaged. */
static const struct table_header *table_map(acpi_map_fn map, paddr_t pa)
{
    const struct table_header *t = map(pa, sizeof(*t));
    u32 length = t ? t->length : 0;

    if (length < sizeof(*t) || length > TABLE_MAX)
        return NULL;
    t = map(pa, length);
    return t && byte_sum(t, length) == 0 ? t : NULL;
}

/* The entries of a table from `at` on: type, length, contents. One with an impossible length ends them. */
static void entries_walk(struct acpi_info *info, const u8 *t, u32 length, u32 at,
                         void (*entry)(struct acpi_info *info, const u8 *e, u32 len))
{
    for (u32 len; at + 2 <= length; at += len) {
        len = t[at + 1];
        if (len < 2 || len > length - at)
            break;
        entry(info, t + at, len);
    }
}

static void cpu_add(struct acpi_info *info, u32 apic_id, u32 acpi_id, u32 flags)
{
    if (!(flags & 1)) /* enabled; CPUs that may be plugged in later are not ours */
        return;
    for (unsigned int i = 0; i < info->nr_cpus; i++)
        if (info->cpu[i].apic_id == apic_id)
            return;
    if (info->nr_cpus == ACPI_MAX_CPUS)
        info->nr_cpus_ignored++;
    else
        info->cpu[info->nr_cpus++] = (struct acpi_cpu){apic_id, acpi_id};
}

static void madt_entry(struct acpi_info *info, const u8 *e, u32 len)
{
    if (e[0] == 0 && len >= 8) /* processor local APIC */
        cpu_add(info, e[3], e[2], get32(e + 4));
    else if (e[0] == 9 && len >= 16) /* processor local x2APIC */
        cpu_add(info, get32(e + 4), get32(e + 12), get32(e + 8));
    else if (e[0] == 1 && len >= 12 && info->nr_ioapics < ACPI_MAX_IOAPICS)
        info->ioapic[info->nr_ioapics++] = (struct acpi_ioapic){get32(e + 4), get32(e + 8)};
    else if (e[0] == 2 && len >= 10 && e[2] == 0 && e[3] < 16 && info->nr_overrides < ACPI_MAX_OVERRIDES)
        info->override[info->nr_overrides++] = (struct acpi_override){get32(e + 4), get16(e + 8)};
}

/* A block of the FADT: the 64-bit form when it is there and filled, else a port of the old form. */
static struct acpi_address fadt_block(const u8 *t, u32 length, u32 old, u32 ext, u8 width)
{
    struct acpi_address a = {};

    if (length >= ext + sizeof(a)) {
        memcpy(&a, t + ext, sizeof(a));
        if (a.address)
            return a;
    }
    return (struct acpi_address){.space = ACPI_SPACE_IO, .bit_width = width, .address = get32(t + old)};
}

static void fadt_parse(struct acpi_info *info, const u8 *t, u32 length)
{
    u32 flags;

    if (length < 116) /* all of ACPI 1.0's FADT */
        return;
    flags = get32(t + 112);
    info->century_register = t[108] & 0x7f;
    info->dsdt = length >= 148 && get64(t + 140) ? get64(t + 140) : get32(t + 40);
    if (!(flags >> 20 & 1)) { /* a machine of reduced hardware has none of these */
        info->pm1a_event = fadt_block(t, length, 56, 148, 32);
        info->pm1a_control = fadt_block(t, length, 64, 172, 16);
        info->pm1b_control = fadt_block(t, length, 68, 184, 16);
        info->pm_timer = fadt_block(t, length, 76, 208, 32);
        info->pm_timer_32bit = flags >> 8 & 1;
    }
    if (length >= 129 && (flags >> 10 & 1)) {
        memcpy(&info->reset, t + 116, sizeof(info->reset));
        info->reset_value = t[128];
    }
}

static void hpet_parse(struct acpi_info *info, const u8 *t, u32 length)
{
    struct acpi_address a;

    if (length < 56 || info->hpet)
        return;
    memcpy(&a, t + 40, sizeof(a));
    if (a.space == ACPI_SPACE_MEMORY && a.address < 1UL << 52)
        info->hpet = a.address;
}

static void mcfg_parse(struct acpi_info *info, const u8 *t, u32 length)
{
    for (u32 at = 44; at + 16 <= length && info->nr_segments < ACPI_MAX_SEGMENTS; at += 16) {
        struct acpi_segment s = {get64(t + at), get16(t + at + 8), t[at + 10], t[at + 11]};

        if (s.base && s.base < 1UL << 52 && !(s.base & 0xfffff) && s.first_bus <= s.last_bus)
            info->segment[info->nr_segments++] = s;
    }
}

static void srat_cpu(struct acpi_info *info, u32 apic_id, u32 domain, u32 flags)
{
    if ((flags & 1) && info->nr_affinities < ACPI_MAX_CPUS)
        info->affinity[info->nr_affinities++] = (struct acpi_affinity){apic_id, domain};
}

static void srat_memory(struct acpi_info *info, paddr_t start, u64 size, u32 domain, u32 flags)
{
    if ((flags & 1) && start + size > start && info->nr_memory < ACPI_MAX_MEMORY)
        info->memory[info->nr_memory++] = (struct acpi_memory){start, start + size, domain};
}

static void srat_entry(struct acpi_info *info, const u8 *e, u32 len)
{
    if (e[0] == 0 && len >= 16) /* processor by APIC id; the proximity domain is in two pieces */
        srat_cpu(info, e[3], e[2] | (u32)e[9] << 8 | (u32)get16(e + 10) << 16, get32(e + 4));
    else if (e[0] == 2 && len >= 24) /* processor by x2APIC id */
        srat_cpu(info, get32(e + 8), get32(e + 4), get32(e + 12));
    else if (e[0] == 1 && len >= 40)
        srat_memory(info, get64(e + 8), get64(e + 16), get32(e + 2), get32(e + 28));
}

static const struct {
    char signature[5];
    u8 entries; /* where the entries begin that are parsed one by one; 0: the table is parsed whole */
    void (*parse)(struct acpi_info *info, const u8 *p, u32 length);
} parsers[] = {
    {"APIC", 44, madt_entry}, {"FACP", 0, fadt_parse},  {"HPET", 0, hpet_parse},
    {"MCFG", 0, mcfg_parse},  {"SRAT", 48, srat_entry},
};

static void table_parse(acpi_map_fn map, paddr_t pa, struct acpi_info *info)
{
    const struct table_header *t = map(pa, sizeof(*t));
    unsigned int i = 0;

    while (t && i < ARRAY_SIZE(parsers) && memcmp(parsers[i].signature, t->signature, 4) != 0)
        i++;
    if (!t || i == ARRAY_SIZE(parsers))
        return;
    t = table_map(map, pa);
    if (!t)
        log_warning("ACPI: table %s is damaged and ignored\n", parsers[i].signature);
    else if (parsers[i].entries)
        entries_walk(info, (const u8 *)t, t->length, parsers[i].entries, parsers[i].parse);
    else
        parsers[i].parse(info, (const u8 *)t, t->length);
}

/* Address of the XSDT or RSDT; *entry_size: 8 or 4. 0 when the root pointer is damaged. */
static paddr_t root_table(acpi_map_fn map, paddr_t pa, unsigned int *entry_size)
{
    const struct rsdp *r = map(pa, RSDP_V1_SIZE);
    paddr_t rsdt;

    if (!r || memcmp(r->signature, "RSD PTR ", 8) != 0 || byte_sum(r, RSDP_V1_SIZE) != 0)
        return 0;
    rsdt = r->rsdt;
    *entry_size = 4;
    if (r->revision >= 2) {
        r = map(pa, sizeof(*r));
        if (r && r->length == sizeof(*r) && byte_sum(r, sizeof(*r)) == 0 && r->xsdt) {
            *entry_size = 8;
            return r->xsdt;
        }
    }
    return rsdt;
}

/* A small integer of AML: ZeroOp, OneOp or BytePrefix (ACPI 6.4, 20.2.3). Moves *at behind it. */
static bool aml_small_integer(const u8 *aml, u32 length, u32 *at, u8 *value)
{
    if (*at < length && aml[*at] == 0x0a)
        ++*at;
    else if (*at < length && aml[*at] > 1)
        return false;
    if (*at >= length)
        return false;
    *value = aml[(*at)++];
    return true;
}

/* SLP_TYP values of the _S5 package in a definition block, found by its shape. False: not there, or
 * not plain integers. */
static bool find_s5(const u8 *aml, u32 length, u8 type[2])
{
    for (u32 i = 0; length >= 8 && i < length - 8; i++) {
        u32 at = i + 4;

        if (memcmp(aml + i, "_S5_", 4) != 0 || aml[at] != 0x12) /* PackageOp */
            continue;
        at += 2 + (aml[at + 1] >> 6); /* package length: 1 to 4 bytes */
        at++;                         /* number of elements */
        if (aml_small_integer(aml, length, &at, &type[0]) && aml_small_integer(aml, length, &at, &type[1]) &&
            type[0] < 8 && type[1] < 8)
            return true;
    }
    return false;
}

int acpi_parse(acpi_map_fn map, paddr_t rsdp, struct acpi_info *info)
{
    unsigned int entry_size, nr;
    paddr_t root = root_table(map, rsdp, &entry_size);
    const struct table_header *t;

    memset(info, 0, sizeof(*info));
    t = root ? table_map(map, root) : NULL;
    if (!t || memcmp(t->signature, entry_size == 8 ? "XSDT" : "RSDT", 4) != 0)
        return -EINVAL;
    nr = (t->length - sizeof(*t)) / entry_size;
    for (unsigned int i = 0; i < nr; i++) {
        const u8 *e;
        paddr_t pa;

        /* Mapped anew each time: reading a table took the place of the root's mapping. */
        e = map(root + sizeof(*t) + (paddr_t)i * entry_size, entry_size);
        if (!e)
            break;
        pa = entry_size == 8 ? get64(e) : get32(e);
        if (pa && pa < 1UL << 52)
            table_parse(map, pa, info);
    }
    t = info->dsdt ? table_map(map, info->dsdt) : NULL;
    if (t && memcmp(t->signature, "DSDT", 4) == 0)
        info->s5_known = find_s5((const u8 *)t, t->length, info->s5_type);
    return 0;
}
