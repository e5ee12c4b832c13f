/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-commands for what only HVM guests have: media in CD drives, and the display.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "domain/devmodel.h"

static int change(struct cli *cli, int argc, char **argv, bool insert)
{
    struct err *err = NULL;
    uint32_t domid;
    int rc;

    if (cli_getopt(cli, argc, argv, "", NULL, insert ? 3 : 2, &rc) == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    if (cdrom_change(&cli->ctx, domid, argv[optind + 1], insert ? argv[optind + 2] : NULL, &err) < 0)
        return cli_fail(cli, err);
    return EXIT_OK;
}

int cmd_cd_insert(struct cli *cli, int argc, char **argv) { return change(cli, argc, argv, true); }

int cmd_cd_eject(struct cli *cli, int argc, char **argv) { return change(cli, argc, argv, false); }

/* The password on standard input, for viewers that take it from there. */
static int give_password(const char *password)
{
    int ends[2];
    size_t len = strlen(password);

    if (pipe(ends) < 0 || write(ends[1], password, len) != (ssize_t)len || dup2(ends[0], 0) < 0)
        return -1;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

int vncviewer_exec(struct cli *cli, uint32_t domid, bool password)
{
    char *dom = domain_path(domid, "console"), *listen = store_read(&cli->ctx.store, dom, "vnc-listen");
    char *port = store_read(&cli->ctx.store, dom, "vnc-port"), *pass = store_read(&cli->ctx.store, dom, "vnc-pass");
    char *target;

    if (!port) {
        fprintf(stderr, "Cannot get VNC port\n");
        return EXIT_FAIL;
    }
    target = store_fmt("%s:%ld", listen && strcmp(listen, "0.0.0.0") ? listen : "localhost", atol(port) - 5900);
    if (password && pass && give_password(pass) < 0)
        perror(cli->name);
    else if (password && pass)
        execlp("vncviewer", "vncviewer", target, "-autopass", (char *)NULL);
    else
        execlp("vncviewer", "vncviewer", target, (char *)NULL);
    fprintf(stderr, "Unable to execute vncviewer: %s\n", strerror(errno));
    return EXIT_FAIL;
}

int cmd_vncviewer(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {
        {"autopass", 0, 0, 'a'}, {"vncviewer-autopass", 0, 0, 'a'}, {NULL, 0, NULL, 0}};
    bool password = false;
    uint32_t domid;
    int rc, o;

    while ((o = cli_getopt(cli, argc, argv, "a", longs, 1, &rc)) >= 0)
        password = true;
    if (o == -2)
        return rc;
    if (!cli_domain(cli, argv[optind], &domid))
        return EXIT_FAIL;
    return vncviewer_exec(cli, domid, password);
}
