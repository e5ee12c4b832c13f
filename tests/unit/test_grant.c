/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, whole hypercalls, two domains: mapping, unmapping, copying, versions, limits,
 * hostile arguments, the end of domains, and four CPUs at once.
 */
#include "world.h"
#include <asm/host.h>
#include <core/grant_private.h>
#include <mm/heap.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AREA 0x40000000UL
#define BAD  ((void *)8)

static struct domain *d1, *d2; /* d1 grants, d2 uses */
static struct frame *page;     /* d1's */

static struct grant_entry_v1 *table(struct domain *d, unsigned int frame)
{
    mfn_t mfn;

    assert_int_equal(grant_table_frame(d, frame, false, &mfn), 0);
    return mfn_to_virt(mfn);
}

static void give(u32 ref, domid_t to, struct frame *f, u16 flags)
{
    table(d1, 0)[ref] = (struct grant_entry_v1){GTF_permit_access | flags, to, mfn_x(frame_mfn(f))};
}

static void setup(void)
{
    world_init(4);
    d1 = world_domain(1, 4, false);
    d2 = world_domain(2, 4, false);
    page = world_frame(d1);
    world_run(d2->vcpu[0]);
}

static void teardown(void)
{
    world_frame_release(page);
    world_end();
}

static int map(u32 ref, unsigned int flags, unsigned long at, u32 *handle)
{
    struct gnttab_map_grant_ref op = {.host_addr = at, .flags = flags, .ref = ref, .dom = 1};

    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    *handle = op.handle;
    return op.status;
}

static int unmap(unsigned long at, u64 bus, u32 handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = at, .dev_bus_addr = bus, .handle = handle};

    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

static void test_map(void **state)
{
    u32 h1, h2;

    (void)state;
    setup();
    give(9, 2, page, 0);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h1), GNTST_okay);
    assert_int_equal(host_mapping_find(AREA)->mfn, mfn_x(frame_mfn(page)));
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
    assert_int_equal(page->refs & FR_COUNT, 2);
    assert_int_equal(page->type & FT_COUNT, 1);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_readonly, AREA + PAGE_SIZE, &h2), GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 3);
    assert_int_equal(unmap(AREA, 0, h1), GNTST_okay);
    assert_int_equal(d2->arch.tlb_flushes, 1);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), GTF_reading);
    assert_int_equal(unmap(AREA, 0, h1), GNTST_bad_handle);
    assert_int_equal(unmap(AREA, 0, h2), GNTST_general_error);
    assert_int_equal(unmap(AREA + PAGE_SIZE, 0, h2), GNTST_okay);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(page->type & FT_COUNT, 0);
    teardown();
}

static void test_device_map(void **state)
{
    u64 bus = mfn_to_paddr(_mfn(1));
    u32 h;

    (void)state;
    setup();
    bus = mfn_to_paddr(frame_mfn(page));
    give(9, 2, page, 0);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_device_map, AREA, &h), GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 3);
    assert_int_equal(unmap(0, bus + PAGE_SIZE, h), GNTST_general_error);
    assert_int_equal(unmap(0, bus, h), GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 2);
    assert_int_equal(table(d1, 0)[9].flags & GTF_writing, GTF_writing);
    assert_int_equal(unmap(AREA, bus, h), GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(map(9, GNTMAP_device_map, 0, &h), GNTST_okay);
    assert_int_equal(unmap(AREA, bus, h), GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(page->type & FT_COUNT, 0);
    teardown();
}

static void test_map_refused(void **state)
{
    struct frame *table_frame;
    u32 h;

    (void)state;
    setup();
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_general_error);
    assert_int_equal(map(100000, GNTMAP_host_map, AREA, &h), GNTST_bad_gntref);
    give(9, 3, page, 0);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_general_error);
    give(9, 2, page, GTF_readonly);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_general_error);
    assert_int_equal(map(9, 0, AREA, &h), GNTST_bad_gntref);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_readonly, AREA + 1, &h), GNTST_general_error);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    table(d1, 0)[9].frame = 0xffffffff;
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_readonly, AREA, &h), GNTST_bad_page);
    table_frame = world_frame(d1);
    frame_get_type(table_frame, FT_L1);
    give(9, 2, table_frame, 0);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_general_error);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_readonly, AREA, &h), GNTST_okay);
    assert_int_equal(unmap(AREA, 0, h), GNTST_okay);
    frame_put_type(table_frame);
    world_frame_release(table_frame);
    /* A frame of the user's own that the granter claims. */
    table_frame = world_frame(d2);
    give(9, 2, table_frame, 0);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_bad_page);
    world_frame_release(table_frame);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, BAD, 1), -EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, BAD, 0), 0);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, BAD, 0x80000000), -EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, BAD, 1), -EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, BAD, 1), -EFAULT);
    assert_int_equal(do_grant_table_op(99, BAD, 1), -ENOSYS);
    teardown();
}

/* A row with a continuation in its middle. */
static void test_rows(void **state)
{
    enum { N = 50 };
    struct gnttab_map_grant_ref m[N];
    struct gnttab_unmap_grant_ref u[N];
    long rc;

    (void)state;
    setup();
    for (unsigned int i = 0; i < N; i++) {
        give(i + 8, 2, page, 0);
        m[i] = (struct gnttab_map_grant_ref){
            .host_addr = AREA + i * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = i + 8, .dom = 1};
    }
    world_preempt_after = 2;
    rc = do_grant_table_op(GNTTABOP_map_grant_ref, m, N);
    assert_int_equal(rc, -ERESTART);
    assert_int_equal(world_again[2], N - 32);
    assert_ptr_equal((void *)world_again[1], &m[32]);
    assert_int_equal(do_grant_table_op(world_again[0], (void *)world_again[1], world_again[2]), 0);
    for (unsigned int i = 0; i < N; i++) {
        assert_int_equal(m[i].status, GNTST_okay);
        u[i] = (struct gnttab_unmap_grant_ref){.host_addr = m[i].host_addr, .handle = m[i].handle};
    }
    assert_int_equal(page->refs & FR_COUNT, N + 1);
    world_preempt_after = 1;
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, u, N), -ERESTART);
    assert_int_equal(do_grant_table_op(world_again[0], (void *)world_again[1], world_again[2]), 0);
    for (unsigned int i = 0; i < N; i++)
        assert_int_equal(u[i].status, GNTST_okay);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(d2->arch.tlb_flushes, 4);
    teardown();
}

/* All handles, by several vCPUs, and back. */
static void test_maptrack_limit(void **state)
{
    static u32 handles[1100];
    unsigned int n = 0;
    int rc;

    (void)state;
    setup();
    give(9, 2, page, 0);
    for (;; n++) {
        world_run(d2->vcpu[n % 4]);
        rc = map(9, GNTMAP_device_map, 0, &handles[n]);
        if (rc)
            break;
    }
    assert_int_equal(rc, GNTST_no_space);
    assert_int_equal(n, 4 * 256);
    world_run(d2->vcpu[1]);
    for (unsigned int i = 0; i < n; i++)
        assert_int_equal(unmap(0, mfn_to_paddr(frame_mfn(page)), handles[i]), GNTST_okay);
    world_run(d2->vcpu[2]);
    assert_int_equal(map(9, GNTMAP_device_map, 0, &handles[0]), GNTST_okay);
    assert_int_equal(unmap(0, mfn_to_paddr(frame_mfn(page)), handles[0]), GNTST_okay);
    teardown();
}

/* What one vCPU maps and another one unmaps serves the first again: one page is enough for one mapping. */
static void test_maptrack_page(void **state)
{
    u32 handle;

    (void)state;
    setup();
    give(9, 2, page, 0);
    for (unsigned int n = 0; n < 1000; n++) {
        world_run(d2->vcpu[0]);
        assert_int_equal(map(9, GNTMAP_device_map, 0, &handle), GNTST_okay);
        world_run(d2->vcpu[1]);
        assert_int_equal(unmap(0, mfn_to_paddr(frame_mfn(page)), handle), GNTST_okay);
    }
    assert_int_equal(d2->grants->nr_maptrack, 1);
    teardown();
}

static int copy(struct gnttab_copy *op)
{
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, op, 1), 0);
    return op->status;
}

static void test_copy(void **state)
{
    struct frame *mine;
    char *from, *to;
    struct gnttab_copy op = {.len = 100, .flags = GNTCOPY_source_gref};

    (void)state;
    setup();
    mine = world_frame(d2);
    from = mfn_to_virt(frame_mfn(page));
    to = mfn_to_virt(frame_mfn(mine));
    strcpy(from + 40, "granted");
    give(9, 2, page, GTF_readonly);
    op.source.u.ref = 9;
    op.source.domid = 1;
    op.source.offset = 40;
    op.dest.u.gmfn = mfn_x(frame_mfn(mine));
    op.dest.domid = DOMID_SELF;
    op.dest.offset = 8;
    assert_int_equal(copy(&op), GNTST_okay);
    assert_string_equal(to + 8, "granted");
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(mine->refs & FR_COUNT, 1);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    op.len = 4096;
    assert_int_equal(copy(&op), GNTST_bad_copy_arg);
    op.len = 65535;
    op.source.offset = op.dest.offset = 65535;
    assert_int_equal(copy(&op), GNTST_bad_copy_arg);
    op.len = 0;
    op.source.offset = op.dest.offset = 4096;
    assert_int_equal(copy(&op), GNTST_okay);
    op.source.offset = op.dest.offset = 0;
    op.dest.domid = 1;
    assert_int_equal(copy(&op), GNTST_permission_denied);
    op.dest.u.ref = 9;
    op.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    assert_int_equal(copy(&op), GNTST_general_error);
    op.flags = GNTCOPY_source_gref;
    op.dest.domid = DOMID_SELF;
    op.dest.u.gmfn = mfn_x(frame_mfn(page));
    assert_int_equal(copy(&op), GNTST_bad_page);
    op.source.domid = 77;
    assert_int_equal(copy(&op), GNTST_bad_domain);
    op.source.domid = 1;
    op.source.u.ref = 99999999;
    assert_int_equal(copy(&op), GNTST_bad_gntref);
    assert_int_equal(mine->refs & FR_COUNT, 1);
    world_frame_release(mine);
    teardown();
}

/* Reference to reference, in a row of which the middle fails. */
static void test_copy_row(void **state)
{
    enum { N = 40 };
    struct gnttab_copy op[N];
    struct frame *other;

    (void)state;
    setup();
    other = world_frame(d1);
    give(9, 2, page, 0);
    give(10, 2, other, 0);
    memset(op, 0, sizeof(op));
    for (unsigned int i = 0; i < N; i++) {
        op[i].source.u.ref = 9;
        op[i].dest.u.ref = i == 20 ? 11 : 10;
        op[i].source.domid = op[i].dest.domid = 1;
        op[i].source.offset = op[i].dest.offset = i * 100;
        op[i].len = 100;
        op[i].flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    }
    memset(mfn_to_virt(frame_mfn(page)), 0x5a, PAGE_SIZE);
    world_preempt_after = 1;
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, op, N), -ERESTART);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(do_grant_table_op(world_again[0], (void *)world_again[1], world_again[2]), 0);
    for (unsigned int i = 0; i < N; i++)
        assert_int_equal(op[i].status, i == 20 ? GNTST_general_error : GNTST_okay);
    assert_int_equal(((u8 *)mfn_to_virt(frame_mfn(other)))[1999], 0x5a);
    assert_int_equal(((u8 *)mfn_to_virt(frame_mfn(other)))[2050], 0);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(other->refs & FR_COUNT, 1);
    assert_int_equal(other->type & FT_COUNT, 0);
    world_frame_release(other);
    teardown();
}

static int set_version(struct domain *d, u32 version)
{
    struct gnttab_set_version op = {.version = version};
    struct vcpu *v = current;
    long rc;

    world_run(d->vcpu[0]);
    rc = do_grant_table_op(GNTTABOP_set_version, &op, 1);
    world_run(v);
    return rc;
}

static void test_version_2(void **state)
{
    union grant_entry_v2 *t;
    grant_status_t *status;
    struct frame *mine;
    struct gnttab_copy op = {.len = 8, .flags = GNTCOPY_source_gref};
    mfn_t mfn;
    u32 h;

    (void)state;
    setup();
    mine = world_frame(d2);
    give(1, 2, page, 0);
    give(9, 2, page, 0);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_okay);
    assert_int_equal(set_version(d1, 2), -EBUSY);
    assert_int_equal(unmap(AREA, 0, h), GNTST_okay);
    assert_int_equal(set_version(d1, 3), -EINVAL);
    assert_int_equal(set_version(d1, 2), 0);
    t = (void *)table(d1, 0);
    assert_int_equal(grant_table_frame(d1, 0, true, &mfn), 0);
    status = mfn_to_virt(mfn);
    assert_int_equal(t[1].full_page.frame, mfn_x(frame_mfn(page)));
    assert_int_equal(t[9].hdr.flags, 0);
    assert_int_equal(map(1, GNTMAP_host_map, AREA, &h), GNTST_okay);
    assert_int_equal(status[1], GTF_reading | GTF_writing);
    assert_int_equal(unmap(AREA, 0, h), GNTST_okay);
    assert_int_equal(status[1], 0);
    /* Part of a page: for copying only. */
    t[200].sub_page.page_off = 100;
    t[200].sub_page.length = 50;
    t[200].sub_page.frame = mfn_x(frame_mfn(page));
    t[200].hdr = (struct grant_entry_header){GTF_permit_access | GTF_sub_page, 2};
    assert_int_equal(map(200, GNTMAP_host_map, AREA, &h), GNTST_general_error);
    assert_int_equal(status[200], 0);
    op.source.u.ref = 200;
    op.source.domid = 1;
    op.source.offset = 142;
    op.dest.u.gmfn = mfn_x(frame_mfn(mine));
    op.dest.domid = DOMID_SELF;
    assert_int_equal(copy(&op), GNTST_okay);
    op.source.offset = 143;
    assert_int_equal(copy(&op), GNTST_general_error);
    op.source.offset = 99;
    assert_int_equal(copy(&op), GNTST_general_error);
    t[200].sub_page.length = 0;
    op.len = 0;
    assert_int_equal(copy(&op), GNTST_general_error);
    /* Through a third domain: not here. */
    t[200].hdr.flags = GTF_transitive;
    assert_int_equal(copy(&op), GNTST_general_error);
    assert_int_equal(map(256, GNTMAP_host_map, AREA, &h), GNTST_bad_gntref);
    /* Back, but for what version 1 cannot say. */
    t[3] = t[1];
    t[3].full_page.frame = 1UL << 32;
    assert_int_equal(set_version(d1, 1), -ERANGE);
    t[3].hdr.flags = 0;
    assert_int_equal(set_version(d1, 1), 0);
    assert_int_equal(table(d1, 0)[1].frame, mfn_x(frame_mfn(page)));
    world_frame_release(mine);
    teardown();
}

static void test_tables(void **state)
{
    xen_pfn_t list[8];
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 4};
    struct gnttab_query_size size = {.dom = 1};
    struct domain *d0;
    mfn_t mfn;

    (void)state;
    setup();
    d0 = world_domain(0, 1, true);
    op.frame_list.p = list;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(grant_table_frame(d2, 3, false, &mfn), 0);
    assert_int_equal(list[3], mfn_x(mfn));
    assert_int_equal(grant_table_frame(d2, 4, false, &mfn), -EINVAL);
    assert_int_equal(grant_table_frame(d2, 0, true, &mfn), -EINVAL);
    op.nr_frames = 5;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    op.nr_frames = 1;
    op.dom = 1;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    assert_int_equal(op.status, GNTST_permission_denied);
    op.dom = 55;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    assert_int_equal(op.status, GNTST_bad_domain);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 2), -EINVAL);
    op.dom = DOMID_SELF;
    op.frame_list.p = BAD;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    assert_int_equal(op.status, GNTST_bad_virt_addr);
    world_run(d0->vcpu[0]);
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
    assert_int_equal(size.status, GNTST_okay);
    assert_int_equal(size.nr_frames, 1);
    assert_int_equal(size.max_nr_frames, 4);
    world_run(d2->vcpu[0]);
    teardown();
}

/* The user dies with mappings: all pins of the granter's entries go, and the references of devices. */
static void test_user_dies(void **state)
{
    u32 h;

    (void)state;
    setup();
    give(9, 2, page, 0);
    for (unsigned int i = 0; i < 200; i++)
        assert_int_equal(map(9, GNTMAP_device_map, 0, &h), GNTST_okay);
    assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_okay);
    world_run(d1->vcpu[0]);
    d2->dying = DOMDYING_DYING;
    world_preempt_after = 2;
    assert_int_equal(grant_domain_release_mappings(d2), -ERESTART);
    assert_int_not_equal(table(d1, 0)[9].flags & GTF_writing, 0);
    assert_int_equal(grant_domain_release_mappings(d2), 0);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(page->refs & FR_COUNT, 2); /* its page tables put theirs */
    frame_put_and_type(page);
    teardown();
}

static void test_no_memory(void **state)
{
    u32 h;
    mfn_t mfn;

    (void)state;
    setup();
    give(9, 2, page, 0);
    for (unsigned int n = 1; n <= 2; n++) {
        world_alloc_fail_after = n;
        assert_int_equal(map(9, GNTMAP_host_map, AREA, &h), GNTST_no_space);
    }
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    /* What was got before a failure is kept for the next try: one page fewer each time. */
    for (unsigned int n = 1; n <= 3; n++) {
        world_alloc_fail_after = min(n, 2U);
        assert_int_equal(grant_table_frame(d1, 1, false, &mfn), -ENOMEM);
    }
    assert_int_equal(grant_table_frame(d1, 1, false, &mfn), 0);
    world_alloc_fail_after = 0;
    teardown();
}

/* ---- four CPUs ---- */

#define ROUNDS 3000
static volatile bool stop;

static void *user_cpu(void *arg)
{
    unsigned long cpu = (unsigned long)arg;
    unsigned int seed = cpu;
    u32 handle[8], live = 0;

    host_set_cpu(cpu);
    world_run(d2->vcpu[cpu]);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned int slot = rand_r(&seed) % 8;

        if (live & 1U << slot) {
            assert_int_equal(unmap(0, mfn_to_paddr(frame_mfn(page)), handle[slot]), GNTST_okay);
            live &= ~(1U << slot);
        } else {
            unsigned int ro = rand_r(&seed) % 2 ? GNTMAP_readonly : 0;
            int rc = map(9 + rand_r(&seed) % 2, GNTMAP_device_map | ro, 0, &handle[slot]);

            if (!rc)
                live |= 1U << slot;
            else
                assert_int_equal(rc, GNTST_general_error);
        }
        /* Handles of others: whoever comes first has it. */
        unmap(0, 1, rand_r(&seed) % 1024);
    }
    for (unsigned int slot = 0; slot < 8; slot++)
        if (live & 1U << slot)
            assert_int_equal(unmap(0, mfn_to_paddr(frame_mfn(page)), handle[slot]), GNTST_okay);
    return NULL;
}

/* The granter takes entry 10 back and gives it again, as the ABI says that it must. */
static void *granter_cpu(void *arg)
{
    struct grant_entry_v1 *e = table(d1, 0) + 10;

    (void)arg;
    host_set_cpu(0);
    world_run(d1->vcpu[0]);
    while (!stop) {
        u16 flags = __atomic_load_n(&e->flags, __ATOMIC_SEQ_CST);

        if (flags & (GTF_reading | GTF_writing))
            continue;
        if (__atomic_compare_exchange_n(&e->flags, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            __atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void test_parallel(void **state)
{
    pthread_t t[4];

    (void)state;
    setup();
    give(9, 2, page, 0);
    give(10, 2, page, 0);
    stop = false;
    pthread_create(&t[0], NULL, granter_cpu, NULL);
    for (unsigned long i = 1; i < 4; i++)
        pthread_create(&t[i], NULL, user_cpu, (void *)i);
    for (unsigned int i = 1; i < 4; i++)
        pthread_join(t[i], NULL);
    stop = true;
    pthread_join(t[0], NULL);
    assert_int_equal(table(d1, 0)[9].flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(table(d1, 0)[10].flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(page->refs & FR_COUNT, 1);
    assert_int_equal(page->type & FT_COUNT, 0);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),      cmocka_unit_test(test_device_map),     cmocka_unit_test(test_map_refused),
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_maptrack_limit), cmocka_unit_test(test_maptrack_page),
        cmocka_unit_test(test_copy),     cmocka_unit_test(test_copy_row),       cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_user_dies),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_parallel),
    };

    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
