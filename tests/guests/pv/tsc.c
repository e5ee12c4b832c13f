/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TSC modes of HVM domains (XEN_DOMCTL_settscinfo): the hypervisor's choice, emulated, never emulated, with the
 * machine's rate and others, as on a machine that a guest was brought to from another. Each is told back, and a guest
 * (hvm/tsc-client.c) finds it so. <xen/domctl.h>.
 */
#include "lib/guest.h"

const char test_title[] = "TSC modes of HVM domains";

#define SECONDS 1000000000ul

/* Rates in percent of the machine's; 0: not said. */
static const struct {
    unsigned int mode, percent, incarnation, elapsed_s;
} cases[] = {{0, 0, 0, 0},   {1, 0, 0, 5},     {2, 0, 0, 0}, {0, 50, 2, 100},
             {0, 300, 1, 7}, {1, 10, 4, 1000}, {2, 50, 1, 3}};

static struct built_domain d;
static uint32_t host_khz;

static long tsc_get(domid_t id, struct xen_domctl_tsc_info *t)
{
    struct xen_domctl op = {0};
    long rc = domctl(&op, XEN_DOMCTL_gettscinfo, id);

    *t = op.u.tsc_info;
    return rc;
}

static long tsc_set(domid_t id, uint32_t mode, uint32_t khz, uint32_t incarnation, uint64_t elapsed)
{
    struct xen_domctl op = {.u.tsc_info = {mode, khz, incarnation, 0, elapsed}};

    return domctl(&op, XEN_DOMCTL_settscinfo, id);
}

static void check_told(unsigned int mode, uint32_t khz, unsigned int incarnation, uint64_t elapsed)
{
    struct xen_domctl_tsc_info t;

    check_eq(tsc_get(d.id, &t), 0);
    check_eq(t.tsc_mode, mode);
    check_eq(t.incarnation, incarnation + 1);
    check_eq(t.gtsc_khz, mode == 2 ? 0 : khz);
    if (mode == 2)
        check_eq(t.elapsed_nsec, 0);
    else
        check(t.elapsed_nsec >= elapsed && t.elapsed_nsec < elapsed + 10 * SECONDS);
}

static void watch(void)
{
    uint64_t end = now() + 30 * SECONDS;
    bool over = false, good = false;
    char line[256];

    while (!over && now() < end)
        while (domain_console_line(&d, line, sizeof(line))) {
            printk("d%u| %s\n", d.id, line);
            over = over || strstr(line, "Test result");
            good = good || strstr(line, "Test result: SUCCESS");
        }
    check(good);
}

static void run(unsigned int i, struct domain_plan *plan)
{
    char args[128];
    uint32_t asked = host_khz / 100 * cases[i].percent, khz = asked && cases[i].mode != 2 ? asked : host_khz;
    uint64_t elapsed = cases[i].elapsed_s * SECONDS;

    format(args, sizeof(args), "domu mode=%u khz=%u incarnation=%u elapsed=%u host=%u", cases[i].mode, khz,
           cases[i].incarnation, cases[i].elapsed_s * 1000, host_khz);
    printk("%s\n", args);
    *plan = (struct domain_plan){.elf = plan->elf,
                                 .elf_size = plan->elf_size,
                                 .pages = 4096,
                                 .vcpus = 1,
                                 .args = args,
                                 .tsc_mode = cases[i].mode,
                                 .tsc_khz = khz,
                                 .tsc_incarnation = cases[i].incarnation,
                                 .tsc_elapsed = elapsed};
    if (domain_build(plan, &d))
        test_error("the domain could not be built");
    check_eq(tsc_set(d.id, 4, 0, 0, 0), -XEN_EINVAL);
    check_told(cases[i].mode, khz, cases[i].incarnation, elapsed);
    check_eq(domain_unpause(&d), 0);
    watch();
    check(domain_destroy(&d));
}

void test_main(void)
{
    struct domain_plan plan = {.pages = 4096, .vcpus = 1};
    struct xen_domctl_tsc_info t;

    plan.elf = module_find(&plan.elf_size);
    if (!plan.elf)
        test_error("no guest was given as module");
    check_eq(tsc_get(0, &t), -XEN_EINVAL);
    check_eq(tsc_set(0, 0, 0, 0, 0), -XEN_EINVAL);
    plan.args = "";
    if (domain_build(&plan, &d))
        test_error("the domain could not be built");
    check_eq(tsc_get(d.id, &t), 0);
    host_khz = t.gtsc_khz;
    check_told(0, host_khz, 0, 0);
    check(domain_destroy(&d));
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        run(i, &plan);
}
