/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mm/heap.c, frame.c, domain_memory.c and slab.c over arch/host's memory, with two NUMA nodes.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arch/arch.h>
#include <asm/host.h>
#include <core/domain.h>
#include <mm/heap.h>
#include <mm/heap_internal.h>
#include <sched/sched.h>

#define NODE_BORDER (HOST_FRAMES / 2 + 3)
#define FIRST       16UL

/* ---- what the heap expects of others ---------------------------------------------------------- */

static struct domain dom = {.id = 7, .first_frame = FRAME_NIL};
static int domain_refs;
static unsigned long stale_flushes;

struct domain *domain_peek(domid_t id) { return id == dom.id ? &dom : NULL; }

bool domain_get(struct domain *d)
{
    (void)d;
    domain_refs++;
    return true;
}

void domain_put(struct domain *d)
{
    (void)d;
    domain_refs--;
}

unsigned int numa_node_of(mfn_t mfn) { return mfn_x(mfn) >= NODE_BORDER; }

#define STALE (1UL << 40)

void arch_frame_freed(struct frame *f, struct domain *owner)
{
    assert_true(owner == &dom || !owner); /* a shared frame that was taken back is nobody's */
    f->type = STALE;
}

void arch_flush_frame_tlb(struct frame *f)
{
    assert_true(f->type & STALE);
    f->type = 0;
    stale_flushes++;
}

void arch_set_m2p(mfn_t mfn, unsigned long gfn)
{
    (void)mfn;
    (void)gfn;
}

void arch_clear_page(void *va) { memset(va, 0, PAGE_SIZE); }

/* arch/host switches vCPUs; here are none. */
void sched_context_saved(struct vcpu *prev)
{
    (void)prev;
    abort();
}

/* ---- helpers ------------------------------------------------------------------------------------ */

static void check_zero(const struct frame *f, unsigned int order)
{
    const u8 *p = mfn_to_virt(frame_mfn(f));

    for (size_t i = 0; i < PAGE_SIZE << order; i++)
        assert_int_equal(p[i], 0);
}

static void dirty(struct frame *f, unsigned int order) { memset(mfn_to_virt(frame_mfn(f)), 0x5a, PAGE_SIZE << order); }

static int setup(void **state)
{
    (void)state;
    host_machine_init(1);
    memset(host_memory, 0xcc, sizeof(host_memory));
    heap_add(_mfn(0), _mfn(8));
    heap_add(_mfn(FIRST), _mfn(HOST_FRAMES));
    spin_lock_init(&dom.page_lock, LOCK_PAGES);
    dom.max_pages = 1000;
    return 0;
}

/* ---- tests ---- */

static unsigned long total;

static void counted(void **state)
{
    unsigned long t0, f0, t1, f1;

    (void)state;
    total = 7 + HOST_FRAMES - FIRST; /* frame 0 is never given out */
    assert_int_equal(heap_nr_nodes(), 2);
    heap_node_info(0, &t0, &f0);
    heap_node_info(1, &t1, &f1);
    assert_int_equal(t0, 7 + NODE_BORDER - FIRST);
    assert_int_equal(t1, HOST_FRAMES - NODE_BORDER);
    /* the table of the second node is two frames of ours */
    assert_int_equal(f0 + f1, total - 2);
    assert_int_equal(heap_own_frames(), 2);
}

static void placed(void **state)
{
    struct frame *high = heap_alloc(0, 0), *low = heap_alloc(3, MEMF_BITS(20)), *near, *none;

    (void)state;
    /* anywhere: the highest zone, high address first */
    assert_true(mfn_x(frame_mfn(high)) >= HOST_FRAMES / 2);
    assert_true(mfn_x(frame_mfn(low)) + 8 <= 1 << 8);
    assert_int_equal(mfn_x(frame_mfn(low)) % 8, 0);
    near = heap_alloc(0, MEMF_NODE(1) | MEMF_EXACT_NODE);
    assert_int_equal(numa_node_of(frame_mfn(near)), 1);
    none = heap_alloc(0, MEMF_BITS(12));
    assert_null(none);
    none = heap_alloc(HEAP_MAX_ORDER + 1, 0);
    assert_null(none);
    none = heap_alloc(14, 0);
    assert_null(none);
    heap_free(high, 0);
    heap_free(low, 3);
    heap_free(near, 0);
    assert_int_equal(heap_free_frames(), total - 2);
    assert_true(heap_scrub_some());
    while (heap_scrub_some())
        ;
    assert_int_equal(heap_free_frames(), total - 2);
}

/* Random sizes: never two owners, and everything merges again. */
static void churn(void **state)
{
    static struct {
        struct frame *f;
        unsigned int order;
    } out[300];
    struct frame *big;
    static u8 used[HOST_FRAMES];

    (void)state;
    srand(3);
    for (int round = 0; round < 20000; round++) {
        unsigned int i = rand() % 300;

        if (out[i].f) {
            for (unsigned long k = 0; k < 1UL << out[i].order; k++)
                used[mfn_x(frame_mfn(out[i].f)) + k] = 0;
            heap_free(out[i].f, out[i].order);
            out[i].f = NULL;
        } else {
            out[i].order = rand() % 7;
            out[i].f = heap_alloc(out[i].order, rand() % 4 ? 0 : MEMF_NODE(rand() % 2));
            if (!out[i].f)
                continue;
            assert_int_equal(mfn_x(frame_mfn(out[i].f)) & ((1UL << out[i].order) - 1), 0);
            for (unsigned long k = 0; k < 1UL << out[i].order; k++)
                assert_int_equal(used[mfn_x(frame_mfn(out[i].f)) + k]++, 0);
        }
        if (rand() % 8 == 0)
            heap_scrub_some();
    }
    for (unsigned int i = 0; i < 300; i++)
        if (out[i].f)
            heap_free(out[i].f, out[i].order);
    assert_int_equal(heap_free_frames(), total - 2);
    while (heap_scrub_some())
        ;
    big = heap_alloc(12, 0);
    assert_non_null(big);
    heap_free(big, 12);
    while (heap_scrub_some())
        ;
}

static void owned(void **state)
{
    struct frame *f = domain_alloc_frames(&dom, 2, 0), *g, *h;
    unsigned long free = heap_free_frames();

    (void)state;
    assert_non_null(f);
    check_zero(f, 2);
    assert_int_equal(dom.tot_pages, 4);
    assert_int_equal(domain_refs, 1);
    assert_ptr_equal(mfn_frame(_mfn(dom.first_frame)), f);
    assert_ptr_equal(mfn_frame(_mfn(f->next)), f + 1);
    assert_ptr_equal(frame_owner(f), &dom);
    dirty(f, 2);

    /* a mapping keeps a frame that its owner gave away */
    assert_true(frame_get(f, &dom));
    assert_true(frame_get(f, &dom));
    assert_true(frame_release(f));
    assert_false(frame_release(f));
    frame_put(f);
    assert_int_equal(dom.tot_pages, 4);
    frame_put(f);
    assert_int_equal(dom.tot_pages, 3);
    assert_false(frame_get(f, &dom));
    assert_int_equal(heap_free_frames(), free + 1);
    assert_ptr_equal(mfn_frame(_mfn(dom.first_frame)), f + 1);

    /* what comes back is clean, and no TLB knows it */
    stale_flushes = 0;
    do {
        g = heap_alloc(0, 0);
        assert_non_null(g);
    } while (g != f);
    assert_int_equal(stale_flushes, 1);
    check_zero(f, 0);
    heap_free(f, 0);

    /* steal needs exactly two references */
    h = f + 1;
    assert_int_equal(domain_steal_frame(&dom, h), -EBUSY);
    assert_true(frame_get(h, &dom));
    assert_int_equal(domain_steal_frame(&dom, h), 0);
    assert_null(frame_owner(h));
    assert_int_equal(dom.tot_pages, 2);
    assert_int_equal(domain_assign_frames(&dom, h, 0, 0), 0);
    assert_int_equal(dom.tot_pages, 3);
    assert_ptr_equal(mfn_frame(_mfn(mfn_frame(_mfn(dom.first_frame))->prev)), h);
    for (unsigned int i = 1; i < 4; i++) {
        assert_true(frame_get(f + i, &dom));
        assert_true(frame_release(f + i));
        frame_put(f + i);
    }
    assert_int_equal(dom.tot_pages, 0);
    assert_int_equal(dom.first_frame, FRAME_NIL);
    assert_int_equal(domain_refs, 0);
}

static void limits(void **state)
{
    struct frame *f;

    (void)state;
    dom.max_pages = 5;
    assert_null(domain_alloc_frames(&dom, 3, 0));
    dom.dying = DOMDYING_DYING;
    assert_null(domain_alloc_frames(&dom, 0, 0));
    dom.dying = DOMDYING_ALIVE;
    f = domain_alloc_frames(&dom, 0, MEMF_NO_REFCOUNT);
    assert_non_null(f);
    assert_int_equal(dom.tot_pages, 0);
    assert_true(frame_get(f, &dom));
    assert_true(frame_release(f));
    frame_put(f);
    dom.max_pages = 1000;
    assert_int_equal(domain_refs, 0);
}

static void shared(void **state)
{
    char *page = page_alloc(0);
    struct frame *f = virt_frame(page);
    unsigned long own = heap_own_frames();

    (void)state;
    assert_false(frame_get(f, &dom));
    frame_share(page, &dom, true);
    assert_true(frame_get(f, &dom));
    frame_unshare(page);
    /* the guest's mapping keeps it; nobody gets it anew */
    assert_int_equal(heap_own_frames(), own);
    assert_false(frame_get(f, &dom));
    frame_put(f);
    assert_int_equal(heap_own_frames(), own - 1);
}

static void small_objects(void **state)
{
    static void *out[600];
    static size_t size[600];
    unsigned long own = heap_own_frames();

    (void)state;
    srand(5);
    for (int round = 0; round < 40000; round++) {
        unsigned int i = rand() % 600;

        if (out[i]) {
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(((u8 *)out[i])[k], (u8)i);
            mem_free(out[i]);
            out[i] = NULL;
        } else {
            size[i] = rand() % (rand() % 8 ? 600 : 9000);
            out[i] = mem_alloc(size[i]);
            assert_non_null(out[i]);
            assert_int_equal((unsigned long)out[i] % 16, 0);
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(((u8 *)out[i])[k], 0);
            memset(out[i], i, size[i]);
        }
    }
    for (unsigned int i = 0; i < 600; i++)
        mem_free(out[i]);
    mem_free(NULL);
    assert_int_equal(heap_own_frames(), own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted), cmocka_unit_test(placed), cmocka_unit_test(churn),         cmocka_unit_test(owned),
        cmocka_unit_test(limits),  cmocka_unit_test(shared), cmocka_unit_test(small_objects),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
