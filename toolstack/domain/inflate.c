/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One decoder per format, all with the same shape: read from `in`, append to a growing buffer,
 * stop at the end of the stream. The table at the end knows the magic bytes.
 */
#include "inflate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

struct out {
    uint8_t *data;
    size_t len, room;
};

/* Make room for more output; false when the limit is reached or memory is out. */
static bool out_grow(struct out *o, size_t want)
{
    size_t room = o->room ? o->room * 2 : 1 << 20;
    uint8_t *p;

    if (room < o->len + want)
        room = o->len + want;
    if (room > INFLATE_MAX)
        room = INFLATE_MAX;
    if (room < o->len + want)
        return false;
    p = realloc(o->data, room);
    if (!p)
        return false;
    o->data = p;
    o->room = room;
    return true;
}

static const char too_big[] = "it unpacks to more than 1 GiB";

static const char *gzip_decode(const uint8_t *in, size_t len, struct out *o)
{
    z_stream s = {.next_in = (uint8_t *)in, .avail_in = len};
    const char *why = NULL;
    int rc = Z_OK;

    if (inflateInit2(&s, 15 + 16) != Z_OK)
        return "no memory";
    while (rc != Z_STREAM_END && !why) {
        size_t room;

        if (o->len == o->room && !out_grow(o, 1)) {
            why = too_big;
            break;
        }
        room = o->room - o->len;
        s.next_out = o->data + o->len;
        s.avail_out = room;
        rc = inflate(&s, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END)
            why = "the gzip stream is damaged";
        o->len += room - s.avail_out;
    }
    inflateEnd(&s);
    return why;
}

static const char *lzma_any_decode(const uint8_t *in, size_t len, struct out *o)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret rc = lzma_auto_decoder(&s, UINT64_MAX, 0);
    const char *why = NULL;

    if (rc != LZMA_OK)
        return "no memory";
    s.next_in = in;
    s.avail_in = len;
    while (rc != LZMA_STREAM_END && !why) {
        size_t room;

        if (o->len == o->room && !out_grow(o, 1)) {
            why = too_big;
            break;
        }
        room = o->room - o->len;
        s.next_out = o->data + o->len;
        s.avail_out = room;
        rc = lzma_code(&s, LZMA_RUN);
        if (rc != LZMA_OK && rc != LZMA_STREAM_END)
            why = "the xz or lzma stream is damaged";
        o->len += room - s.avail_out;
    }
    lzma_end(&s);
    return why;
}

static const char *bzip2_decode(const uint8_t *in, size_t len, struct out *o)
{
    bz_stream s = {.next_in = (char *)in, .avail_in = len};
    const char *why = NULL;
    int rc = BZ_OK;

    if (BZ2_bzDecompressInit(&s, 0, 0) != BZ_OK)
        return "no memory";
    while (rc != BZ_STREAM_END && !why) {
        size_t room, in_before = s.avail_in;

        if (o->len == o->room && !out_grow(o, 1)) {
            why = too_big;
            break;
        }
        room = o->room - o->len;
        s.next_out = (char *)o->data + o->len;
        s.avail_out = room;
        rc = BZ2_bzDecompress(&s);
        if ((rc != BZ_OK && rc != BZ_STREAM_END) || (rc == BZ_OK && s.avail_out == room && s.avail_in == in_before))
            why = "the bzip2 stream is damaged";
        o->len += room - s.avail_out;
    }
    BZ2_bzDecompressEnd(&s);
    return why;
}

static const char *zstd_decode(const uint8_t *in, size_t len, struct out *o)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer ib = {.src = in, .size = len};
    const char *why = NULL;
    size_t rc = 1;

    if (!d)
        return "no memory";
    /* The kernel is built with windows of up to 2^27 (zstd --ultra -22), the library's default. */
    while (rc && !why) {
        ZSTD_outBuffer ob;
        size_t before = ib.pos;

        if (o->len == o->room && !out_grow(o, 1)) {
            why = too_big;
            break;
        }
        ob = (ZSTD_outBuffer){.dst = o->data + o->len, .size = o->room - o->len};
        rc = ZSTD_decompressStream(d, &ob, &ib);
        if (ZSTD_isError(rc) || (rc && ib.pos == before && !ob.pos))
            why = "the zstd stream is damaged";
        o->len += ob.pos;
    }
    ZSTD_freeDCtx(d);
    return why;
}

/*
 * The kernel's lz4 payload is the "legacy" frame: a magic, then blocks of at most 8 MiB unpacked,
 * each with its packed length in front, until the input ends. What is left over at the end (the
 * appended size) is too short or too odd to be a block.
 */
static const char *lz4_decode(const uint8_t *in, size_t len, struct out *o)
{
    const size_t block = 8 << 20;
    size_t at = 4;

    while (len - at > 4) {
        uint32_t packed;
        int n;

        memcpy(&packed, in + at, 4);
        at += 4;
        if (!packed || packed > len - at || packed > LZ4_COMPRESSBOUND(block))
            return "the lz4 stream is damaged";
        if (o->room - o->len < block && !out_grow(o, block))
            return too_big;
        n = LZ4_decompress_safe((const char *)in + at, (char *)o->data + o->len, packed, block);
        if (n < 0)
            return "the lz4 stream is damaged";
        o->len += n;
        at += packed;
    }
    return o->len ? NULL : "the lz4 stream is empty";
}

static const struct format {
    const char *name;
    uint8_t magic[6], magic_len;
    const char *(*decode)(const uint8_t *in, size_t len, struct out *o);
} formats[] = {
    {"gzip", {0x1f, 0x8b}, 2, gzip_decode},           {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, lzma_any_decode},
    {"lzma", {0x5d, 0, 0}, 3, lzma_any_decode},       {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_decode},
    {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, lz4_decode}, {"bzip2", {'B', 'Z', 'h'}, 3, bzip2_decode},
};

static const struct format *find(const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (len > formats[i].magic_len && !memcmp(in, formats[i].magic, formats[i].magic_len))
            return &formats[i];
    return NULL;
}

const char *inflate_format(const uint8_t *in, size_t len)
{
    const struct format *f = find(in, len);

    return f ? f->name : NULL;
}

int inflate_any(const uint8_t *in, size_t len, size_t hint, uint8_t **out, size_t *out_len, struct err **err)
{
    const struct format *f = find(in, len);
    struct out o = {0};
    const char *why;

    if (!f)
        return err_new(err, ERR_INVAL, "the payload is in no compression format that is known");
    if (hint && hint <= INFLATE_MAX)
        out_grow(&o, hint);
    why = f->decode(in, len, &o);
    if (why) {
        free(o.data);
        return err_new(err, ERR_INVAL, "cannot unpack the %s payload: %s", f->name, why);
    }
    *out = o.data;
    *out_len = o.len;
    return 0;
}
