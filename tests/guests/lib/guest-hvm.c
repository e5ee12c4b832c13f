/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first C of an HVM guest: the hypercall page, by the MSR that the hypervisor's CPUID leaves
 * name, the shared info page, the console ring by its parameters; start info of PVH
 * (<xen/arch-x86/hvm/start_info.h>).
 */
#include "guest.h"

static uint8_t shared_info_page[PAGE_SIZE] __attribute__((aligned(4096)));
extern uint8_t hypercall_insn[];

void guest_start(uint32_t start_info);

uint32_t xen_leaf(void)
{
    for (uint32_t leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
        struct cpuid r = cpuid(leaf, 0);

        if (r.ebx == 0x566e6558 && r.ecx == 0x65584d4d && r.edx == 0x4d4d566e && r.eax >= leaf + 2)
            return leaf;
    }
    test_error("no hypervisor that calls itself Xen");
}

bool hypercall_by_vmmcall(void) { return hypercall_insn[2] == 0xd9; }

/* The page is filled by a write of its address to the MSR; each entry holds the instruction. */
static void hypercall_page_install(void)
{
    struct cpuid r = cpuid(xen_leaf() + 2, 0);

    wrmsr(r.ebx, (unsigned long)hypercall_page);
    for (unsigned int i = 0; i < 29; i++)
        if (hypercall_page[i] == 0x0f && hypercall_page[i + 1] == 0x01)
            hypercall_insn[2] = hypercall_page[i + 2];
}

long param_get(uint32_t index, uint64_t *value)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};
    long rc = hc_hvm_op(HVMOP_get_param, &param);

    *value = param.value;
    return rc;
}

long param_set(uint32_t index, uint64_t value)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index, .value = value};

    return hc_hvm_op(HVMOP_set_param, &param);
}

long physmap_add(unsigned int space, unsigned long index, uint64_t gfn)
{
    struct xen_add_to_physmap op = {.domid = DOMID_SELF, .space = space, .idx = index, .gpfn = (xen_pfn_t)gfn};

    return hc_memory_op(XENMEM_add_to_physmap, &op);
}

long physmap_remove(uint64_t gfn)
{
    struct xen_remove_from_physmap op = {.domid = DOMID_SELF, .gpfn = (xen_pfn_t)gfn};

    return hc_memory_op(XENMEM_remove_from_physmap, &op);
}

shared_info_t *map_shared_info(void)
{
    if (physmap_add(XENMAPSPACE_shared_info, 0, virt_to_pfn(shared_info_page)))
        test_error("the shared info page could not be mapped");
    return (shared_info_t *)shared_info_page;
}

void console_find(void)
{
    uint64_t pfn, port;

    if (arg_present("e9") || param_get(HVM_PARAM_CONSOLE_PFN, &pfn) || param_get(HVM_PARAM_CONSOLE_EVTCHN, &port))
        return;
    guest.console_ring = pfn_to_virt(pfn);
    guest.console_port = (evtchn_port_t)port;
}

/* Called by the first instructions, on vCPU 0's stack. */
void guest_start(uint32_t start_info)
{
    guest.boot = (struct hvm_start_info *)(unsigned long)start_info;
    guest.args = (const char *)(unsigned long)guest.boot->cmdline_paddr;
    if (arg_present("e9"))
        printk("The guest's first line\n");
    trap_load(0);
    hypercall_page_install();
    guest_run();
}
