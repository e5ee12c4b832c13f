/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first C of a test guest and its last: what the hypervisor handed over is put in order, the
 * test is run, its result is printed in the one line that the runner looks for, and the domain is
 * stopped.  The parts of the framework initialise themselves in the order given here.
 */
#include "guest.h"

struct guest guest;

static unsigned long failures;

/* More failures than this say nothing new. */
#define FAILURES_MAX 40

void check_at(const char *file, int line, bool ok, const char *what)
{
    if (ok)
        return;
    printk("FAILED %s:%d: %s\n", file, line, what);
    if (++failures > FAILURES_MAX)
        test_done();
}

void check_eq_at(const char *file, int line, long got, long want, const char *what)
{
    if (got == want)
        return;
    printk("FAILED %s:%d: %s = %ld (0x%lx), expected %ld (0x%lx)\n", file, line, what, got, got, want, want);
    if (++failures > FAILURES_MAX)
        test_done();
}

unsigned long test_failures(void) { return failures; }

void guest_stop(unsigned int reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    for (;;)
        hc_sched_op(SCHEDOP_shutdown, &shutdown);
}

static void finish(const char *result) __attribute__((noreturn));
static void finish(const char *result)
{
    printk("Test result: %s\n", result);
    guest_stop(guest.is_dom0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

void test_done(void) { finish(failures ? "FAILURE" : "SUCCESS"); }

void test_skip(const char *why)
{
    printk("Skipped: %s\n", why);
    finish("SKIP");
}

void test_error(const char *why)
{
    printk("Error: %s\n", why);
    finish("ERROR");
}

/* The text behind "name" where it stands as a word of its own, or NULL. */
static const char *arg_find(const char *name)
{
    const char *at = guest.args;

    while ((at = strstr(at, name))) {
        if (at == guest.args || at[-1] == ' ')
            return at + strlen(name);
        at++;
    }
    return NULL;
}

bool arg_present(const char *name)
{
    const char *end = arg_find(name);

    return end && (*end == 0 || *end == ' ' || *end == '=');
}

unsigned long arg_number(const char *name, unsigned long fallback)
{
    const char *at = arg_find(name);
    unsigned long n = 0;

    if (!at || *at != '=')
        return fallback;
    for (at++; *at >= '0' && *at <= '9'; at++)
        n = n * 10 + *at - '0';
    return n;
}

void guest_run(void)
{
    mm_init();
    guest.shared = map_shared_info();
    if (!guest.is_dom0)
        console_find();
    trap_init();
    vcpu_init();
    event_init();
    printk("Test: %s\n", test_title);
    test_main();
    test_done();
}
