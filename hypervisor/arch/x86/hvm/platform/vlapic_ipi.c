/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to local APICs, from each other, from the IO-APIC and from devices by MSI: who is meant, and what each does
 * with one (Intel SDM vol. 3, 11.6 and 11.12.10). INIT and SIPI change the registers of another vCPU: they are left
 * with it, and it carries them out itself on its way into the guest.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/platform/private.h>
#include <sched/sched.h>
#include <sched/softirq.h>

#define ICR_ASSERT      (1U << 14)
#define ESR_SEND_VECTOR 0x20

enum shorthand { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };

/* low: mode, vector and so on, as in ICR. */
static bool vlapic_meant(const struct vlapic *l, u32 low, u32 dest)
{
    u32 ldr = vlapic_reg(l, APIC_LDR), id = vlapic_reg(l, APIC_ID);

    if (!vlapic_hw_enabled(l))
        return false;
    if (dest == DEST_ALL)
        return true;
    if (!(low & MESSAGE_LOGICAL))
        return dest == (vlapic_x2(l) ? id : id >> 24);
    if (vlapic_x2(l))
        return dest >> 16 == ldr >> 16 && dest & ldr & 0xffff;
    if (dest > 0xff)
        return false;
    ldr >>= 24;
    if (vlapic_reg(l, APIC_DFR) >> 28 == 0xf) /* flat: a bit for each */
        return ldr & dest;
    return ldr >> 4 == dest >> 4 && ldr & dest & 0xf;
}

/* ---- INIT and SIPI ---- */

static void send_init(struct vlapic *l)
{
    /* A SIPI before that is void. */
    __atomic_store_n(&l->start, VLAPIC_START_INIT, __ATOMIC_SEQ_CST);
    hvm_set_work(l->v, HVM_WORK_RESET);
    hvm_wake(l->v);
}

static void send_startup(struct vlapic *l, u8 vector)
{
    struct vcpu *v = l->v;

    if (v->arch.initialised && !(READ_ONCE(l->start) & VLAPIC_START_INIT))
        return; /* does not wait for one */
    WRITE_ONCE(l->sipi_vector, vector);
    __atomic_fetch_or(&l->start, VLAPIC_START_SIPI, __ATOMIC_SEQ_CST);
    hvm_set_work(v, HVM_WORK_RESET);
    if (test_and_clear_bit(_VPF_DOWN, &v->pause_flags))
        vcpu_wake(v);
}

void platform_vcpu_entry(struct vcpu *v)
{
    struct vlapic *l = v->arch.hvm.vlapic;
    u8 start;

    __atomic_fetch_and(&v->arch.hvm.work, (u8)~HVM_WORK_RESET, __ATOMIC_SEQ_CST);
    start = __atomic_exchange_n(&l->start, 0, __ATOMIC_SEQ_CST);
    if (start & VLAPIC_START_INIT) {
        hvm_vcpu_reset_init(v);
        vlapic_init_regs(l);
    }
    if (start & VLAPIC_START_SIPI) {
        hvm_vcpu_sipi(v, READ_ONCE(l->sipi_vector));
        return;
    }
    if (!start)
        return;
    /*
     * Down, until somebody sends a SIPI:
     *
     *   here                        send_startup
     *   VPF_DOWN                    START_SIPI
     *   full barrier                full barrier
     *   START_SIPI? up again        VPF_DOWN? up again
     */
    set_bit(_VPF_DOWN, &v->pause_flags);
    if (READ_ONCE(l->start) & VLAPIC_START_SIPI && test_and_clear_bit(_VPF_DOWN, &v->pause_flags))
        return; /* its HVM_WORK_RESET brings us here again */
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* ---- delivery ---- */

static void vlapic_deliver(struct vlapic *l, u32 low)
{
    switch (MESSAGE_MODE(low)) {
    case AM_FIXED:
    case AM_LOWEST: vlapic_accept(l, low, low & MESSAGE_LEVEL); break;
    case AM_NMI: arch_vcpu_nmi(l->v); break;
    case AM_INIT: send_init(l); break;
    case AM_STARTUP: send_startup(l, low); break;
    default: break; /* no SMM here; ExtINT comes by LINT0 only */
    }
}

/*
 * To all that are meant but one. Lowest priority: to the one of them that does the least important work; of equals, the
 * next in turn.
 */
static int deliver(struct domain *d, u32 low, u32 dest, const struct vlapic *but)
{
    struct platform *p = d->arch.hvm->platform;
    unsigned int turn = READ_ONCE(p->lowest_turn), best_priority = ~0U;
    bool lowest = MESSAGE_MODE(low) == AM_LOWEST;
    struct vlapic *best = NULL;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[(turn + i) % d->max_vcpus];
        struct vlapic *l = v ? v->arch.hvm.vlapic : NULL;

        if (!l || l == but || !vlapic_meant(l, low, dest))
            continue;
        if (!lowest) {
            vlapic_deliver(l, low);
        } else if (vlapic_sw_enabled(l) && vlapic_reg(l, APIC_PPR) >> 4 < best_priority) {
            best = l;
            best_priority = vlapic_reg(l, APIC_PPR) >> 4;
        }
    }
    if (!best)
        return lowest ? -ESRCH : 0;
    WRITE_ONCE(p->lowest_turn, best->v->id + 1);
    vlapic_accept(best, low, low & MESSAGE_LEVEL);
    return 0;
}

int platform_message(struct domain *d, u32 low, u32 dest)
{
    struct vcpu *v;

    if (MESSAGE_MODE(low) == AM_LOWEST || low & MESSAGE_LOGICAL || dest == DEST_ALL)
        return deliver(d, low, dest, NULL);
    v = dest & 1 ? NULL : domain_vcpu(d, dest / 2); /* ids are even */
    if (v && vlapic_meant(v->arch.hvm.vlapic, low, dest))
        vlapic_deliver(v->arch.hvm.vlapic, low);
    return 0;
}

int hvm_msi(struct domain *d, u64 address, u32 data)
{
    u32 low = (data & ~MESSAGE_LOGICAL) | (address & 1U << 2 ? MESSAGE_LOGICAL : 0);

    return MESSAGE_MODE(low) > AM_LOWEST ? -EINVAL : platform_message(d, low, dest_of_8_bits(address >> 12));
}

void vlapic_icr_written(struct vlapic *l, u32 low, u32 dest)
{
    enum apic_mode mode = MESSAGE_MODE(low);
    enum shorthand to = low >> 18 & 3;

    low &= ~MESSAGE_LEVEL;
    if (mode <= AM_LOWEST && (u8)low < 16)
        vlapic_error(l, ESR_SEND_VECTOR);
    else if (mode == AM_INIT && !(low & ICR_ASSERT))
        return; /* "de-assert" only sets arbitration ids, on CPUs of the past */
    else if (to == TO_DEST)
        platform_message(l->v->domain, low, vlapic_x2(l) ? dest : dest_of_8_bits(dest));
    else if (to != TO_SELF)
        deliver(l->v->domain, low, DEST_ALL, to == TO_OTHERS ? l : NULL);
    else if (mode == AM_FIXED)
        vlapic_accept(l, low, false);
}
