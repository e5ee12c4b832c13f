/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passive side of tests of two domains: offers pages to another domain and answers its events. The other
 * knows the references by their numbers (grant.h) and the port by the line that is printed.
 */
#include "guest.h"

static void answer(evtchn_port_t port) { event_send(port); }

void offer_to(domid_t dom)
{
    uint64_t *rw = page_alloc(), *ro = page_alloc();
    evtchn_port_t port;

    grant_init();
    rw[0] = 0x1111;
    ro[0] = 0x2222;
    grant_access(OFFER_RW, dom, virt_to_mfn(rw), 0);
    grant_access(OFFER_RO, dom, virt_to_mfn(ro), GTF_readonly);
    for (unsigned int i = 0; i < OFFER_RUN_PAGES; i++) {
        uint64_t *page = page_alloc();

        page[0] = i;
        grant_access(OFFER_RUN + i, dom, virt_to_mfn(page), 0);
    }
    check_eq(event_alloc(DOMID_SELF, dom, &port), 0);
    event_handler(port, answer);
    check_eq(event_unmask(port), 0);
    events_on();
    printk("port %u\n", port);
    for (;;) {
        events_off();
        events_wait();
    }
}
