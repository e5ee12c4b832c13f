/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU lists as xl.cfg(5) and xl(1) write them: "all", "2", "0-3", "^1", joined by commas.
 * Node names ("nodes:0") are refused by name.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void set_range(struct cpu_set *set, unsigned long from, unsigned long to, bool on)
{
    for (; from <= to; from++) {
        if (on)
            set->bits[from / 8] |= 1 << from % 8;
        else
            set->bits[from / 8] &= ~(1 << from % 8);
    }
}

static int item(const char *text, unsigned int host_cpus, struct cpu_set *set, struct err **err)
{
    const char *p = text;
    bool on = *p != '^';
    unsigned long from, to;
    char *end;

    if (!on)
        p++;
    if (!strncmp(p, "node", 4))
        return err_new(err, ERR_INVAL, "CPU sets by node are not supported by this version: %s", text);
    if (!strcmp(p, "all")) {
        /* Like xl, whole bytes of the mask: CPUs that do not exist do no harm. */
        set_range(set, 0, ((host_cpus + 7) & ~7u) - 1, on);
        return 0;
    }
    from = to = strtoul(p, &end, 10);
    if (end != p && *end == '-') {
        p = end + 1;
        to = strtoul(p, &end, 10);
    }
    if (end == p || *end || from > to || to >= CPU_MAX || *p == '-' || *p == '+')
        return err_new(err, ERR_INVAL, "Invalid pcpu range: %s.", text);
    set_range(set, from, to, on);
    return 0;
}

int cpu_set_parse(const char *text, unsigned int host_cpus, struct cpu_set *set, struct err **err)
{
    char *copy = strdup(text), *save = NULL, *part;
    int rc = 0;

    memset(set, 0, sizeof(*set));
    for (part = strtok_r(copy, ", \t", &save); part && !rc; part = strtok_r(NULL, ", \t", &save))
        rc = item(part, host_cpus, set, err);
    free(copy);
    return rc;
}
