/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of a PV guest: its trap table and callbacks (<xen/xen.h>, <xen/callback.h>). */
#include "guest.h"

uint64_t failsafe_selectors[4];

unsigned long fault_address(void) { return vcpu_info()->arch.cr2; }

bool events_masked(void) { return vcpu_info()->evtchn_upcall_mask; }

void events_mask_set(bool masked) { vcpu_info()->evtchn_upcall_mask = masked; }

void trap_entry(struct trap_info *info, unsigned int vector, unsigned int flags)
{
    info->vector = (uint8_t)vector;
    info->flags = (uint8_t)flags;
    info->cs = KERNEL_CS;
    info->address = (unsigned long)trap_stubs[vector];
}

static void callback_register(unsigned int type, char *entry)
{
    struct callback_register cb = {.type = (uint16_t)type, .address = (unsigned long)entry};

    if (type == CALLBACKTYPE_failsafe || type == CALLBACKTYPE_syscall)
        cb.flags = CALLBACKF_mask_events;
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
}

void trap_init(void)
{
    static struct trap_info table[40];
    unsigned int n = 0;

    for (unsigned int vector = 0; vector < 32; vector++) {
        bool from_user = vector == VEC_BP || vector == VEC_OF;

        if (vector != 2)
            trap_entry(&table[n++], vector, from_user ? 3 : 0);
    }
    trap_entry(&table[n++], 0x80, 3);
    check_eq(hc_set_trap_table(table), 0);
    callback_register(CALLBACKTYPE_event, event_callback);
    callback_register(CALLBACKTYPE_failsafe, failsafe_callback);
    callback_register(CALLBACKTYPE_syscall, syscall_callback);
    callback_register(CALLBACKTYPE_nmi, nmi_callback);
}
