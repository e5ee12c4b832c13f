/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases: the shape of a guest that attacks, run as domU by the guest "host" once per case. A case
 * either lives, its checks saying what was answered, or makes the hypervisor kill this domain and
 * nothing else; which of the two was observed on Xen 4.17 and stands in the table.
 */
#ifndef GUEST_CASES_H
#define GUEST_CASES_H

struct test_case {
    const char *name;
    void (*run)(void);
    bool dies;
};

/* Run the case that the command line names by "case="; past the last one, the result is SKIP. */
void cases_run(const struct test_case *cases, unsigned int count);

/* What the domain prints before it expects to be killed; read by "host". */
#define CASE_DIES_MARK "Expects to be killed"
/* The same for a triple fault: the domain is to end with the reason "reboot". */
#define CASE_RESETS_MARK "Expects to be reset"
/* Or before it does what may end either way. */
#define CASE_MAY_DIE_MARK "May be killed"

#endif
