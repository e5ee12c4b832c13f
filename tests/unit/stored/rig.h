/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store daemon's unit tests share: a Xen of plain memory (pages, ports, a list of domains)
 * and clients that speak to the daemon through rings, dom0 included. Nothing is simulated of the
 * daemon itself: requests go through its real transport, loop and handlers.
 */
#ifndef UNIT_STORED_RIG_H
#define UNIT_STORED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xen/io/xs_wire.h>

#define RIG_DOMAINS 8

extern struct xenstore_domain_interface rig_page[RIG_DOMAINS];

/* Length of the last answer's payload. */
extern size_t rig_len;

/* A fresh daemon with dom0's ring. */
int rig_start(void **state);
int rig_stop(void **state);

/* Forgets everything that a killed daemon would forget; the rings stay as they are. */
void rig_kill(void);
/* Starts again from the journal. */
void rig_restart(const char *journal);

/* Makes a domain known to Xen and introduces it. */
void rig_introduce(int domid);
/* What Xen says of it: XEN_DOMAIN_*; the daemon hears of it by rig_exception. */
void rig_set_state(int domid, unsigned int state);
void rig_exception(void);

/* Bytes into a domain's ring, as far as they fit; gives how many. */
size_t rig_put(int domid, const void *data, size_t len);
/* Domains that do not take what is sent to them. */
extern bool rig_deaf[RIG_DOMAINS];

/* Lets the daemon work until it has nothing to do. */
void rig_run(void);

/*
 * One request and its answer: the payload as a string, for an error its name. `payload` is a
 * literal whose inner NULs count: use RIG_CALL.
 */
const char *rig_call(int domid, uint32_t type, uint32_t tx, const char *payload, size_t len);
#define RIG_CALL(domid, type, tx, payload) rig_call(domid, type, tx, payload, sizeof(payload) - 1)

/* The next watch event of a domain as "path token", or "" if there is none. */
const char *rig_event(int domid);

/* The next message in a domain's ring, whatever it is; false if there is none. */
bool rig_next(int domid, struct xsd_sockmsg *hdr, char body[XENSTORE_PAYLOAD_MAX + 1]);

uint32_t rig_transaction(int domid);

#define assert_ok(...) assert_string_equal(__VA_ARGS__, "OK")

#endif
