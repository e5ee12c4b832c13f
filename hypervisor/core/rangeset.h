/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of numbers kept as ranges: frames, ports, interrupts that a domain may touch. Each set has
 * its own lock inside.
 */
#ifndef CORE_RANGESET_H
#define CORE_RANGESET_H

struct rangeset;

struct rangeset *rangeset_new(void); /* NULL: no memory */
void rangeset_free(struct rangeset *r);
/* [first, last], both included. 0 or -ENOMEM. */
int rangeset_add(struct rangeset *r, unsigned long first, unsigned long last);
int rangeset_remove(struct rangeset *r, unsigned long first, unsigned long last);
/* All of [first, last] in the set? */
bool rangeset_contains(struct rangeset *r, unsigned long first, unsigned long last);
/* Any of it? */
bool rangeset_overlaps(struct rangeset *r, unsigned long first, unsigned long last);
/* How many ranges, joined ones being one. */
unsigned int rangeset_count(struct rangeset *r);

#endif
