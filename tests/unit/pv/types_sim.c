/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulation of the rule of page types: domains that do everything a guest can do to its page
 * tables, in random order, on CPUs that remember translations; after each step all counts are
 * recounted and no CPU may remember what it must not. Then the CPUs do so at the same time, and the
 * counting comes when they have met. Usage: types_sim [--steps N] [--seed N]; N steps one by one,
 * ten times as many at once.
 */
#include "audit.h"
#include "machine.h"
#include <arch/arch.h>
#include <arch/x86/pv/mmu.h>
#include <arch/x86/pv/pv.h>
#include <hypercall/hypercall.h>
#include <mm/heap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define DOMAINS 3
#define FRAMES  60
#define GRANTS  64

static domid_t ids[DOMAINS];
static bool threaded;

static unsigned long done_ok, done_refused;

static void count(long rc) { __atomic_fetch_add(rc ? &done_refused : &done_ok, 1, __ATOMIC_RELAXED); }

static unsigned int rnd(unsigned int n) { return machine_random() % n; }

/* ---- choices ---- */

static struct domain *some_domain(void) { return machine_domain_of(ids[rnd(DOMAINS)]); }

/* A frame of d, one of the first few most of the time, so that they meet again. */
static unsigned long some_frame(struct domain *d)
{
    unsigned int n = rnd(4) ? rnd(20) : rnd(FRAMES);
    unsigned long mfn;

    spin_lock(&d->page_lock);
    mfn = d->first_frame == FRAME_NIL ? 0x200 : d->first_frame;
    for (n = min((unsigned long)n, d->tot_pages); n > 1; n--)
        mfn = mfn_frame(_mfn(mfn))->next;
    spin_unlock(&d->page_lock);
    return mfn;
}

static unsigned int some_index(void)
{
    static const u16 index[] = {0, 0, 0, 1, 2, 255, 256, 257, 260, 271, 272, 511};

    return index[rnd(ARRAY_SIZE(index))];
}

static unsigned long some_va(void)
{
    unsigned long va = 0;

    for (unsigned int level = 4; level; level--)
        va |= (unsigned long)(rnd(4) ? 0 : some_index()) << (12 + 9 * (level - 1));
    if (va & 1UL << 47)
        va |= 0xffffUL << 48;
    return va | rnd(512) * 8;
}

static u64 some_entry(struct domain *d)
{
    unsigned int what = rnd(20);
    unsigned long mfn = some_frame(what == 0 ? some_domain() : d);
    u64 e = PTE_P | PTE_US;

    if (what == 1)
        mfn = rnd(0x100);
    else if (what == 2)
        mfn = SIM_FRAMES + rnd(5) * 0x12345;
    if (!rnd(10))
        e &= ~PTE_P;
    if (rnd(2))
        e |= PTE_RW;
    if (!rnd(10))
        e = (e & ~PTE_US) | PTE_A;
    if (!rnd(30))
        e |= 1UL << (3 + rnd(6));
    if (!rnd(10))
        e |= PTE_NX | (u64)rnd(8) << 9;
    return e | (u64)mfn << PAGE_SHIFT;
}

/* ---- hypercalls that are taken up again ---- */

/* Now and then a guest does not come back to what was interrupted. */
static bool resume(long rc) { return rc == -ERESTART && rnd(8); }

static long mmu_update(u64 ptr, u64 val, unsigned int foreign)
{
    mmu_update_t req = {.ptr = ptr, .val = val};
    unsigned long *a = machine_again;
    long rc = do_mmu_update(&req, 1, NULL, foreign);

    while (resume(rc))
        rc = do_mmu_update((void *)a[0], a[1], (void *)a[2], a[3]);
    return rc;
}

static long mmuext(struct mmuext_op *op, unsigned int foreign)
{
    unsigned long *a = machine_again;
    unsigned int done;
    long rc = do_mmuext_op(op, 1, &done, foreign);

    while (resume(rc))
        rc = do_mmuext_op((void *)a[0], a[1], (void *)a[2], a[3]);
    return rc;
}

/* ---- steps ---- */

static void step_update(struct domain *d)
{
    struct domain *fd = d->is_privileged && !rnd(4) ? some_domain() : d;
    struct domain *pd = d->is_privileged && !rnd(8) ? some_domain() : d;
    u64 ptr = (u64)some_frame(pd) << PAGE_SHIFT | some_index() * 8 | (rnd(3) ? 0 : rnd(4));
    unsigned int foreign = (!rnd(20) ? DOMID_IO : fd == d ? DOMID_SELF : fd->id) | (pd == d ? 0 : (pd->id + 1U) << 16);

    count(mmu_update(ptr, rnd(6) ? some_entry(fd) : 0, foreign));
}

/* A tree from the leaves up, so that there is something to break. */
static void step_build(struct domain *d)
{
    unsigned long below = some_frame(d);

    for (unsigned int level = 1; level <= 4; level++) {
        unsigned long table = some_frame(d);

        for (unsigned int i = rnd(3) + 1; i; i--)
            count(mmu_update((u64)table << PAGE_SHIFT | (rnd(2) ? 0 : some_index()) * 8,
                             (u64)below << PAGE_SHIFT | PTE_P | PTE_US | (level > 1 || rnd(2) ? PTE_RW : 0),
                             DOMID_SELF));
        below = table;
    }
    count(mmuext(&(struct mmuext_op){.cmd = rnd(3) ? MMUEXT_PIN_L4_TABLE : MMUEXT_NEW_BASEPTR, .arg1.mfn = below},
                 DOMID_SELF));
}

static void step_pin(struct domain *d)
{
    count(mmuext(&(struct mmuext_op){.cmd = rnd(2) ? MMUEXT_UNPIN_TABLE : rnd(4), .arg1.mfn = some_frame(d)},
                 DOMID_SELF));
}

static void step_root(struct domain *d)
{
    count(mmuext(&(struct mmuext_op){.cmd = rnd(2) ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR,
                                     .arg1.mfn = rnd(10) ? some_frame(d) : 0},
                 DOMID_SELF));
}

static void step_fill(struct domain *d)
{
    count(mmuext(&(struct mmuext_op){.cmd = rnd(2) ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE,
                                     .arg1.mfn = some_frame(d),
                                     .arg2.src_mfn = some_frame(d)},
                 DOMID_SELF));
}

static void step_va(struct domain *d)
{
    unsigned long *a = machine_again;
    long rc = do_update_va_mapping(some_va(), rnd(5) ? some_entry(d) : 0, rnd(3) | (rnd(2) ? UVMF_ALL : 0));

    while (resume(rc))
        rc = do_update_va_mapping(a[0], a[1], a[2]);
    count(rc);
}

static void step_descriptors(struct domain *d)
{
    unsigned long frames[2] = {some_frame(d), some_frame(d)};
    struct mmuext_op ldt = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = some_va() & PAGE_MASK};

    ldt.arg2.nr_ents = rnd(1025);
    switch (rnd(4)) {
    case 0: count(do_set_gdt(frames, rnd(1025))); break;
    case 1: count(do_update_descriptor((u64)some_frame(d) << PAGE_SHIFT | rnd(512) * 8, machine_random())); break;
    case 2: count(mmuext(&ldt, DOMID_SELF)); break;
    default: count(!pv_ldt_fault(current, LDT_WINDOW((unsigned long)current->id) + rnd(8192))); break;
    }
}

static void step_memory(struct domain *d)
{
    xen_pfn_t list[4] = {some_frame(d), some_frame(d), some_frame(d), some_frame(d)}, out[4] = {1, 2, 3, 4};
    struct xen_memory_reservation r = {.nr_extents = 1 + rnd(4), .domid = DOMID_SELF};
    struct xen_memory_exchange ex = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                     .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    r.extent_start.p = list;
    ex.in.extent_start.p = list;
    ex.out.extent_start.p = out;
    switch (rnd(3)) {
    case 0: memory_reservation(XENMEM_decrease_reservation, 0, &r); break;
    case 1: memory_reservation(XENMEM_populate_physmap, 0, &r); break;
    default: count(memory_exchange(&ex)); break;
    }
}

static struct grant {
    struct domain *mapper;
    u64 addr;
    mfn_t mfn;
    unsigned int flags;
} grants[GRANTS];
static pthread_mutex_t grants_lock = PTHREAD_MUTEX_INITIALIZER;

static void grant_map(struct domain *d, struct grant *g)
{
    struct domain *from = some_domain();
    struct frame *f = mfn_frame(_mfn(some_frame(from)));
    unsigned int flags = GNTMAP_host_map | (rnd(2) ? GNTMAP_readonly : 0) | (rnd(2) ? GNTMAP_contains_pte : 0);
    u64 addr = flags & GNTMAP_contains_pte ? (u64)some_frame(d) << PAGE_SHIFT | some_index() * 8 : some_va();

    if (!frame_get(f, from))
        return;
    if (!(flags & GNTMAP_readonly) && frame_get_type(f, FT_WRITABLE)) {
        frame_put(f);
        return;
    }
    if (arch_grant_map(addr, frame_mfn(f), flags) == GNTST_okay) {
        *g = (struct grant){.mapper = d, .addr = addr, .mfn = frame_mfn(f), .flags = flags};
        count(0);
        return;
    }
    count(1);
    if (!(flags & GNTMAP_readonly))
        frame_put_type(f);
    frame_put(f);
}

static void grant_unmap(struct domain *d, struct grant *g)
{
    struct frame *f = mfn_frame(g->mfn);
    int rc = arch_grant_unmap(g->addr, g->mfn, g->flags);

    /* One that fails was overwritten, and belongs to the entry, wherever that is. */
    g->mapper = NULL;
    count(rc);
    if (rc != GNTST_okay)
        return;
    arch_flush_domain_tlb(d);
    if (!(g->flags & GNTMAP_readonly))
        frame_put_type(f);
    frame_put(f);
}

static void step_grant(struct domain *d)
{
    struct grant *g;

    pthread_mutex_lock(&grants_lock);
    g = &grants[rnd(GRANTS)];
    if (!g->mapper)
        grant_map(d, g);
    else if (g->mapper == d)
        grant_unmap(d, g);
    pthread_mutex_unlock(&grants_lock);
}

static void step_touch(struct domain *d)
{
    unsigned int n = rnd(8);

    do
        machine_touch(some_va(), rnd(2), rnd(4) ? some_entry(d) : machine_random());
    while (n--);
}

static void step(void)
{
    static void (*const steps[])(struct domain *) = {
        step_update, step_update, step_update, step_build, step_build,  step_pin,   step_root,  step_fill,
        step_va,     step_va,     step_touch,  step_touch, step_memory, step_grant, step_grant, step_descriptors,
    };

    unsigned int n = rnd(ARRAY_SIZE(steps));

    if (steps[n] != step_touch)
        machine_enter();
    if (mfn_eq(current->arch.guest_table, INVALID_MFN))
        step_build(current->domain); /* nobody runs without page tables */
    else
        steps[n](current->domain);
}

/* A vCPU runs on one CPU at a time: with threads each CPU has its own ones. */
static void switch_vcpu(void)
{
    struct vcpu *v = some_domain()->vcpu[rnd(SIM_VCPUS)];

    if (threaded) {
        v = some_domain()->vcpu[sim_cpu % SIM_VCPUS];
        if ((v->domain->id + sim_cpu / SIM_VCPUS) % (SIM_CPUS / SIM_VCPUS))
            return;
    }
    for (unsigned int cpu = 0; !threaded && cpu < SIM_CPUS; cpu++)
        if (sim_current[cpu] == v)
            machine_run(cpu, NULL);
    machine_run(sim_cpu, v);
}

static void renew(unsigned int i)
{
    static domid_t next = 1;
    struct domain *d = ids[i] ? machine_domain_of(ids[i]) : NULL;

    for (unsigned int g = 0; g < GRANTS; g++)
        if (grants[g].mapper == d)
            grants[g].mapper = NULL;
    if (d)
        machine_domain_end(d);
    ids[i] = next++;
    machine_domain(ids[i], i == 0, FRAMES);
}

static void audit(unsigned long n)
{
    unsigned int faults = types_audit(true) + machine_audit();

    if (faults) {
        printf("%u faults after step %lu\n", faults, n);
        exit(1);
    }
}

static void run_single(unsigned long steps)
{
    for (unsigned long n = 0; n < steps; n++) {
        sim_cpu = rnd(SIM_CPUS);
        if (!rnd(5) || current->is_idle)
            switch_vcpu();
        if (!current->is_idle)
            step();
        audit(n);
        if (!rnd(2000))
            renew(rnd(DOMAINS));
    }
}

/* Steps of each CPU between two audits. */
#define ROUND 200

static void *thread(void *arg)
{
    sim_cpu = (unsigned long)arg & 0xff;
    machine_seed = (unsigned long)arg >> 8 | 1;
    for (unsigned int i = 0; i < ROUND; i++) {
        if (!rnd(10) || current->is_idle)
            switch_vcpu();
        if (!current->is_idle)
            step();
    }
    return NULL;
}

static void run_threads(unsigned long steps)
{
    threaded = true;
    for (unsigned int cpu = 0; cpu < SIM_CPUS; cpu++)
        machine_run(cpu, NULL);
    for (unsigned long n = 0; n < steps; n += ROUND * SIM_CPUS) {
        pthread_t t[SIM_CPUS];

        for (unsigned long cpu = 0; cpu < SIM_CPUS; cpu++)
            pthread_create(&t[cpu], NULL, thread, (void *)(machine_random() << 8 | cpu));
        for (unsigned int cpu = 0; cpu < SIM_CPUS; cpu++)
            pthread_join(t[cpu], NULL);
        sim_cpu = 0;
        audit(n);
        if (!rnd(20))
            renew(rnd(DOMAINS));
    }
}

int main(int argc, char **argv)
{
    unsigned long steps = 20000;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--steps") && i + 1 < argc)
            steps = strtoul(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            machine_seed = strtoul(argv[++i], NULL, 0) | 1;
        else
            return 2;
    }
    machine_init();
    machine_preempt = 4;
    for (unsigned int i = 0; i < DOMAINS; i++)
        renew(i);
    run_single(steps);
    run_threads(steps * 10);
    for (unsigned int i = 0; i < DOMAINS; i++)
        machine_domain_end(machine_domain_of(ids[i]));
    if (!list_empty(&domain_list)) {
        printf("frames of ended domains were not given back:");
        for (unsigned long mfn = 0x100; mfn < SIM_FRAMES; mfn++)
            if (mfn_frame(_mfn(mfn))->refs & FR_COUNT)
                printf(" %#lx (type %#lx refs %#x owner %u)", mfn, (unsigned long)mfn_frame(_mfn(mfn))->type,
                       mfn_frame(_mfn(mfn))->refs, mfn_frame(_mfn(mfn))->owner);
        printf("\n");
        return 1;
    }
    printf("%lu operations done, %lu refused, no fault\n", done_ok, done_refused);
    return 0;
}
