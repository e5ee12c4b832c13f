/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: how a test or a simulation drives the fake machine.
 */
#ifndef ASM_HOST_H
#define ASM_HOST_H

#include <setjmp.h>

/* The machine: n CPUs online, all idle, time 0. Once per test. */
void host_machine_init(unsigned int nr_cpus);

/* This thread is CPU `cpu` from now on. */
void host_set_cpu(unsigned int cpu);

/* System time, as arch_read_clock gives it. */
extern s_time_t host_time;

/* Log lines are dropped unless this is set. */
extern bool host_log_verbose;

/*
 * A panic ends the program, unless the test expects it: then control comes back to the place that
 * called host_expect_panic(), which returns a second time, with true.
 */
extern jmp_buf host_panic_buf;
extern bool host_panic_expected;
#define host_expect_panic() (host_panic_expected = true, setjmp(host_panic_buf) != 0)

/* The fake page tables of all domains: what arch_grant_map put at an address. */
struct host_mapping {
    unsigned long addr; /* 0: free */
    unsigned long mfn;
    bool writable;
};
#define HOST_MAPPINGS 1024
extern struct host_mapping host_mappings[HOST_MAPPINGS];
struct host_mapping *host_mapping_find(unsigned long addr);

/* Guest addresses from here on fault, as do those of page 0. */
#define HOST_GUEST_FAULT_START 0xffff800000000000UL

#endif
