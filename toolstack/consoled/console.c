/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving bytes between a guest's console ring (xen/io/console.h) and its pseudo terminal, and
 * keeping the two connected as the store says. The ring is the guest's to write to: its indices are
 * read once and checked. A guest that floods gets so many bytes per period and not more. Called
 * from guests.c, which knows which domains there are, and from main.c's loop.
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "lib/daemon_xen.h"
#include "store_client.h"

/* Unread output that is kept if the store gives no limit. */
#define BUFFER_DEFAULT (1024 * 1024)

/* Output taken from one guest per period: a screen that scrolls faster is not read. */
#define BYTES_PER_PERIOD (256 * 1024)

/* How long a dead guest's last output waits for a reader, in periods. */
#define DEAD_PERIODS 25

struct console_options console_options;
int console_epoll_fd = -1;

struct console *console_new(int domid)
{
    struct console *c = xcalloc(1, sizeof(*c));
    struct buf b = {0};

    c->domid = domid;
    buf_addf(&b, "/local/domain/%d/console", domid);
    c->base = b.data;
    b = (struct buf){0};
    buf_addf(&b, "dom%d", domid);
    c->token = b.data;
    c->port = c->master = c->slave = c->log.fd = -1;
    c->ring_ref = c->remote_port = -1;
    c->buffer_max = BUFFER_DEFAULT;
    return c;
}

static void console_disconnect(struct console *c)
{
    if (c->port >= 0)
        xen_event_unbind(c->port);
    if (c->ring)
        xen_unmap_ring(c->ring);
    c->port = -1;
    c->ring = NULL;
    c->ring_ref = c->remote_port = -1;
    c->masked = false;
}

static void terminal_close(struct console *c)
{
    if (c->master >= 0)
        close(c->master);
    if (c->slave >= 0)
        close(c->slave);
    c->master = c->slave = -1;
    c->interest = 0;
}

void console_free(struct console *c)
{
    console_disconnect(c);
    terminal_close(c);
    console_log_close(&c->log);
    buf_free(&c->buffer);
    free(c->base);
    free(c->token);
    free(c);
}

static char *console_read(const struct console *c, const char *key)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", c->base, key);
    return store_read(path);
}

static long console_read_long(const struct console *c, const char *key, long none)
{
    char *text = console_read(c, key);
    long value = none;
    char *end;

    if (text && *text) {
        value = strtol(text, &end, 10);
        if (*end)
            value = none;
    }
    free(text);
    return value;
}

/* Room for the guest's input ring; 0 if the guest has put nonsense into the indices. */
static size_t input_room(const struct console *c)
{
    XENCONS_RING_IDX cons, prod;

    if (!c->ring)
        return 0;
    cons = __atomic_load_n(&c->ring->in_cons, __ATOMIC_ACQUIRE);
    prod = c->ring->in_prod;
    if (prod - cons > sizeof(c->ring->in))
        return 0;
    return sizeof(c->ring->in) - (prod - cons);
}

static void terminal_interest(struct console *c)
{
    uint32_t want = (input_room(c) ? EPOLLIN : 0) | (c->buffer.len ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = want, .data.ptr = c};

    if (c->master < 0 || want == c->interest)
        return;
    if (epoll_ctl(console_epoll_fd, EPOLL_CTL_MOD, c->master, &ev))
        log_error("domain %d: epoll: %s", c->domid, strerror(errno));
    c->interest = want;
}

/* A new pseudo terminal, told in the store. */
static bool terminal_open(struct console *c)
{
    struct epoll_event ev = {.events = 0, .data.ptr = c};
    struct termios term;
    char name[64], path[128];

    if (openpty(&c->master, &c->slave, name, NULL, NULL)) {
        log_error("domain %d: no terminal: %s", c->domid, strerror(errno));
        c->master = c->slave = -1;
        return false;
    }
    if (!tcgetattr(c->slave, &term)) {
        cfmakeraw(&term);
        tcsetattr(c->slave, TCSAFLUSH, &term);
    }
    fcntl(c->master, F_SETFL, O_NONBLOCK);
    fcntl(c->master, F_SETFD, FD_CLOEXEC);
    fcntl(c->slave, F_SETFD, FD_CLOEXEC);
    c->interest = 0;
    if (epoll_ctl(console_epoll_fd, EPOLL_CTL_ADD, c->master, &ev))
        log_error("domain %d: epoll: %s", c->domid, strerror(errno));
    snprintf(path, sizeof(path), "%s/tty", c->base);
    return store_write(path, name);
}

static void open_log(struct console *c)
{
    char path[64], *name;
    struct buf file = {0};
    size_t i;

    if (!console_options.log_guests || c->log.path)
        return;
    snprintf(path, sizeof(path), "/local/domain/%d/name", c->domid);
    name = store_read(path);
    buf_addf(&file, "guest-%s", name && *name ? name : c->token);
    for (i = 0; i < file.len; i++)
        if (file.data[i] == '/')
            file.data[i] = '_';
    console_log_open(&c->log, console_options.log_dir, file.data, console_options.guest_stamps);
    buf_free(&file);
    free(name);
}

static bool console_connect(struct console *c, long ring_ref, int port)
{
    c->ring = xen_map_ring(c->domid, GNTTAB_RESERVED_CONSOLE, ring_ref);
    if (!c->ring) {
        log_error("domain %d: cannot map the console ring: %s", c->domid, strerror(errno));
        return false;
    }
    c->port = xen_event_bind(c->domid, port);
    if (c->port < 0) {
        log_error("domain %d: cannot bind console port %d: %s", c->domid, port, strerror(errno));
        console_disconnect(c);
        return false;
    }
    c->ring_ref = ring_ref;
    c->remote_port = port;
    return true;
}

/* Makes room for `more` bytes, if need be by losing the oldest. */
static void buffer_shrink(struct console *c, size_t more)
{
    size_t lose;

    if (c->buffer.len + more <= c->buffer_max)
        return;
    lose = c->buffer.len + more - c->buffer_max;
    if (lose < c->buffer_max / 4)
        lose = c->buffer_max / 4; /* so that not every byte moves all others */
    if (lose > c->buffer.len)
        lose = c->buffer.len;
    memmove(c->buffer.data, c->buffer.data + lose, c->buffer.len - lose);
    c->buffer.len -= lose;
}

/* How much output may be taken from the guest now. */
static size_t output_allowed(struct console *c)
{
    struct timespec now;
    size_t allowed;
    long period;

    clock_gettime(CLOCK_MONOTONIC, &now);
    period = (now.tv_sec * 1000 + now.tv_nsec / 1000000) / PERIOD_MS;
    if (period != c->period)
        c->budget = BYTES_PER_PERIOD;
    c->period = period;
    allowed = c->budget;
    if (console_options.keep_old_data && c->buffer_max - c->buffer.len < allowed)
        allowed = c->buffer_max - c->buffer.len;
    return allowed;
}

/* Takes output from the ring. True if anything was taken. */
static bool output_take(struct console *c)
{
    struct xencons_interface *ring = c->ring;
    XENCONS_RING_IDX cons = ring->out_cons;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    size_t len = prod - cons, allowed = output_allowed(c), i;
    char data[sizeof(ring->out)];

    if (len > sizeof(ring->out))
        len = 0; /* nonsense: nothing is taken until the guest mends it */
    if (len > allowed)
        len = allowed;
    if (!len)
        return false;
    for (i = 0; i < len; i++)
        data[i] = ring->out[MASK_XENCONS_IDX(cons + i, ring->out)];
    __atomic_store_n(&ring->out_cons, cons + len, __ATOMIC_RELEASE);
    c->budget -= len;

    console_log_write(&c->log, data, len);
    if (len <= c->buffer_max) {
        buffer_shrink(c, len);
        buf_add(&c->buffer, data, len);
    }
    return true;
}

static void output_give(struct console *c)
{
    while (c->buffer.len && c->master >= 0) {
        ssize_t done = write(c->master, c->buffer.data, c->buffer.len);

        if (done <= 0)
            break;
        memmove(c->buffer.data, c->buffer.data + done, c->buffer.len - done);
        c->buffer.len -= done;
    }
}

/* Moves what can be moved out of the guest, then lets it signal again or not. */
static void console_pump(struct console *c)
{
    bool taken = false;

    if (!c->ring)
        return;
    while (output_take(c)) {
        output_give(c);
        taken = true;
    }
    if (taken)
        xen_event_notify(c->port);
    terminal_interest(c);
}

void console_event(struct console *c)
{
    console_pump(c);
    c->masked = !output_allowed(c);
    if (!c->masked)
        xen_event_unmask(c->port);
}

static bool is_ours(const struct console *c)
{
    char *type = console_read(c, "type");
    bool ours = !type || !strcmp(type, "xenconsoled");

    free(type);
    return ours;
}

void console_update(struct console *c)
{
    long ring_ref = console_read_long(c, "ring-ref", -1);
    long port = console_read_long(c, "port", -1);
    long limit = console_read_long(c, "limit", BUFFER_DEFAULT);

    if (c->dead || !store_connected() || ring_ref == -1 || port == -1 || !is_ours(c))
        return;
    c->buffer_max = limit > 0 ? limit : BUFFER_DEFAULT;
    open_log(c);
    if (c->master < 0 && !terminal_open(c))
        return;
    if (c->ring && c->ring_ref == ring_ref && c->remote_port == port)
        return;
    console_disconnect(c);
    if (console_connect(c, ring_ref, port))
        console_event(c);
}

/* Terminal input goes to the guest as far as its ring has room. */
static void input_give(struct console *c)
{
    struct xencons_interface *ring = c->ring;
    size_t room = input_room(c), i;
    char data[sizeof(ring->in)];
    XENCONS_RING_IDX prod;
    ssize_t got;

    if (!room)
        return;
    got = read(c->master, data, room);
    if (got <= 0)
        return;
    prod = ring->in_prod;
    for (i = 0; i < (size_t)got; i++)
        ring->in[MASK_XENCONS_IDX(prod + i, ring->in)] = data[i];
    __atomic_store_n(&ring->in_prod, prod + got, __ATOMIC_RELEASE);
    xen_event_notify(c->port);
}

void console_terminal(struct console *c)
{
    if (c->master < 0)
        return;
    input_give(c);
    output_give(c);
    if (c->masked)
        console_event(c);
    terminal_interest(c);
}

void console_period(struct console *c)
{
    if (c->dead)
        c->dead_periods++;
    if (c->masked)
        console_event(c);
    output_give(c);
    terminal_interest(c);
}

void console_guest_died(struct console *c)
{
    if (c->dead)
        return;
    c->dead = true;
    if (c->ring)
        console_pump(c);
    console_disconnect(c);
    terminal_interest(c);
}

bool console_finished(const struct console *c)
{
    int unread = 0;

    /* Closing the terminal would throw away what its reader has not fetched yet. */
    if (c->slave >= 0)
        ioctl(c->slave, FIONREAD, &unread);
    return c->dead && ((!c->buffer.len && !unread) || c->dead_periods > DEAD_PERIODS);
}
