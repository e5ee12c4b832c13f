/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 1 (specification 0.6.96) and Multiboot 2 (specification 2.0) information into struct
 * boot_info. Texts and the ACPI root pointer are copied; modules and the EFI memory map stay where
 * they are and are reserved by the caller.
 */
#include <boot/multiboot.h>
#include <asm/mm.h>

/* Multiboot 1, section 3.3. Bits of flags say which fields are there. */
struct mb1_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name, apm_table;
};
#define MB1_CMDLINE     (1U << 2)
#define MB1_MODULES     (1U << 3)
#define MB1_MMAP        (1U << 6)
#define MB1_LOADER_NAME (1U << 9)

struct mb1_module {
    u32 start, end, string, reserved;
} __packed;

struct mb1_range {
    u32 entry_size; /* of what follows */
    u64 start, size;
    u32 type;
} __packed;

/* Multiboot 2, section 3.4: tags, each 8-byte aligned. */
struct mb2_tag {
    u32 type, size;
};
enum mb2_type {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER_NAME = 2,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI64 = 12,
    MB2_ACPI_OLD = 14,
    MB2_ACPI_NEW = 15,
    MB2_EFI_MMAP = 17
};

struct mb2_module {
    struct mb2_tag tag;
    u32 start, end;
    char cmdline[];
};

struct mb2_mmap {
    struct mb2_tag tag;
    u32 entry_size, entry_version;
};

struct mb2_range {
    u64 start, size;
    u32 type, reserved;
};

struct mb2_framebuffer {
    struct mb2_tag tag;
    u64 addr;
    u32 pitch, width, height;
    u8 bpp, type;
    u16 reserved;
    u8 color[6];
} __packed;
enum { FB_INDEXED, FB_RGB, FB_TEXT };

struct mb2_efi_mmap {
    struct mb2_tag tag;
    u32 desc_size, desc_version;
};

/* Texts of the loader, for good, and its copy of the ACPI root pointer. */
static char texts[4096];
static unsigned int texts_used;
static u8 rsdp_copy[64] __aligned(16);

/* A copy of a text of at most max bytes; the room that there is decides how much of it. */
static const char *text_keep(const char *s, size_t max)
{
    const char *end = memchr(s, 0, max);
    size_t n = end ? (size_t)(end - s) : max, room = sizeof(texts) - 1 - texts_used;
    char *copy = &texts[texts_used];

    n = min(n, room);
    memcpy(copy, s, n);
    copy[n] = '\0';
    texts_used += n < room ? n + 1 : n;
    return copy;
}

static const char *text_at(paddr_t pa)
{
    size_t n = 0;
    const char *c;

    while (pa && n < 2048 && (c = boot_memory(pa + n, 1)) && *c)
        n++;
    return n ? text_keep(boot_memory(pa, n), n) : "";
}

/*
 * The text behind its first word when that is no option but stands for the file's name: QEMU always
 * gives it, GRUB's menu entries begin with "placeholder", people write a path.
 */
static const char *behind_name(const char *text, bool always)
{
    const char *equals;
    size_t n = 0;

    while (*text == ' ')
        text++;
    while (text[n] && text[n] != ' ')
        n++;
    equals = memchr(text, '=', n);
    if (!always && !memchr(text, '/', equals ? (size_t)(equals - text) : n) &&
        !(n == 11 && strncmp(text, "placeholder", n) == 0))
        return text;
    for (text += n; *text == ' '; text++)
        ;
    return text;
}

static void range_add(struct boot_info *out, u64 start, u64 size, u32 type)
{
    if (out->nr_ranges < BOOT_MAX_RANGES)
        out->range[out->nr_ranges++] = (struct mem_range){start, size, type};
    else
        out->ranges_lost = true;
}

static int module_add(struct boot_info *out, paddr_t start, paddr_t end, const char *cmdline)
{
    if (end < start)
        return -EINVAL;
    if (out->nr_modules < BOOT_MAX_MODULES)
        out->module[out->nr_modules++] = (struct boot_module){.start = start, .size = end - start, .cmdline = cmdline};
    return 0;
}

static void text_video(dom0_vga_console_info_t *v, u32 columns, u32 rows)
{
    v->video_type = XEN_VGATYPE_TEXT_MODE_3;
    v->u.text_mode_3.font_height = 16;
    v->u.text_mode_3.columns = columns;
    v->u.text_mode_3.rows = rows;
}

/* ---- Multiboot 1 ---- */

static void mb1_memory(const struct mb1_info *mbi, struct boot_info *out)
{
    u32 done = 0, length = min(mbi->mmap_length, 65536U);

    while (done + sizeof(struct mb1_range) <= length) {
        const struct mb1_range *r = boot_memory((paddr_t)mbi->mmap_addr + done, sizeof(*r));

        if (!r || r->entry_size < sizeof(*r) - 4 || r->entry_size > 4096)
            return;
        range_add(out, r->start, r->size, r->type);
        done += r->entry_size + 4;
    }
}

static const char *mb1_modules(const struct mb1_info *mbi, bool names, struct boot_info *out)
{
    u32 count = min(mbi->mods_count, (u32)BOOT_MAX_MODULES);

    for (u32 i = 0; i < count; i++) {
        const struct mb1_module *m = boot_memory((paddr_t)mbi->mods_addr + i * sizeof(*m), sizeof(*m));

        if (!m || module_add(out, m->start, m->end, behind_name(text_at(m->string), names)))
            return "Multiboot modules are damaged";
    }
    return NULL;
}

/* The screen is in text mode: our header does not ask for another. */
static const char *mb1_parse(paddr_t info, struct boot_info *out)
{
    const struct mb1_info *mbi = boot_memory(info, sizeof(*mbi));
    bool qemu;

    if (!mbi)
        return "Multiboot information out of reach";
    if (mbi->flags & MB1_LOADER_NAME)
        out->loader = text_at(mbi->boot_loader_name);
    qemu = strcmp(out->loader, "qemu") == 0;
    if (mbi->flags & MB1_CMDLINE)
        out->cmdline = behind_name(text_at(mbi->cmdline), qemu);
    if (mbi->flags & MB1_MMAP)
        mb1_memory(mbi, out);
    text_video(&out->video, 80, 25);
    return mbi->flags & MB1_MODULES ? mb1_modules(mbi, qemu, out) : NULL;
}

/* ---- Multiboot 2 ---- */

static void mb2_memory(const struct mb2_mmap *m, struct boot_info *out)
{
    const char *p = (const char *)(m + 1), *end = (const char *)m + m->tag.size;

    if (m->tag.size < sizeof(*m) || m->entry_size < sizeof(struct mb2_range))
        return;
    for (; (size_t)(end - p) >= m->entry_size; p += m->entry_size) {
        struct mb2_range r;

        memcpy(&r, p, sizeof(r));
        range_add(out, r.start, r.size, r.type);
    }
}

static void mb2_video(const struct mb2_framebuffer *fb, dom0_vga_console_info_t *v)
{
    if (fb->tag.size < __builtin_offsetof(struct mb2_framebuffer, color))
        return;
    if (fb->type == FB_TEXT)
        text_video(v, fb->width, fb->height);
    if (fb->type != FB_RGB || fb->tag.size < sizeof(*fb))
        return;
    v->video_type = XEN_VGATYPE_VESA_LFB;
    v->u.vesa_lfb = (__typeof__(v->u.vesa_lfb)){
        .width = fb->width,
        .height = fb->height,
        .bytes_per_line = fb->pitch,
        .bits_per_pixel = fb->bpp,
        .lfb_base = fb->addr,
        .ext_lfb_base = fb->addr >> 32,
        .lfb_size = DIV_ROUND_UP(fb->pitch * fb->height, 1U << 16),
        .red_pos = fb->color[0],
        .red_size = fb->color[1],
        .green_pos = fb->color[2],
        .green_size = fb->color[3],
        .blue_pos = fb->color[4],
        .blue_size = fb->color[5],
    };
}

/* The loader's copy of the RSDP (ACPI 6, 5.2.5.3) is kept in the image; a new one is preferred to
 * an old one. */
static void mb2_rsdp(const struct mb2_tag *tag, struct boot_info *out)
{
    size_t n = tag->size - sizeof(*tag);

    if (n < 20 || (out->rsdp && tag->type == MB2_ACPI_OLD))
        return;
    memset(rsdp_copy, 0, sizeof(rsdp_copy));
    memcpy(rsdp_copy, tag + 1, min(n, sizeof(rsdp_copy)));
    out->rsdp = virt_to_paddr(rsdp_copy);
}

static void mb2_efi_map(const struct mb2_efi_mmap *m, paddr_t pa, struct boot_info *out)
{
    if (m->tag.size < sizeof(*m) || m->desc_size < 40)
        return;
    out->efi_memmap = pa + sizeof(*m);
    out->efi_memmap_size = m->tag.size - sizeof(*m);
    out->efi_desc_size = m->desc_size;
}

/* One tag of tag->size bytes, which are readable. pa: where it is. */
static int mb2_tag_parse(const struct mb2_tag *tag, paddr_t pa, struct boot_info *out)
{
    const struct mb2_module *mod = (const void *)tag;
    const char *text = (const char *)(tag + 1);
    size_t n = tag->size - sizeof(*tag);

    switch (tag->type) {
    case MB2_CMDLINE: out->cmdline = behind_name(text_keep(text, n), false); break;
    case MB2_LOADER_NAME: out->loader = text_keep(text, n); break;
    case MB2_MODULE:
        if (tag->size < sizeof(*mod))
            return -EINVAL;
        text = text_keep(mod->cmdline, tag->size - sizeof(*mod));
        return module_add(out, mod->start, mod->end, behind_name(text, false));
    case MB2_MMAP: mb2_memory((const void *)tag, out); break;
    case MB2_FRAMEBUFFER: mb2_video((const void *)tag, &out->video); break;
    case MB2_EFI64:
        if (n >= sizeof(u64))
            memcpy(&out->efi_system_table, text, sizeof(u64));
        break;
    case MB2_ACPI_OLD:
    case MB2_ACPI_NEW: mb2_rsdp(tag, out); break;
    case MB2_EFI_MMAP: mb2_efi_map((const void *)tag, pa, out); break;
    }
    return 0;
}

static const char *mb2_parse(paddr_t info, struct boot_info *out)
{
    const u32 *head = info % 8 ? NULL : boot_memory(info, 8);
    u32 total = head ? head[0] : 0, at = 8;
    const char *base = total >= 16 && total <= 1 << 20 ? boot_memory(info, total) : NULL;

    if (!base)
        return "Multiboot 2 information out of reach";
    while (at + sizeof(struct mb2_tag) <= total) {
        const struct mb2_tag *tag = (const void *)(base + at);

        if (tag->type == MB2_END)
            break;
        if (tag->size < sizeof(*tag) || tag->size > total - at || mb2_tag_parse(tag, info + at, out))
            return "Multiboot 2 information is damaged";
        at += ROUNDUP(tag->size, 8U);
    }
    if (!out->video.video_type && !out->efi_system_table)
        text_video(&out->video, 80, 25);
    return NULL;
}

const char *multiboot_parse(u32 magic, paddr_t info, struct boot_info *out)
{
    const char *why = "not started by a Multiboot loader";

    *out = (struct boot_info){.loader = "", .cmdline = ""};
    texts_used = 0;
    if (magic == MULTIBOOT1_BOOT_MAGIC)
        why = mb1_parse(info, out);
    else if (magic == MULTIBOOT2_BOOT_MAGIC)
        why = mb2_parse(info, out);
    if (!why && !out->nr_ranges)
        why = "the loader gave no memory map";
    return why ? why : out->ranges_lost ? "the memory map is too long" : NULL;
}
