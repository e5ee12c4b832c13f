/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share while one configuration is read: the parsed text, where its keys
 * stand, and ways to take a value that complain with file, line and key.
 */
#ifndef ORLOP_CONFIG_PARSE_H
#define ORLOP_CONFIG_PARSE_H

#include <libxlutil.h>

#include "config.h"
#include "keys.h"

struct parse {
    XLU_Config *x;
    FILE *report; /* libxlutil writes here for as long as x lives */
    char *report_text;
    size_t report_len;
    struct key_list keys;
    const char *file;
    unsigned int host_cpus;
    FILE *warn;
    struct guest_config *c;
    struct err **err;
};

/* "file:line: key" in front of what is already in the chain. Returns -1. */
int parse_at(struct parse *p, const char *key);
/* The same with a reason of its own. */
int parse_bad(struct parse *p, const char *key, const char *why);

/* 1 taken, 0 not set, -1 complained. What *to held before is freed. */
int parse_string(struct parse *p, const char *key, char **to);
int parse_long(struct parse *p, const char *key, long min, long max, long *to);
/* 0 and 1; *to stays when the key is not set. */
int parse_bool(struct parse *p, const char *key, bool *to);
/* A list of strings, or a single one as a list of one: *to from calloc, as are its strings. */
int parse_strings(struct parse *p, const char *key, char ***to, unsigned int *count);
/* The key's value is one of the `count` names: its index. */
int parse_choice(struct parse *p, const char *key, const char *const *names, unsigned int count, unsigned int *to);

/* Keys that we know and have nothing for, each with the reason. */
struct refused_key {
    const char *key, *why;
};
/* Complains of the first of them that asks for something: empty lists, empty strings and 0 do not, nor does the word
 * `nothing` if it is not NULL. */
int parse_refused(struct parse *p, const struct refused_key *list, unsigned int count, const char *nothing);

/* Keys of PVH and HVM guests (hvm.c) and cpuid= (cpuid.c). */
int hvm_take(struct parse *p);
void hvm_free(struct hvm_config *c);
int cpuid_take(struct parse *p);

#endif
