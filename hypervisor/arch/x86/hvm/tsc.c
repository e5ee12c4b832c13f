/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time stamp counter as an HVM guest reads it: the host's, scaled where the guest is to see another rate, plus an
 * offset (Intel SDM vol. 3, 26.3; AMD APM vol. 2, 15.30.5). Called by devices that wait for a value of it.
 */
#include <arch/x86/hvm/hvm.h>

u64 hvm_tsc_at(const struct vcpu *v, u64 host)
{
    u64 scale = v->domain->arch.hvm->tsc_scale;

    if (scale)
        host = (unsigned __int128)host * scale >> 32;
    return host + v->arch.hvm.tsc_offset;
}

u64 hvm_guest_tsc(const struct vcpu *v) { return hvm_tsc_at(v, rdtsc()); }
