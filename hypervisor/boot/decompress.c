/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking kernel images, with the decoders that the distribution ships as static libraries
 * (docs/dependencies.md). They are linked into boot-only memory, and compiled for user space: with SSE, which the boot
 * CPU has on, with stack protectors, which read a word behind the FS base, and with a red zone below the stack pointer,
 * which an interrupt would overwrite. What they expect of a C library is in boot/decompress_libc.c.
 */
#include <asm/system.h>
#include <asm/trapnr.h>
#include <boot/boot.h>
#include <lib/spinlock.h>

/*
 * The few declarations that we need of zlib.h, lzma.h, zstd.h and lz4.h: those headers want a
 * hosted C library. The layout of the structures is part of each library's stable ABI (libz.so.1,
 * liblzma.so.5).
 */
struct z_stream_s {
    const unsigned char *next_in;
    unsigned int avail_in;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned int avail_out;
    unsigned long total_out;
    void *msg, *state, *alloc, *free, *opaque;
    int data_type;
    unsigned long adler, reserved;
};
int inflateInit2_(struct z_stream_s *strm, int window_bits, const char *version, int stream_size);
int inflate(struct z_stream_s *strm, int flush);
int inflateEnd(struct z_stream_s *strm);
#define Z_FINISH     4
#define Z_STREAM_END 1

typedef struct {
    const u8 *next_in;
    size_t avail_in;
    u64 total_in;
    u8 *next_out;
    size_t avail_out;
    u64 total_out;
    void *allocator, *internal;
    void *reserved_ptr[4];
    u64 seek_pos, reserved_int2;
    size_t reserved_int3, reserved_int4;
    int reserved_enum1, reserved_enum2;
} lzma_stream;
int lzma_auto_decoder(lzma_stream *strm, u64 memlimit, u32 flags);
int lzma_code(lzma_stream *strm, int action);
void lzma_end(lzma_stream *strm);
#define LZMA_OK         0
#define LZMA_STREAM_END 1
#define LZMA_RUN        0

size_t ZSTD_decompress(void *dst, size_t capacity, const void *src, size_t size);
unsigned int ZSTD_isError(size_t code);
size_t ZSTD_findFrameCompressedSize(const void *src, size_t size);
int LZ4_decompress_safe(const char *src, char *dst, int src_size, int capacity);

static ssize_t __init unpack_gzip(const void *in, size_t in_size, void *out, size_t out_size)
{
    struct z_stream_s s = {.next_in = in, .avail_in = in_size, .next_out = out, .avail_out = out_size};
    int rc = inflateInit2_(&s, 15 + 16, "1.2", sizeof(s));

    if (rc)
        return -EINVAL;
    rc = inflate(&s, Z_FINISH);
    inflateEnd(&s);
    return rc == Z_STREAM_END ? (ssize_t)s.total_out : -EINVAL;
}

/* xz and its predecessor. */
static ssize_t __init unpack_lzma(const void *in, size_t in_size, void *out, size_t out_size)
{
    lzma_stream s = {.next_in = in, .avail_in = in_size, .next_out = out, .avail_out = out_size};
    int rc = lzma_auto_decoder(&s, ~0UL, 0);

    while (rc == LZMA_OK)
        rc = lzma_code(&s, LZMA_RUN);
    lzma_end(&s);
    return rc == LZMA_STREAM_END ? (ssize_t)s.total_out : -EINVAL;
}

/* The kernel appends the unpacked size to the frame: only the frame itself is the decoder's. */
static ssize_t __init unpack_zstd(const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t frame = ZSTD_findFrameCompressedSize(in, in_size), n;

    if (ZSTD_isError(frame))
        return -EINVAL;
    n = ZSTD_decompress(out, out_size, in, frame);
    return ZSTD_isError(n) ? -EINVAL : (ssize_t)n;
}

/* The legacy frame format of lz4: blocks of at most 8 MB unpacked, each behind its packed size. */
static ssize_t __init unpack_lz4(const void *in, size_t in_size, void *out, size_t out_size)
{
    const u8 *p = (const u8 *)in + 4, *end = (const u8 *)in + in_size;
    size_t done = 0;

    while (end - p >= 4) {
        u32 block;
        int n;

        memcpy(&block, p, 4);
        p += 4;
        if (!block || block > (size_t)(end - p))
            break; /* the size of the whole, which the kernel appends */
        n = LZ4_decompress_safe((const char *)p, (char *)out + done, block, min(out_size - done, (size_t)8 << 20));
        if (n < 0)
            return -EINVAL;
        done += n;
        p += block;
    }
    return done ? (ssize_t)done : -EINVAL;
}

static const struct format {
    const char *magic;
    u8 length;
    ssize_t (*unpack)(const void *in, size_t in_size, void *out, size_t out_size);
} formats[] __section(".init.rodata") = {
    {"\x1f\x8b\x08", 3, unpack_gzip},    {"\3757zXZ", 6, unpack_lzma},     {"\x28\xb5\x2f\xfd", 4, unpack_zstd},
    {"\x02\x21\x4c\x18", 4, unpack_lz4}, {"\x5d\x00\x00", 3, unpack_lzma},
};

static const struct format *__init format_of(const void *in, size_t in_size)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++)
        if (in_size > formats[i].length && !memcmp(in, formats[i].magic, formats[i].length))
            return &formats[i];
    return NULL;
}

bool __init is_compressed(const void *in, size_t in_size) { return format_of(in, in_size); }

/* The decoders are built for stacks aligned to 16 bytes, which ours need not be: this one is aligned here, and this
 * file is built to keep it so (Makefile). */
__attribute__((force_align_arg_pointer)) ssize_t __init decompress(const void *in, size_t in_size, void *out,
                                                                   size_t out_size)
{
    static u8 thread_area[64] __initdata __aligned(16);
    ssize_t n;

    irq_guard();
    wrmsr(MSR_FS_BASE, (u64)thread_area);
    n = format_of(in, in_size)->unpack(in, in_size, out, out_size);
    wrmsr(MSR_FS_BASE, 0);
    return n;
}
