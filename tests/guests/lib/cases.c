/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of one case of a guest, see cases.h. As dom0 all living cases run one after the other. */
#include "guest.h"

void cases_run(const struct test_case *cases, unsigned int count)
{
    unsigned int wanted = (unsigned int)arg_number("case", ~0u);

    for (unsigned int i = 0; i < count; i++) {
        if (wanted == i || (wanted == ~0u && !cases[i].dies)) {
            printk("Case %u: %s\n", i, cases[i].name);
            if (cases[i].dies)
                printk(CASE_DIES_MARK "\n");
            cases[i].run();
            if (cases[i].dies)
                test_error("the domain should have been killed");
        }
    }
    if (wanted != ~0u && wanted >= count)
        test_skip("no such case");
}
