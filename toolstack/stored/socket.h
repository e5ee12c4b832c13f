/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0's processes, over Unix sockets.
 */
#ifndef STORED_SOCKET_H
#define STORED_SOCKET_H

/* Makes the listening socket at `path`. Gives a descriptor, or -1 with errno set. */
int socket_listen(const char *path);

/* Takes one waiting client from the listening socket and puts it under `epoll_fd`. */
void socket_accept(int listen_fd, int epoll_fd);

#endif
