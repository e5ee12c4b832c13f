/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0: how much memory and how many vCPUs it gets, what of the machine is its, and its start. The
 * address space itself is built by arch/x86/pv/dom0_build.c. Options as Xen's:
 * dom0_mem=[min:SIZE,][max:SIZE,][SIZE], dom0_max_vcpus=N.
 */
#include <arch/arch.h>
#include <arch/x86/pv/dom0_build.h>
#include <boot/boot.h>
#include <boot/image.h>
#include <boot/param.h>
#include <core/rangeset.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/domctl.h>

#define MB(pages) ((pages) >> (20 - PAGE_SHIFT))

/* Bytes; 0: not given. */
static u64 dom0_mem __initdata, dom0_mem_min __initdata, dom0_mem_max __initdata;
static unsigned int max_vcpus __initdata;
BOOT_PARAM_UINT("dom0_max_vcpus", dom0_max_vcpus, max_vcpus);

static int __init parse_dom0_mem(const char *s)
{
    for (;; s++) {
        u64 *bytes = !strncmp(s, "min:", 4) ? &dom0_mem_min : !strncmp(s, "max:", 4) ? &dom0_mem_max : &dom0_mem;

        if (param_parse_size(bytes == &dom0_mem ? s : s + 4, &s, bytes))
            return -EINVAL;
        if (*s != ',')
            return *s ? -EINVAL : 0;
    }
}
BOOT_PARAM_CUSTOM("dom0_mem", dom0_mem, parse_dom0_mem);

/* Without an option: all but a sixteenth, at most 128 MB, that stays for us and for DMA buffers.
 * *max: its limit for later. */
static unsigned long __init dom0_pages(unsigned long *max_pages)
{
    unsigned long available = heap_free_frames();
    unsigned long reserve = min(available / 16, 128UL << (20 - PAGE_SHIFT));
    unsigned long pages = dom0_mem ? dom0_mem >> PAGE_SHIFT : available - reserve;

    *max_pages = dom0_mem_max ? dom0_mem_max >> PAGE_SHIFT : ~0U;
    pages = min(max(pages, dom0_mem_min >> PAGE_SHIFT), *max_pages);
    return min(pages, available - min(available, 256UL)); /* room for its page tables' bookkeeping */
}

static struct domain *__init create(unsigned int vcpus)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = vcpus,
        .max_evtchn_port = -1,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(2),
        .arch.misc_flags = XEN_X86_MSR_RELAXED,
    };
    struct domain *d;
    int rc = domain_create(0, &config, true, &d);

    if (rc)
        panic("cannot create dom0: error %d", rc);
    for (unsigned int i = 0; i < vcpus; i++)
        if (!vcpu_create(d, i))
            panic("cannot create dom0's vCPU %u: no memory", i);
    return d;
}

/* The loader's copies of kernel and ramdisk have served: their whole pages go to the heap. */
static void __init release_modules(void)
{
    const paddr_t low = 1 << 20; /* what lies below stays out of use */

    for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.module[i];
        paddr_t start = ROUNDUP(m->start, PAGE_SIZE), end = ROUNDDOWN(m->start + m->size, PAGE_SIZE);

        if (start >= low && start < end)
            heap_add(paddr_to_mfn(start), paddr_to_mfn(end));
    }
}

void __init dom0_create(void)
{
    const struct boot_module *kernel = &boot_info.module[0], *ramdisk = &boot_info.module[1];
    unsigned int vcpus = max_vcpus ? min(max_vcpus, (unsigned int)NR_CPUS) : cpumask_weight(&cpu_online_map);
    struct dom0_images images = {};
    struct kernel_image image;
    const char *why;
    unsigned long max_pages, pages;
    int rc;

    if (!boot_info.nr_modules)
        panic("the loader gave no kernel for dom0 (a module of its own is needed)");
    rc = kernel_image_open(&image, paddr_to_virt(kernel->start), kernel->size, &why);
    if (rc)
        panic("dom0's kernel: %s (error %d)", why, rc);
    images.kernel = image.elf;
    images.cmdline = kernel->cmdline;
    if (boot_info.nr_modules > 1) {
        images.ramdisk = paddr_to_virt(ramdisk->start);
        images.ramdisk_size = ramdisk->size;
    }
    dom0 = create(vcpus);
    arch_dom0_grant_hardware(dom0);
    pages = dom0_pages(&max_pages);
    dom0->max_pages = max_pages;
    pv_dom0_build(dom0, &images, pages);
    kernel_image_close(&image);
    release_modules();
    log_info("dom0: %u vCPUs, %lu MB\n", vcpus, MB(pages));
    dom0->created = true;
    domain_unpause_by_controller(dom0);
}
