/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects for unit tests over arch/host: a heap that the sanitizers see into, frames with owners,
 * and domains that have only the parts that a test links.
 */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include <core/domain.h>

/* The machine with n CPUs, their run queues and timers, no domains. */
void world_init(unsigned int nr_cpus);
/* Frees what world_domain made and the idle domain; fails the program when memory or frames are
 * still out. */
void world_end(void);

/* A domain with vCPUs that are up but have not been woken. */
/* If the program links core/evtchn.c or core/grant.c, the domain has those parts as well. */
struct domain *world_domain(domid_t id, unsigned int nr_vcpus, bool privileged);
void world_domain_free(struct domain *d);

/* A frame of d; its address in host_memory. Goes back when its references are gone. */
struct frame *world_frame(struct domain *d);
void world_frame_release(struct frame *f);

/* This CPU runs v from now on, without the scheduler's doing. */
void world_run(struct vcpu *v);

/* When not 0: after so many more allocations one fails. */
extern unsigned int world_alloc_fail_after;
/* domain_crash() calls so far, and the SHUTDOWN_* code of the last domain_shutdown (-1: none). */
extern unsigned int world_crashes;
extern int world_shutdown_code;
/* Frames and small objects that are out. */
extern unsigned long world_frames_out, world_objects_out;
/* hypercall_preempt_check() says yes the n-th time, once; 0: never. */
extern unsigned int world_preempt_after;
/* What the last hypercall_again() asked for; it returned -ERESTART. */
extern unsigned long world_again[6];

#endif
