/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching VT-x on: can the first CPU, can each other one do what the first can. Source: Intel SDM vol. 3, 24.6
 * to 24.8, 25.6.9 (MSR bitmaps), appendix A.
 */
#include <arch/x86/cpu/control.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/vmx/vmx.h>
#include <mm/heap.h>

struct vmx_controls vmx_controls __read_mostly;
paddr_t vmx_msr_bitmap __read_mostly;

static struct vmx_capability first_cpu __initdata;

static void read_capability(struct vmx_capability *c)
{
    *c = (struct vmx_capability){.feature_control = rdmsr(MSR_FEATURE_CONTROL), .basic = rdmsr(MSR_VMX_BASIC)};
    if (!(rdmsr_safe(MSR_VMX_TRUE_PIN, &c->pin) && rdmsr_safe(MSR_VMX_TRUE_PRIMARY, &c->primary) &&
          rdmsr_safe(MSR_VMX_TRUE_EXIT, &c->exit) && rdmsr_safe(MSR_VMX_TRUE_ENTRY, &c->entry)))
        return;
    if (rdmsr_safe(MSR_VMX_SECONDARY, &c->secondary) && c->secondary >> 32 & CPU2_EPT)
        rdmsr_safe(MSR_VMX_EPT_VPID, &c->ept_vpid);
}

/* Neither reading nor writing these exits: bit = 0 (four kilobytes: reads of low and high MSRs, writes of both). */
static int __init make_msr_bitmap(void)
{
    u8 *bitmap = page_alloc(0);

    if (!bitmap)
        return -ENOMEM;
    memset(bitmap, 0xff, PAGE_SIZE);
    for (unsigned int i = 0; i < HVM_DIRECT_MSRS; i++) {
        u32 msr = hvm_direct_msrs[i], byte = (msr >> 31) * 1024 + (msr & 0x1fff) / 8, bit = 1U << msr % 8;

        bitmap[byte] &= ~bit;
        bitmap[2048 + byte] &= ~bit;
    }
    vmx_msr_bitmap = virt_to_paddr(bitmap);
    return 0;
}

const char *__init vmx_probe(void)
{
    const char *lacks;

    if (!cpu_has(VMX))
        return "the CPU has no VT-x";
    read_capability(&first_cpu);
    lacks = vmx_choose_controls(&first_cpu, &vmx_controls);
    if (lacks)
        return lacks;
    if (make_msr_bitmap())
        return "no memory";
    log_info("VT-x: EPT to %s, VPID %s, TSC scaling %s; posted interrupts not used\n",
             vmx_controls.ept_1g   ? "1 GB"
             : vmx_controls.ept_2m ? "2 MB"
                                   : "4 kB",
             vmx_controls.secondary & CPU2_VPID ? "on" : "off",
             vmx_controls.secondary & CPU2_TSC_SCALING ? "on" : "off");
    return NULL;
}

/* The same choice must come out here as on the first CPU. */
int vmx_cpu_up(void)
{
    struct vmx_capability c;
    struct vmx_controls mine = {};
    u32 *region;
    paddr_t pa;
    u8 failed;

    read_capability(&c);
    if (vmx_choose_controls(&c, &mine) || memcmp(&mine, &vmx_controls, sizeof(mine)))
        return -ENODEV;
    if (!(c.feature_control & FEATURE_CONTROL_LOCKED))
        wrmsr(MSR_FEATURE_CONTROL, c.feature_control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
    if ((read_cr0() & rdmsr(MSR_VMX_CR0_FIXED0)) != rdmsr(MSR_VMX_CR0_FIXED0))
        return -ENODEV;
    region = page_alloc(0);
    if (!region)
        return -ENOMEM;
    *region = vmx_controls.revision;
    pa = virt_to_paddr(region);
    mmu_cr4 |= X86_CR4_VMXE;
    cpu_info()->cr4 |= X86_CR4_VMXE;
    write_cr4(cpu_info()->cr4);
    vmx_note_host_msrs();
    __asm__ __volatile__("vmxon %1; setna %0" : "=qm"(failed) : "m"(pa) : "cc", "memory");
    return failed ? -EIO : 0;
}
