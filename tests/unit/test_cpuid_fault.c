/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID of a PV guest's ring 3 on a CPU that can be told to fault it, which the emulator is not: for whom it is turned
 * on, how the instruction is answered, and the two registers by which a guest does the same to its own programs.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/pv/pv.h>
#include <asm/system.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <mm/guest_access.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct cpu_identity boot_cpu;
unsigned long percpu_offset[NR_CPUS];

/* ---- what the files under test call ---- */

void policy_cpuid(const struct vcpu *v, struct cpu_user_regs *regs)
{
    u32 leaf = regs->rax, subleaf = regs->rcx;

    (void)v;
    regs->rax = leaf + 1;
    regs->rbx = leaf + 2;
    regs->rcx = subleaf + 3;
    regs->rdx = subleaf + 4;
}

size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    memcpy(dst, src, n);
    return 0;
}

#define NOT_CALLED(type, name, ...)          \
    type name(__VA_ARGS__);                  \
    type name(__VA_ARGS__)                   \
    {                                        \
        fail_msg("%s was called", __func__); \
        __builtin_unreachable();             \
    }
NOT_CALLED(bool, policy_has, const struct domain *d __unused, unsigned int f __unused)
NOT_CALLED(bool, rdmsr_safe, u32 msr __unused, u64 *val __unused)
NOT_CALLED(unsigned long, do_get_debugreg, int reg __unused)
NOT_CALLED(long, do_set_debugreg, int reg __unused, unsigned long val __unused)
NOT_CALLED(int, fpu_set_xcr0, struct vcpu *v __unused, u64 val __unused)
NOT_CALLED(bool, hypercall_preempt_check, void)
NOT_CALLED(void, pv_inject_page_fault, struct vcpu *v __unused, struct cpu_user_regs *r __unused,
           unsigned long cr2 __unused, u32 code __unused)
NOT_CALLED(void, pv_inject_trap, struct vcpu *v __unused, struct cpu_user_regs *r __unused, unsigned int n __unused,
           u32 code __unused)
NOT_CALLED(bool, pv_io_allowed, struct vcpu *v __unused, u16 port __unused, unsigned int size __unused)
NOT_CALLED(u32, pv_io_read, struct vcpu *v __unused, u16 port __unused, unsigned int size __unused)
NOT_CALLED(void, pv_io_write, struct vcpu *v __unused, u16 port __unused, unsigned int size __unused, u32 val __unused)
NOT_CALLED(int, pv_new_root, struct vcpu *v __unused, unsigned long mfn __unused, bool user __unused)
NOT_CALLED(int, pv_finish_puts_slow, struct vcpu *v __unused)
NOT_CALLED(int, pv_set_base, struct vcpu *v __unused, u32 msr __unused, u64 base __unused)
NOT_CALLED(long, do_fpu_taskswitch, int set __unused)
NOT_CALLED(unsigned long, pv_real_cr4, const struct vcpu *v __unused)
NOT_CALLED(size_t, raw_copy_to_guest, void __guest *dst __unused, const void *src __unused, size_t n __unused)

/* ---- tests ---- */

static struct domain hardware = {.is_hardware = true}, domu;
static struct vcpu v;

static int machine_can(void **state)
{
    (void)state;
    boot_cpu = (struct cpu_identity){.vendor = CPU_VENDOR_INTEL, .cpuid_faulting = true};
    v = (struct vcpu){.domain = &domu};
    return 0;
}

static void for_whom(void **state)
{
    (void)state;
    assert_true(pv_cpuid_faults(&domu));
    assert_false(pv_cpuid_faults(&hardware));
    boot_cpu.cpuid_faulting = false;
    assert_false(pv_cpuid_faults(&domu));
}

/* Is a CPUID after a #GP carried out? Then by the policy. */
static bool carried_out(bool kernel_mode)
{
    static const u8 code[16] = {0x0f, 0xa2};
    struct cpu_user_regs regs = {.rip = (u64)code, .cs = SEL_R3_CS64, .rax = 0x100000007, .rcx = 0x20};

    v.arch.pv.kernel_mode = kernel_mode;
    if (!pv_emulate_privileged(&v, &regs)) {
        assert_int_equal(regs.rip, (u64)code);
        assert_int_equal(regs.rax, 0x100000007);
        return false;
    }
    assert_int_equal(regs.rip, (u64)code + 2);
    assert_int_equal(regs.rax, 8);
    assert_int_equal(regs.rbx, 9);
    assert_int_equal(regs.rcx, 0x23);
    assert_int_equal(regs.rdx, 0x24);
    return true;
}

static void answered(void **state)
{
    (void)state;
    assert_true(carried_out(true));
    assert_true(carried_out(false));
}

static void guest_asks_for_it(void **state)
{
    u64 val;

    (void)state;
    assert_int_equal(pv_msr_read(&v, MSR_PLATFORM_INFO, &val), 0);
    assert_int_equal(val, PLATFORM_CPUID_FAULTING);
    assert_int_equal(pv_msr_write(&v, MSR_PLATFORM_INFO, val), -EINVAL);
    assert_int_equal(pv_msr_read(&v, MSR_MISC_FEATURES, &val), 0);
    assert_int_equal(val, 0);
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 3), -EINVAL);
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 1), 0);
    assert_int_equal(pv_msr_read(&v, MSR_MISC_FEATURES, &val), 0);
    assert_int_equal(val, 1);
    assert_true(carried_out(true));
    assert_false(carried_out(false));
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 0), 0);
    assert_true(carried_out(false));
}

/* dom0, and a CPU without: nothing to turn on, but nothing may be written. AMD has no such registers. */
static void not_there(void **state)
{
    u64 val;

    (void)state;
    v.domain = &hardware;
    assert_int_equal(pv_msr_read(&v, MSR_PLATFORM_INFO, &val), 0);
    assert_int_equal(val, 0);
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 1), -EINVAL);
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 0), 0);
    boot_cpu.vendor = CPU_VENDOR_AMD;
    assert_int_equal(pv_msr_read(&v, MSR_PLATFORM_INFO, &val), -EINVAL);
    assert_int_equal(pv_msr_read(&v, MSR_MISC_FEATURES, &val), -EINVAL);
    assert_int_equal(pv_msr_write(&v, MSR_MISC_FEATURES, 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(for_whom, machine_can),
        cmocka_unit_test_setup(answered, machine_can),
        cmocka_unit_test_setup(guest_asks_for_it, machine_can),
        cmocka_unit_test_setup(not_there, machine_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
