/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A level line that nobody quietens, by the ACPI timer's status on the SCI (ACPI 6.4, 4.8.3.1; its ports as QEMU's q35
 * has them): dom0 says of each interrupt that it has served the device, and the line comes again at once. dom0 gets on
 * with its work nevertheless; when the device is quiet, so is the line.
 */
#include "lib/guest.h"

#include <xen/physdev.h>

const char test_title[] = "a line that nobody quietens";

#define SCI     9
#define PM1_STS 0x600
#define PM1_EN  0x602
#define TMR     1 /* the timer's highest bit has changed: every 2.3 seconds */

static volatile unsigned int told;

static void outw(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "d"(port)); }

static void served(evtchn_port_t port __attribute__((unused)))
{
    struct physdev_eoi eoi = {.irq = SCI};

    told++;
    hc_physdev_op(PHYSDEVOP_eoi, &eoi);
}

/* Does it come again while this vCPU counts so far? */
static unsigned int told_during(unsigned long count)
{
    unsigned int before = told;

    for (unsigned long i = 0; i < count; i++)
        barrier();
    return told - before;
}

void test_main(void)
{
    struct evtchn_bind_pirq bind = {.pirq = SCI};
    struct physdev_set_iopl iopl = {.iopl = 1};
    static xen_extraversion_t extra;

    hc_xen_version(XENVER_extraversion, &extra);
    if (extra[1] != 'o')
        test_skip("real Xen comes to nothing else: it tells of the line again before dom0 executes an instruction");
    events_off();
    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    outw(PM1_EN, 0);
    check_eq(hc_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0);
    event_handler(bind.port, served);
    check_eq(event_unmask(bind.port), 0);
    events_on();
    check_eq(told_during(1000000), 0);
    outw(PM1_EN, TMR);
    while (!told)
        cpu_relax();
    check(told_during(10000000) > 1000);
    outw(PM1_EN, 0);
    outw(PM1_STS, TMR);
    told_during(1000000);
    check_eq(told_during(10000000), 0);
    check_eq(event_close(bind.port), 0);
}
