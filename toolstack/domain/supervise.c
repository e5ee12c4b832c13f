/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small process for each guest that waits for it to shut down and does what its configuration
 * says: destroy, restart, preserve. It is started by `create`, sleeps in the store's watch of
 * @releaseDomain, and ends with its guest. Its log reads like that of xl's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devmodel.h"
#include "domain.h"

enum outcome { DONE, AGAIN };

/* What wait_for_end gives beside a SHUTDOWN_* reason. */
enum { END_GONE = -1, END_ERROR = -2 };

/*
 * Connect to the store again after its daemon went away, for as long as it takes: guests outlive
 * daemons, and so must we.
 */
static void reconnect(struct ctx *c)
{
    struct err *e = NULL;

    store_close(&c->store);
    while (store_open(&c->store, &e) < 0) {
        err_drop(&e);
        sleep(1);
    }
}

/*
 * Sleep until the domain has shut down or gone. Every domain's end wakes every supervisor: look,
 * and sleep again.
 */
static int wait_for_end(struct ctx *c, uint32_t domid, struct err **err)
{
    struct xen_domctl_getdomaininfo info;
    bool watching = false;
    unsigned int n;
    char **event;
    int rc;

    for (;;) {
        while (!watching && !(watching = xs_watch(c->store.xs, "@releaseDomain", "end"))) {
            sleep(1);
            reconnect(c);
        }
        rc = hyp_domain_info(c->hyp, domid, &info, err);
        if (rc != 1 || info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
            break;
        event = xs_read_watch(c->store.xs, &n);
        if (!event) {
            reconnect(c);
            watching = false;
        }
        free(event);
    }
    xs_unwatch(c->store.xs, "@releaseDomain", "end");
    if (rc < 0)
        return END_ERROR;
    if (!rc || info.flags & XEN_DOMINF_dying)
        return END_GONE;
    return info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

struct dm_watch {
    uint32_t domid;
    int process;
};

/*
 * A guest whose device model has died waits for an answer that never comes: that is a crash of the
 * guest. A thread, because the store's events cannot be awaited along with the process.
 */
static void *watch_device_model(void *arg)
{
    struct dm_watch *w = arg;
    struct pollfd p = {.fd = w->process, .events = POLLIN};
    struct err *e = NULL;
    struct ctx c;

    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    if (ctx_open(&c, &e) == 0) {
        char *dom = domain_path(w->domid, NULL), *pid = store_read(&c.store, dom, DM_PID_NODE);

        if (pid) {
            printf("The device model of domain %u has died\n", w->domid);
            fflush(stdout);
            hyp_domain_shutdown(c.hyp, w->domid, SHUTDOWN_crash, &e);
        }
        free(pid);
        free(dom);
        ctx_close(&c);
    }
    err_drop(&e);
    close(w->process);
    free(w);
    return NULL;
}

static void watch_start(struct ctx *c, uint32_t domid)
{
    struct dm_watch *w = calloc(1, sizeof(*w));
    pid_t pid = devmodel_pid(c, domid);
    pthread_t thread;

    if (!w || !pid || (w->process = syscall(SYS_pidfd_open, pid, 0)) < 0) {
        free(w);
        return;
    }
    w->domid = domid;
    if (pthread_create(&thread, NULL, watch_device_model, w)) {
        close(w->process);
        free(w);
    } else {
        pthread_detach(thread);
    }
}

static enum action action_for(const struct guest_config *cfg, int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return cfg->on_poweroff;
    case SHUTDOWN_reboot: return cfg->on_reboot;
    case SHUTDOWN_suspend: return ACTION_PRESERVE;
    case SHUTDOWN_crash: return cfg->on_crash;
    case SHUTDOWN_watchdog: return cfg->on_watchdog;
    case SHUTDOWN_soft_reset: return cfg->on_soft_reset;
    default: return ACTION_DESTROY;
    }
}

static int destroy(struct ctx *c, uint32_t domid, struct err **err)
{
    printf("Domain %u needs to be cleaned up: destroying the domain\n", domid);
    return domain_destroy(c, domid, err);
}

/* Keep the dead domain for inspection under another name and uuid, so that both are free. */
static int put_aside(struct ctx *c, struct guest_config *cfg, uint32_t domid, struct err **err)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setdomainhandle, .domain = domid};
    char *dom = domain_path(domid, NULL), *old = store_read(&c->store, dom, "vm"), *vm;
    char *to = store_fmt("%s-%u", cfg->name, domid), text[37];
    uint8_t uuid[16];
    int rc = -1;

    uuid_make(uuid);
    uuid_format(uuid, text);
    vm = store_fmt("/vm/%s", text);
    memcpy(op.u.setdomainhandle.handle, uuid, sizeof(uuid));
    if (hyp_domctl(c->hyp, &op) < 0)
        err_sys(err, errno, "cannot give domain %u another uuid", domid);
    else if (!store_write(&c->store, vm, "name", to, err) && !store_write(&c->store, vm, "uuid", text, err) &&
             !store_write(&c->store, dom, "vm", vm, err) && !store_write(&c->store, dom, "name", to, err))
        rc = old ? store_remove(&c->store, old, err) : 0;
    record_remove(domid, cfg->uuid);
    free(old);
    free(vm);
    free(to);
    free(dom);
    return rc;
}

/* Act on a shutdown. AGAIN: *domid is a new domain to watch. */
static int act(struct ctx *c, struct guest_config *cfg, uint32_t *domid, int reason, struct err **err)
{
    enum action a = action_for(cfg, reason);

    printf("Domain %u has shut down, reason code %d 0x%x\n", *domid, reason, reason);
    printf("Action for shutdown reason code %d is %s\n", reason, action_name(a));
    switch (a) {
    case ACTION_PRESERVE: return DONE;
    case ACTION_RENAME_RESTART:
        if (put_aside(c, cfg, *domid, err) < 0)
            return -1;
        break;
    case ACTION_RESTART:
        if (destroy(c, *domid, err) < 0)
            return -1;
        break;
    default:
        if (destroy(c, *domid, err) < 0)
            return -1;
        printf("Done. Exiting now\n");
        return DONE;
    }
    printf("Done. Rebooting now\n");
    if (domain_create(c, cfg, domid, err) < 0 || hyp_domain_unpause(c->hyp, *domid, err) < 0)
        return -1;
    return AGAIN;
}

int supervise_run(struct guest_config *cfg, uint32_t domid)
{
    struct err *err = NULL;
    struct ctx c;
    int rc = ctx_open(&c, &err);

    if (rc < 0)
        goto out;
    do {
        int reason;

        printf("Waiting for domain %s (domid %u) to die [pid %d]\n", cfg->name, domid, getpid());
        fflush(stdout);
        if (cfg->type == GUEST_HVM)
            watch_start(&c, domid);
        reason = wait_for_end(&c, domid, &err);
        if (reason == END_GONE) {
            printf("Domain %u has been destroyed.\n", domid);
            rc = DONE;
        } else if (reason == END_ERROR) {
            rc = -1;
        } else {
            rc = act(&c, cfg, &domid, reason, &err);
        }
        fflush(stdout);
    } while (rc == AGAIN);
    ctx_close(&c);
out:
    if (rc < 0)
        err_print(stdout, err);
    fflush(stdout);
    err_drop(&err);
    return rc < 0;
}

int supervise_start(const char *log_prefix, struct guest_config *cfg, uint32_t domid, struct err **err)
{
    int fd = log_open(log_prefix, cfg->name, err), null, status;
    pid_t pid;

    if (fd < 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        err_sys(err, errno, "cannot start the supervisor of domain %u", domid);
    if (pid) {
        close(fd);
        if (pid > 0)
            waitpid(pid, &status, 0);
        return pid < 0 ? -1 : 0;
    }
    /* In between: forks once more, so that the supervisor is nobody's child and has no terminal. */
    if (setsid() < 0 || (pid = fork()))
        _exit(pid < 0);
    null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir("/") < 0)
        _exit(1);
    if (null > 2)
        close(null);
    _exit(supervise_run(cfg, domid));
}
