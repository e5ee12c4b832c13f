/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets as a transport: see socket.h. Whoever can open the socket (root) is dom0 and
 * privileged. Called from main.c for new clients and as a transport by connection.c.
 */
#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection.h"

static int socket_epoll_fd = -1;

/* The name appears only when the socket takes clients, so that one who sees it need not try twice. */
int socket_listen(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, len;

    len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path);
    if (len >= (int)sizeof(addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    unlink(addr.sun_path);
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod(addr.sun_path, 0600) || listen(fd, 128) ||
        rename(addr.sun_path, path)) {
        int err = errno;

        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static long socket_result(long moved)
{
    if (moved < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return moved;
}

static long socket_receive(struct connection *c, char *data, size_t len)
{
    long got = recv(c->fd, data, len, 0);

    return got == 0 ? -1 : socket_result(got);
}

static long socket_send(struct connection *c, const char *data, size_t len)
{
    return socket_result(send(c->fd, data, len, MSG_NOSIGNAL));
}

static void socket_consumed(struct connection *c, size_t len)
{
    (void)c;
    (void)len;
}

static void socket_prepare(struct connection *c) { (void)c; }

/* A client that does not read its answers is not listened to until it does. */
static void socket_update(struct connection *c)
{
    uint32_t want = (c->answered ? 0 : EPOLLIN) | (c->out_first ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = want, .data.ptr = c};

    if (want == c->interest)
        return;
    if (epoll_ctl(socket_epoll_fd, EPOLL_CTL_MOD, c->fd, &ev))
        c->broken = true;
    c->interest = want;
}

static void socket_close(struct connection *c) { close(c->fd); }

static const struct transport socket_transport = {
    .receive = socket_receive,
    .send = socket_send,
    .consumed = socket_consumed,
    .prepare = socket_prepare,
    .update = socket_update,
    .fail = connection_free,
    .close = socket_close,
};

void socket_accept(int listen_fd, int epoll_fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    struct connection *c;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    socket_epoll_fd = epoll_fd;
    c = connection_new(&socket_transport, 0);
    c->fd = fd;
    c->interest = ev.events;
    ev.data.ptr = c;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
        log_error("cannot watch a client's socket: %s", strerror(errno));
        connection_free(c);
    }
}
