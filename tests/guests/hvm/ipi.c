/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vCPUs: start by INIT and SIPI, interrupts and NMIs from one to the other, event upcalls.
 *
 * A second vCPU begins in real mode where the SIPI says; it takes interrupts by its number, by
 * logical destination and by shorthand, and NMIs; INIT and SIPI begin it anew; event upcalls arrive
 * by the domain's vector, which needs no EOI, and by a vector of the vCPU's own, which does.
 */
#include "lib/guest.h"

const char test_title[] = "interrupts between vCPUs";

#define VECTOR_A          0x41
#define VECTOR_UPCALL_OWN 0x72

static volatile unsigned int taken[MAX_VCPUS], nmis[MAX_VCPUS], rounds;
static volatile bool stop, x2;

static bool interrupt(struct regs *regs)
{
    (void)regs;
    taken[vcpu_id()]++;
    lapic_eoi();
    return true;
}

static bool nmi(struct regs *regs)
{
    (void)regs;
    nmis[vcpu_id()]++;
    return true;
}

static void second(void *arg)
{
    (void)arg;
    if (x2)
        lapic_x2_enable();
    lapic_enable();
    lapic_write(LAPIC_LDR, 2u << 24);
    irqs_on();
    rounds++;
    while (!stop)
        cpu_relax();
    irqs_off();
}

static bool reaches(volatile unsigned int *count, unsigned int want)
{
    uint64_t end = now() + 10000000000ull;

    while (*count < want && now() < end)
        cpu_relax();
    return *count == want;
}

static void check_sipi(void)
{
    vcpu_start_sipi(1, second, NULL);
    check(reaches(&rounds, 1));
    check_eq(vcpu_apic_id[1], 2);
    check_eq(hc_vcpu_op(VCPUOP_is_up, 1, 0), 1);
}

static void check_fixed(void)
{
    taken[0] = taken[1] = 0;
    lapic_icr(vcpu_apic_id[1], ICR_FIXED | ICR_ASSERT | VECTOR_A);
    check(reaches(&taken[1], 1));
    lapic_icr(0, ICR_OTHERS | ICR_FIXED | ICR_ASSERT | VECTOR_A);
    check(reaches(&taken[1], 2));
    check_eq(taken[0], 0);
    irqs_on();
    lapic_icr(0, ICR_ALL | ICR_FIXED | ICR_ASSERT | VECTOR_A);
    check(reaches(&taken[1], 3) && reaches(&taken[0], 1));
    if (x2)
        lapic_icr(1u << (vcpu_apic_id[1] & 15), ICR_LOGICAL | ICR_FIXED | ICR_ASSERT | VECTOR_A);
    else
        lapic_icr(2, ICR_LOGICAL | ICR_FIXED | ICR_ASSERT | VECTOR_A);
    check(reaches(&taken[1], 4));
    irqs_off();
    check_eq(taken[0], 1);
    lapic_icr(77, ICR_FIXED | ICR_ASSERT | VECTOR_A); /* nobody */
}

static void check_nmi(void)
{
    nmis[0] = nmis[1] = 0;
    lapic_icr(vcpu_apic_id[1], ICR_NMI | ICR_ASSERT);
    check(reaches(&nmis[1], 1));
    lapic_icr(0, ICR_OTHERS | ICR_NMI | ICR_ASSERT);
    check(reaches(&nmis[1], 2));
    lapic_icr(vcpu_apic_id[0], ICR_NMI | ICR_ASSERT); /* to itself, by number */
    check(reaches(&nmis[0], 1));
    check_eq(hc_vcpu_op(VCPUOP_send_nmi, 1, 0), 0);
    check(reaches(&nmis[1], 3));
}

/* A vCPU that waits in HLT is woken by an interrupt. */
static volatile unsigned int woken;

static void sleeper(void *arg)
{
    (void)arg;
    lapic_enable();
    rounds++;
    while (!taken[1])
        halt();
    woken = 1;
}

static void check_again(void)
{
    stop = true;
    check(vcpu_wait(1, 10000));
    taken[1] = 0;
    vcpu_start_sipi(1, sleeper, NULL); /* it is down: INIT begins it anew */
    check(reaches(&rounds, 2));
    delay_us(3000);
    lapic_icr(vcpu_apic_id[1], ICR_FIXED | ICR_ASSERT | VECTOR_A);
    check(reaches(&woken, 1));
    check(vcpu_wait(1, 10000));
}

static bool own_upcall(struct regs *regs)
{
    (void)regs;
    taken[vcpu_id()]++;
    lapic_eoi();
    event_dispatch();
    return true;
}

static void check_upcalls(void)
{
    struct xen_hvm_evtchn_upcall_vector op = {.vcpu = 0, .vector = VECTOR_UPCALL_OWN};
    evtchn_port_t a, b;

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, a, &b), 0);
    port_clear(b);
    check_eq(event_unmask(b), 0);
    events_on();
    check_eq(event_send(a), 0);
    check_eq(event_count(b), 1);
    events_off();
    check_eq(event_send(a), 0);
    check_eq(event_count(b), 1); /* held back by the flag */
    events_on();
    cpu_relax();
    check_eq(event_count(b), 2);
    trap_hook(VECTOR_UPCALL_OWN, own_upcall);
    check_eq(hc_hvm_op(HVMOP_set_evtchn_upcall_vector, &op), 0);
    taken[0] = 0;
    check_eq(event_send(a), 0);
    check(reaches(&taken[0], 1));
    check_eq(event_count(b), 3);
    op.vector = 15;
    check_eq(hc_hvm_op(HVMOP_set_evtchn_upcall_vector, &op), -XEN_EINVAL);
    op.vector = VECTOR_UPCALL_OWN;
    op.vcpu = 99;
    check_eq(hc_hvm_op(HVMOP_set_evtchn_upcall_vector, &op), -XEN_ENOENT);
    check_eq(hc_hvm_op(HVMOP_set_evtchn_upcall_vector, BAD_POINTER), -XEN_EFAULT);
    events_off();
    check_eq(event_close(b), 0);
    check_eq(event_close(a), 0);
}

static void check_params(void)
{
    uint64_t value;

    check_eq(param_get(HVM_PARAM_CALLBACK_IRQ, &value), 0);
    check_eq(value, (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR_UPCALL);
    check_eq(param_get(HVM_PARAM_CONSOLE_PFN, &value), 0);
    check_eq(param_get(HVM_NR_PARAMS, &value), -XEN_EINVAL);
    check_eq(param_get(4, &value), -XEN_EINVAL);
    check_eq(param_set(HVM_PARAM_CONSOLE_PFN, 1), -XEN_EPERM);
    check_eq(param_set(HVM_PARAM_IOREQ_PFN, 1), -XEN_EPERM);
    check_eq(param_set(HVM_NR_PARAMS, 1), -XEN_EINVAL);
    check_eq(hc_hvm_op(HVMOP_get_param, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_hvm_op(77, 0), -XEN_ENOSYS);
}

void test_main(void)
{
    trap_hook(VECTOR_A, interrupt);
    trap_hook(VEC_NMI, nmi);
    lapic_enable();
    lapic_write(LAPIC_LDR, 1u << 24);
    check_params();
    check_sipi();
    check_fixed();
    check_nmi();
    check_again();
    check_upcalls();
    lapic_x2_enable();
    x2 = true;
    stop = false;
    vcpu_start_sipi(1, second, NULL);
    check(reaches(&rounds, 3));
    check_fixed();
    check_nmi();
    stop = true;
    check(vcpu_wait(1, 10000));
}
