/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants of a test guest: its own table (version 1, mapped by grant_init()), offering a page, and
 * the single-entry forms of map, unmap and copy.  Each operation returns the hypercall's answer
 * when that is not zero, else the operation's status.
 */
#ifndef GUEST_GRANT_H
#define GUEST_GRANT_H

#define GRANT_FRAMES 4

extern grant_entry_v1_t *grant_table;

void grant_init(void);
/* Offer a machine frame to dom under ref; flags GTF_readonly or 0. */
void grant_access(grant_ref_t ref, domid_t dom, uint64_t mfn, unsigned int flags);
/* Take it back; false while it is in use. */
bool grant_end(grant_ref_t ref);

long grant_map(struct gnttab_map_grant_ref *op);
long grant_unmap(uint64_t host_addr, grant_handle_t handle);
long grant_copy(struct gnttab_copy *op);

/* What offer_to() offers: a page to write, one to read, and a run. */
enum { OFFER_RW = 8, OFFER_RO = 9, OFFER_RUN = 16, OFFER_RUN_PAGES = 32 };
/* Offer them to dom, print "port N", and answer each event that comes to that port, for ever. */
void offer_to(domid_t dom) __attribute__((noreturn));

#endif
