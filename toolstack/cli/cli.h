/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of sub-commands (main.c), a file for each family. A sub-command
 * parses its own options, calls domain/ and prints. Syntax, output and exit codes are xl's.
 */
#ifndef ORLOP_CLI_CLI_H
#define ORLOP_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "domain/domain.h"

/* Exit codes that all sub-commands share. */
enum { EXIT_OK = 0, EXIT_FAIL = 1, EXIT_USAGE = 2 };

struct cli {
    const char *name; /* "orlop", or "xl" when called so */
    unsigned int verbose;
    bool dry_run, force;
    struct ctx ctx;
    const struct command *command;
};

struct command {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv);
    const char *summary;
    const char *usage;   /* after the name */
    const char *options; /* NULL: none to explain */
    const char *globals; /* the global options that matter to it, for the usage line */
    bool hidden;         /* for our own scripts: not listed */
};

/* In main.c. */
extern const struct command commands[];
void command_usage(const struct cli *cli, const struct command *command, FILE *to);

/*
 * getopt_long with what all sub-commands do alike: -h, unknown options, too few arguments (`need`).
 * Returns the option, -1 at the end, or -2: leave at once with *rc.
 */
int cli_getopt(struct cli *cli, int argc, char **argv, const char *opts, const struct option *longs, int need, int *rc);

/* Open hypervisor and store, or complain. False: leave with EXIT_FAIL. */
bool cli_open(struct cli *cli);

/* Print an error chain with the program's name; returns EXIT_FAIL. Frees it. */
int cli_fail(struct cli *cli, struct err *err);

/* A domain by number or name, or complain as xl does. False: leave with EXIT_FAIL. */
bool cli_domain(struct cli *cli, const char *spec, uint32_t *domid);

/*
 * Call fn for domain `spec`, or for all when it is NULL; stops at the first that is not 0.
 */
int cli_each_domain(struct cli *cli, const char *spec,
                    int (*fn)(struct cli *cli, const struct xen_domctl_getdomaininfo *info, void *arg), void *arg);

/* Name of a domain, "(null)" like xl when it has none; the caller frees. */
char *cli_domain_name(struct cli *cli, uint32_t domid);

/* Attach the terminal to a guest's console until Ctrl-] or its end. `tty`: its node below the domain. */
int console_attach(struct cli *cli, uint32_t domid, const char *tty);
#define CONSOLE_PV     "console/tty"
#define CONSOLE_SERIAL "serial/0/tty"

/* Become a viewer of a guest's display; returns when there is none. */
int vncviewer_exec(struct cli *cli, uint32_t domid, bool password);

int cmd_create(struct cli *, int, char **);
int cmd_list(struct cli *, int, char **);
int cmd_vm_list(struct cli *, int, char **);
int cmd_destroy(struct cli *, int, char **);
int cmd_shutdown(struct cli *, int, char **);
int cmd_reboot(struct cli *, int, char **);
int cmd_pause(struct cli *, int, char **);
int cmd_unpause(struct cli *, int, char **);
int cmd_console(struct cli *, int, char **);
int cmd_domid(struct cli *, int, char **);
int cmd_domname(struct cli *, int, char **);
int cmd_rename(struct cli *, int, char **);
int cmd_sysrq(struct cli *, int, char **);
int cmd_uptime(struct cli *, int, char **);
int cmd_vcpu_list(struct cli *, int, char **);
int cmd_vcpu_pin(struct cli *, int, char **);
int cmd_vcpu_set(struct cli *, int, char **);
int cmd_mem_set(struct cli *, int, char **);
int cmd_mem_max(struct cli *, int, char **);
int cmd_sched_credit2(struct cli *, int, char **);
int cmd_info(struct cli *, int, char **);
int cmd_dmesg(struct cli *, int, char **);
int cmd_debug_keys(struct cli *, int, char **);
int cmd_cd_insert(struct cli *, int, char **);
int cmd_cd_eject(struct cli *, int, char **);
int cmd_vncviewer(struct cli *, int, char **);
int cmd_init_dom0(struct cli *, int, char **);
int cmd_help(struct cli *, int, char **);

#endif
