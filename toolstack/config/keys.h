/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the text each key is set, so that complaints can name the line: libxlutil does not
 * tell. config.c calls in.
 */
#ifndef ORLOP_CONFIG_KEYS_H
#define ORLOP_CONFIG_KEYS_H

struct key {
    char *name;
    unsigned int line; /* from 1, of the last assignment */
};

struct key_list {
    struct key *keys;
    unsigned int count;
};

/* Scan text that libxlutil has accepted. */
void keys_scan(const char *text, struct key_list *list);
void keys_free(struct key_list *list);

/* Line of a key, 0 when it is not set. */
unsigned int keys_line(const struct key_list *list, const char *name);

#endif
