/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the decoders (whole pages, freed after the boot), and the entry points by which a
 * hardened build of theirs reports damage. They come compiled for user space: with SSE, which the
 * boot CPU has on, and with stack protectors, which read a word behind the FS base, and with a red
 * zone below the stack pointer, which an interrupt would overwrite.
 */
#include <asm/system.h>
#include <asm/trapnr.h>
#include <boot/decompress_libc.h>
#include <lib/lib.h>
#include <mm/heap.h>

/* Stands before each allocation: 16 bytes, to keep alignment. */
struct header {
    u64 order, unused;
};

void *__init malloc(size_t size)
{
    unsigned int order = 0;
    struct header *h;

    while ((PAGE_SIZE << order) < size + sizeof(*h))
        order++;
    h = order <= HEAP_MAX_ORDER ? page_alloc(order) : NULL;
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

static u8 thread_area[64] __initdata __aligned(16);

static unsigned long irq_flags_outside __initdata;

void __init decompress_libc_enter(void)
{
    irq_flags_outside = irq_save();
    wrmsr(MSR_FS_BASE, (u64)thread_area);
}

void __init decompress_libc_leave(void)
{
    wrmsr(MSR_FS_BASE, 0);
    irq_restore(irq_flags_outside);
}

/* zstd's hooks for tracing; 0: not this time. */
unsigned long long ZSTD_trace_decompress_begin(const void *context);
unsigned long long __init ZSTD_trace_decompress_begin(const void *context __unused) { return 0; }

void ZSTD_trace_decompress_end(unsigned long long trace, const void *result);
void __init ZSTD_trace_decompress_end(unsigned long long trace __unused, const void *result __unused) {}

void __stack_chk_fail(void) __noreturn;
void __init __stack_chk_fail(void) { panic("a decoder overran its stack"); }

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room);
void *__init __memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
    if (n > room)
        panic("a decoder copies %zu bytes into %zu", n, room);
    return memcpy(dst, src, n);
}
