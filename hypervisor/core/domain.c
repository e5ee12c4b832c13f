/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of domains and their vCPUs: creation, the table of domains, references, pausing,
 * shutdown, the end. What a domain owns is looked after by the files that own the type: event
 * channels, grants, frames, and the architecture.
 */
#include <core/domain.h>
#include <core/evtchn.h>
#include <core/grant.h>
#include <core/rangeset.h>
#include <lib/printf.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/domctl.h>

struct list domain_list = LIST_INIT(domain_list);
DEFINE_SPINLOCK(domlist_lock, LOCK_DOMLIST);
struct domain *dom0, *idle_domain;

/* Domain by id, in two steps so that ids cost memory only where they are used. */
#define TABLE_FANOUT 512
static struct domain **domain_table[DOMID_FIRST_RESERVED / TABLE_FANOUT + 1];

/* Where vCPUs without a place in shared_info keep their events until they register one; never read
 * by a guest. */
static vcpu_info_t unregistered_info;

/* ---- the table ---- */

struct domain *domain_peek(domid_t id)
{
    struct domain **leaf;

    if (id >= DOMID_FIRST_RESERVED)
        return id == DOMID_IDLE ? idle_domain : NULL;
    leaf = READ_ONCE(domain_table[id / TABLE_FANOUT]);
    return leaf ? READ_ONCE(leaf[id % TABLE_FANOUT]) : NULL;
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d;

    spin_guard(&domlist_lock);
    d = id < DOMID_FIRST_RESERVED ? domain_peek(id) : NULL;
    return d && domain_get(d) ? d : NULL;
}

struct domain *domain_get_from(unsigned int id)
{
    struct domain *d;

    spin_guard(&domlist_lock);
    list_for_each (d, &domain_list, link)
        if (d->id >= id && domain_get(d))
            return d;
    return NULL;
}

struct domain *domain_get_by_id_or_self(domid_t id)
{
    if (id != DOMID_SELF)
        return domain_get_by_id(id);
    return domain_get(current->domain) ? current->domain : NULL;
}

static int table_insert(struct domain *d)
{
    struct domain ***leaf = &domain_table[d->id / TABLE_FANOUT], *e;

    if (!*leaf && !(*leaf = mem_alloc_array(struct domain *, TABLE_FANOUT)))
        return -ENOMEM;
    spin_guard(&domlist_lock);
    if ((*leaf)[d->id % TABLE_FANOUT])
        return -EEXIST;
    list_for_each (e, &domain_list, link)
        if (e->id > d->id)
            break;
    list_add_tail(&d->link, &e->link);
    (*leaf)[d->id % TABLE_FANOUT] = d;
    return 0;
}

static void table_remove(struct domain *d)
{
    spin_guard(&domlist_lock);
    list_del(&d->link);
    domain_table[d->id / TABLE_FANOUT][d->id % TABLE_FANOUT] = NULL;
}

/* ---- references ---- */

bool domain_get(struct domain *d)
{
    u32 old = READ_ONCE(d->refs);

    do {
        if (!old)
            return false;
    } while (!__atomic_compare_exchange_n(&d->refs, &old, old + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

static void vcpu_unregister_info(struct vcpu *v)
{
    struct frame *f = v->info_frame;

    if (!f)
        return;
    v->info = &unregistered_info;
    v->info_frame = NULL;
    frame_put_and_type(f);
}

static void domain_free_parts(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        vcpu_unregister_info(v);
        evtchn_vcpu_free(v);
        sched_vcpu_free(v);
        arch_vcpu_free(v);
        mem_free(v);
    }
    arch_domain_free(d);
    if (d->shared_info)
        frame_unshare(d->shared_info);
    sched_domain_free(d);
    grant_domain_free(d);
    evtchn_domain_free(d);
    rangeset_free(d->iomem_caps);
    rangeset_free(d->irq_caps);
    mem_free(d->vcpu);
    mem_free(d);
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
        return;
    table_remove(d);
    domain_free_parts(d);
}

/* ---- creation ---- */

static void watchdog_fired(void *data)
{
    struct domain *d = data;

    log_warning("d%d: watchdog\n", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

static void domain_init_fields(struct domain *d, domid_t id, bool privileged)
{
    d->id = id;
    d->refs = 1;
    d->is_privileged = d->is_hardware = privileged;
    d->pause_count = 1;
    d->controller_pauses = 1;
    d->first_frame = FRAME_NIL;
    spin_lock_init(&d->lock, LOCK_DOMAIN);
    spin_lock_init(&d->page_lock, LOCK_PAGES);
    list_init(&d->link);
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_init(&d->watchdog[i], watchdog_fired, d, smp_processor_id());
}

static int domain_init_parts(struct domain *d, const struct xen_domctl_createdomain *c)
{
    int rc;

    d->vcpu = mem_alloc_array(struct vcpu *, c->max_vcpus);
    d->iomem_caps = rangeset_new();
    d->irq_caps = rangeset_new();
    if (!d->vcpu || !d->iomem_caps || !d->irq_caps || !(d->shared_info = page_alloc(0)))
        return -ENOMEM;
    frame_share(d->shared_info, d, true);
    if ((rc = evtchn_domain_init(d, c->max_evtchn_port)) ||
        (rc = grant_domain_init(d, c->max_grant_frames, c->max_maptrack_frames,
                                c->grant_opts & XEN_DOMCTL_GRANT_version_mask)) ||
        (rc = sched_domain_init(d)) || (rc = arch_domain_create(d, c)))
        return rc;
    arch_shared_info_init(d);
    return 0;
}

int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged, struct domain **out)
{
    struct domain *d = mem_alloc_object(struct domain);
    int rc;

    if (!d)
        return -ENOMEM;
    domain_init_fields(d, id, privileged);
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->create_flags = config->flags;
    d->ssidref = config->ssidref;
    d->max_vcpus = config->max_vcpus;
    d->is_hvm = config->flags & XEN_DOMCTL_CDF_hvm;
    rc = domain_init_parts(d, config);
    if (!rc)
        rc = table_insert(d);
    if (rc) {
        domain_free_parts(d);
        return rc;
    }
    *out = d;
    return 0;
}

/* The owner of the idle vCPUs: in no table, never destroyed. */
int idle_domain_init(unsigned int max_cpus)
{
    struct domain *d = mem_alloc_object(struct domain);

    if (!d)
        return -ENOMEM;
    domain_init_fields(d, DOMID_IDLE, false);
    d->pause_count = 0;
    d->max_vcpus = max_cpus;
    d->vcpu = mem_alloc_array(struct vcpu *, max_cpus);
    if (!d->vcpu)
        return -ENOMEM;
    idle_domain = d;
    return 0;
}

/* The tick that a vCPU starts with, as guests of old expect. */
#define PERIODIC_DEFAULT MILLISECS(10)

static void singleshot_fired(void *data) { evtchn_send_vcpu_virq(data, VIRQ_TIMER); }

static void periodic_fired(void *data)
{
    struct vcpu *v = data;

    /* One that waits gets its tick when it runs again: schedule() arms the timer then. */
    if (!v->periodic_period || !vcpu_runnable(v))
        return;
    evtchn_send_vcpu_virq(v, VIRQ_TIMER);
    timer_set(&v->periodic_timer, max(v->periodic_timer.expires + v->periodic_period, now()));
}

static void poll_timed_out(void *data)
{
    struct vcpu *v = data;

    if (test_bit(_VPF_POLLING, &v->pause_flags))
        vcpu_unblock(v);
}

static void vcpu_init_fields(struct vcpu *v, struct domain *d, unsigned int id)
{
    v->id = id;
    v->domain = d;
    v->is_idle = d == idle_domain;
    v->is_hvm = d->is_hvm;
    v->pause_flags = v->is_idle ? 0 : VPF_DOWN;
    v->processor = v->is_idle ? id : smp_processor_id();
    v->info = &unregistered_info;
    if (!v->is_idle && id < XEN_LEGACY_MAX_VCPUS)
        v->info = &d->shared_info->vcpu_info[id];
    timer_init(&v->singleshot_timer, singleshot_fired, v, v->processor);
    timer_init(&v->periodic_timer, periodic_fired, v, v->processor);
    timer_init(&v->poll_timer, poll_timed_out, v, v->processor);
    v->periodic_period = v->is_idle || v->is_hvm ? 0 : PERIODIC_DEFAULT;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = mem_alloc_object(struct vcpu);

    if (!v)
        return NULL;
    vcpu_init_fields(v, d, id);
    if (sched_vcpu_init(v) || arch_vcpu_create(v)) {
        sched_vcpu_free(v);
        mem_free(v);
        return NULL;
    }
    if (!v->is_idle)
        arch_vcpu_info_init(v);
    d->vcpu[id] = v;
    return v;
}

/* ---- pausing ---- */

void vcpu_pause(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (!__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST))
        vcpu_wake(v);
}

static void domain_pause_nosync(struct domain *d)
{
    struct vcpu *v;

    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    domain_pause_nosync(d);
    for_each_vcpu (d, v)
        vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST))
        return;
    for_each_vcpu (d, v)
        vcpu_wake(v);
}

void domain_pause_by_controller(struct domain *d)
{
    spin_lock(&d->lock);
    d->controller_pauses++;
    spin_unlock(&d->lock);
    domain_pause(d);
}

int domain_unpause_by_controller(struct domain *d)
{
    spin_guard(&d->lock);
    if (!d->controller_pauses)
        return -EINVAL;
    d->controller_pauses--;
    domain_unpause(d);
    return 0;
}

/* ---- the end ---- */

void domain_shutdown(struct domain *d, u32 code)
{
    bool first;

    if (d->is_hardware)
        arch_host_shutdown(code);
    spin_lock(&d->lock);
    first = !d->is_shut_down;
    if (first) {
        d->is_shut_down = true;
        d->shutdown_code = d->shutdown_latched ? d->shutdown_latched - 1 : code;
        domain_pause_nosync(d);
    }
    spin_unlock(&d->lock);
    if (first)
        evtchn_send_global_virq(VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char reason[sizeof(d->crash_reason)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    if (!d->is_shut_down) {
        strlcpy(d->crash_reason, reason, sizeof(d->crash_reason));
        log_error("d%d crashed: %s\n", d->id, reason);
        if (current->domain == d)
            arch_dump_guest(current);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

static int relinquish_memory(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        vcpu_unregister_info(v);
    domain_claim(d, 0);
    return arch_domain_relinquish(d);
}

/* Steps of domain_kill: 0 or -ERESTART, and then the step is entered again. */
static int (*const kill_steps[])(struct domain *d) = {
    evtchn_domain_destroy,
    grant_domain_release_mappings,
    relinquish_memory,
};

static void stop_timers(struct domain *d)
{
    struct vcpu *v;

    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_kill(&d->watchdog[i]);
    for_each_vcpu (d, v) {
        v->periodic_period = 0;
        timer_kill(&v->singleshot_timer);
        timer_kill(&v->periodic_timer);
        timer_kill(&v->poll_timer);
    }
}

int domain_kill(struct domain *d)
{
    int rc;

    if (d == current->domain || d->is_hardware)
        return -EINVAL;
    if (d->dying == DOMDYING_DEAD)
        return 0;
    if (d->dying == DOMDYING_ALIVE) {
        domain_pause(d);
        WRITE_ONCE(d->dying, DOMDYING_DYING);
        stop_timers(d);
    }
    for (; d->kill_step < ARRAY_SIZE(kill_steps); d->kill_step++) {
        rc = kill_steps[d->kill_step](d);
        if (rc)
            return rc;
    }
    d->dying = DOMDYING_DEAD;
    evtchn_send_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
    return 0;
}

/* ---- where a vCPU's vcpu_info is ---- */

int vcpu_register_info(struct vcpu *v, unsigned long gfn, unsigned int offset)
{
    struct frame *f;
    vcpu_info_t *info;

    if (offset > PAGE_SIZE - sizeof(vcpu_info_t))
        return -ENXIO;
    if (v->info_frame || (v != current && !test_bit(_VPF_DOWN, &v->pause_flags)))
        return -EINVAL;
    f = mfn_get_writable(arch_gfn_to_mfn(v->domain, _gfn(gfn)), v->domain);
    if (!f)
        return -EINVAL;
    info = mfn_to_virt(frame_mfn(f)) + offset;
    if (v->info == &unregistered_info)
        memset(info, 0, sizeof(*info));
    else
        *info = *v->info;
    v->info_frame = f;
    v->info = info;
    evtchn_vcpu_info_moved(v);
    return 0;
}
