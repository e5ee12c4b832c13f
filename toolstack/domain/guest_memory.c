/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and their content (guest_memory.h), by XENMEM_populate_physmap and foreign mappings.
 */
#include "guest_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Pages in one hypercall, 32 MiB: dom0's kernel cannot schedule while a call is under way. */
#define BATCH_PAGES 8192
/* Pages mapped at a time while copying into the guest. */
#define CHUNK 4096
/* Pages of zeros in a row that cost more to map than another mapping does. */
#define WORTH_LEAVING_OUT 16

/* As far as extents of 2^order go; the frame reached. */
static int64_t populate_run(struct guest_memory *m, uint64_t from, uint64_t to, unsigned int order, struct err **err)
{
    uint64_t size = 1ull << order, batch = size < BATCH_PAGES ? BATCH_PAGES >> order : 1;
    xen_pfn_t *ext = calloc(batch, sizeof(*ext));
    int64_t reached = -1;

    if (!ext)
        return err_sys(err, ENOMEM, "cannot populate the guest");
    while (from + size <= to) {
        unsigned long n = (to - from) / size, i, j;
        long got;

        if (n > batch)
            n = batch;
        for (i = 0; i < n; i++)
            ext[i] = from + i * size;
        got = hyp_populate(m->h, m->domid, ext, n, order, err);
        if (got < 0)
            goto out;
        for (i = 0; i < (unsigned long)got && m->p2m; i++)
            for (j = 0; j < size; j++)
                m->p2m[from + i * size + j] = ext[i] + j;
        from += got * size;
        if ((unsigned long)got < n)
            break;
    }
    reached = from;
out:
    free(ext);
    return reached;
}

/* The largest order that fits between here and `to` and is aligned here. */
static unsigned int fitting(uint64_t at, uint64_t to, unsigned int order)
{
    static const unsigned int below[ORDER_1G + 1] = {[ORDER_1G] = ORDER_2M, [ORDER_2M] = ORDER_4K};

    while (order && (at & ((1ull << order) - 1) || to - at < 1ull << order))
        order = below[order];
    return order;
}

/* Where the run of extents of this order that begins at `at` has to stop. */
static uint64_t run_end(uint64_t at, uint64_t to, unsigned int order, unsigned int largest)
{
    unsigned int next = order == ORDER_4K ? ORDER_2M : ORDER_1G;
    uint64_t aligned = (at + (1ull << next)) & ~((1ull << next) - 1);

    return order < largest && aligned + (1ull << next) <= to ? aligned : to;
}

int memory_populate(struct guest_memory *m, uint64_t from, uint64_t to, unsigned int order, struct err **err)
{
    uint64_t at = from;

    while (at < to) {
        unsigned int o = fitting(at, to, order);
        uint64_t end = run_end(at, to, o, order);
        int64_t reached = populate_run(m, at, end, o, err);

        if (reached < 0)
            return -1;
        if ((uint64_t)reached == at && !o)
            return err_new(err, ERR_NOMEM, "the host has no memory left: %llu of %llu MB were free",
                           (unsigned long long)(at - from) >> 8, (unsigned long long)(to - from) >> 8);
        /* What is not to be had in one piece comes in smaller ones. */
        if ((uint64_t)reached + (1ull << o) <= end)
            order = o == ORDER_1G ? ORDER_2M : ORDER_4K;
        at = reached;
    }
    return 0;
}

void *memory_map(struct guest_memory *m, uint64_t pfn, uint64_t pages, struct err **err)
{
    xen_pfn_t *frames;
    void *p;

    if (m->p2m)
        return hyp_map(m->h, m->domid, m->p2m + pfn, pages, err);
    frames = calloc(pages, sizeof(*frames));
    if (!frames) {
        err_sys(err, ENOMEM, "cannot map %llu pages", (unsigned long long)pages);
        return NULL;
    }
    for (uint64_t i = 0; i < pages; i++)
        frames[i] = pfn + i;
    p = hyp_map(m->h, m->domid, frames, pages, err);
    free(frames);
    return p;
}

int memory_put(struct guest_memory *m, uint64_t addr, const void *data, uint64_t size, uint64_t end, struct err **err)
{
    const uint8_t *from = data;
    uint64_t stop = addr + size;

    while (addr < end) {
        uint64_t pfn = addr / PAGE_SIZE, last = (end - 1) / PAGE_SIZE, n = last - pfn + 1;
        uint64_t here, upto;
        uint8_t *p;

        if (n > CHUNK)
            n = CHUNK;
        upto = (pfn + n) * PAGE_SIZE < end ? (pfn + n) * PAGE_SIZE : end;
        p = memory_map(m, pfn, n, err);
        if (!p)
            return -1;
        here = addr < stop ? (stop < upto ? stop : upto) - addr : 0;
        if (here)
            memcpy(p + addr % PAGE_SIZE, from, here);
        memset(p + addr % PAGE_SIZE + here, 0, upto - addr - here);
        hyp_unmap(m->h, p, n);
        from += here;
        addr = upto;
    }
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct elf_segment *x = a, *y = b;

    return x->paddr < y->paddr ? -1 : x->paddr > y->paddr;
}

/* Whether the page of a part, by its number in the guest, gets nothing but zeros. */
static bool page_is_zero(const struct elf_segment *s, const struct image *image, uint64_t pfn)
{
    uint64_t from = pfn * PAGE_SIZE > s->paddr ? pfn * PAGE_SIZE - s->paddr : 0;
    uint64_t to = (pfn + 1) * PAGE_SIZE - s->paddr;

    if (to > s->file_size)
        to = s->file_size;
    return from >= to || image_is_zero(image, s->file_off + from, s->file_off + to);
}

/* Where the run of pages that begins at pfn ends; *zero: of pages of zeros, so many that they are worth leaving out. */
static uint64_t run_of_pages(const struct elf_segment *s, const struct image *image, uint64_t pfn, uint64_t end,
                             bool *zero)
{
    uint64_t zeros = 0, at;

    for (at = pfn; at < end; at++) {
        bool is_zero = page_is_zero(s, image, at);

        if (!is_zero && zeros >= WORTH_LEAVING_OUT)
            break;
        zeros = is_zero ? zeros + 1 : 0;
    }
    *zero = zeros >= WORTH_LEAVING_OUT && at - zeros == pfn;
    return zeros >= WORTH_LEAVING_OUT && !*zero ? at - zeros : at;
}

/* Put a part to its place, zeros behind it to `end`. */
static int load_segment(struct guest_memory *m, const struct elf_segment *s, const struct image *image, uint64_t end,
                        struct err **err)
{
    const uint8_t *from = image->data + s->file_off;
    uint64_t pfn = s->paddr / PAGE_SIZE, last = (end + PAGE_SIZE - 1) / PAGE_SIZE, next;

    for (; pfn < last; pfn = next) {
        bool zero = false;
        uint64_t start, stop, size;

        next = m->zeroed ? run_of_pages(s, image, pfn, last, &zero) : last;
        if (zero)
            continue;
        start = pfn * PAGE_SIZE > s->paddr ? pfn * PAGE_SIZE : s->paddr;
        stop = next * PAGE_SIZE < end ? next * PAGE_SIZE : end;
        size = start - s->paddr < s->file_size ? s->file_size - (start - s->paddr) : 0;
        if (memory_put(m, start, from + (start - s->paddr), size < stop - start ? size : stop - start, stop, err) < 0)
            return -1;
    }
    return 0;
}

/*
 * Each part is followed by zeros to where the next begins: that covers both its own zero-filled
 * tail and the gap, which a guest may take for zero, too.
 */
int memory_load_elf(struct guest_memory *m, struct elf_kernel *elf, const struct image *image, struct err **err)
{
    struct elf_segment *s = elf->seg;
    unsigned int n = elf->nr_segments, i;

    qsort(s, n, sizeof(*s), by_address);
    for (i = 0; i < n; i++) {
        uint64_t end = s[i].paddr + s[i].memory_size;

        if (i + 1 < n && s[i + 1].paddr < end)
            return err_new(err, ERR_INVAL, "parts of the kernel overlap");
        if (i + 1 < n)
            end = s[i + 1].paddr;
        if (load_segment(m, &s[i], image, end, err) < 0)
            return err_wrap(err, "cannot load the kernel");
    }
    return 0;
}
