/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting the hypervisor's console ring (XEN_SYSCTL_readconsole, sysctl.h) whenever it says that
 * there is more (VIRQ_CON_RING). Called from main.c when --log=hv or --log=all.
 */
#include "hv_log.h"

#include <xen/xen.h>

#include "console_log.h"
#include "lib/daemon_xen.h"

static struct console_log hv_log = {.fd = -1};
static uint32_t position;

int hv_log_start(const char *dir, bool stamps)
{
    console_log_open(&hv_log, dir, "hypervisor", stamps);
    hv_log_collect();
    return xen_event_bind_virq(VIRQ_CON_RING);
}

void hv_log_collect(void)
{
    char data[16384];
    long got;

    while ((got = xen_read_console(data, sizeof(data), &position)) > 0)
        console_log_write(&hv_log, data, got);
}

void hv_log_reopen(void) { console_log_reopen(&hv_log); }
