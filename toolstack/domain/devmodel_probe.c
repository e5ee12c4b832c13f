/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the QEMU at hand can do, asked of itself before a guest is made: distributions build it with and without the
 * filter of system calls and the cipher of VNC's passwords. It is run with no machine and told to quit at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devmodel.h"

#define PROBE_SECONDS 60

struct reason {
    char said[4096];
    const char *text; /* in said */
};

const char *dm_path(const struct guest_config *cfg) { return cfg->hvm.dm_path ? cfg->hvm.dm_path : DM_PATH; }

static void __attribute__((noreturn)) run_probe(char *const *argv, int in, int complaints)
{
    int null = open("/dev/null", O_WRONLY);

    if (null < 0 || dup2(in, 0) < 0 || dup2(null, 1) < 0 || dup2(complaints, 2) < 0)
        _exit(127);
    close_range(3, ~0u, 0);
    execv(argv[0], argv);
    dprintf(2, "%s\n", strerror(errno));
    _exit(127);
}

/* What it complains of until it ends; false: it did not in time. */
static bool collect(int fd, char *said, size_t room)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t n = 1;
    int ready;

    while ((ready = poll(&p, 1, PROBE_SECONDS * 1000)) > 0 && (n = read(fd, said + len, room - 1 - len)) > 0)
        len += n;
    said[len] = '\0';
    return ready > 0 && !n;
}

static pid_t start(char *const *argv, int complaints)
{
    static const char quit[] = "quit\n";
    int in[2];
    pid_t pid = -1;

    if (pipe2(in, O_CLOEXEC) < 0)
        return -1;
    /* A pipe holds so few bytes until they are read. */
    if (write(in[1], quit, strlen(quit)) > 0 && !(pid = fork()))
        run_probe(argv, in[0], complaints);
    close(in[0]);
    close(in[1]);
    return pid;
}

/* 0: it ended well. 1: not so, for the reason that it gave. -1: it could not be run. */
static int probe(char *const *argv, struct reason *why, struct err **err)
{
    int complaints[2], status = -1;
    bool ended = false;
    char *next;
    pid_t pid;

    if (pipe2(complaints, O_CLOEXEC) < 0)
        return err_sys(err, errno, "cannot ask %s", argv[0]);
    pid = start(argv, complaints[1]);
    close(complaints[1]);
    if (pid > 0) {
        ended = collect(complaints[0], why->said, sizeof(why->said));
        if (!ended)
            kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    close(complaints[0]);
    if (pid < 0)
        return err_sys(err, errno, "cannot ask %s", argv[0]);
    if (!ended)
        return err_new(err, ERR_TIMEDOUT, "%s did not say in %d seconds what it can do", argv[0], PROBE_SECONDS);
    /* "program: option: reason" */
    why->said[strcspn(why->said, "\n")] = '\0';
    for (why->text = why->said; (next = strstr(why->text, ": "));)
        why->text = next + 2;
    return !(WIFEXITED(status) && !WEXITSTATUS(status));
}

int dm_has_filter(const char *path, struct err **err)
{
    char *argv[] = {(char *)path, "-sandbox", "on", "-version", NULL};
    struct reason why;
    int rc = probe(argv, &why, err);

    return rc < 0 ? -1 : !rc;
}

int dm_check(const struct guest_config *cfg, struct err **err)
{
    const char *path = dm_path(cfg);
    /* No accelerator of a hypervisor's: this machine runs nothing. Which of the two there is depends on the build. */
    char *argv[] = {(char *)path, "-machine",    "none",
                    "-accel",     "qtest",       "-accel",
                    "tcg",        "-nodefaults", "-no-user-config",
                    "-display",   "none",        "-monitor",
                    "stdio",      "-vnc",        "none,password=on",
                    NULL};
    struct reason why;
    int rc;

    if (cfg->type != GUEST_HVM)
        return 0;
    if (dm_check_disks(cfg, err) < 0)
        return -1;
    if (access(path, X_OK) < 0)
        return err_sys(err, errno, "cannot run the device model %s (Debian's package qemu-system-xen)", path);
    if (!cfg->hvm.vnc || !cfg->hvm.vnc_password || !*cfg->hvm.vnc_password)
        return 0;
    rc = probe(argv, &why, err);
    if (rc > 0)
        return err_new(err, ERR_INVAL, "vncpasswd: %s was built without VNC passwords (%s): leave vncpasswd out", path,
                       why.text);
    return rc;
}
