/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console client: the console daemon keeps a pty for each guest and writes its name into the
 * store; this copies between it and the terminal. Ctrl-] leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

#define ESCAPE 0x1d /* Ctrl-] */
/* Seconds that the daemon has for opening a pty for a new guest. */
#define TTY_SECONDS 30

static int have_tty(struct store *s, void *arg, struct err **err)
{
    char **tty = arg, *path = tty[1];

    (void)err;
    free(tty[0]);
    tty[0] = store_read(s, path, NULL);
    return tty[0] && *tty[0];
}

/* The pty's name once the daemon has told, NULL and complained if it never does. */
static char *find_tty(struct cli *cli, uint32_t domid, const char *node)
{
    char *path = domain_path(domid, node), *tty[2] = {NULL, path};
    const char *paths[1] = {path};
    struct err *err = NULL;
    int rc = store_wait(&cli->ctx.store, paths, 1, TTY_SECONDS, have_tty, tty, &err);

    free(path);
    if (rc == 1)
        return tty[0];
    if (!rc)
        err_new(&err, ERR_TIMEDOUT, "domain %u has no console (is the console daemon running?)", domid);
    cli_fail(cli, err);
    free(tty[0]);
    return NULL;
}

/* At once: what was typed ahead, or said by the guest before we came, is not thrown away. */
static void set_raw(int fd, struct termios *saved)
{
    struct termios t;

    if (tcgetattr(fd, saved) < 0)
        return;
    t = *saved;
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

/* Write all of it; false when the other side is gone. */
static bool put(int fd, const char *p, ssize_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        p += done;
        n -= done;
    }
    return true;
}

/* Copy both ways until the escape, the end of input, or the end of the guest. */
static void copy(int tty)
{
    struct pollfd fds[2] = {{.fd = tty, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    char buf[4096], *escape;
    ssize_t n;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents) {
            n = read(tty, buf, sizeof(buf));
            if (n <= 0 || !put(1, buf, n))
                return;
        }
        if (!fds[1].revents)
            continue;
        n = read(0, buf, sizeof(buf));
        if (n <= 0) {
            /* Input has ended: go on showing what the guest says. */
            fds[1].fd = -1;
            fds[1].revents = 0;
            continue;
        }
        escape = memchr(buf, ESCAPE, n);
        if (!put(tty, buf, escape ? escape - buf : n) || escape)
            return;
    }
}

int console_attach(struct cli *cli, uint32_t domid, const char *node)
{
    char *name = find_tty(cli, domid, node);
    struct termios own, its;
    int tty;

    if (!name)
        return EXIT_FAIL;
    tty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0) {
        fprintf(stderr, "%s: cannot open %s: %s\n", cli->name, name, strerror(errno));
        free(name);
        return EXIT_FAIL;
    }
    free(name);
    /* The guest's end does its own line editing and echo. */
    set_raw(tty, &its);
    if (isatty(0))
        set_raw(0, &own);
    fflush(stdout);
    copy(tty);
    if (isatty(0))
        tcsetattr(0, TCSANOW, &own);
    close(tty);
    return EXIT_OK;
}

int cmd_console(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"type", 1, 0, 't'}, {"num", 1, 0, 'n'}, {NULL, 0, NULL, 0}};
    struct xen_domctl_getdomaininfo info;
    const char *node = CONSOLE_PV;
    struct err *err = NULL;
    uint32_t domid;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "t:n:e:", longs, 1, &rc)) >= 0) {
        if (o == 't' && !strcmp(optarg, "serial")) {
            node = CONSOLE_SERIAL;
        } else if ((o == 't' && strcmp(optarg, "pv")) || (o == 'n' && atoi(optarg))) {
            fprintf(stderr, "%s: only the first PV console and serial line are supported by this version\n", cli->name);
            return EXIT_USAGE;
        }
    }
    if (o == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    rc = hyp_domain_info(cli->ctx.hyp, domid, &info, &err);
    if (!rc)
        rc = err_new(&err, ERR_NODOMAIN, "Domain '%s' does not exist.", argv[optind]);
    if (rc < 0)
        return cli_fail(cli, err);
    return console_attach(cli, domid, node);
}
