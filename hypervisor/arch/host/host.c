/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake machine: CPUs that are variables, memory that is an array, time that a test sets. With
 * it lib/, mm/, sched/, core/ and hypercall/ link into ordinary programs. Objects (domains) and the
 * heap are not here: a test links the real ones or tests/unit/world.c. Called by the common layers
 * through arch/arch.h and by tests through asm/host.h.
 */
#include <asm/host.h>
#include <arch/arch.h>
#include <asm/current.h>
#include <asm/irq.h>
#include <asm/system.h>
#include <core/domain.h>
#include <core/grant.h>
#include <mm/frame.h>
#include <mm/guest_access.h>
#include <sched/sched.h>
#include <time/timer.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u8 host_memory[HOST_FRAMES << 12] __aligned(4096);
static struct frame host_frames[HOST_FRAMES];
struct frame *const frame_table = host_frames;
unsigned long max_frame = HOST_FRAMES;
static unsigned long host_ram_map[HOST_FRAMES / 64] = {~1UL, [1 ... HOST_FRAMES / 64 - 1] = ~0UL};
unsigned long *ram_map = host_ram_map; /* all but frame 0 */

struct host_cpu host_cpus[NR_CPUS];
__thread unsigned int host_cpu_id;
struct cpumask cpu_online_map;
unsigned int nr_cpu_ids;

s_time_t host_time;
bool host_log_verbose;
jmp_buf host_panic_buf;
bool host_panic_expected;

struct domain *host_pirq_owner[HOST_PIRQS];
unsigned long host_pirq_eois[HOST_PIRQS];

void host_machine_init(unsigned int nr_cpus)
{
    memset(host_cpus, 0, sizeof(host_cpus));
    memset(host_pirq_owner, 0, sizeof(host_pirq_owner));
    memset(host_pirq_eois, 0, sizeof(host_pirq_eois));
    memset(host_mappings, 0, sizeof(host_mappings));
    cpumask_clear(&cpu_online_map);
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        cpumask_set(&cpu_online_map, cpu);
        host_cpus[cpu].deadline = STIME_MAX;
    }
    nr_cpu_ids = nr_cpus;
    host_cpu_id = 0;
    host_time = 0;
}

void host_set_cpu(unsigned int cpu) { host_cpu_id = cpu; }

/* ---- running ---- */

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    ASSERT(!irqs_enabled());
    ASSERT(current == prev);
    current = next;
    host_cpus[host_cpu_id].switches++;
    next->arch.switched_in++;
    sched_context_saved(prev);
    irq_enable();
}

void arch_continue_running(struct vcpu *v)
{
    ASSERT(current == v);
    irq_enable();
}

void arch_idle_wait(void)
{
    irq_enable();
    sched_yield();
}

void arch_send_event_check(unsigned int cpu) { __atomic_fetch_add(&host_cpus[cpu].event_checks, 1, __ATOMIC_SEQ_CST); }

void cpu_relax(void) { sched_yield(); }

/* ---- time ---- */

s_time_t arch_read_clock(void) { return __atomic_load_n(&host_time, __ATOMIC_RELAXED); }

void arch_timer_program(s_time_t expires) { host_cpus[host_cpu_id].deadline = expires; }

void arch_update_vcpu_time(struct vcpu *v) { (void)v; }

bool arch_runstate_deferred(struct vcpu *v)
{
    (void)v;
    return false;
}

void arch_set_time_area(struct vcpu *v, struct vcpu_time_info __guest *area) { v->arch.time_guest = area; }

/* ---- objects and memory ---- */

bool arch_vcpu_initialised(const struct vcpu *v) { return v->arch.initialised; }

int arch_set_guest_context(struct vcpu *v, const void *context)
{
    (void)context;
    v->arch.initialised = true;
    return 0;
}

void arch_events_pending(struct vcpu *v) { v->arch.upcalls++; }

bool arch_event_pending(struct vcpu *v) { return v->info->evtchn_upcall_pending; }

void arch_vcpu_nmi(struct vcpu *v) { v->arch.nmis++; }

/* x86: hvm/ioreq.c, which tests may link. */
__attribute__((weak)) void arch_internal_event(struct vcpu *v) { v->arch.internal_events++; }

unsigned long arch_get_m2p(mfn_t mfn) { return mfn_x(mfn); }

void arch_physmap_forget(struct domain *d, mfn_t mfn) { (void)d, (void)mfn; }

mfn_t arch_gfn_to_mfn(struct domain *d, gfn_t gfn)
{
    (void)d;
    return _mfn(gfn_x(gfn));
}

/* CPUs other than this one answer at their leisure: threads that play CPUs keep no promise about
 * interrupts. */
void arch_call_on(const struct cpumask *m, void (*fn)(void *), void *arg)
{
    ASSERT(irqs_enabled());
    if (cpumask_test(m, smp_processor_id()))
        fn(arg);
}

struct host_mapping host_mappings[HOST_MAPPINGS];

struct host_mapping *host_mapping_find(unsigned long addr)
{
    for (unsigned int i = 0; i < HOST_MAPPINGS; i++)
        if (host_mappings[i].addr == addr)
            return &host_mappings[i];
    return NULL;
}

int arch_grant_map(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    struct host_mapping *m;

    if (!host_addr || host_addr % PAGE_SIZE || host_mapping_find(host_addr))
        return GNTST_general_error;
    m = host_mapping_find(0);
    ASSERT(m);
    *m = (struct host_mapping){host_addr, mfn_x(mfn), !(flags & GNTMAP_readonly)};
    current->domain->arch.grant_maps++;
    return GNTST_okay;
}

int arch_grant_unmap(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    struct host_mapping *m = host_mapping_find(host_addr);

    if (!m || m->mfn != mfn_x(mfn) || m->writable != !(flags & GNTMAP_readonly))
        return GNTST_general_error;
    m->addr = 0;
    current->domain->arch.grant_maps--;
    return GNTST_okay;
}

void arch_flush_domain_tlb(struct domain *d) { d->arch.tlb_flushes++; }

/* ---- trouble ---- */

static void log_line(const char *fmt, va_list ap)
{
    if (host_log_verbose)
        vfprintf(stderr, fmt, ap);
}

void printk_level(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    (void)level;
    va_start(ap, fmt);
    log_line(fmt, ap);
    va_end(ap);
}

void panic_regs(const struct cpu_user_regs *regs __unused, const char *fmt, ...)
{
    va_list ap;

    if (host_panic_expected) {
        host_panic_expected = false;
        longjmp(host_panic_buf, 1);
    }
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

/* ---- guest memory: addresses are the program's own, except those that fault ---- */

static bool guest_range_ok(const void __guest *p, size_t n)
{
    unsigned long start = (unsigned long)p;

    return start >= PAGE_SIZE && start + n >= start && start + n <= HOST_GUEST_FAULT_START;
}

size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    if (!guest_range_ok(src, n))
        return n;
    memcpy(dst, src, n);
    return 0;
}

size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    if (!guest_range_ok(dst, n))
        return n;
    memcpy(dst, src, n);
    return 0;
}

size_t raw_clear_guest(void __guest *dst, size_t n)
{
    if (!guest_range_ok(dst, n))
        return n;
    memset(dst, 0, n);
    return 0;
}

/* ---- interrupts ---- */

int pirq_guest_bind(struct vcpu *v, u32 pirq)
{
    if (pirq >= HOST_PIRQS)
        return -EINVAL;
    if (host_pirq_owner[pirq])
        return -EBUSY;
    host_pirq_owner[pirq] = v->domain;
    return 0;
}

void pirq_guest_unbind(struct domain *d, u32 pirq)
{
    ASSERT(host_pirq_owner[pirq] == d);
    host_pirq_owner[pirq] = NULL;
}

void pirq_guest_eoi(struct domain *d, u32 pirq)
{
    (void)d;
    if (pirq < HOST_PIRQS)
        host_pirq_eois[pirq]++;
}

void pirq_set_affinity(struct domain *d, u32 pirq, const struct vcpu *v)
{
    ASSERT(host_pirq_owner[pirq] == d && v->domain == d);
}
