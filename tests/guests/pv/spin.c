/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing but running: two vCPUs that make no hypercalls for as long as "seconds=" says, 1 by default. For looks at the
 * machine from outside.
 */
#include "lib/guest.h"

const char test_title[] = "spinning";

static void spin(void *arg)
{
    uint64_t end = now() + arg_number("seconds", 1) * 1000000000;

    (void)arg;
    while (now() < end)
        cpu_relax();
}

void test_main(void)
{
    check_eq(vcpu_start(1, spin, NULL), 0);
    spin(NULL);
    check(vcpu_wait(1, 1000));
}
