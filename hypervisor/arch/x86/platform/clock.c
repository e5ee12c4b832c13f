/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System time. Each CPU reads its TSC and scales it by parameters of its own; guests get the same
 * parameters in their time pages (xen/xen.h, vcpu_time_info) and so see the same time.
 *
 * Where the TSC is invariant and agrees between the CPUs, all have the same parameters for ever.
 * Elsewhere a counter that all CPUs share is the master: once a second every CPU compares its clock
 * with it and chooses the slope that will have made up for the difference a second later. A clock
 * is never set back.
 *
 * Called by everything through arch_read_clock() and by the scheduler through
 * arch_update_vcpu_time().
 */
#include <arch/arch.h>
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/platform/clock.h>
#include <asm/phases.h>
#include <boot/param.h>
#include <core/domain.h>
#include <sched/softirq.h>
#include <mm/guest_access.h>

struct cpu_clock {
    u64 tsc;         /* this TSC value ... */
    s_time_t stime;  /* ... is this time, */
    s_time_t master; /* and by the master it was this, as compared last */
    struct time_scale scale;
};
static DEFINE_PER_CPU(struct cpu_clock, clock);

u32 cpu_khz;

/* The master clock: guarded by master_lock. NULL: the TSC is its own master. */
static const struct counter *master;
static DEFINE_SPINLOCK(master_lock, LOCK_PLATFORM);
static struct time_scale master_scale;
static u64 master_last, master_last_tsc; /* its reading, and when it was */
static s_time_t master_stime;

static struct timer calibration_timer;

static char source[8];
BOOT_PARAM_STRING("clocksource", clocksource, source);
static bool want_deadline = true;
BOOT_PARAM_BOOL("tdt", tdt, want_deadline);

struct time_scale time_scale_of(u64 ns, u64 ticks)
{
    struct time_scale s = {};

    /* Between ns and twice as much, so that mul has all its 32 bits. */
    for (; ticks > 2 * ns; ticks >>= 1)
        s.shift--;
    for (; ticks <= ns; ticks <<= 1)
        s.shift++;
    s.mul = (ns << 32) / ticks;
    return s;
}

s_time_t arch_read_clock(void)
{
    const struct cpu_clock *c = &this_cpu(clock);

    return c->stime + time_scale_apply(rdtsc_ordered() - c->tsc, c->scale);
}

static const char *clock_source_name(void) { return master ? master->name : "tsc"; }

/*
 * Ticks of the master since master_last; below 0 when another CPU has gone further meanwhile. A
 * busy host may keep us away for longer than the counter takes to wrap: how often it did, the TSC
 * tells well enough. Under master_lock.
 */
static s64 master_ticks(u64 count, u64 tsc)
{
    unsigned int unused = 63 - fls64(master->mask);
    s64 ticks = (s64)((count - master_last) << unused) >> unused;
    s64 ms = (s64)(tsc - master_last_tsc) / (s64)cpu_khz, period = master->mask + 1;
    s64 expected = min(ms, (s64)1000000) * (s64)(master->hz / 1000), missed;

    if (!period || expected <= ticks)
        return ticks;
    missed = (expected - ticks + period / 2) / period;
    return ticks + missed * period;
}

/*
 * The master's time and the TSC at the same moment; an SMI or a stolen time slice in between shows
 * as a long read, so the shortest of some is taken. False when all were long.
 */
static bool master_read(u64 *tsc, s_time_t *stime)
{
    u64 best = ~0UL, count = 0;
    s64 ticks;

    for (unsigned int i = 0; i < 5; i++) {
        u64 before = rdtsc_ordered(), value = master->read(), after = rdtsc_ordered();

        if (after - before < best) {
            best = after - before;
            *tsc = before + best / 2;
            count = value;
        }
        if (best < cpu_khz / 500) /* 2 us */
            break;
    }
    spin_lock(&master_lock);
    ticks = master_ticks(count, *tsc);
    if (ticks >= 0) {
        master_stime += time_scale_apply(ticks, master_scale);
        master_last = count;
        master_last_tsc = *tsc;
        *stime = master_stime;
    } else {
        *stime = master_stime - time_scale_apply(-ticks, master_scale);
    }
    spin_unlock(&master_lock);
    return best < cpu_khz / 20; /* 50 us */
}

/* This CPU's clock against the master. Interrupts off. */
static void clock_compare(void)
{
    struct cpu_clock *c = &this_cpu(clock);
    s_time_t stime, local, elapsed, error;
    u64 tsc;

    if (!master_read(&tsc, &stime))
        return;
    elapsed = stime - c->master;
    if (elapsed < MILLISECS(500))
        return;
    local = c->stime + time_scale_apply(tsc - c->tsc, c->scale);
    error = stime - local;
    if (error > MILLISECS(1)) {
        /* The TSC stood still (a deep sleep) or nobody looked for long. */
        local = stime;
        error = 0;
    }
    /* Going slower than this would take too long to see, and going backwards is never right. */
    error = max(error, -elapsed / 16);
    if (elapsed <= SECONDS(3))
        c->scale = time_scale_of(elapsed + error, tsc - c->tsc);
    c->tsc = tsc;
    c->stime = local;
    c->master = stime;
}

/* SOFTIRQ_CLOCK, on every CPU. */
static void clock_softirq(void)
{
    irq_guard();
    clock_compare();
    if (!current->is_idle)
        arch_update_vcpu_time(current);
}

static void calibration_due(void *unused)
{
    unsigned int cpu;

    (void)unused;
    for_each_online_cpu (cpu)
        softirq_raise_on(cpu, SOFTIRQ_CLOCK);
    timer_set(&calibration_timer, arch_read_clock() + SECONDS(1));
}

/* The three counters at one moment: of some readings the one that took the shortest, as nothing
 * came in between then. */
struct sample {
    u64 tsc, ref;
    u32 apic;
};

static struct sample __init sample_take(const struct counter *ref)
{
    struct sample best = {};
    u64 shortest = ~0UL;

    for (unsigned int i = 0; i < 8; i++) {
        struct sample s = {.tsc = rdtsc_ordered()};

        s.ref = ref->read();
        s.apic = apic_read(APIC_TIMER_COUNT);
        if (rdtsc_ordered() - s.tsc < shortest) {
            shortest = rdtsc_ordered() - s.tsc;
            best = s;
        }
    }
    return best;
}

/* TSC and local APIC timer frequencies over 10 ms: long enough for some millionths, short enough
 * for a boot. */
static void __init measure(u64 *tsc_hz, u64 *apic_hz)
{
    const struct counter *ref = counter_for_calibration();
    struct sample s, e;
    u64 span;

    apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_TIMER_INIT, ~0U);
    s = sample_take(ref);
    while (((ref->read() - s.ref) & ref->mask) < ref->hz / 100) {
        if (rdtsc() - s.tsc > 1UL << 36)
            panic("%s does not count", ref->name);
        cpu_relax();
    }
    e = sample_take(ref);
    apic_write(APIC_TIMER_INIT, 0);
    span = (e.ref - s.ref) & ref->mask;
    *tsc_hz = (e.tsc - s.tsc) * ref->hz / span;
    *apic_hz = (u64)(s.apic - e.apic) * ref->hz / span;
    if (*tsc_hz < 1000000 || *apic_hz < 100000)
        panic("no clock to measure the TSC by");
}

paddr_t clock_registers(void) { return strcmp(clock_source_name(), "hpet") == 0 ? acpi_info.hpet : 0; }

bool clock_is_tsc(void) { return !master; }

/* c tells the time from now on. */
static void __init master_set(const struct counter *c)
{
    master_scale = time_scale_of(1000000000, c->hz);
    master_last = c->read();
    master_last_tsc = rdtsc_ordered();
    master_stime = arch_read_clock();
    master = c;
}

static void __init master_choose(void)
{
    const struct counter *c = counter_for_time(), *hpet = counter_for_calibration();

    if (strcmp(source, "hpet") == 0 && strcmp(hpet->name, source) == 0)
        c = hpet;
    else if (source[0] == '\0' ? cpu_has(ITSC) : strcmp(source, "tsc") == 0)
        c = NULL;
    if (c)
        master_set(c);
}

void __init clock_init(void)
{
    struct cpu_clock *c = &this_cpu(clock);
    u64 tsc_hz, apic_hz;

    counters_init();
    measure(&tsc_hz, &apic_hz);
    cpu_khz = tsc_hz / 1000;
    c->scale = time_scale_of(1000000000, tsc_hz);
    c->tsc = rdtsc_ordered();
    master_choose();
    want_deadline = want_deadline && cpu_has(TSC_DEADLINE);
    lapic_timer_set_hz(want_deadline ? 0 : apic_hz);
    lapic_timer_cpu_init();
    wallclock_init();
    log_info("Clock: TSC at %u.%03u MHz, APIC timer at %lu.%03lu MHz%s, time by %s\n", cpu_khz / 1000, cpu_khz % 1000,
             apic_hz / 1000000, apic_hz / 1000 % 1000, want_deadline ? " (deadlines by TSC)" : "", clock_source_name());
}

void clock_cpu_init(void)
{
    struct cpu_clock *c = &this_cpu(clock);

    *c = per_cpu(clock, 0);
    if (master && master_read(&c->tsc, &c->stime))
        c->master = c->stime;
}

void __init clock_start(void)
{
    if (!master)
        return;
    softirq_register(SOFTIRQ_CLOCK, clock_softirq);
    timer_init(&calibration_timer, calibration_due, NULL, 0);
    timer_set(&calibration_timer, arch_read_clock() + SECONDS(1));
}

void __init clock_distrust_tsc(unsigned int cpu)
{
    const struct counter *c = counter_for_time();

    if (master)
        return;
    log_warning("the TSC of CPU%u differs; time goes by %s\n", cpu, c ? c->name : "it all the same");
    if (!c)
        return;
    master_set(c);
    clock_start();
}

/* ---- what guests see ---- */

/* The version is odd while the rest changes, for readers on other CPUs (xen/xen.h, vcpu_time_info). */
static void time_page_write(struct vcpu_time_info *page, const struct vcpu_time_info *t)
{
    struct vcpu_time_info odd = *t;

    odd.version--;
    WRITE_ONCE(page->version, odd.version);
    wmb();
    *page = odd;
    wmb();
    WRITE_ONCE(page->version, t->version);
}

/* The same for an area in the guest's own memory; false when it cannot be written now. */
static bool time_area_write(struct vcpu_time_info __guest *area, const struct vcpu_time_info *t)
{
    struct vcpu_time_info odd = *t;

    odd.version--;
    if (copy_to_guest(area, &odd.version, sizeof(odd.version)))
        return false;
    wmb();
    if (copy_to_guest(area, &odd, sizeof(odd)))
        return false;
    wmb();
    return copy_to_guest(area, &t->version, sizeof(t->version)) == 0;
}

void arch_set_time_area(struct vcpu *v, struct vcpu_time_info __guest *area)
{
    v->arch.time_guest = area;
    v->arch.time.tsc_to_system_mul = 0; /* to be written even if nothing changes */
    if (v == current)
        arch_update_vcpu_time(v);
}

void arch_update_vcpu_time(struct vcpu *v)
{
    const struct cpu_clock *c = &this_cpu(clock);
    struct vcpu_time_info *t = &v->arch.time;

    struct time_scale scale = v->is_hvm ? hvm_time_scale(v->domain, c->scale) : c->scale;
    u64 tsc = v->is_hvm ? hvm_tsc_at(v, c->tsc, c->stime) : c->tsc;

    if (likely(t->tsc_timestamp == tsc && t->tsc_to_system_mul == scale.mul && t->system_time == (u64)c->stime))
        return;
    t->version = (t->version + 2) & ~1U;
    t->tsc_timestamp = tsc;
    t->system_time = c->stime;
    t->tsc_to_system_mul = scale.mul;
    t->tsc_shift = scale.shift;
    t->flags = master ? 0 : XEN_PVCLOCK_TSC_STABLE_BIT;
    time_page_write(&v->info->time, t);
    if (v->arch.time_guest && v == current && !time_area_write(v->arch.time_guest, t))
        t->tsc_to_system_mul = 0;
}
