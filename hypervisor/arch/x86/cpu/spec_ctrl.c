/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mitigations are in force, and the ones that are not a few instructions in entry.S. Sources:
 * Intel, "Speculative Execution Side Channel Mitigations" (336996); AMD, "Software techniques for
 * managing speculation".
 *
 * Return stack: refilled on entry when ring 3 could steer our returns, that is without SMEP. IBRS:
 * written per entry where the CPU has no enhanced form that is set once. VERW: on the way out where
 * buffers leak (MDS). IBPB: when another domain comes to a CPU.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <asm/trapnr.h>
#include <boot/param.h>
#include <core/domain.h>
#include <lib/lib.h>

static bool disabled __initdata;
static unsigned int flags __read_mostly;
static bool ibpb_on_switch __read_mostly, ibrs_always __read_mostly;

static int __init parse_spec_ctrl(const char *value)
{
    if (strcmp(value, "no") && strcmp(value, "off") && strcmp(value, "false") && strcmp(value, "0"))
        return -EINVAL;
    disabled = true;
    return 0;
}
BOOT_PARAM_CUSTOM("spec-ctrl", spec_ctrl, parse_spec_ctrl);

void __init spec_ctrl_init(void)
{
    bool ibrs = cpu_has(IBRSB) || cpu_has(IBRS);

    if (disabled) {
        log_info("mitigations: all off (spec-ctrl=no)\n");
        return;
    }
    if (boot_cpu.bug_rsb && !cpu_has(SMEP))
        flags |= SCF_RSB;
    if (boot_cpu.bug_spectre_v2 && ibrs) {
        ibrs_always = boot_cpu.eibrs;
        if (!ibrs_always)
            flags |= SCF_IBRS_ENTRY;
    }
    ibpb_on_switch = cpu_has(IBRSB) || cpu_has(IBPB);
    if (boot_cpu.bug_mds && cpu_has(MD_CLEAR))
        flags |= SCF_VERW;
    if (boot_cpu.bug_meltdown)
        log_warning("mitigations: this CPU has Meltdown; PV guests can read all memory "
                    "(their page tables are not separate)\n");
    log_info("mitigations: RSB refill %s, IBRS %s, VERW %s, IBPB %s\n", flags & SCF_RSB ? "on" : "off",
             ibrs_always              ? "always"
             : flags & SCF_IBRS_ENTRY ? "per entry"
                                      : "off",
             flags & SCF_VERW ? "on" : "off", ibpb_on_switch ? "on" : "off");
}

void spec_ctrl_cpu_init(void)
{
    cpu_info()->spec_ctrl_flags = flags;
    if (ibrs_always)
        wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

void spec_ctrl_exit(struct cpu_user_regs *regs __unused)
{
    static const u16 selector = SEL_HYP_DS;

    if (flags & SCF_IBRS_ENTRY)
        wrmsr(MSR_SPEC_CTRL, 0);
    if (flags & SCF_VERW)
        __asm__ __volatile__("verw %0" ::"m"(selector) : "cc");
}

void spec_ctrl_switch(struct vcpu *next)
{
    if (ibpb_on_switch && !next->is_idle)
        wrmsr(MSR_PRED_CMD, 1);
}
