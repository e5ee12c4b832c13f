/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bit of a C library that the decoders of boot/decompress.c need, for them only: memory (whole pages, freed after
 * the boot), and the entry points by which a hardened build of theirs reports damage.
 */
#include <mm/heap.h>

/* The headers that declare these are not here, and nobody else of ours calls them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* Stands before each allocation: 16 bytes, to keep alignment. */
struct header {
    u64 order, unused;
};

void *__init malloc(size_t size)
{
    unsigned int order = size_order(size + sizeof(struct header));
    struct header *h = order <= HEAP_MAX_ORDER ? page_alloc(order) : NULL;
    if (!h)
        return NULL;
    h->order = order;
    return h + 1;
}

void *__init calloc(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);
}

void __init free(void *p)
{
    struct header *h = p;

    if (p)
        page_free(h - 1, h[-1].order);
}

/* zstd's hooks for tracing; 0: not this time. */
unsigned long long __init ZSTD_trace_decompress_begin(const void *context __unused) { return 0; }

void __init ZSTD_trace_decompress_end(unsigned long long trace __unused, const void *result __unused) {}

/* In place of zstd's decoders of its formats before 1.0 (Makefile): nothing that we hand it begins like those. */
size_t __init zstd_old_format(void) { return (size_t)-10; /* ZSTD_error_prefix_unknown */ }

void __init __noreturn __stack_chk_fail(void) { panic("a decoder overran its stack"); }

void *__init __memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
    if (n > room)
        panic("a decoder copies %zu bytes into %zu", n, room);
    return memcpy(dst, src, n);
}
