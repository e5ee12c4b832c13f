/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on whole domains: finding, creating, destroying, recording and supervising them. The
 * command line calls in. An operation that changes something is a list of steps (struct step),
 * each of which can be undone; see create.c.
 */
#ifndef ORLOP_DOMAIN_DOMAIN_H
#define ORLOP_DOMAIN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "lib/hyp.h"
#include "lib/store.h"

/* What every operation needs. */
struct ctx {
    struct hyp *hyp;
    struct store store;
    FILE *trace; /* steps are told here as they run; NULL: silence */
};

int ctx_open(struct ctx *c, struct err **err);
void ctx_close(struct ctx *c);

/* Name of a domain, from the caller to free; NULL when it has none. */
char *domain_name(struct ctx *c, uint32_t domid);
/* The domain of this name; -1 when there is none. */
long domain_by_name(struct ctx *c, const char *name);
/* "/local/domain/N" and the like, for the caller to free. */
char *domain_path(uint32_t domid, const char *below);

/*
 * Create a domain and leave it paused. MAC addresses that the configuration leaves open are chosen
 * and filled in, so that a restart keeps them. On failure nothing of it is left.
 */
int domain_create(struct ctx *c, struct guest_config *cfg, uint32_t *domid, struct err **err);
/* Print what domain_create would do, one step a line. */
void domain_create_plan(const struct guest_config *cfg, FILE *to);

/* Destroy a domain and everything that belongs to it, whatever state it is in. */
int domain_destroy(struct ctx *c, uint32_t domid, struct err **err);

int domain_rename(struct ctx *c, uint32_t domid, const char *to, struct err **err);

/*
 * The configuration of a domain as recorded when it was made; files are named and filled like
 * libxl's, so that either tool finds the other's domains.
 */
int record_save(uint32_t domid, const uint8_t *uuid, struct json_object *config, struct err **err);
struct json_object *record_load(uint32_t domid, const uint8_t *uuid);
void record_remove(uint32_t domid, const uint8_t *uuid);

/* Put the older logs aside and open a new one for PREFIX and a guest's name; the descriptor, or -1. */
int log_open(const char *prefix, const char *name, struct err **err);

/*
 * Watch over a domain until it is gone, acting on its shutdowns as configured. Runs in a process
 * of its own (supervise_start) or in the foreground (supervise_run, returns the exit code).
 */
int supervise_run(struct guest_config *cfg, uint32_t domid);
int supervise_start(const char *log_prefix, struct guest_config *cfg, uint32_t domid, struct err **err);

#endif
