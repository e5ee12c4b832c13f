/* SPDX-License-Identifier: Apache-2.0 */
/* The first C of a PV guest: what the start info page says (<xen/xen.h>, struct start_info). */
#include "guest.h"

void guest_start(start_info_t *start);

void console_find(void)
{
    guest.console_ring = mfn_to_virt(guest.start->console.domU.mfn);
    guest.console_port = guest.start->console.domU.evtchn;
}

/* Called by the first instructions, on vCPU 0's stack. */
void guest_start(start_info_t *start)
{
    guest.start = start;
    guest.is_dom0 = start->flags & SIF_INITDOMAIN;
    guest.args = (const char *)start->cmd_line;
    guest_run();
}
