/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, awaiting and ending a guest's device model (devmodel.h). It is restricted unless the
 * configuration says dm_restrict=0: a user of its own, an empty root directory, kernel handles that
 * reach this one domain only, and a filter of system calls where it was built with one (Debian's was not). It opens its
 * disks, interfaces and sockets before it gives those rights away, and tells that it is up by answering on its socket.
 */
#include "devmodel.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "qmp.h"

/* Seconds until it must serve, and for ending after it was told to. */
#define START_SECONDS 60
#define STOP_SECONDS  5
/* Users that belong to nobody: one for each domain, above those of distributions and containers' first ranges. */
#define FIRST_UID 65536000u

static char *root_path(uint32_t domid) { return store_fmt("/var/run/xen/qemu-root-%u", domid); }

/* Whose rights it runs with: device_model_user=, the range that an administrator made as for xl, or ours. */
static int find_uid(const struct hvm_config *c, uint32_t domid, uid_t *uid, struct err **err)
{
    struct passwd *p = getpwnam(c->dm_user ? c->dm_user : "xen-qemuuser-range-base");

    if (c->dm_user && !p)
        return err_new(err, ERR_INVAL, "device_model_user: there is no user %s", c->dm_user);
    if (c->dm_user && !p->pw_uid)
        return err_new(err, ERR_INVAL, "device_model_user: a restricted device model cannot run as root");
    *uid = c->dm_user ? p->pw_uid : (p ? p->pw_uid : FIRST_UID) + domid;
    return 0;
}

/* The device or file behind each disk, as its backend has it. */
static char **disk_nodes(struct ctx *c, uint32_t domid, const struct guest_config *cfg)
{
    char **nodes = calloc(cfg->nr_disks + 1, sizeof(*nodes));

    for (unsigned int i = 0; i < cfg->nr_disks; i++) {
        const struct disk_config *d = &cfg->disks[i];
        struct device dev = {domid, "vbd", d->devid};
        char *back = device_backend(&dev);

        nodes[i] = d->cdrom ? (d->path ? strdup(d->path) : NULL) : store_read(&c->store, back, "physical-device-path");
        free(back);
    }
    return nodes;
}

static void __attribute__((noreturn)) run_qemu(char **argv, int log)
{
    int null = open("/dev/null", O_RDWR);

    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir("/") < 0)
        _exit(127);
    close_range(3, ~0u, 0);
    execv(argv[0], argv);
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Forks twice, so that it is nobody's child: create ends before its guest does. Gives its process number. */
static pid_t spawn(char **argv, const char *name, struct err **err)
{
    int log = log_open("qemu-dm", name, err), report[2], status;
    pid_t pid, child = -1;

    if (log < 0)
        return -1;
    if (pipe2(report, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        close(log);
        return err_sys(err, errno, "cannot start the device model");
    }
    if (!pid) {
        child = fork();
        if (!child)
            run_qemu(argv, log);
        _exit(write(report[1], &child, sizeof(child)) != sizeof(child));
    }
    close(log);
    close(report[1]);
    if (read(report[0], &child, sizeof(child)) != sizeof(child))
        child = -1;
    close(report[0]);
    waitpid(pid, &status, 0);
    return child > 0 ? child : err_new(err, ERR_FAIL, "cannot start the device model");
}

/* Whether a process is this domain's device model: numbers of processes are used again. */
static bool is_ours(pid_t pid, uint32_t domid)
{
    char *path = store_fmt("/proc/%d/cmdline", pid), *want = store_fmt("-xen-domid%c%u", 0, domid), text[4096];
    size_t len = sizeof("-xen-domid") + strlen(want + sizeof("-xen-domid")) + 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

    free(path);
    if (fd >= 0)
        close(fd);
    n = n > 0 && memmem(text, n, want, len);
    free(want);
    return n;
}

pid_t devmodel_pid(struct ctx *c, uint32_t domid)
{
    char *dom = domain_path(domid, NULL);
    long pid = store_read_long(&c->store, dom, DM_PID_NODE, 0);

    free(dom);
    return pid > 0 && is_ours(pid, domid) ? pid : 0;
}

/* Of the answer to query-chardev: the name of the terminal behind a serial line. */
static const char *serial_tty(struct json_object *chardevs, const char *label)
{
    for (size_t i = 0; i < json_object_array_length(chardevs); i++) {
        struct json_object *o = json_object_array_get_idx(chardevs, i);
        const char *name = json_object_get_string(json_object_object_get(o, "label"));
        const char *file = json_object_get_string(json_object_object_get(o, "filename"));

        if (name && file && !strcmp(name, label) && !strncmp(file, "pty:", 4))
            return file + 4;
    }
    return NULL;
}

static int publish_serial(struct ctx *c, struct qmp *q, const char *dom, unsigned int count, struct err **err)
{
    struct json_object *o = NULL;
    int rc = count ? qmp_run(q, "query-chardev", NULL, -1, &o, err) : 0;

    for (unsigned int i = 0; i < count && !rc; i++) {
        char *label = store_fmt("serial%u", i), *key = store_fmt("serial/%u/tty", i);
        const char *tty = serial_tty(o, label);

        if (tty)
            rc = store_write(&c->store, dom, key, tty, err);
        free(label);
        free(key);
    }
    json_object_put(o);
    return rc;
}

/* Set the password, and tell where the display is for those who look in the store. */
static int publish_vnc(struct ctx *c, struct qmp *q, const char *dom, const struct hvm_config *h, struct err **err)
{
    struct json_object *o = NULL;
    const char *host, *port;
    int rc = 0;

    if (!h->vnc)
        return 0;
    if (h->vnc_password && *h->vnc_password) {
        o = json_object_new_object();
        json_object_object_add(o, "password", json_object_new_string(h->vnc_password));
        if (qmp_run(q, "change-vnc-password", o, -1, NULL, err) < 0 ||
            store_write(&c->store, dom, "console/vnc-pass", h->vnc_password, err) < 0)
            return -1;
        o = NULL;
    }
    if (qmp_run(q, "query-vnc", NULL, -1, &o, err) < 0)
        return -1;
    host = json_object_get_string(json_object_object_get(o, "host"));
    port = json_object_get_string(json_object_object_get(o, "service"));
    if (host && port &&
        (store_write(&c->store, dom, "console/vnc-listen", host, err) < 0 ||
         store_write(&c->store, dom, "console/vnc-port", port, err) < 0))
        rc = -1;
    json_object_put(o);
    return rc;
}

/* A connection to it, once it listens; it makes its socket first, and for a moment refuses whoever comes. */
static int await_socket(uint32_t domid, pid_t pid, struct err **err)
{
    const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    int fd = -1;

    for (int i = 0; i < START_SECONDS * 50; i++) {
        fd = qmp_connect(domid);
        if (fd >= 0 || (errno != ENOENT && errno != ECONNREFUSED) || (i > 10 && !is_ours(pid, domid)))
            break;
        nanosleep(&step, NULL);
    }
    if (fd < 0)
        err_new(err, ERR_FAIL, "it ended, or did not begin to listen in %d seconds", START_SECONDS);
    return fd;
}

/* It answers once its machine is complete; then what only it knows goes into the store. */
static int await(struct ctx *c, uint32_t domid, pid_t pid, const struct guest_config *cfg, struct err **err)
{
    int fd = await_socket(domid, pid, err), rc = -1;
    struct qmp *q = fd < 0 ? NULL : qmp_greet(domid, fd, START_SECONDS, err);
    char *dom = domain_path(domid, NULL);

    if (q && publish_serial(c, q, dom, cfg->hvm.nr_serial, err) == 0 && publish_vnc(c, q, dom, &cfg->hvm, err) == 0)
        rc = 0;
    qmp_close(q);
    free(dom);
    return rc;
}

/* Gives its process number. */
static pid_t launch(struct ctx *c, struct dm_launch *l, struct err **err)
{
    char **argv = dm_args(l), *dom = domain_path(l->domid, NULL);
    pid_t pid = spawn(argv, l->cfg->name, err);
    int rc = -1;

    if (c->trace)
        for (size_t i = 0; argv[i]; i++)
            fprintf(c->trace, "device model: %s\n", argv[i]);
    dm_args_free(argv);
    if (pid > 0)
        rc = store_writef(&c->store, err, dom, DM_PID_NODE, "%d", pid);
    free(dom);
    return rc < 0 ? -1 : pid;
}

int devmodel_start(struct ctx *c, uint32_t domid, const struct guest_config *cfg, struct err **err)
{
    char *root = root_path(domid), *qmp = qmp_path(domid), **nodes = disk_nodes(c, domid, cfg);
    struct dm_launch l = {.domid = domid, .cfg = cfg, .disk_nodes = nodes, .qmp = qmp};
    pid_t pid;
    int rc = 0;

    mkdir("/var/run/xen", 0755);
    unlink(qmp);
    if (cfg->hvm.dm_restrict) {
        int filter = dm_has_filter(dm_path(cfg), err);

        l.root = root;
        l.filter = filter > 0;
        rc = filter < 0 ? -1 : find_uid(&cfg->hvm, domid, &l.uid, err);
        if (!rc && mkdir(root, 0555) < 0 && errno != EEXIST)
            rc = err_sys(err, errno, "cannot make %s", root);
    }
    if (!rc && ((pid = launch(c, &l, err)) < 0 || await(c, domid, pid, cfg, err) < 0))
        rc = err_wrap(err, "the device model did not come up (see /var/log/xen/qemu-dm-%s.log)", cfg->name);
    for (unsigned int i = 0; i < cfg->nr_disks; i++)
        free(nodes[i]);
    free(nodes);
    free(root);
    free(qmp);
    return rc;
}

void devmodel_stop(struct ctx *c, uint32_t domid)
{
    const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    char *root = root_path(domid), *qmp = qmp_path(domid);
    char *node = store_fmt("/local/domain/0/device-model/%u", domid);
    char *dom = domain_path(domid, NULL), *mark = store_fmt("%s/" DM_PID_NODE, dom);
    pid_t pid = devmodel_pid(c, domid);
    struct err *e = NULL;

    /* Whoever watches it sees by the missing node that its end is meant. */
    store_remove(&c->store, mark, &e);

    for (int i = 0; pid && is_ours(pid, domid); i++) {
        if (!i || i == STOP_SECONDS * 50)
            kill(pid, i ? SIGKILL : SIGTERM);
        nanosleep(&step, NULL);
    }
    unlink(qmp);
    rmdir(root);
    store_remove(&c->store, node, &e);
    err_drop(&e);
    free(root);
    free(qmp);
    free(node);
    free(mark);
    free(dom);
}
