/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel files: every compression format is unpacked, a bzImage is unwrapped, notes are read; and
 * files that are cut short, lie about sizes or hold garbage are refused without reading or writing
 * where they should not (the sanitizers watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <bzlib.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <xen/elfnote.h>
#include <zlib.h>
#include <zstd.h>

#include "domain/elf.h"
#include "domain/image.h"
#include "domain/inflate.h"

#define KERNEL_SIZE 20000

/* A small kernel: one note segment, two parts to load, the second with a zero-filled tail. */
struct kernel {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[3];
    uint32_t notes[64];
    uint8_t body[KERNEL_SIZE];
};

static uint32_t *add_note(uint32_t *at, uint32_t type, uint64_t value)
{
    const uint32_t head[4] = {4, 8, type, 0x6e6558}; /* "Xen" */

    memcpy(at, head, sizeof(head));
    memcpy(at + 4, &value, sizeof(value));
    return at + 6;
}

static struct kernel *make_kernel(void)
{
    struct kernel *k = calloc(1, sizeof(*k));
    uint32_t *end = k->notes;

    memcpy(k->eh.e_ident, ELFMAG, SELFMAG);
    k->eh.e_ident[EI_CLASS] = ELFCLASS64;
    k->eh.e_ident[EI_DATA] = ELFDATA2LSB;
    k->eh.e_machine = EM_X86_64;
    k->eh.e_entry = 0x1234;
    k->eh.e_phoff = offsetof(struct kernel, ph);
    k->eh.e_phentsize = sizeof(Elf64_Phdr);
    k->eh.e_phnum = 3;
    end = add_note(end, XEN_ELFNOTE_ENTRY, 0xffffffff81000200);
    end = add_note(end, XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000);
    end = add_note(end, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    end = add_note(end, XEN_ELFNOTE_MOD_START_PFN, 1);
    end = add_note(end, XEN_ELFNOTE_HYPERCALL_PAGE, 0xffffffff81001000);
    k->ph[0] =
        (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = offsetof(struct kernel, notes), .p_filesz = (end - k->notes) * 4};
    k->ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = offsetof(struct kernel, body),
                            .p_paddr = 0x1000000,
                            .p_filesz = 10000,
                            .p_memsz = 10000};
    k->ph[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = offsetof(struct kernel, body) + 10000,
                            .p_paddr = 0x1004000,
                            .p_filesz = 10000,
                            .p_memsz = 30000};
    for (size_t i = 0; i < KERNEL_SIZE; i++)
        k->body[i] = i * 7 + i / 256;
    return k;
}

static void test_notes(void **state)
{
    struct kernel *k = make_kernel();
    struct elf_kernel e;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(elf_parse((uint8_t *)k, sizeof(*k), ELF_PV, &e, &err), 0);
    assert_int_equal(e.entry, 0xffffffff81000200);
    assert_int_equal(e.virt_base, 0xffffffff80000000);
    assert_int_equal(e.init_p2m, 0x8000000000);
    assert_int_equal(e.hypercall_page, 0xffffffff81001000);
    assert_true(e.mod_start_pfn);
    assert_int_equal(e.nr_segments, 2);
    assert_int_equal(e.start, 0x1000000);
    assert_int_equal(e.end, 0x1004000 + 30000);
    free(k);
}

static void refuse(struct kernel *k, const char *why)
{
    struct elf_kernel e;
    struct err *err = NULL;

    assert_int_equal(elf_parse((uint8_t *)k, sizeof(*k), ELF_PV, &e, &err), -1);
    assert_string_equal(err->what, why);
    err_drop(&err);
    free(k);
}

static void test_hostile_elf(void **state)
{
    struct kernel *k;

    (void)state;
    k = make_kernel();
    k->eh.e_phoff = UINT64_MAX - 8;
    refuse(k, "its program headers lie outside of the file");
    k = make_kernel();
    k->eh.e_phnum = 65535;
    refuse(k, "its program headers lie outside of the file");
    k = make_kernel();
    k->eh.e_ident[EI_CLASS] = ELFCLASS32;
    refuse(k, "it is not a 64-bit x86 ELF image");
    k = make_kernel();
    k->ph[1].p_offset = UINT64_MAX - 5000;
    refuse(k, "a part to load lies outside of the file");
    k = make_kernel();
    k->ph[1].p_filesz = UINT64_MAX;
    refuse(k, "a part to load lies outside of the file");
    k = make_kernel();
    k->ph[1].p_memsz = 10;
    refuse(k, "a part to load lies outside of the file");
    k = make_kernel();
    k->ph[2].p_paddr = UINT64_MAX - 100;
    refuse(k, "a part to load has an impossible address");
    k = make_kernel();
    k->ph[2].p_memsz = UINT64_MAX;
    refuse(k, "a part to load has an impossible address");
    k = make_kernel();
    k->ph[0].p_offset = 1ull << 40;
    refuse(k, "it has no Xen notes: not a kernel for PV guests");
    k = make_kernel();
    k->notes[0] = UINT32_MAX;
    refuse(k, "it has no Xen notes: not a kernel for PV guests");
    k = make_kernel();
    k->notes[1] = UINT32_MAX - 2;
    refuse(k, "it has no Xen notes: not a kernel for PV guests");
    k = make_kernel();
    k->ph[1].p_memsz = k->ph[1].p_filesz = 0;
    k->ph[2].p_memsz = k->ph[2].p_filesz = 0;
    refuse(k, "it has nothing to load");
}

/* Any byte of the headers and notes changed, in several ways; and the file cut anywhere in them. */
static void test_garbled_elf(void **state)
{
    static const uint8_t flips[] = {0xff, 0x80, 0x01, 0x7f};
    size_t head = offsetof(struct kernel, body), i, j;
    struct elf_kernel e;
    struct err *err = NULL;

    (void)state;
    for (i = 0; i < head; i++) {
        for (j = 0; j < sizeof(flips); j++) {
            struct kernel *k = make_kernel();

            ((uint8_t *)k)[i] ^= flips[j];
            elf_parse((uint8_t *)k, sizeof(*k), ELF_PV, &e, &err);
            err_drop(&err);
            free(k);
        }
    }
    for (i = 0; i < head; i++) {
        struct kernel *k = make_kernel();
        uint8_t *cut = malloc(i ? i : 1);

        memcpy(cut, k, i);
        assert_int_equal(elf_parse(cut, i, ELF_PV, &e, &err), -1);
        err_drop(&err);
        free(cut);
        free(k);
    }
}

/* Packers: `out` has room for twice the kernel. Each gives the packed size. */
static size_t pack_gzip(const void *in, size_t n, uint8_t *out, size_t room)
{
    z_stream s = {.next_in = (void *)in, .avail_in = n, .next_out = out, .avail_out = room};

    assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return s.total_out;
}

static size_t pack_xz(const void *in, size_t n, uint8_t *out, size_t room)
{
    size_t at = 0;

    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, n, out, &at, room), LZMA_OK);
    return at;
}

static size_t pack_lzma(const void *in, size_t n, uint8_t *out, size_t room)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma o;

    lzma_lzma_preset(&o, 6);
    assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
    s.next_in = in;
    s.avail_in = n;
    s.next_out = out;
    s.avail_out = room;
    assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
    lzma_end(&s);
    return s.total_out;
}

static size_t pack_zstd(const void *in, size_t n, uint8_t *out, size_t room)
{
    return ZSTD_compress(out, room, in, n, 3);
}

static size_t pack_bzip2(const void *in, size_t n, uint8_t *out, size_t room)
{
    unsigned int len = room;

    assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out, &len, (char *)in, n, 9, 0, 0), BZ_OK);
    return len;
}

static size_t pack_lz4(const void *in, size_t n, uint8_t *out, size_t room)
{
    const uint32_t magic = 0x184c2102;
    uint32_t len = LZ4_compress_default(in, (char *)out + 8, n, room - 8);

    memcpy(out, &magic, 4);
    memcpy(out + 4, &len, 4);
    return len + 8;
}

static const struct {
    const char *name;
    size_t (*pack)(const void *in, size_t n, uint8_t *out, size_t room);
} packers[] = {{"gzip", pack_gzip}, {"xz", pack_xz},       {"lzma", pack_lzma},
               {"zstd", pack_zstd}, {"bzip2", pack_bzip2}, {"lz4", pack_lz4}};

/* A bzImage with the given payload and the unpacked size behind it, as the kernel's build does. */
static struct image make_bzimage(const uint8_t *payload, size_t len, uint32_t unpacked)
{
    const size_t setup = 5 * 512, off = 100;
    const uint32_t fields[2] = {off, len + 4};
    struct image img = {.data = calloc(1, setup + off + len + 4), .size = setup + off + len + 4};

    img.data[0x1f1] = 4;
    img.data[0x1fe] = 0x55;
    img.data[0x1ff] = 0xaa;
    memcpy(img.data + 0x202, "HdrS\x0f\x02", 6);
    memcpy(img.data + 0x248, fields, sizeof(fields));
    memcpy(img.data + setup + off, payload, len);
    memcpy(img.data + setup + off + len, &unpacked, 4);
    return img;
}

static void test_formats(void **state)
{
    struct kernel *k = make_kernel();
    uint8_t *packed = malloc(2 * sizeof(*k));

    (void)state;
    for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        size_t len = packers[i].pack(k, sizeof(*k), packed, 2 * sizeof(*k));
        struct image file = make_bzimage(packed, len, sizeof(*k)), img;
        struct err *err = NULL;

        assert_string_equal(inflate_format(packed, len), packers[i].name);
        assert_int_equal(image_unwrap(&file, &img, &err), 0);
        assert_int_equal(img.size, sizeof(*k));
        assert_memory_equal(img.data, k, sizeof(*k));
        image_close(&img);
    }
    free(packed);
    free(k);
}

/* Damage: each packed kernel cut short, and with bytes changed. Unpacking ends, one way or another. */
static void test_damaged(void **state)
{
    struct kernel *k = make_kernel();
    uint8_t *packed = malloc(2 * sizeof(*k));
    struct err *err = NULL;
    struct image img;

    (void)state;
    for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        size_t len = packers[i].pack(k, sizeof(*k), packed, 2 * sizeof(*k)), at;

        for (at = 8; at < len; at += 97) {
            struct image file = make_bzimage(packed, len - at, sizeof(*k));

            if (image_unwrap(&file, &img, &err) == 0)
                image_close(&img);
            err_drop(&err);
            file = make_bzimage(packed, len, sizeof(*k));
            file.data[5 * 512 + 100 + at] ^= 0x55;
            if (image_unwrap(&file, &img, &err) == 0)
                image_close(&img);
            err_drop(&err);
        }
    }
    free(packed);
    free(k);
}

static void refuse_image(struct image file, const char *why)
{
    struct image img;
    struct err *err = NULL;

    assert_int_equal(image_unwrap(&file, &img, &err), -1);
    assert_string_equal(err->what, why);
    err_drop(&err);
}

static void test_hostile_bzimage(void **state)
{
    static const uint8_t junk[64] = "no kernel in here";
    const uint32_t far = UINT32_MAX - 3;
    struct image img;

    (void)state;
    img = make_bzimage(junk, sizeof(junk), 64);
    memcpy(img.data + 0x248, &far, 4);
    refuse_image(img, "the bzImage's payload lies outside of the file");
    img = make_bzimage(junk, sizeof(junk), 64);
    memcpy(img.data + 0x24c, &far, 4);
    refuse_image(img, "the bzImage's payload lies outside of the file");
    img = make_bzimage(junk, sizeof(junk), 64);
    img.data[0x1f1] = 255;
    refuse_image(img, "the bzImage's payload lies outside of the file");
    img = make_bzimage(junk, sizeof(junk), 64);
    img.data[0x206] = 7;
    refuse_image(img, "the bzImage is older than boot protocol 2.08");
    refuse_image(make_bzimage(junk, sizeof(junk), 64), "the payload is in no compression format that is known");
    img = (struct image){.data = calloc(1, 3), .size = 3};
    refuse_image(img, "it is neither a bzImage nor an ELF image");
}

/* A few bytes that unpack to gigabytes must not take them: xz of zeros, 1.1 GiB. */
static void test_bomb(void **state)
{
    lzma_stream s = LZMA_STREAM_INIT;
    uint8_t *zeros = calloc(1, 1 << 20), *packed = malloc(4 << 20), *out;
    struct err *err = NULL;
    size_t len;

    (void)state;
    assert_int_equal(lzma_easy_encoder(&s, 0, LZMA_CHECK_NONE), LZMA_OK);
    s.next_out = packed;
    s.avail_out = 4 << 20;
    for (int i = 0; i < 1100; i++) {
        s.next_in = zeros;
        s.avail_in = 1 << 20;
        assert_int_equal(lzma_code(&s, LZMA_RUN), LZMA_OK);
    }
    assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
    assert_int_equal(inflate_any(packed, s.total_out, UINT32_MAX, &out, &len, &err), -1);
    assert_string_equal(err->what, "cannot unpack the xz payload: it unpacks to more than 1 GiB");
    err_drop(&err);
    lzma_end(&s);
    free(packed);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),   cmocka_unit_test(test_hostile_elf), cmocka_unit_test(test_garbled_elf),
        cmocka_unit_test(test_formats), cmocka_unit_test(test_damaged),     cmocka_unit_test(test_hostile_bzimage),
        cmocka_unit_test(test_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
