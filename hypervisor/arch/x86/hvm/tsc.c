/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time stamp counter as an HVM guest reads it: the host's, scaled by the CPU where the guest is to see another rate
 * (Intel SDM vol. 3, 26.3; AMD APM vol. 2, 15.30.5), or system time, emulated, where the CPU cannot or the toolstack
 * wants it; plus each vCPU's offset. The mode is the toolstack's choice (XEN_DOMCTL_settscinfo), the guest learns of it
 * by CPUID (xen/arch-x86/cpuid.h, leaf 3). Called by devices that wait for a value of the TSC.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/platform/clock.h>
#include <xen/domctl.h>

/* xen/arch-x86/cpuid.h, leaf 3. */
enum { TSC_DEFAULT, TSC_ALWAYS_EMULATED, TSC_NATIVE };

#define SCALE_MOST (256UL << 32) /* what AMD's ratio has room for */

/* What a guest's offsets are added to, when ours is at host and system time is now. */
static u64 counter_at(const struct hvm_domain *h, u64 host, s_time_t now)
{
    u64 count = h->tsc_emulated ? (u64)now : host;

    return h->tsc_scale ? (unsigned __int128)count * h->tsc_scale >> 32 : count;
}

u64 hvm_tsc_at(const struct vcpu *v, u64 host, s_time_t now)
{
    return counter_at(v->domain->arch.hvm, host, now) + v->arch.hvm.tsc_offset;
}

u64 hvm_guest_tsc(const struct vcpu *v)
{
    return hvm_tsc_at(v, rdtsc(), v->domain->arch.hvm->tsc_emulated ? arch_read_clock() : 0);
}

struct time_scale hvm_time_scale(const struct domain *d, struct time_scale host)
{
    struct time_scale s = d->arch.hvm->tsc_emulated ? (struct time_scale){1U << 31, 1} : host;
    u64 mul, scale = d->arch.hvm->tsc_scale;

    if (!scale)
        return s;
    for (; scale >> 32; scale >>= 1)
        s.shift--;
    for (mul = ((u64)s.mul << 32) / scale; mul >> 32; mul >>= 1)
        s.shift++;
    s.mul = mul;
    return s;
}

/* Emulated or scaled, d's TSC has this rate. */
static void set_rate(struct domain *d, bool emulated, u32 khz)
{
    struct hvm_domain *h = d->arch.hvm;
    u64 scale = ((u64)khz << 32) / cpu_khz;

    h->tsc_emulated = emulated || (khz != cpu_khz && (!hvm->tsc_scaling() || scale >= SCALE_MOST));
    h->tsc_scale = h->tsc_emulated ? ((u64)khz << 32) / 1000000 : khz == cpu_khz ? 0 : scale;
    d->arch.tsc_khz = khz;
}

/* The TSC goes on where it is: where that of a guest from elsewhere was is in its context. */
void hvm_set_tsc_info(struct domain *d, const struct xen_domctl_tsc_info *t)
{
    struct hvm_domain *h = d->arch.hvm;
    s_time_t now = arch_read_clock();
    u64 host = rdtsc(), delta;
    struct vcpu *v;

    domain_pause(d);
    d->arch.tsc_incarnation = t->incarnation + 1;
    h->tsc_start = now - t->elapsed_nsec;
    delta = counter_at(h, host, now);
    set_rate(d, t->tsc_mode == TSC_ALWAYS_EMULATED, t->tsc_mode != TSC_NATIVE && t->gtsc_khz ? t->gtsc_khz : cpu_khz);
    delta -= counter_at(h, host, now);
    h->tsc_offset += delta;
    for_each_vcpu (d, v) {
        v->arch.hvm.tsc_offset += delta;
        hvm->update_tsc(v);
    }
    domain_unpause(d);
}
