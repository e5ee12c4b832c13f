/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A count of what guests take from a host, for the leak test: free pages, domains (dying ones too),
 * event channels that dom0 holds, pages that dom0 owns. Runs in dom0 over the stock libxenctrl, so
 * that the figures come by the same way on Orlop and on Xen. Prints one line of name=value pairs;
 * the test compares lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <xenctrl.h>

enum { PORTS_MOST = 4096, DOMAINS_MOST = 256 };

static int count_ports(xc_interface *xc)
{
    int used = 0;

    for (unsigned int port = 1; port < PORTS_MOST; port++) {
        xc_evtchn_status_t status = {.dom = 0, .port = port};

        if (xc_evtchn_status(xc, &status) < 0)
            break;
        if (status.status != EVTCHNSTAT_closed)
            used++;
    }
    return used;
}

int main(void)
{
    static xc_domaininfo_t domains[DOMAINS_MOST];
    xc_physinfo_t host;
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);

    if (!xc || xc_physinfo(xc, &host) < 0) {
        perror("census");
        return 1;
    }
    int count = xc_domain_getinfolist(xc, 0, DOMAINS_MOST, domains);
    if (count < 1) {
        perror("census: domain list");
        return 1;
    }
    printf("pages=%lu domains=%d ports=%d dom0=%lu\n", (unsigned long)(host.free_pages + host.scrub_pages), count,
           count_ports(xc), (unsigned long)domains[0].tot_pages);
    return 0;
}
