/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What common code expects of mm/ and core/domain.c, in the simplest form that keeps the rules:
 * every object from calloc, so that the sanitizers see each access; frames counted, so that a test
 * can ask for leaks.
 */
#include "world.h"
#include <asm/host.h>
#include <core/evtchn.h>
#include <core/grant.h>
#include <sched/softirq.h>
#include <hypercall/hypercall.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <time/timer.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct domain *idle_domain, *dom0;
struct list domain_list = LIST_INIT(domain_list);
struct spinlock domlist_lock = SPINLOCK_INIT(LOCK_DOMLIST);

unsigned int world_alloc_fail_after, world_crashes, world_preempt_after;
int world_shutdown_code = -1;
unsigned long world_frames_out, world_objects_out;

static struct domain *domains[64];

/* ---- heap --------------------------------------------------------------------------------------- */

static bool alloc_fails(void) { return world_alloc_fail_after && --world_alloc_fail_after == 0; }

void *mem_alloc(size_t size)
{
    void *p;

    if (alloc_fails())
        return NULL;
    p = aligned_alloc(16, ROUNDUP(size ? size : 1, 16));
    memset(p, 0, ROUNDUP(size ? size : 1, 16));
    __atomic_fetch_add(&world_objects_out, 1, __ATOMIC_RELAXED);
    return p;
}

void mem_free(void *p)
{
    if (p)
        __atomic_fetch_sub(&world_objects_out, 1, __ATOMIC_RELAXED);
    free(p);
}

bool heap_scrub_some(void) { return false; }

/* ---- frames: a stack of free numbers; frame 0 is never given out -------------------------------- */

static pthread_mutex_t frames_mutex = PTHREAD_MUTEX_INITIALIZER;
static u32 free_frames[HOST_FRAMES];
static unsigned int nr_free;

static void frames_init(void)
{
    nr_free = 0;
    for (u32 i = HOST_FRAMES - 1; i > 0; i--)
        free_frames[nr_free++] = i;
    memset(frame_table, 0, sizeof(struct frame) * HOST_FRAMES);
    clear_bit(0, ram_map);
    world_frames_out = 0;
}

static struct frame *frame_take(void)
{
    struct frame *f = NULL;

    pthread_mutex_lock(&frames_mutex);
    if (nr_free && !alloc_fails()) {
        f = frame_table + free_frames[--nr_free];
        world_frames_out++;
    }
    pthread_mutex_unlock(&frames_mutex);
    if (f) {
        *f = (struct frame){.owner = DOMID_INVALID};
        memset(mfn_to_virt(frame_mfn(f)), 0, PAGE_SIZE);
    }
    return f;
}

static void frame_give(struct frame *f)
{
    ASSERT((f->refs & FR_COUNT) == 0 && (f->type & FT_COUNT) == 0);
    pthread_mutex_lock(&frames_mutex);
    free_frames[nr_free++] = f - frame_table;
    world_frames_out--;
    f->refs = 0;
    pthread_mutex_unlock(&frames_mutex);
}

void *page_alloc(unsigned int order)
{
    struct frame *f;

    ASSERT(order == 0);
    f = frame_take();
    return f ? mfn_to_virt(frame_mfn(f)) : NULL;
}

void page_free(void *va, unsigned int order)
{
    ASSERT(order == 0);
    frame_give(virt_frame(va));
}

bool frame_get(struct frame *f, const struct domain *d)
{
    u32 refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);

    do {
        if (!d || !(refs & FR_COUNT) || f->owner != d->id)
            return false;
    } while (!__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

void frame_put(struct frame *f)
{
    u32 refs = __atomic_sub_fetch(&f->refs, 1, __ATOMIC_SEQ_CST);

    ASSERT((refs & FR_COUNT) != FR_COUNT);
    if (!(refs & FR_COUNT))
        frame_give(f);
}

struct frame *mfn_get(mfn_t mfn, const struct domain *d)
{
    if (!mfn_valid(mfn) || !frame_get(mfn_frame(mfn), d))
        return NULL;
    return mfn_frame(mfn);
}

struct domain *frame_owner(const struct frame *f) { return domain_peek(f->owner); }

int frame_get_type(struct frame *f, u64 type)
{
    u64 old = __atomic_load_n(&f->type, __ATOMIC_RELAXED), new;

    do {
        if ((old & FT_COUNT) && (old & FT_MASK) != type)
            return -EINVAL;
        new = type | ((old & FT_COUNT) + 1);
    } while (!__atomic_compare_exchange_n(&f->type, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return 0;
}

void frame_put_type(struct frame *f) { ASSERT(__atomic_fetch_sub(&f->type, 1, __ATOMIC_SEQ_CST) & FT_COUNT); }

void frame_share(void *page, struct domain *d, bool writable)
{
    struct frame *f = virt_frame(page);

    f->owner = d->id;
    f->type = writable ? FT_SHARED : FT_NONE;
    f->refs = FR_HYPERVISOR | 1;
}

void frame_unshare(void *page) { frame_put(virt_frame(page)); }

struct frame *world_frame(struct domain *d)
{
    struct frame *f = frame_take();

    f->owner = d->id;
    f->refs = FR_ALLOCATED | 1;
    return f;
}

void world_frame_release(struct frame *f)
{
    f->refs &= ~FR_ALLOCATED;
    frame_put(f);
}

/* ---- domains ------------------------------------------------------------------------------------ */

struct domain *domain_peek(domid_t id) { return id < ARRAY_SIZE(domains) ? domains[id] : NULL; }

bool domain_get(struct domain *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    return true;
}

void domain_put(struct domain *d) { __atomic_fetch_sub(&d->refs, 1, __ATOMIC_RELAXED); }

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = domain_peek(id);

    if (d)
        domain_get(d);
    return d;
}

struct domain *domain_get_by_id_or_self(domid_t id)
{
    if (id != DOMID_SELF)
        return domain_get_by_id(id);
    domain_get(current->domain);
    return current->domain;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    (void)d;
    (void)fmt;
    world_crashes++;
}

void domain_shutdown(struct domain *d, u32 code)
{
    d->is_shut_down = true;
    d->shutdown_code = code;
    world_shutdown_code = code;
}

__attribute__((weak)) void evtchn_send_vcpu_virq(struct vcpu *v, u32 virq)
{
    (void)v;
    (void)virq;
}

static void singleshot_fired(void *data) { evtchn_send_vcpu_virq(data, VIRQ_TIMER); }

static void poll_timed_out(void *data) { vcpu_unblock(data); }

int vcpu_register_info(struct vcpu *v, unsigned long gfn, unsigned int offset)
{
    (void)v;
    (void)gfn;
    (void)offset;
    return 0;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = mem_alloc_object(struct vcpu);

    if (!v)
        return NULL;
    v->id = id;
    v->domain = d;
    v->is_idle = d == idle_domain;
    v->pause_flags = VPF_DOWN;
    v->info = mem_alloc_object(vcpu_info_t);
    timer_init(&v->singleshot_timer, singleshot_fired, v, 0);
    timer_init(&v->periodic_timer, singleshot_fired, v, 0);
    timer_init(&v->poll_timer, poll_timed_out, v, 0);
    if (sched_vcpu_init(v)) {
        mem_free(v->info);
        mem_free(v);
        return NULL;
    }
    d->vcpu[id] = v;
    return v;
}

static struct domain *domain_new(domid_t id, unsigned int max_vcpus)
{
    struct domain *d = mem_alloc_object(struct domain);

    d->id = id;
    d->refs = 1;
    d->max_vcpus = max_vcpus;
    d->vcpu = mem_alloc_array(struct vcpu *, max_vcpus);
    d->shared_info = mem_alloc_object(shared_info_t);
    spin_lock_init(&d->lock, LOCK_DOMAIN);
    spin_lock_init(&d->page_lock, LOCK_PAGES);
    sched_domain_init(d);
    return d;
}

/* In programs that do not link the real ones. */
__attribute__((weak)) int evtchn_domain_init(struct domain *d, unsigned int max_ports)
{
    (void)d;
    (void)max_ports;
    return 0;
}

__attribute__((weak)) int evtchn_domain_destroy(struct domain *d)
{
    (void)d;
    return 0;
}

__attribute__((weak)) void evtchn_domain_free(struct domain *d) { (void)d; }

__attribute__((weak)) void evtchn_vcpu_free(struct vcpu *v) { (void)v; }

__attribute__((weak)) int grant_domain_init(struct domain *d, int frames, int maptrack, unsigned int version)
{
    (void)d;
    (void)frames;
    (void)maptrack;
    (void)version;
    return 0;
}

__attribute__((weak)) int grant_domain_release_mappings(struct domain *d)
{
    (void)d;
    return 0;
}

__attribute__((weak)) void grant_domain_free(struct domain *d) { (void)d; }

struct domain *world_domain(domid_t id, unsigned int nr_vcpus, bool privileged)
{
    struct domain *d = domain_new(id, nr_vcpus);

    d->is_privileged = d->is_hardware = privileged;
    if (privileged)
        dom0 = d;
    domains[id] = d;
    evtchn_domain_init(d, privileged ? ~0U : 1023);
    grant_domain_init(d, 4, 4, 2);
    for (unsigned int i = 0; i < nr_vcpus; i++)
        vcpu_create(d, i)->pause_flags = 0;
    return d;
}

void world_domain_free(struct domain *d)
{
    struct vcpu *v;

    if (d != idle_domain) {
        world_preempt_after = 0;
        evtchn_domain_destroy(d);
        grant_domain_release_mappings(d);
        grant_domain_free(d);
        evtchn_domain_free(d);
    }
    for_each_vcpu (d, v) {
        evtchn_vcpu_free(v);
        sched_vcpu_free(v);
        mem_free(v->info);
        mem_free(v);
    }
    sched_domain_free(d);
    mem_free(d->shared_info);
    mem_free(d->vcpu);
    if (d->id < ARRAY_SIZE(domains))
        domains[d->id] = NULL;
    if (d == dom0)
        dom0 = NULL;
    mem_free(d);
}

void world_run(struct vcpu *v) { current = v; }

/* ---- hypercalls --------------------------------------------------------------------------------- */

unsigned long world_again[6];

long hypercall_again(unsigned int n, ...)
{
    va_list ap;

    va_start(ap, n);
    for (unsigned int i = 0; i < n; i++)
        world_again[i] = va_arg(ap, unsigned long);
    va_end(ap);
    return -ERESTART;
}

long hypercall_unknown(const char *family, unsigned long op, long err)
{
    (void)family;
    (void)op;
    return err;
}

bool hypercall_preempt_check(void) { return world_preempt_after && --world_preempt_after == 0; }

/* ---- life --------------------------------------------------------------------------------------- */

void world_init(unsigned int nr_cpus)
{
    host_machine_init(nr_cpus);
    frames_init();
    memset(domains, 0, sizeof(domains));
    world_objects_out = 0;
    world_crashes = world_preempt_after = world_alloc_fail_after = 0;
    world_shutdown_code = -1;
    idle_domain = domain_new(DOMID_IDLE, nr_cpus);
    for (unsigned int cpu = nr_cpus; cpu-- > 0;) {
        host_set_cpu(cpu);
        timers_cpu_init(cpu);
        if (cpu == 0)
            sched_init();
        else
            sched_cpu_init(cpu);
        this_cpu(softirq_pending) = 0;
    }
}

void world_end(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(domains); i++)
        if (domains[i])
            world_domain_free(domains[i]);
    world_domain_free(idle_domain);
    if (world_objects_out || world_frames_out) {
        fprintf(stderr, "left behind: %lu objects, %lu frames\n", world_objects_out, world_frames_out);
        abort();
    }
}
