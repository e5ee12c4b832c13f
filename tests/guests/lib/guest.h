/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one header that a test guest includes: what the guest knows of itself, the entry that each
 * test provides, and how it reports.  The parts of the framework have headers of their own, all
 * included from here: hypercall.h, console.h, trap.h, mm.h, event.h, vcpu.h, grant.h, cases.h; for PV
 * guests domain.h, for HVM guests hvm.h and lapic.h.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "hypercall.h"
#include "console.h"

#ifdef GUEST_PV
#define VIRT_BASE 0xffffffff80000000ul
#else
#define VIRT_BASE 0ul
#endif
/* An address that a hypercall cannot read: not mapped, or without memory behind it. */
#ifdef __x86_64__
#define BAD_POINTER 8ul
#else
#define BAD_POINTER 0x80000000ul
#endif
#define PAGE_SIZE     4096ul
#define PAGE_SHIFT    12
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier()     __asm__ volatile("" : : : "memory")
#define mb()          __sync_synchronize()
#define cpu_relax()   __asm__ volatile("pause" : : : "memory")
#define MAX_VCPUS     4

#include "trap.h"
#include "mm.h"
#include "event.h"
#include "vcpu.h"
#include "grant.h"
#include "cases.h"
#ifdef GUEST_PV
#include "domain.h"
#else
#include "hvm.h"
#include "lapic.h"
#endif

/* What is known once and for all after guest_start(). */
struct guest {
    start_info_t *start;         /* of a PV guest */
    struct hvm_start_info *boot; /* of a PVH guest */
    shared_info_t *shared;
    bool is_dom0;
    const char *args;                       /* the command line that the hypervisor passed on */
    struct xencons_interface *console_ring; /* of a domU, else NULL */
    evtchn_port_t console_port;
};
extern struct guest guest;

/* Each test: its subject, in one line, and its body. Failed checks are counted, test_result() ends
 * it. */
extern const char test_title[];
void test_main(void);

/*
 * Reporting.  check() and its kin print only what failed; the test goes on.  test_skip() and
 * test_error() end the test at once with that result; so does test_done() with SUCCESS or, when a
 * check failed, FAILURE.  test_main() returning is test_done().
 */
void check_at(const char *file, int line, bool ok, const char *what);
void check_eq_at(const char *file, int line, long got, long want, const char *what);
#define check(cond)          check_at(__FILE_NAME__, __LINE__, !!(cond), #cond)
#define check_eq(expr, want) check_eq_at(__FILE_NAME__, __LINE__, (long)(expr), (long)(want), #expr)

void test_done(void) __attribute__((noreturn));
void test_skip(const char *why) __attribute__((noreturn));
void test_error(const char *why) __attribute__((noreturn));
unsigned long test_failures(void);

/*
 * What a type of guest does its own way, before the common beginning: guest_run() after guest.boot or
 * guest.start, guest.args and guest.is_dom0 are set.
 */
void guest_run(void) __attribute__((noreturn));
/* Map the shared info page in place of a page of the image; set guest.console_ring and its port. */
shared_info_t *map_shared_info(void);
void console_find(void);

/* End the machine or the domain; dom0 says "reboot", which ends an emulator run with -no-reboot. */
void guest_stop(unsigned int reason) __attribute__((noreturn));

/* The number behind "name=" on the command line, or fallback. */
unsigned long arg_number(const char *name, unsigned long fallback);
/* Whether the word stands on the command line. */
bool arg_present(const char *name);

#endif
