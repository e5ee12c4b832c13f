/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of VT-x controls (controls.h). Sources: Intel SDM vol. 3, 24.7, 25.6 to 25.8, appendix A;
 * segments: 25.4.1, 27.3.1.2.
 */
#include <arch/x86/hvm/vmx/controls.h>

#define BASIC_SIZE(basic)      ((basic) >> 32 & 0x1fff)
#define BASIC_32BIT            (1UL << 48)
#define BASIC_MEMORY(basic)    ((basic) >> 50 & 15)
#define BASIC_TRUE_CONTROLS    (1UL << 55)
#define MEMORY_WRITE_BACK      6
#define EPT_CAP_NEEDED         (EPT_CAP_4_LEVELS | EPT_CAP_WRITE_BACK | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ONE)
#define EPT_CAP_INVVPID_NEEDED (EPT_CAP_INVVPID | EPT_CAP_INVVPID_ONE)

/* One word of controls: what we cannot do without, what we take if it is there, what must not be forced on us. */
struct choice {
    u32 needed, wanted, harmful;
    const char *name;
};

static const struct choice pin = {PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI, 0, 0,
                                  "VT-x without virtual NMIs"};
static const struct choice primary = {
    CPU1_TSC_OFFSET | CPU1_HLT | CPU1_MWAIT | CPU1_RDPMC | CPU1_CR8_LOAD | CPU1_CR8_STORE | CPU1_MOV_DR | CPU1_ALL_IO |
        CPU1_MSR_BITMAP | CPU1_MONITOR | CPU1_SECONDARY,
    0, CPU1_INTERRUPT_WINDOW | CPU1_INVLPG | CPU1_RDTSC | CPU1_CR3_LOAD | CPU1_CR3_STORE | CPU1_NMI_WINDOW,
    "VT-x without MSR bitmaps, secondary controls or a choice of exits"};
static const struct choice secondary = {CPU2_EPT | CPU2_UNRESTRICTED_GUEST | CPU2_WBINVD,
                                        CPU2_RDTSCP | CPU2_VPID | CPU2_PAUSE_LOOP | CPU2_INVPCID | CPU2_TSC_SCALING, 0,
                                        "VT-x without EPT or unrestricted guests"};
static const struct choice on_exit = {EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_LOAD_PAT | EXIT_LOAD_EFER, 0, 0,
                                      "VT-x that does not switch PAT and EFER"};
static const struct choice on_entry = {ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, 0, ENTRY_LONG_MODE,
                                       "VT-x that does not switch PAT and EFER"};

/* NULL, or the name of what is missing. */
static const char *choose(const struct choice *c, u64 allowed, u32 *out)
{
    u32 must = allowed, may = allowed >> 32;

    *out = must | c->needed | (c->wanted & may);
    return *out & ~may || must & c->harmful ? c->name : NULL;
}

const char *vmx_choose_controls(const struct vmx_capability *c, struct vmx_controls *out)
{
    const char *missing;

    if (c->feature_control & FEATURE_CONTROL_LOCKED && !(c->feature_control & FEATURE_CONTROL_VMX))
        return "VT-x is switched off by the firmware";
    if (!(c->basic & BASIC_TRUE_CONTROLS) || c->basic & BASIC_32BIT || BASIC_SIZE(c->basic) > PAGE_SIZE ||
        BASIC_MEMORY(c->basic) != MEMORY_WRITE_BACK)
        return "this CPU's VT-x is of the first kind";
    if ((missing = choose(&pin, c->pin, &out->pin)) || (missing = choose(&primary, c->primary, &out->primary)) ||
        (missing = choose(&secondary, c->secondary, &out->secondary)) ||
        (missing = choose(&on_exit, c->exit, &out->exit)) || (missing = choose(&on_entry, c->entry, &out->entry)))
        return missing;
    if ((c->ept_vpid & EPT_CAP_NEEDED) != EPT_CAP_NEEDED)
        return "EPT without four levels of write-back tables";
    if ((c->ept_vpid & EPT_CAP_INVVPID_NEEDED) != EPT_CAP_INVVPID_NEEDED)
        out->secondary &= ~CPU2_VPID;
    out->revision = c->basic & 0x7fffffff;
    out->ept_2m = c->ept_vpid & EPT_CAP_2M;
    out->ept_1g = c->ept_vpid & EPT_CAP_1G;
    return NULL;
}

u32 vmx_rights(enum hvm_segment_name n, u16 attr)
{
    u32 rights = (attr & 0xff) | (attr & 0xf00) << 4;

    if (n == HVM_TR)
        return rights | HVM_ATTR_P | 2;
    if (!(attr & HVM_ATTR_P))
        return (attr & HVM_ATTR_DPL) | RIGHTS_UNUSABLE;
    return attr & HVM_ATTR_S ? rights | 1 : rights;
}

u16 vmx_attr(enum hvm_segment_name n, u32 rights)
{
    if (rights & RIGHTS_UNUSABLE)
        return n == HVM_SS ? rights & HVM_ATTR_DPL : 0;
    return (rights & 0xff) | (rights >> 4 & 0xf00);
}
