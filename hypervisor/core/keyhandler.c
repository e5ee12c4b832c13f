/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug keys: one character, one function that prints something. Typed on the serial line (console.c) or sent by
 * XEN_SYSCTL_debug_keys.
 */
#include <asm/irq.h>
#include <core/console.h>
#include <core/domain.h>
#include <core/evtchn.h>
#include <core/grant.h>
#include <mm/heap.h>
#include <sched/sched.h>

static void show_help(void);

static void reboot_now(void) { arch_host_shutdown(SHUTDOWN_reboot); }

/* each: called for every domain. */
static const struct key {
    char key;
    const char *help;
    void (*fn)(void);
    void (*each)(struct domain *d);
} keys[] = {
    {'R', "reboot the host", reboot_now, NULL}, {'e', "event channels", NULL, evtchn_dump},
    {'g', "grants in use", NULL, grant_dump},   {'h', "list the keys", show_help, NULL},
    {'i', "interrupts", irq_dump, NULL},        {'m', "memory", heap_dump, NULL},
    {'q', "vCPUs", NULL, sched_domain_dump},    {'r', "run queues", sched_dump, NULL},
};

static void show_help(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
        log_info(" key '%c' -> %s\n", keys[i].key, keys[i].help);
}

void key_handle(char key)
{
    const struct key *k = keys;
    struct domain *d;

    while (k < keys + ARRAY_SIZE(keys) && k->key != key)
        k++;
    if (k == keys + ARRAY_SIZE(keys)) {
        log_info("no debug key %#x ('h' lists them)\n", (u8)key);
        return;
    }
    log_info("'%c' pressed -> %s\n", key, k->help);
    if (k->fn) {
        k->fn();
        return;
    }
    spin_guard(&domlist_lock);
    list_for_each (d, &domain_list, link)
        k->each(d);
}
