/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects: pages cut into pieces of one size class each. The free pieces of a page are
 * chained through themselves; the page's struct frame says its class, how many pieces are in use
 * and which is free first, and links the pages that have room. Objects above half a page are whole
 * pages.
 */
#include <lib/spinlock.h>
#include <mm/heap_internal.h>

/* Multiples of 16. */
static const u16 class_size[] = {16, 32, 48, 64, 96, 128, 192, 256, 336, 512, 672, 1008, 1360, 2048};
#define NR_CLASSES ARRAY_SIZE(class_size)
#define NO_PIECE   0xffffU

static DEFINE_SPINLOCK(slab_lock, LOCK_SLAB);
static u32 partial[NR_CLASSES] = {[0 ... NR_CLASSES - 1] = FRAME_NIL}; /* pages with room */

/* In a slab page's `type`: pieces in use, offset of the first free piece. Our own frames have no
 * type. */
static unsigned int used_of(const struct frame *f) { return f->type >> 16; }

static unsigned int free_of(const struct frame *f) { return f->type & 0xffff; }

static void state_set(struct frame *f, unsigned int used, unsigned int free) { f->type = (u64)used << 16 | free; }

/* A page cut into pieces of a class, all free. */
static struct frame *slab_new(unsigned int cls)
{
    char *page = page_alloc(0);
    unsigned int size = class_size[cls], last = PAGE_SIZE / size * size - size;
    struct frame *f;

    if (!page)
        return NULL;
    for (unsigned int at = 0; at <= last; at += size)
        *(u16 *)(page + at) = at == last ? NO_PIECE : at + size;
    f = virt_frame(page);
    f->heap |= FH_SLAB;
    f->order = cls;
    state_set(f, 0, 0);
    return f;
}

static void *large_alloc(size_t size)
{
    unsigned int order = size_order(size);
    void *p = order > HEAP_MAX_ORDER ? NULL : page_alloc(order);

    if (p) {
        virt_frame(p)->heap |= FH_LARGE;
        virt_frame(p)->order = order;
    }
    return p;
}

static unsigned int class_of(size_t size)
{
    unsigned int cls = 0;

    while (class_size[cls] < size)
        cls++;
    return cls;
}

void *mem_alloc(size_t size)
{
    unsigned int cls, piece;
    unsigned long irq;
    struct frame *f;
    char *p;

    if (size > class_size[NR_CLASSES - 1])
        return large_alloc(size);
    cls = class_of(size);
    irq = spin_lock_irqsave(&slab_lock);
    if (partial[cls] == FRAME_NIL) {
        /* The heap's lock is taken outside of ours. Another CPU may add a page meanwhile: then
         * there are two. */
        spin_unlock_irqrestore(&slab_lock, irq);
        f = slab_new(cls);
        if (!f)
            return NULL;
        irq = spin_lock_irqsave(&slab_lock);
        frame_list_add(&partial[cls], f);
    }
    f = mfn_frame(_mfn(partial[cls]));
    piece = free_of(f);
    p = (char *)mfn_to_virt(frame_mfn(f)) + piece;
    state_set(f, used_of(f) + 1, *(u16 *)p);
    if (free_of(f) == NO_PIECE)
        frame_list_del(&partial[cls], f);
    spin_unlock_irqrestore(&slab_lock, irq);
    return memset(p, 0, class_size[cls]);
}

static void slab_free(struct frame *f, void *p)
{
    unsigned long irq = spin_lock_irqsave(&slab_lock);
    unsigned int free = free_of(f), used = used_of(f) - 1;

    ASSERT(((unsigned long)p & ~PAGE_MASK) % class_size[f->order] == 0);
#ifndef NDEBUG
    memset(p, 0xa5, class_size[f->order]);
#endif
    *(u16 *)p = free;
    state_set(f, used, (unsigned long)p & ~PAGE_MASK);
    if (free == NO_PIECE)
        frame_list_add(&partial[f->order], f);
    if (used == 0)
        frame_list_del(&partial[f->order], f);
    spin_unlock_irqrestore(&slab_lock, irq);
    if (used == 0) {
        f->heap = FH_OWN;
        f->type = 0;
        page_free(mfn_to_virt(frame_mfn(f)), 0);
    }
}

void mem_free(void *p)
{
    struct frame *f;

    if (!p)
        return;
    f = virt_frame(p);
    if (f->heap & FH_SLAB) {
        slab_free(f, p);
        return;
    }
    BUG_ON(!(f->heap & FH_LARGE));
    f->heap = FH_OWN;
    page_free(p, f->order);
}
