/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hotplug scripts, for those who name one: run, wait, report. Without script= none is run; see
 * vbd.c and vif.c for what happens instead.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"

/* Seconds before a script that hangs is killed; xl's figure. */
#define SCRIPT_SECONDS 40

char *hotplug_path(const char *script)
{
    return *script == '/' ? store_fmt("%s", script) : store_fmt(SCRIPT_DIR "/%s", script);
}

static void child(const struct device *d, const char *script, const char *action, const char *vif, const char *tap)
{
    char *path = store_fmt("backend/%s/%u/%u", d->kind, d->domid, d->devid);

    setenv("script", script, 1);
    setenv("XENBUS_TYPE", d->kind, 1);
    setenv("XENBUS_PATH", path, 1);
    setenv("XENBUS_BASE_PATH", "backend", 1);
    if (tap) {
        setenv("INTERFACE", tap, 1);
        execl(script, script, action, "type_if=tap", (char *)NULL);
    } else if (vif) {
        setenv("netdev", "", 1);
        setenv("vif", vif, 1);
        execl(script, script, action, "type_if=vif", (char *)NULL);
    } else {
        execl(script, script, action, (char *)NULL);
    }
    _exit(127);
}

static int run(const struct device *d, const char *script, const char *action, const char *vif, const char *tap,
               struct err **err)
{
    const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    int status, ticks = 0;
    pid_t pid = fork(), got;

    if (pid < 0)
        return err_sys(err, errno, "cannot run %s", script);
    if (!pid)
        child(d, script, action, vif, tap);
    while (!(got = waitpid(pid, &status, WNOHANG)) && ticks++ < SCRIPT_SECONDS * 50)
        nanosleep(&step, NULL);
    if (!got) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return err_new(err, ERR_TIMEDOUT, "%s %s did not end in %d seconds", script, action, SCRIPT_SECONDS);
    }
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    return err_new(err, ERR_FAIL, "%s %s failed with status %d", script, action,
                   WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

int hotplug_run(const struct device *d, const char *script, const char *action, const char *vif, struct err **err)
{
    return run(d, script, action, vif, NULL, err);
}

int hotplug_run_tap(const struct device *d, const char *script, const char *tap, struct err **err)
{
    return run(d, script, "add", NULL, tap, err);
}
