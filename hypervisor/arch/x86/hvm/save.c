/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of an HVM domain's saved context: HEADER, the records in the order of their type codes, END. On load the
 * whole row is checked before the first record takes effect; what a record may hold is checked by who owns the state.
 * Format: xen/hvm/save.h, xen/arch-x86/hvm/save.h. Called by the control ABI only.
 */
#include <arch/x86/hvm/save.h>
#include <asm/system.h>
#include <core/domain.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/domctl.h>

/* 128 vCPUs with all that the largest extended state needs. */
#define CONTEXT_MAX (4U << 20)

typedef struct hvm_save_descriptor descriptor_t;

static int header_save(struct domain *d, unsigned int instance __unused, void *record)
{
    struct hvm_save_header *h = record;

    *h = (struct hvm_save_header){
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .changeset = ~0ULL,
        .cpuid = cpuid_count(1, 0).a,
        .gtsc_khz = d->arch.tsc_khz,
    };
    return sizeof(*h);
}

/* Another CPU's context is the toolstack's risk; another format cannot be read. */
static int header_load(struct domain *d __unused, unsigned int instance __unused, const void *record,
                       u32 length __unused)
{
    const struct hvm_save_header *h = record;

    return h->magic == HVM_FILE_MAGIC && h->version == HVM_FILE_VERSION ? 0 : -EINVAL;
}

static const struct hvm_record header_record = {
    HVM_SAVE_CODE(HEADER), 1, HVM_SAVE_LENGTH(HEADER), 0, header_save, header_load,
};

static const struct hvm_record *record_in(const struct hvm_record *table, unsigned int n, u16 typecode)
{
    for (unsigned int i = 0; i < n; i++)
        if (table[i].typecode == typecode)
            return table + i;
    return NULL;
}

/* NULL: there is no such record. */
static const struct hvm_record *record_find(u16 typecode)
{
    const struct hvm_record *r = record_in(&header_record, 1, typecode);

    r = r ?: record_in(cpu_records, cpu_nr_records, typecode);
    return r ?: record_in(platform_records, platform_nr_records, typecode);
}

static unsigned int nr_instances(const struct domain *d, const struct hvm_record *r)
{
    return r->instances ?: d->max_vcpus;
}

static bool instance_exists(struct domain *d, const struct hvm_record *r, unsigned int instance)
{
    return r->instances ? instance < r->instances : domain_vcpu(d, instance) != NULL;
}

/* Room for all that a domain can have. */
static size_t context_max(const struct domain *d)
{
    size_t size = sizeof(descriptor_t); /* END */
    const struct hvm_record *r;

    for (u16 code = 1; code <= HVM_SAVE_CODE_MAX; code++)
        if ((r = record_find(code)))
            size += nr_instances(d, r) * (sizeof(descriptor_t) + r->length);
    return size;
}

/* ---- saving ---- */

/* One record with its descriptor at p; its size, 0: nothing to save, or an error. */
static long record_save(struct domain *d, const struct hvm_record *r, unsigned int instance, u8 *p)
{
    int length = r->save(d, instance, p + sizeof(descriptor_t));
    descriptor_t desc = {r->typecode, instance, length};

    if (length <= 0)
        return length == -ENODEV ? 0 : length;
    memcpy(p, &desc, sizeof(desc));
    return sizeof(desc) + length;
}

/* The whole context into the buffer of context_max() zeros; its size or an error. */
static long context_save(struct domain *d, u8 *buf)
{
    const struct hvm_record *r;
    size_t at = 0;

    for (u16 code = 1; code <= HVM_SAVE_CODE_MAX; code++) {
        if (!(r = record_find(code)))
            continue;
        for (unsigned int i = 0; i < nr_instances(d, r); i++) {
            long n = instance_exists(d, r, i) ? record_save(d, r, i, buf + at) : 0;

            if (n < 0)
                return n;
            at += n;
        }
    }
    return at + sizeof(descriptor_t); /* END is all zeros */
}

/* A NULL buffer asks for the size. */
static long get_context(struct domain *d, struct xen_domctl_hvmcontext *c, u8 *buf)
{
    long n;

    if (!c->buffer.p) {
        c->size = context_max(d);
        return 0;
    }
    n = context_save(d, buf);
    if (n < 0 || (size_t)n > c->size)
        return n < 0 ? n : -ENOSPC;
    c->size = n;
    return copy_to_guest((void __guest *)c->buffer.p, buf, n);
}

static long get_partial(struct domain *d, struct xen_domctl_hvmcontext_partial *p, u8 *buf)
{
    const struct hvm_record *r = p->type <= HVM_SAVE_CODE_MAX ? record_find(p->type) : NULL;
    long n;

    if (!r || r == &header_record)
        return -EINVAL;
    if (!instance_exists(d, r, p->instance))
        return -ENOENT;
    n = record_save(d, r, p->instance, buf);
    if (n <= 0)
        return n ?: -ENODATA;
    n -= sizeof(descriptor_t);
    if (p->buffer.p && p->bufsz < (u64)n)
        return -ENOBUFS;
    p->bufsz = n;
    return p->buffer.p ? copy_to_guest((void __guest *)p->buffer.p, buf + sizeof(descriptor_t), n) : 0;
}

/* ---- loading ---- */

/*
 * All records of a context, looked at or (load) taking effect. -EINVAL also for a device's record that the domain has
 * not: it would be another machine.
 */
static long context_walk(struct domain *d, const u8 *buf, size_t size, bool load)
{
    descriptor_t desc;
    int rc;

    for (size_t at = 0;; at += desc.length) {
        const struct hvm_record *r;
        bool first = !at;

        if (size - at < sizeof(desc))
            return -EINVAL;
        memcpy(&desc, buf + at, sizeof(desc));
        at += sizeof(desc);
        if (desc.typecode == HVM_SAVE_CODE(END))
            return first ? -EINVAL : 0;
        r = record_find(desc.typecode);
        if (!r || (first && r != &header_record) || !instance_exists(d, r, desc.instance) || desc.length > size - at ||
            desc.length > r->length || desc.length < (r->min_length ?: r->length))
            return -EINVAL;
        rc = load ? r->load(d, desc.instance, buf + at, desc.length) : 0;
        if (rc) {
            log_debug("d%d: record %u of vCPU or instance %u refused: %d\n", d->id, desc.typecode, desc.instance, rc);
            return rc == -ENODEV ? -EINVAL : rc;
        }
    }
}

/* A vCPU that the context does not have is down after it. */
static long set_context(struct domain *d, const struct xen_domctl_hvmcontext *c, u8 *buf)
{
    struct vcpu *v;
    long rc;

    if (copy_from_guest(buf, (const void __guest *)c->buffer.p, c->size))
        return -EFAULT;
    rc = context_walk(d, buf, c->size, false);
    if (rc)
        return rc;
    for_each_vcpu (d, v)
        if (!test_and_set_bit(_VPF_DOWN, &v->pause_flags))
            vcpu_sleep_nosync(v);
    return context_walk(d, buf, c->size, true);
}

long hvm_context_op(struct domain *d, struct xen_domctl *op)
{
    size_t size;
    long rc;
    u8 *buf;

    if (!d->is_hvm || d == current->domain)
        return -EINVAL;
    size = context_max(d);
    if (op->cmd == XEN_DOMCTL_sethvmcontext)
        size = max(size, (size_t)op->u.hvmcontext.size);
    if (size > CONTEXT_MAX)
        return -E2BIG;
    buf = page_alloc(size_order(size));
    if (!buf)
        return -ENOMEM;
    domain_pause(d);
    switch (op->cmd) {
    case XEN_DOMCTL_gethvmcontext: rc = get_context(d, &op->u.hvmcontext, buf); break;
    case XEN_DOMCTL_gethvmcontext_partial: rc = get_partial(d, &op->u.hvmcontext_partial, buf); break;
    default: rc = set_context(d, &op->u.hvmcontext, buf); break;
    }
    domain_unpause(d);
    page_free(buf, size_order(size));
    return rc;
}
