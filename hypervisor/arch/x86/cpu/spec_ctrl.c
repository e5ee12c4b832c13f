/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mitigations are in force, and the ones that are not a few instructions in entry.S. Sources:
 * Intel, "Speculative Execution Side Channel Mitigations" (336996); AMD, "Software techniques for
 * managing speculation".
 *
 * Return stack: refilled on entry when ring 3 could steer our returns, that is without SMEP. IBRS:
 * written per entry where the CPU has no enhanced form that is set once. VERW: on the way out where
 * buffers leak (MDS). IBPB: when another domain comes to a CPU. Page tables that do not show us: on
 * CPUs with Meltdown.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/pv/isolate.h>
#include <asm/trapnr.h>
#include <boot/param.h>
#include <core/domain.h>

static bool disabled __initdata;
static unsigned int flags __read_mostly;
static bool ibpb_on_switch __read_mostly, ibrs_always __read_mostly;

/* xpti=, for domUs and dom0; -1: as the CPU needs it. */
static int xpti[2] __read_mostly = {-1, -1};

/* A list of: default, <boolean>, dom0=<either>, domu=<either>. */
static int __init parse_xpti(const char *value)
{
    char words[64], *comma;

    strlcpy(words, value, sizeof(words));
    for (char *word = words; word; word = comma) {
        bool dom0_only = strncmp(word, "dom0=", 5) == 0, domu_only = strncmp(word, "domu=", 5) == 0;
        const char *text = dom0_only || domu_only ? word + 5 : word;
        int on;

        comma = strchr(word, ',');
        if (comma)
            *comma++ = '\0';
        on = *text ? param_parse_bool(text) : 1;
        if (on < 0 && strcmp(text, "default"))
            return -EINVAL;
        if (!dom0_only)
            xpti[0] = on < 0 ? -1 : on;
        if (!domu_only)
            xpti[1] = on < 0 ? -1 : on;
    }
    return 0;
}
BOOT_PARAM_CUSTOM("xpti", xpti, parse_xpti);

static int __init parse_spec_ctrl(const char *value)
{
    disabled = param_parse_bool(value) == 0;
    return disabled ? 0 : -EINVAL;
}
BOOT_PARAM_CUSTOM("spec-ctrl", spec_ctrl, parse_spec_ctrl);

static const char *__init on_off(unsigned int on) { return on ? "on" : "off"; }

void __init spec_ctrl_init(void)
{
    bool ibrs = cpu_has(IBRSB) || cpu_has(IBRS);

    for (unsigned int i = 0; i < ARRAY_SIZE(xpti); i++)
        if (xpti[i] < 0)
            xpti[i] = boot_cpu.bug_meltdown && !disabled;
    log_info("mitigations: separate page tables (XPTI) for dom0 %s, for other PV guests %s\n", on_off(xpti[1]),
             on_off(xpti[0]));
    if (boot_cpu.bug_meltdown && !(xpti[0] && xpti[1]))
        log_warning("mitigations: this CPU has Meltdown; PV guests without XPTI can read all memory\n");
    if (disabled) {
        log_info("mitigations: all off (spec-ctrl=no)\n");
        return;
    }
    if (boot_cpu.bug_rsb && !cpu_has(SMEP))
        flags |= SCF_RSB;
    if (boot_cpu.bug_rsb)
        flags |= SCF_HVM_RSB;
    if (boot_cpu.bug_spectre_v2 && ibrs) {
        ibrs_always = boot_cpu.eibrs;
        if (!ibrs_always)
            flags |= SCF_IBRS_ENTRY;
    }
    ibpb_on_switch = cpu_has(IBRSB) || cpu_has(IBPB);
    if (boot_cpu.bug_mds && cpu_has(MD_CLEAR))
        flags |= SCF_VERW;
    if (boot_cpu.bug_l1tf && cpu_has(L1D_FLUSH) && !cpu_has(SKIP_L1DFL))
        flags |= SCF_HVM_L1D;
    log_info("mitigations: RSB refill %s, IBRS %s, VERW %s, IBPB %s, L1D flush for HVM %s\n", on_off(flags & SCF_RSB),
             ibrs_always              ? "always"
             : flags & SCF_IBRS_ENTRY ? "per entry"
                                      : "off",
             on_off(flags & SCF_VERW), on_off(ibpb_on_switch), on_off(flags & SCF_HVM_L1D));
}

void spec_ctrl_cpu_init(void)
{
    cpu_info()->spec_ctrl_flags = flags;
    if (ibrs_always)
        wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
    if (xpti[0] || xpti[1])
        isolate_cpu_init();
}

bool spec_ctrl_isolates(const struct domain *d) { return xpti[d->is_hardware]; }

static void empty_buffers(void)
{
    static const u16 selector = SEL_HYP_DS;

    if (flags & SCF_VERW)
        __asm__ __volatile__("verw %0" ::"m"(selector) : "cc");
}

void spec_ctrl_exit(void)
{
    if (flags & SCF_IBRS_ENTRY)
        wrmsr(MSR_SPEC_CTRL, 0);
    empty_buffers();
}

/* SPEC_CTRL while we run. */
static u64 own_spec_ctrl(void) { return ibrs_always || flags & SCF_IBRS_ENTRY ? SPEC_CTRL_IBRS : 0; }

void spec_ctrl_hvm_load(const struct vcpu *v)
{
    unsigned int *f = &cpu_info()->spec_ctrl_flags;

    *f = v->arch.hvm.spec_ctrl == own_spec_ctrl() ? *f & ~SCF_HVM_SPEC : *f | SCF_HVM_SPEC;
    if (flags & SCF_IBRS_ENTRY)
        wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

void spec_ctrl_hvm_enter(void) { wrmsr(MSR_SPEC_CTRL, own_spec_ctrl()); }

/* An HVM guest's page tables may hold anything: what L1TF could show is taken out of the L1 cache (Intel, "L1 Terminal
 * Fault", IA32_FLUSH_CMD). */
void spec_ctrl_hvm_exit(void)
{
    unsigned int now = cpu_info()->spec_ctrl_flags;

    if (now & SCF_HVM_L1D)
        wrmsr(MSR_FLUSH_CMD, 1);
    if (now & SCF_HVM_SPEC)
        wrmsr(MSR_SPEC_CTRL, current->arch.hvm.spec_ctrl);
    empty_buffers();
}

void spec_ctrl_switch(struct vcpu *next)
{
    if (ibpb_on_switch && !next->is_idle)
        wrmsr(MSR_PRED_CMD, 1);
}
