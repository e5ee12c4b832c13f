/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which controls VT-x is run with on CPUs of several generations, what is said of those that are not good enough, and
 * the two forms of a segment's attributes.
 */
#include <arch/x86/hvm/vmx/controls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define BASIC         0x00da040000000004 /* 1024 bytes, write back, true controls */
#define PIN           0x0000007f00000016
#define PRIMARY       0xfff9fffe04006172
#define EXIT          0x01ffffff00036dfb
#define ENTRY         0x0003ffff000011fb
#define FIRMWARE_ON   5
#define FIRMWARE_OFF  1
#define EPT_WITHOUT_1 0x00000f0106114141
#define EPT_WITH_1G   0x00000f0106734141

static const struct cpu {
    const char *name, *reason;
    struct vmx_capability capability;
    bool vpid, scaling, rdtscp, ept_1g;
} cpus[] = {
    {"first kind (2006)",
     "this CPU's VT-x is of the first kind",
     {FIRMWARE_ON, 0x005a08000000000d, 0x0000003f00000016, 0xf7f9fffe0401e172, 0x4100000000, 0x0003ffff00036dff,
      0x00003fff000011ff, 0},
     0,
     0,
     0,
     0},
    {"EPT, but no unrestricted guest (2008)",
     "VT-x without EPT or unrestricted guests",
     {FIRMWARE_ON, BASIC, PIN, PRIMARY, 0x0000007b00000000, 0x007fffff00036dfb, 0x0000ffff000011fb, EPT_WITHOUT_1},
     0,
     0,
     0,
     0},
    {"first unrestricted guest (2010)",
     NULL,
     {FIRMWARE_ON, BASIC, PIN, PRIMARY, 0x000004ff00000000, 0x007fffff00036dfb, 0x0000ffff000011fb, EPT_WITHOUT_1},
     true,
     false,
     true,
     false},
    {"server of 2017",
     NULL,
     {FIRMWARE_ON, BASIC, PIN, PRIMARY, 0x035d7fff00000000, EXIT, ENTRY, EPT_WITH_1G},
     true,
     true,
     true,
     true},
    {"firmware left it open",
     NULL,
     {0, BASIC, PIN, PRIMARY, 0x035d7fff00000000, EXIT, ENTRY, EPT_WITH_1G},
     true,
     true,
     true,
     true},
    {"firmware shut it",
     "VT-x is switched off by the firmware",
     {FIRMWARE_OFF, BASIC, PIN, PRIMARY, 0x035d7fff00000000, EXIT, ENTRY, EPT_WITH_1G},
     0,
     0,
     0,
     0},
    {"no INVVPID for one guest",
     NULL,
     {FIRMWARE_ON, BASIC, PIN, PRIMARY, 0x035d7fff00000000, EXIT, ENTRY, 0x0000000106734141},
     false,
     true,
     true,
     true},
    {"write-back tables missing",
     "EPT without four levels of write-back tables",
     {FIRMWARE_ON, BASIC, PIN, PRIMARY, 0x035d7fff00000000, EXIT, ENTRY, 0x00000f0106730141},
     0,
     0,
     0,
     0},
    {"nested under something that forces CR3 exits",
     "VT-x without MSR bitmaps, secondary controls or a choice of exits",
     {FIRMWARE_ON, BASIC, PIN, 0xfff9fffe0401e172, 0x035d7fff00000000, EXIT, ENTRY, EPT_WITH_1G},
     0,
     0,
     0,
     0},
};

/* What a CPU accepts at VM entry: nothing that must be 1 is 0, nothing that may not be 1 is. */
static void accepted(u32 value, u64 allowed)
{
    assert_int_equal(value & (u32)allowed, (u32)allowed);
    assert_int_equal(value & ~(u32)(allowed >> 32), 0);
}

static void test_cpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++) {
        const struct cpu *cpu = &cpus[i];
        const struct vmx_capability *c = &cpu->capability;
        struct vmx_controls out;
        const char *reason = vmx_choose_controls(c, &out);

        if (cpu->reason) {
            assert_non_null(reason);
            assert_string_equal(reason, cpu->reason);
            continue;
        }
        if (reason)
            fail_msg("%s: %s", cpu->name, reason);
        accepted(out.pin, c->pin);
        accepted(out.primary, c->primary);
        accepted(out.secondary, c->secondary);
        accepted(out.exit, c->exit);
        accepted(out.entry, c->entry);
        assert_int_equal(out.revision, 4);
        assert_false(out.primary & (CPU1_CR3_LOAD | CPU1_CR3_STORE | CPU1_INTERRUPT_WINDOW));
        assert_int_equal(!!(out.secondary & CPU2_VPID), cpu->vpid);
        assert_int_equal(!!(out.secondary & CPU2_TSC_SCALING), cpu->scaling);
        assert_int_equal(!!(out.secondary & CPU2_RDTSCP), cpu->rdtscp);
        assert_true(out.ept_2m);
        assert_int_equal(out.ept_1g, cpu->ept_1g);
    }
}

/* Fields come in groups by their encoding; a wrong digit shows. */
static void test_encodings(void **state)
{
    static const struct {
        u32 from, to, width, kind;
    } groups[] = {
        {VMCS_VPID, VMCS_VPID, 0, 0},
        {VMCS_GUEST_SEL, VMCS_GUEST_SEL + 14, 0, 2},
        {VMCS_HOST_CS, VMCS_HOST_TR, 0, 3},
        {VMCS_MSR_BITMAP, VMCS_TSC_MULTIPLIER, 1, 0},
        {VMCS_GUEST_PHYSICAL, VMCS_GUEST_PHYSICAL, 1, 1},
        {VMCS_LINK, VMCS_GUEST_PDPTE + 6, 1, 2},
        {VMCS_HOST_PAT, VMCS_HOST_EFER, 1, 3},
        {VMCS_PIN_CONTROLS, VMCS_SECONDARY_CONTROLS, 2, 0},
        {VMCS_INSN_ERROR, VMCS_EXIT_INSN_LENGTH, 2, 1},
        {VMCS_GUEST_LIMIT, VMCS_GUEST_SYSENTER_CS, 2, 2},
        {VMCS_HOST_SYSENTER_CS, VMCS_HOST_SYSENTER_CS, 2, 3},
        {VMCS_CR0_MASK, VMCS_CR4_SHADOW, 3, 0},
        {VMCS_EXIT_QUALIFICATION, VMCS_EXIT_QUALIFICATION, 3, 1},
        {VMCS_GUEST_CR0, VMCS_GUEST_SYSENTER_EIP, 3, 2},
        {VMCS_HOST_CR0, VMCS_HOST_RIP, 3, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (u32 field = groups[i].from; field <= groups[i].to; field += 2) {
            assert_int_equal(field >> 13 & 3, groups[i].width);
            assert_int_equal(field >> 10 & 3, groups[i].kind);
            assert_int_equal(field & 1, 0);
        }
    assert_int_equal(VMCS_GUEST_LIMIT + 2 * 10, VMCS_GUEST_RIGHTS);
    assert_int_equal(VMCS_GUEST_RIGHTS + 2 * 8, VMCS_GUEST_INTERRUPTIBILITY);
    assert_int_equal(VMCS_GUEST_BASE + 2 * 10, VMCS_GUEST_DR7);
}

static void test_segments(void **state)
{
    (void)state;
    assert_int_equal(vmx_rights(HVM_CS, 0xa9b), 0xa09b); /* 64-bit code */
    assert_int_equal(vmx_rights(HVM_CS, 0x09a), 0x09b);  /* accessed, or VM entry fails */
    assert_int_equal(vmx_rights(HVM_DS, 0xc93), 0xc093);
    assert_int_equal(vmx_rights(HVM_DS, 0), RIGHTS_UNUSABLE);
    assert_int_equal(vmx_rights(HVM_SS, 0x60), RIGHTS_UNUSABLE | 0x60);
    assert_int_equal(vmx_rights(HVM_LDTR, 0x82), 0x82);
    assert_int_equal(vmx_rights(HVM_TR, 0x89), 0x8b);
    assert_int_equal(vmx_rights(HVM_TR, 0x81), 0x83);
    for (u32 attr = 0x80; attr < 0x1000; attr = (attr + 1) | 0x80)
        assert_int_equal(vmx_attr(HVM_ES, vmx_rights(HVM_ES, attr)), attr & 0x10 ? attr | 1 : attr);
    assert_int_equal(vmx_attr(HVM_DS, RIGHTS_UNUSABLE | 0xc093), 0);
    assert_int_equal(vmx_attr(HVM_SS, RIGHTS_UNUSABLE | 0xc0f3), 0x60);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
