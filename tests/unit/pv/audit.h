/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts of arch/x86/pv/types.c, found again by brute force.
 */
#ifndef UNIT_PV_AUDIT_H
#define UNIT_PV_AUDIT_H

/*
 * Recounts everything and logs what disagrees; returns how many faults. exact: nothing but page
 * tables, roots and descriptor windows holds counts; else others may hold more. While no guest runs.
 */
unsigned int types_audit(bool exact);

#endif
