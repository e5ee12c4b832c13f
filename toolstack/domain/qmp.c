/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of qmp.h, by QEMU's docs/interop/qmp-spec: JSON objects, one a line; a greeting, then for
 * each command a "return" or an "error", with events in between that are of no interest here.
 */
#include "qmp.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/store.h"

#ifndef QMP_DIR /* a test has its own */
#define QMP_DIR "/var/run/xen"
#endif
/* Seconds for an answer to a command. */
#define ANSWER_SECONDS 30

struct qmp {
    int fd;
    uint32_t domid;
    char *buf;
    size_t len, room;
};

char *qmp_path(uint32_t domid) { return store_fmt(QMP_DIR "/qmp-libxl-%u", domid); }

static time_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* More bytes into the buffer; 0: the time is over. */
static int fill(struct qmp *q, time_t until, struct err **err)
{
    struct pollfd p = {.fd = q->fd, .events = POLLIN};
    time_t left = until - now();
    ssize_t n;

    if (left <= 0 || poll(&p, 1, left * 1000) <= 0)
        return err_new(err, ERR_TIMEDOUT, "the device model of domain %u does not answer", q->domid);
    if (q->room - q->len < 4096 && !(q->buf = realloc(q->buf, q->room += 65536)))
        abort();
    n = read(q->fd, q->buf + q->len, q->room - q->len);
    if (n <= 0)
        return err_new(err, ERR_FAIL, "the device model of domain %u has gone", q->domid);
    q->len += n;
    return 0;
}

/* The next line as an object. */
static struct json_object *next(struct qmp *q, time_t until, struct err **err)
{
    struct json_object *o;
    char *end;

    while (!q->len || !(end = memchr(q->buf, '\n', q->len)))
        if (fill(q, until, err) < 0)
            return NULL;
    *end = '\0';
    o = json_tokener_parse(q->buf);
    q->len -= end + 1 - q->buf;
    memmove(q->buf, end + 1, q->len);
    if (!o)
        err_new(err, ERR_FAIL, "the device model of domain %u says what is no JSON", q->domid);
    return o;
}

static int send_line(struct qmp *q, const char *text, int fd)
{
    char control[CMSG_SPACE(sizeof(fd))] = {0};
    struct iovec part = {.iov_base = (char *)text, .iov_len = strlen(text)};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *c;

    if (fd >= 0) {
        m.msg_control = control;
        m.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(q->fd, &m, MSG_NOSIGNAL) == (ssize_t)part.iov_len ? 0 : -1;
}

static int take_answer(struct qmp *q, const char *command, time_t until, struct json_object **result, struct err **err)
{
    struct json_object *o, *part;

    while ((o = next(q, until, err))) {
        if (json_object_object_get_ex(o, "return", &part)) {
            if (result)
                *result = json_object_get(part);
            json_object_put(o);
            return 0;
        }
        if (json_object_object_get_ex(o, "error", &part)) {
            err_new(err, ERR_FAIL, "%s", json_object_get_string(json_object_object_get(part, "desc")));
            err_wrap(err, "the device model of domain %u cannot %s", q->domid, command);
            json_object_put(o);
            return -1;
        }
        json_object_put(o);
    }
    return -1;
}

static int run(struct qmp *q, const char *command, struct json_object *arguments, int fd, time_t until,
               struct json_object **result, struct err **err)
{
    struct json_object *o = json_object_new_object();
    char *line;
    int rc;

    json_object_object_add(o, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(o, "arguments", arguments);
    line = store_fmt("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    json_object_put(o);
    rc = send_line(q, line, fd);
    free(line);
    if (rc < 0)
        return err_sys(err, errno, "cannot tell the device model of domain %u to %s", q->domid, command);
    return take_answer(q, command, until, result, err);
}

int qmp_run(struct qmp *q, const char *command, struct json_object *arguments, int fd, struct json_object **result,
            struct err **err)
{
    return run(q, command, arguments, fd, now() + ANSWER_SECONDS, result, err);
}

int qmp_connect(uint32_t domid)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;
    char *path = qmp_path(domid);

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    free(path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        failed = errno;
        close(fd);
        errno = failed;
        return -1;
    }
    return fd;
}

struct qmp *qmp_greet(uint32_t domid, int fd, unsigned int seconds, struct err **err)
{
    time_t until = now() + seconds;
    struct json_object *greeting;
    struct qmp *q = calloc(1, sizeof(*q));

    if (!q)
        abort();
    q->domid = domid;
    q->fd = fd;
    greeting = next(q, until, err);
    json_object_put(greeting);
    if (greeting && run(q, "qmp_capabilities", NULL, -1, until, NULL, err) == 0)
        return q;
    qmp_close(q);
    return NULL;
}

struct qmp *qmp_open(uint32_t domid, unsigned int seconds, struct err **err)
{
    int fd = qmp_connect(domid);

    if (fd < 0) {
        err_sys(err, errno, "no device model of domain %u listens", domid);
        return NULL;
    }
    return qmp_greet(domid, fd, seconds, err);
}

void qmp_close(struct qmp *q)
{
    if (!q)
        return;
    close(q->fd);
    free(q->buf);
    free(q);
}
