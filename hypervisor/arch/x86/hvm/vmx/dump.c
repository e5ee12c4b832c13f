/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMCS for the log: what one needs to see why a guest does not go on.
 */
#include <arch/x86/hvm/vmx/vmx.h>
#include <lib/lib.h>

static const struct {
    const char *name;
    u32 field;
} fields[] = {
    {"reason", VMCS_EXIT_REASON},
    {"qualification", VMCS_EXIT_QUALIFICATION},
    {"gpa", VMCS_GUEST_PHYSICAL},
    {"exit event", VMCS_EXIT_EVENT},
    {"interrupted event", VMCS_IDT_EVENT},
    {"entry event", VMCS_ENTRY_EVENT},
    {"RIP", VMCS_GUEST_RIP},
    {"RSP", VMCS_GUEST_RSP},
    {"RFLAGS", VMCS_GUEST_RFLAGS},
    {"CR0", VMCS_GUEST_CR0},
    {"CR0 seen", VMCS_CR0_SHADOW},
    {"CR3", VMCS_GUEST_CR3},
    {"CR4", VMCS_GUEST_CR4},
    {"CR4 seen", VMCS_CR4_SHADOW},
    {"EFER", VMCS_GUEST_EFER},
    {"DR7", VMCS_GUEST_DR7},
    {"interruptibility", VMCS_GUEST_INTERRUPTIBILITY},
    {"activity", VMCS_GUEST_ACTIVITY},
    {"pending #DB", VMCS_GUEST_PENDING_DEBUG},
    {"entry controls", VMCS_ENTRY_CONTROLS},
    {"primary controls", VMCS_PRIMARY_CONTROLS},
    {"secondary controls", VMCS_SECONDARY_CONTROLS},
    {"TSC offset", VMCS_TSC_OFFSET},
};

void vmx_dump(struct vcpu *v)
{
    static const char segment[][5] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};
    unsigned long flags = vmcs_begin(v);

    log_info("d%dv%u: VMCS\n", v->domain->id, v->id);
    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        log_info("  %s %#lx\n", fields[i].name, vmread(fields[i].field));
    for (unsigned int i = 0; i < ARRAY_SIZE(segment); i++)
        log_info("  %s %#lx base %#lx limit %#lx rights %#lx\n", segment[i], vmread(VMCS_GUEST_SEL + 2 * i),
                 vmread(VMCS_GUEST_BASE + 2 * i), vmread(VMCS_GUEST_LIMIT + 2 * i), vmread(VMCS_GUEST_RIGHTS + 2 * i));
    vmcs_end(v, flags);
}
