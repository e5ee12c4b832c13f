/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See machine.h. A CPU's memory of translations is filled by the guest's accesses and emptied by
 * the hypervisor's flushes only, so that a flush that is missing shows as a remembered translation
 * that must not be there any more.
 */
#include "machine.h"
#include <arch/arch.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/pv/isolate.h>
#include <arch/x86/pv/mmu.h>
#include <arch/x86/pv/pv.h>
#include <asm/system.h>
#include <core/rangeset.h>
#include <sched/softirq.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u8 sim_memory[SIM_FRAMES << 12] __aligned(4096);
unsigned long sim_m2p[SIM_FRAMES];
static struct frame frames[SIM_FRAMES];
struct frame *const frame_table = frames;
unsigned long max_frame = SIM_FRAMES;
static unsigned long ram_bits[SIM_FRAMES / 64];
unsigned long *ram_map = ram_bits;

__thread unsigned int sim_cpu;
struct vcpu *sim_current[NR_CPUS];
struct cpu_info sim_cpu_info[SIM_CPUS];
struct cpu_user_regs sim_regs;
static struct vcpu idle_vcpu[SIM_CPUS];
struct cpumask cpu_online_map;
struct cpu_identity boot_cpu;
struct page_table *hyp_l4;
struct list domain_list = LIST_INIT(domain_list);
/* A domain's last frame may be given back by any thread. */
static pthread_mutex_t domain_list_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned int machine_preempt;
__thread u64 machine_seed = 1;
__thread unsigned long machine_again[6];

u64 machine_random(void)
{
    machine_seed ^= machine_seed << 13;
    machine_seed ^= machine_seed >> 7;
    machine_seed ^= machine_seed << 17;
    return machine_seed * 0x2545f4914f6cdd1d >> 11;
}

/* ---- TLBs ---- */

#define TLB_SIZE 32

/* level 1: a translation of the page at va; 2..4: the table that an entry of this level led to. */
struct remembered {
    unsigned long va;
    unsigned long mfn;
    unsigned int level;
    bool valid, writable;
    bool was_free; /* the frame was seen free since */
};

static struct tlb {
    pthread_mutex_t lock;
    struct remembered e[TLB_SIZE];
    unsigned int next;
    unsigned long cr3;
    unsigned long guest_cr3; /* on which the guest runs: cr3, or this CPU's copy of that root */
    bool inside;             /* was in the hypervisor since: guest_cr3 is to be chosen anew */
} tlbs[SIM_CPUS];

static void tlb_empty(struct tlb *t)
{
    for (unsigned int i = 0; i < TLB_SIZE; i++)
        t->e[i].valid = false;
}

/* On behalf of another CPU: its root stays what it is. */
static __thread bool flush_only;

void write_cr3(unsigned long cr3)
{
    struct tlb *t = &tlbs[sim_cpu];

    pthread_mutex_lock(&t->lock);
    if (!flush_only)
        t->cr3 = cr3;
    t->inside = true;
    tlb_empty(t);
    pthread_mutex_unlock(&t->lock);
}

unsigned long read_cr3(void) { return tlbs[sim_cpu].cr3; }

void invlpg(unsigned long va)
{
    struct tlb *t = &tlbs[sim_cpu];

    pthread_mutex_lock(&t->lock);
    t->inside = true;
    for (unsigned int i = 0; i < TLB_SIZE; i++)
        if (t->e[i].level > 1 || t->e[i].va == (va & PAGE_MASK))
            t->e[i].valid = false;
    pthread_mutex_unlock(&t->lock);
}

static void on_cpus(const struct cpumask *m, bool one, unsigned long va)
{
    unsigned int self = sim_cpu, cpu;

    flush_only = true;
    for_each_cpu (cpu, m) {
        sim_cpu = cpu;
        if (one)
            flush_tlb_one_local(va);
        else
            flush_tlb_local();
    }
    sim_cpu = self;
    flush_only = false;
}

void flush_tlb_mask(const struct cpumask *m) { on_cpus(m, false, 0); }

void flush_tlb_one_mask(const struct cpumask *m, unsigned long va) { on_cpus(m, true, va); }

void flush_cache_mask(const struct cpumask *m) { (void)m; }

static struct remembered *tlb_find(struct tlb *t, unsigned long va, unsigned int level)
{
    unsigned long mask = ~0UL << (12 + 9 * (level - 1));

    for (unsigned int i = 0; i < TLB_SIZE; i++)
        if (t->e[i].valid && t->e[i].level == level && !((t->e[i].va ^ va) & mask))
            return &t->e[i];
    return NULL;
}

/* What the CPU walked anew takes the place of what it knew of this address. */
static void tlb_remember(struct tlb *t, unsigned long va, unsigned int level, u64 e)
{
    struct remembered *old;

    while ((old = tlb_find(t, va, level)) != NULL)
        old->valid = false;
    t->e[t->next++ % TLB_SIZE] = (struct remembered){
        .va = va & PAGE_MASK, .mfn = mfn_x(pte_mfn(e)), .level = level, .valid = true, .writable = e & PTE_RW};
}

/* The walk of the CPU, which sets accessed and dirty bits as it goes. NULL: a fault. */
static struct remembered *tlb_walk(struct tlb *t, unsigned long va, bool write)
{
    unsigned long mfn = t->guest_cr3 >> PAGE_SHIFT;
    struct remembered *r = tlb_find(t, va, 1);
    unsigned int level = 4;

    if (r && (!write || r->writable))
        return r;
    if (!mfn)
        return NULL;
    for (unsigned int known = 2; known <= 4; known++) {
        r = tlb_find(t, va, known);
        if (r) {
            mfn = r->mfn;
            level = known - 1;
            break;
        }
    }
    for (; level; level--) {
        u64 *p = (u64 *)mfn_to_virt(_mfn(mfn)) + pt_index(va, level), e = *(volatile u64 *)p;

        if (!(e & PTE_P) || !(e & PTE_US) || (level == 1 && write && !(e & PTE_RW)))
            return NULL;
        __atomic_fetch_or(p, level == 1 && write ? PTE_A | PTE_D : PTE_A, __ATOMIC_SEQ_CST);
        if (e & PTE_G)
            panic("a global entry of a guest");
        mfn = mfn_x(pte_mfn(e));
        tlb_remember(t, va, level, e);
    }
    return tlb_find(t, va, 1);
}

void machine_enter(void)
{
    pthread_mutex_lock(&tlbs[sim_cpu].lock);
    tlbs[sim_cpu].inside = true;
    pthread_mutex_unlock(&tlbs[sim_cpu].lock);
}

static void leave_hypervisor(struct tlb *t)
{
    t->guest_cr3 = t->cr3 && current->domain->arch.isolated ? isolate_root() : t->cr3;
    t->inside = false;
}

bool machine_touch(unsigned long va, bool write, u64 value)
{
    struct tlb *t = &tlbs[sim_cpu];
    struct remembered *r;

    pthread_mutex_lock(&t->lock);
    if (t->inside)
        leave_hypervisor(t);
    r = tlb_walk(t, va, write);
    if (!r && current->domain->arch.isolated && isolate_stale(current)) {
        leave_hypervisor(t);
        r = tlb_walk(t, va, write);
    }
    if (r && write && mfn_valid(_mfn(r->mfn)))
        WRITE_ONCE(((u64 *)mfn_to_virt(_mfn(r->mfn)))[va / 8 % 512], value);
    pthread_mutex_unlock(&t->lock);
    return r;
}

static const char *remembers_wrong(struct remembered *r)
{
    const struct frame *f;

    if (!mfn_valid(_mfn(r->mfn)) || r->mfn < 0x100)
        return NULL;
    f = mfn_frame(_mfn(r->mfn));
    if (!(f->refs & FR_COUNT)) {
        r->was_free = true;
        return NULL;
    }
    if (r->was_free)
        return "a frame that has a new owner";
    if (r->level == 1)
        return r->writable && (f->type & FT_MASK) >= FT_L1 && (f->type & FT_MASK) <= FT_SEGDESC
                   ? "a writable mapping of a table"
                   : NULL;
    return type_level(f->type) != r->level - 1 ? "a table that is none" : NULL;
}

unsigned int machine_audit(void)
{
    unsigned int faults = 0;

    for (unsigned int cpu = 0; cpu < SIM_CPUS; cpu++) {
        for (unsigned int i = 0; i < TLB_SIZE; i++) {
            struct remembered *r = &tlbs[cpu].e[i];
            const char *why = r->valid ? remembers_wrong(r) : NULL;

            if (!why)
                continue;
            faults++;
            printf("CPU %u remembers %s: va %#lx level %u frame %#lx type %#lx refs %#x\n", cpu, why, r->va, r->level,
                   r->mfn, (unsigned long)frames[r->mfn].type, frames[r->mfn].refs);
        }
    }
    return faults;
}

/* ---- domains ---- */

void machine_init(void)
{
    memset(ram_bits, 0xff, sizeof(ram_bits));
    heap_add(_mfn(0x100), _mfn(SIM_FRAMES));
    hyp_l4 = page_alloc(0);
    for (unsigned int i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        hyp_l4->e[i] = PTE_P | PTE_RW | PTE_A; /* frame 0, and not for ring 3 */
    boot_cpu.features[XEN_X86_FEATURE_NX / 32] |= 1U << XEN_X86_FEATURE_NX % 32;
    for (unsigned int cpu = 0; cpu < SIM_CPUS; cpu++) {
        pthread_mutex_init(&tlbs[cpu].lock, NULL);
        cpumask_set(&cpu_online_map, cpu);
        idle_vcpu[cpu].is_idle = true;
        sim_current[cpu] = &idle_vcpu[cpu];
        sim_cpu = cpu;
        isolate_cpu_init();
    }
}

struct domain *machine_domain(domid_t id, bool privileged, unsigned int n)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->refs = 1;
    d->arch.isolated = id % 2;
    d->is_privileged = d->is_hardware = privileged;
    d->max_vcpus = SIM_VCPUS;
    d->first_frame = FRAME_NIL;
    d->max_pages = n;
    d->vm_assist = 1UL << VMASST_TYPE_writable_pagetables;
    spin_lock_init(&d->lock, LOCK_DOMAIN);
    spin_lock_init(&d->page_lock, LOCK_PAGES);
    d->iomem_caps = rangeset_new();
    if (privileged)
        rangeset_add(d->iomem_caps, 0, 0x7f);
    d->arch.perdomain_l3 = page_alloc(0);
    d->vcpu = calloc(SIM_VCPUS, sizeof(*d->vcpu));
    for (unsigned int i = 0; i < SIM_VCPUS; i++) {
        struct vcpu *v = d->vcpu[i] = calloc(1, sizeof(*v));

        v->id = i;
        v->domain = d;
        v->arch.guest_table = v->arch.guest_table_user = INVALID_MFN;
        v->arch.pv.kernel_mode = true;
        v->arch.pv.gdt_ldt_ptes = calloc(32, sizeof(u64));
        pv_gdt_init(v);
    }
    list_add_tail(&d->link, &domain_list);
    for (unsigned int i = 0; i < n; i++)
        if (!domain_alloc_frames(d, 0, 0))
            panic("no frame for domain %u", id);
    return d;
}

void machine_domain_end(struct domain *d)
{
    d->dying = DOMDYING_DYING;
    for (unsigned int cpu = 0; cpu < SIM_CPUS; cpu++)
        if (sim_current[cpu]->domain == d)
            machine_run(cpu, NULL);
    while (arch_domain_relinquish(d) == -ERESTART)
        ;
    domain_put(d);
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
        return;
    pthread_mutex_lock(&domain_list_lock);
    list_del(&d->link);
    pthread_mutex_unlock(&domain_list_lock);
    for (unsigned int i = 0; i < SIM_VCPUS; i++) {
        free(d->vcpu[i]->arch.pv.gdt_ldt_ptes);
        free(d->vcpu[i]);
    }
    page_free(d->arch.perdomain_l3, 0);
    rangeset_free(d->iomem_caps);
    free(d->vcpu);
    free(d);
}

bool domain_get(struct domain *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_SEQ_CST);
    return true;
}

struct domain *machine_domain_of(domid_t id)
{
    struct domain *d, *found = NULL;

    pthread_mutex_lock(&domain_list_lock);
    list_for_each (d, &domain_list, link)
        if (d->id == id)
            found = d;
    pthread_mutex_unlock(&domain_list_lock);
    return found;
}

struct domain *domain_peek(domid_t id) { return machine_domain_of(id); }

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = machine_domain_of(id);

    if (d)
        domain_get(d);
    return d;
}

struct domain *domain_get_by_id_or_self(domid_t id)
{
    return domain_get_by_id(id == DOMID_SELF ? current->domain->id : id);
}

void machine_run(unsigned int cpu, struct vcpu *v)
{
    unsigned int self = sim_cpu;
    struct vcpu *prev;

    sim_cpu = cpu;
    prev = current;
    current = v ? v : &idle_vcpu[cpu];
    if (v) {
        v->processor = cpu;
        cpumask_set(&v->domain->arch.dirty_cpus, cpu);
        isolate_load(v);
    }
    load_cr3(v ? v->arch.cr3 : 0);
    if (prev->domain && prev->domain != current->domain)
        cpumask_unset(&prev->domain->arch.dirty_cpus, cpu);
    sim_cpu = self;
}

/* ---- the hypervisor's other parts ---- */

int entry_map(struct page_table *root) { return (void)root, 0; }

bool hypercall_preempt_check(void) { return machine_preempt && machine_random() % machine_preempt == 0; }

long hypercall_again(unsigned int n, ...)
{
    va_list ap;

    va_start(ap, n);
    for (unsigned int i = 0; i < n; i++)
        machine_again[i] = va_arg(ap, unsigned long);
    va_end(ap);
    return -ERESTART;
}

long hypercall_unknown(const char *family, unsigned long op, long err)
{
    (void)family, (void)op;
    return err;
}

size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    memcpy(dst, src, n);
    return 0;
}

size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    memcpy(dst, src, n);
    return 0;
}

/* No HVM domain is here, unless a program links the real ones. */
__attribute__((weak)) int p2m_relinquish(struct domain *d) { return (void)d, 0; }

__attribute__((weak)) mfn_t p2m_own_mfn(struct domain *d, gfn_t gfn, bool write)
{
    return (void)d, (void)gfn, (void)write, INVALID_MFN;
}

__attribute__((weak)) int p2m_put_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    return (void)d, (void)gfn, (void)mfn, (void)readonly, -EINVAL;
}

__attribute__((weak)) bool p2m_take_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    return (void)d, (void)gfn, (void)mfn, (void)readonly, false;
}

__attribute__((weak)) int arch_physmap_populate(struct domain *d, gfn_t gfn, struct frame *f, unsigned int order)
{
    return (void)d, (void)gfn, (void)f, (void)order, -EINVAL;
}

__attribute__((weak)) unsigned int arch_physmap_decrease(struct domain *d, const xen_pfn_t *gfns, unsigned int n,
                                                         unsigned int order)
{
    return (void)d, (void)gfns, (void)n, (void)order, 0;
}

void arch_flush_domain_tlb(struct domain *d)
{
    struct cpumask m = d->arch.dirty_cpus;

    flush_tlb_mask(&m);
}

void arch_clear_page(void *page) { memset(page, 0, PAGE_SIZE); }

void ldt_load(unsigned long base, unsigned int entries) { (void)base, (void)entries; }

DEFINE_PER_CPU(u32, softirq_pending);

void arch_send_event_check(unsigned int cpu) { (void)cpu; }

unsigned int numa_node_of(mfn_t mfn)
{
    (void)mfn;
    return 0;
}

void cpu_relax(void) { sched_yield(); }

void panic_regs(const struct cpu_user_regs *regs __unused, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    abort();
}

void printk_level(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    (void)level;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}
