/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the hypervisor's own symbols as it tells them to dom0 (XENPF_get_symbol), "symbol ADDRESS NAME" a line: for
 * ./bench, which says by them what an operation's instructions are spent on. Skipped where the hypervisor does not tell
 * them.
 */
#include "lib/guest.h"
#include <xen/platform.h>

const char test_title[] = "the hypervisor's symbols";

void test_main(void)
{
    static char name[128];
    struct xen_platform_op op = {.cmd = XENPF_get_symbol, .interface_version = XENPF_INTERFACE_VERSION};
    struct xenpf_symdata *symbol = &op.u.symdata;

    set_xen_guest_handle(symbol->name, name);
    for (uint32_t before = ~0u; symbol->symnum != before;) {
        before = symbol->symnum;
        symbol->namelen = sizeof(name);
        if (hypercall(__HYPERVISOR_platform_op, (unsigned long)&op, 0, 0, 0, 0))
            test_skip("the hypervisor tells no symbols");
        if (symbol->type == 't' || symbol->type == 'T')
            printk("symbol %lx %s\n", symbol->address, name);
    }
}
