/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking: one loop for all formats, which asks a format's step for a piece of output until the
 * stream ends. The table at the end knows the steps and the magic bytes.
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

union state {
    z_stream gzip;
    lzma_stream xz;
    bz_stream bzip2;
    ZSTD_DCtx *zstd;
    bool lz4_begun;
};

/* What a step is given, and what it has left of it. */
struct piece {
    const uint8_t *in;
    uint8_t *out;
    size_t in_left, room;
};

enum progress { MORE, END, DAMAGED };

static bool gzip_open(union state *s) { return inflateInit2(&s->gzip, 15 + 16) == Z_OK; }

static void gzip_close(union state *s) { inflateEnd(&s->gzip); }

static enum progress gzip_step(union state *s, struct piece *p)
{
    int rc;

    s->gzip.next_in = (uint8_t *)p->in;
    s->gzip.avail_in = p->in_left;
    s->gzip.next_out = p->out;
    s->gzip.avail_out = p->room;
    rc = inflate(&s->gzip, Z_NO_FLUSH);
    p->in_left = s->gzip.avail_in;
    p->room = s->gzip.avail_out;
    return rc == Z_STREAM_END ? END : rc == Z_OK ? MORE : DAMAGED;
}

static bool xz_open(union state *s)
{
    s->xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_auto_decoder(&s->xz, UINT64_MAX, 0) == LZMA_OK;
}

static void xz_close(union state *s) { lzma_end(&s->xz); }

static enum progress xz_step(union state *s, struct piece *p)
{
    lzma_ret rc;

    s->xz.next_in = p->in;
    s->xz.avail_in = p->in_left;
    s->xz.next_out = p->out;
    s->xz.avail_out = p->room;
    rc = lzma_code(&s->xz, LZMA_RUN);
    p->in_left = s->xz.avail_in;
    p->room = s->xz.avail_out;
    return rc == LZMA_STREAM_END ? END : rc == LZMA_OK ? MORE : DAMAGED;
}

static bool bzip2_open(union state *s) { return BZ2_bzDecompressInit(&s->bzip2, 0, 0) == BZ_OK; }

static void bzip2_close(union state *s) { BZ2_bzDecompressEnd(&s->bzip2); }

static enum progress bzip2_step(union state *s, struct piece *p)
{
    int rc;

    s->bzip2.next_in = (char *)p->in;
    s->bzip2.avail_in = p->in_left;
    s->bzip2.next_out = (char *)p->out;
    s->bzip2.avail_out = p->room;
    rc = BZ2_bzDecompress(&s->bzip2);
    p->in_left = s->bzip2.avail_in;
    p->room = s->bzip2.avail_out;
    return rc == BZ_STREAM_END ? END : rc == BZ_OK ? MORE : DAMAGED;
}

static bool zstd_open(union state *s) { return (s->zstd = ZSTD_createDCtx()); }

static void zstd_close(union state *s) { ZSTD_freeDCtx(s->zstd); }

/* The kernel is built with windows of up to 2^27 (zstd --ultra -22), the library's default. */
static enum progress zstd_step(union state *s, struct piece *p)
{
    ZSTD_inBuffer in = {.src = p->in, .size = p->in_left};
    ZSTD_outBuffer out = {.dst = p->out, .size = p->room};
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);

    p->in_left -= in.pos;
    p->room -= out.pos;
    return ZSTD_isError(rc) ? DAMAGED : rc ? MORE : END;
}

/*
 * The kernel's lz4 payload is the "legacy" frame: a magic, then blocks of at most 8 MiB unpacked,
 * each with its packed length in front, until the input ends. What is left over at the end (the
 * appended size) is too short to be a block.
 */
#define LZ4_BLOCK (8ul << 20)
#define LZ4_MAGIC 4

static enum progress lz4_step(union state *s, struct piece *p)
{
    const uint8_t *at = p->in + (s->lz4_begun ? 0 : LZ4_MAGIC);
    size_t left = p->in + p->in_left - at;
    uint32_t packed;
    int n;

    if (left <= sizeof(packed))
        return s->lz4_begun ? END : DAMAGED;
    memcpy(&packed, at, sizeof(packed));
    at += sizeof(packed);
    left -= sizeof(packed);
    if (!packed || packed > left || packed > LZ4_COMPRESSBOUND(LZ4_BLOCK))
        return DAMAGED;
    n = LZ4_decompress_safe((const char *)at, (char *)p->out, packed, LZ4_BLOCK);
    if (n < 0)
        return DAMAGED;
    s->lz4_begun = true;
    p->in_left = left - packed;
    p->room -= n;
    return MORE;
}

static const struct format {
    const char *name;
    uint8_t magic[6], magic_len;
    size_t block;                 /* room that a step needs */
    bool (*open)(union state *s); /* of what is all zeroes; NULL, as close: nothing to do */
    enum progress (*step)(union state *s, struct piece *p);
    void (*close)(union state *s);
} formats[] = {
    {"gzip", {0x1f, 0x8b}, 2, 1, gzip_open, gzip_step, gzip_close},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, 1, xz_open, xz_step, xz_close},
    {"lzma", {0x5d, 0, 0}, 3, 1, xz_open, xz_step, xz_close},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, 1, zstd_open, zstd_step, zstd_close},
    {"lz4", {0x02, 0x21, 0x4c, 0x18}, LZ4_MAGIC, LZ4_BLOCK, NULL, lz4_step, NULL},
    {"bzip2", {'B', 'Z', 'h'}, 3, 1, bzip2_open, bzip2_step, bzip2_close},
};

/* NULL, or what is wrong. */
static const char *unpack(const struct format *f, const uint8_t *in, size_t len, struct out *o)
{
    enum progress progress = MORE;
    const char *why = NULL;
    size_t left = len;
    union state s;

    memset(&s, 0, sizeof(s));
    if (f->open && !f->open(&s))
        return "no memory";
    while (progress == MORE && !why) {
        struct piece p;

        if (o->room - o->len < f->block && !out_grow(o, f->block)) {
            why = "it unpacks to more than 1 GiB";
            break;
        }
        p = (struct piece){in + len - left, o->data + o->len, left, o->room - o->len};
        progress = f->step(&s, &p);
        if (progress == DAMAGED || (progress == MORE && p.in_left == left && p.room == o->room - o->len))
            why = "the stream is damaged";
        left = p.in_left;
        o->len = o->room - p.room;
    }
    if (f->close)
        f->close(&s);
    return why;
}

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
    why = unpack(f, in, len, &o);
    if (why) {
        free(o.data);
        return err_new(err, ERR_INVAL, "cannot unpack the %s payload: %s", f->name, why);
    }
    *out = o.data;
    *out_len = o.len;
    return 0;
}
