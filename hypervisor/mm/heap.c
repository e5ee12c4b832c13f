/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame heap: a buddy allocator per NUMA node. Free blocks stand on lists by zone (the highest
 * set bit of their frame number), order, and whether they have been scrubbed since a domain gave
 * them back. The highest zone is used first, so memory that devices can reach stays free longest.
 * Domains' frames are mm/domain_memory.c, small objects mm/slab.c.
 */
#include <lib/spinlock.h>
#include <mm/heap.h>
#include <mm/heap_internal.h>
#include <arch/arch.h>

#define NR_ZONES                                                                              \
    32 /* frame numbers have 32 bits; a block never crosses zones: it is aligned and does not \
          start at 0 */
#define NR_ORDERS (HEAP_MAX_ORDER + 1)

enum cleanness { CLEAN, DIRTY, NR_KINDS };

struct node {
    u32 zones[NR_KINDS];                      /* bit z: there is a free block in zone z */
    u32 orders[NR_KINDS][NR_ZONES];           /* bit o: of order o */
    u32 first[NR_KINDS][NR_ZONES][NR_ORDERS]; /* frame number, FRAME_NIL */
    unsigned long total, free, dirty;         /* frames */
};

#define MAX_NODES 64
static DEFINE_SPINLOCK(heap_lock, LOCK_HEAP);
/* The first node is there from the start: it holds what the others are allocated from. */
static struct node node0;
static struct node *nodes[MAX_NODES] = {&node0};
static unsigned int nr_nodes = 1;
static unsigned long own_frames; /* by page_alloc */

/* ---- free lists: under heap_lock ---- */

static unsigned int zone_of(const struct frame *f) { return fls64(mfn_x(frame_mfn(f))); }

static void block_add(struct node *n, struct frame *f, unsigned int order, unsigned int heap)
{
    unsigned int zone = zone_of(f);
    enum cleanness kind = heap & FH_DIRTY ? DIRTY : CLEAN;
    u32 *first = &n->first[kind][zone][order];

    f->order = order;
    f->heap = FH_FREE | heap;
    if (!(n->orders[kind][zone] & 1U << order))
        *first = FRAME_NIL;
    frame_list_add(first, f);
    n->orders[kind][zone] |= 1U << order;
    n->zones[kind] |= 1U << zone;
}

static void block_remove(struct node *n, struct frame *f)
{
    unsigned int zone = zone_of(f), order = f->order;
    enum cleanness kind = f->heap & FH_DIRTY ? DIRTY : CLEAN;

    frame_list_del(&n->first[kind][zone][order], f);
    if (n->first[kind][zone][order] == FRAME_NIL) {
        n->orders[kind][zone] &= ~(1U << order);
        if (!n->orders[kind][zone])
            n->zones[kind] &= ~(1U << zone);
    }
    f->heap = 0;
}

/* Puts a block on its list, with its buddies when they are free as well, of the same node and as
 * clean. */
static void block_free(struct node *n, unsigned int node, struct frame *f, unsigned int order, unsigned int heap)
{
    while (order < HEAP_MAX_ORDER) {
        unsigned long mfn = mfn_x(frame_mfn(f)), other = mfn ^ 1UL << order;
        struct frame *buddy = mfn_frame(_mfn(other));

        if (other == 0 || !mfn_valid(_mfn(other)) || !(buddy->heap & FH_FREE) || buddy->order != order ||
            (buddy->heap ^ heap) & FH_DIRTY || numa_node_of(_mfn(other)) != node)
            break;
        heap &= buddy->heap | ~FH_ZERO;
        block_remove(n, buddy);
        if (other < mfn)
            f = buddy;
        order++;
    }
    block_add(n, f, order, heap);
}

/* Takes a block of at least order out of one zone, gives what is too much back. heap: its FH_DIRTY
 * and FH_ZERO. */
static struct frame *zone_take(struct node *n, enum cleanness kind, unsigned int zone, unsigned int order,
                               unsigned int *heap)
{
    u32 orders = n->orders[kind][zone] >> order << order;
    struct frame *f;
    unsigned int have;

    if (!orders)
        return NULL;
    have = ffs64(orders);
    f = mfn_frame(_mfn(n->first[kind][zone][have]));
    *heap = f->heap & (FH_DIRTY | FH_ZERO);
    block_remove(n, f);
    /* The upper half is kept, so that low addresses stay. */
    while (have > order) {
        have--;
        block_add(n, f, have, *heap);
        f += 1UL << have;
    }
    return f;
}

static struct frame *node_take(struct node *n, unsigned int order, unsigned int top_zone, unsigned int *heap)
{
    u32 mask = top_zone >= 31 ? ~0U : (2U << top_zone) - 1;
    u32 zones = (n->zones[CLEAN] | n->zones[DIRTY]) & mask;

    while (zones) {
        unsigned int zone = fls64(zones);
        struct frame *f = zone_take(n, CLEAN, zone, order, heap);

        if (!f)
            f = zone_take(n, DIRTY, zone, order, heap);
        if (f) {
            n->free -= 1UL << order;
            if (*heap & FH_DIRTY)
                n->dirty -= 1UL << order;
            return f;
        }
        zones &= ~(1U << zone);
    }
    return NULL;
}

/* ---- allocation ---- */

static struct frame *heap_take(unsigned int order, u32 flags, unsigned int *heap)
{
    unsigned int bits = MEMF_GET_BITS(flags), first = MEMF_GET_NODE(flags), top;
    struct frame *f = NULL;

    if (order > HEAP_MAX_ORDER || (bits && bits <= PAGE_SHIFT))
        return NULL;
    top = bits && bits < 32 + PAGE_SHIFT ? bits - PAGE_SHIFT - 1 : NR_ZONES - 1;
    spin_guard_irqsave(&heap_lock);
    for (unsigned int i = 0; i < nr_nodes && !f; i++) {
        f = node_take(nodes[(first < nr_nodes ? first + i : i) % nr_nodes], order, top, heap);
        if (first < nr_nodes && flags & MEMF_EXACT_NODE)
            break;
    }
    return f;
}

/*
 * Before a frame is used anew, or cleared for that: no TLB may hold what its last owner mapped. The
 * type word says whether one might.
 */
static void frames_settle(struct frame *f, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++)
        if (f[i].type)
            arch_flush_frame_tlb(&f[i]);
}

static void frames_clear(struct frame *f, unsigned int order)
{
    char *va = mfn_to_virt(frame_mfn(f));

    for (unsigned long i = 0; i < 1UL << order; i++)
        arch_clear_page(va + i * PAGE_SIZE);
}

struct frame *heap_alloc(unsigned int order, u32 flags)
{
    unsigned int heap;
    struct frame *f = heap_take(order, flags, &heap);

    if (!f)
        return NULL;
    if (heap & FH_DIRTY)
        frames_settle(f, order);
    if (flags & MEMF_ZERO ? !(heap & FH_ZERO) : heap & FH_DIRTY && !(flags & MEMF_NO_SCRUB))
        frames_clear(f, order);
    return f;
}

static void heap_give(struct frame *f, unsigned int order, unsigned int heap, bool counted)
{
    unsigned int node = numa_node_of(frame_mfn(f));
    struct node *n = nodes[node];

    spin_guard_irqsave(&heap_lock);
    if (!counted)
        n->free += 1UL << order;
    if (heap & FH_DIRTY)
        n->dirty += 1UL << order;
    block_free(n, node, f, order, heap);
}

void heap_free(struct frame *f, unsigned int order)
{
    ASSERT(!(f->heap & FH_FREE));
    heap_give(f, order, FH_DIRTY, false);
}

static void *frames_own(struct frame *f, unsigned int order)
{
    if (!f)
        return NULL;
    f->owner = DOMID_OWN;
    f->refs = 0;
    f->type = 0;
    f->heap = FH_OWN;
    __atomic_fetch_add(&own_frames, 1UL << order, __ATOMIC_RELAXED);
    return mfn_to_virt(frame_mfn(f));
}

void *page_alloc(unsigned int order) { return frames_own(heap_alloc(order, MEMF_ZERO), order); }

void *page_alloc_raw(unsigned int order) { return frames_own(heap_alloc(order, 0), order); }

void page_free(void *va, unsigned int order)
{
    struct frame *f;

    if (!va)
        return;
    f = virt_frame(va);
    ASSERT(f->heap & FH_OWN);
    f->heap = 0;
    __atomic_fetch_sub(&own_frames, 1UL << order, __ATOMIC_RELAXED);
    heap_free(f, order);
}

/* ---- boot ---- */

static struct node *node_get(unsigned int node)
{
    if (node >= MAX_NODES)
        panic("memory of node %u: more nodes than supported", node);
    for (; nr_nodes <= node; nr_nodes++)
        if (!(nodes[nr_nodes] = page_alloc(1)))
            panic("no memory for the heap of node %u", nr_nodes);
    return nodes[node];
}
_Static_assert(sizeof(struct node) <= 2 * PAGE_SIZE, "node_get allocates two pages");

void heap_add(mfn_t start, mfn_t end)
{
    unsigned long mfn = mfn_x(start);

    if (mfn == 0)
        mfn = 1;
    while (mfn < mfn_x(end)) {
        unsigned int order = min(ffs64(mfn), (unsigned int)HEAP_MAX_ORDER);
        unsigned int node = numa_node_of(_mfn(mfn));
        struct frame *f = mfn_frame(_mfn(mfn));

        /* The largest aligned block that is within and of one node. */
        while (order && (mfn + (1UL << order) > mfn_x(end) || numa_node_of(_mfn(mfn + (1UL << order) - 1)) != node))
            order--;
        node_get(node)->total += 1UL << order;
        heap_give(f, order, 0, false);
        mfn += 1UL << order;
    }
}

/* ---- scrubbing ---- */

#define SCRUB_ORDER 4

/* A dirty block of at most 1 << SCRUB_ORDER frames, off its list. It still counts as free. */
static struct frame *dirty_take(unsigned int *order)
{
    spin_guard_irqsave(&heap_lock);
    for (unsigned int i = 0; i < nr_nodes; i++) {
        struct node *n = nodes[i];
        unsigned int zone, heap;

        if (!n->zones[DIRTY])
            continue;
        zone = fls64(n->zones[DIRTY]);
        *order = min(ffs64(n->orders[DIRTY][zone]), (unsigned int)SCRUB_ORDER);
        n->dirty -= 1UL << *order;
        return zone_take(n, DIRTY, zone, *order, &heap);
    }
    return NULL;
}

bool heap_scrub_some(void)
{
    unsigned int order = 0;
    struct frame *f = dirty_take(&order);

    if (!f)
        return false;
    frames_settle(f, order);
    frames_clear(f, order);
    heap_give(f, order, FH_ZERO, true);
    return true;
}

/* ---- numbers ---- */

unsigned int heap_nr_nodes(void) { return nr_nodes; }

void heap_node_info(unsigned int node, unsigned long *total, unsigned long *free)
{
    *total = nodes[node]->total;
    *free = nodes[node]->free;
}

unsigned long heap_free_frames(void)
{
    unsigned long sum = 0;

    for (unsigned int i = 0; i < nr_nodes; i++)
        sum += nodes[i]->free;
    return sum;
}

unsigned long heap_own_frames(void) { return READ_ONCE(own_frames); }

void heap_dump(void)
{
    for (unsigned int i = 0; i < nr_nodes; i++) {
        const struct node *n = nodes[i];

        log_info("node %u: %lu of %lu frames free, %lu of them not scrubbed\n", i, n->free, n->total, n->dirty);
    }
    log_info("our own: %lu frames\n", heap_own_frames());
}
