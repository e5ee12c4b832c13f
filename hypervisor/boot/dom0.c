/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0: how much memory and how many vCPUs it gets, what of the machine is its, and its start. The
 * address space itself is built by arch/x86/pv/dom0_build.c. Options as Xen's:
 * dom0_mem=[min:SIZE,][max:SIZE,][SIZE], dom0_max_vcpus=N or MIN-MAX.
 */
#include <arch/x86/pv/dom0_build.h>
#include <boot/boot.h>
#include <boot/param.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/domctl.h>

#define MB(pages) ((pages) >> (20 - PAGE_SHIFT))

/* Bytes; 0: not given. Negative sizes ("all but") have the flag. */
struct amount {
    u64 bytes;
    bool all_but;
};
static struct amount dom0_mem __initdata, dom0_mem_min __initdata, dom0_mem_max __initdata;
static unsigned int max_vcpus __initdata, min_vcpus __initdata = 1;

static const char *__init parse_amount(const char *s, struct amount *a)
{
    a->all_but = *s == '-';
    return param_parse_size(s + a->all_but, &s, &a->bytes) ? NULL : s;
}

static int __init parse_dom0_mem(const char *s)
{
    while (s && *s) {
        if (!strncmp(s, "min:", 4))
            s = parse_amount(s + 4, &dom0_mem_min);
        else if (!strncmp(s, "max:", 4))
            s = parse_amount(s + 4, &dom0_mem_max);
        else
            s = parse_amount(s, &dom0_mem);
        if (s && *s == ',')
            s++;
        else if (s && *s)
            return -EINVAL;
    }
    return s ? 0 : -EINVAL;
}
BOOT_PARAM_CUSTOM("dom0_mem", dom0_mem, parse_dom0_mem);

static int __init parse_max_vcpus(const char *s)
{
    const char *end;

    max_vcpus = str_to_u64(s, &end, 0);
    if (end == s)
        return -EINVAL;
    if (*end == '-') {
        min_vcpus = max_vcpus;
        max_vcpus = *++end ? str_to_u64(end, &end, 0) : NR_CPUS;
    }
    return *end || !max_vcpus || min_vcpus > max_vcpus ? -EINVAL : 0;
}
BOOT_PARAM_CUSTOM("dom0_max_vcpus", dom0_max_vcpus, parse_max_vcpus);

static unsigned long __init amount_pages(const struct amount *a, unsigned long available, unsigned long dflt)
{
    unsigned long pages = a->bytes >> PAGE_SHIFT;

    if (!a->bytes)
        return dflt;
    if (a->all_but)
        return available > pages ? available - pages : 0;
    return pages;
}

/* Without an option: all but a sixteenth, at most 128 MB, that stays for us and for DMA buffers.
 * *max: its limit for later. */
static unsigned long __init dom0_pages(unsigned long *max_pages)
{
    unsigned long available = heap_free_frames();
    unsigned long reserve = min(available / 16, 128UL << (20 - PAGE_SHIFT));
    unsigned long pages = amount_pages(&dom0_mem, available, available - reserve);
    unsigned long least = amount_pages(&dom0_mem_min, available, 0);
    unsigned long most = amount_pages(&dom0_mem_max, available, ~0UL);

    pages = min(max(pages, least), most);
    *max_pages = dom0_mem_max.bytes ? max(most, pages) : ~0U;
    return min(pages, available - min(available, 256UL)); /* room for its page tables' bookkeeping */
}

static unsigned int __init dom0_vcpus(void)
{
    unsigned int n = max(cpumask_weight(&cpu_online_map), min_vcpus);

    return max_vcpus ? min(n > max_vcpus || min_vcpus == 1 ? max_vcpus : n, (unsigned int)NR_CPUS) : n;
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
    unsigned int vcpus = dom0_vcpus();
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
