/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console daemon: options, start, and the loop that waits for guests, terminals and the store.
 * It keeps nothing on disk: killed and started again, it finds the guests that run and gives them
 * terminals anew.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guests.h"
#include "hv_log.h"
#include "lib/daemon_xen.h"
#include "store_client.h"

#define EVENTS_AT_ONCE 64

struct options {
    const char *pid_file;
    bool foreground;
    bool log_hv;
    bool hv_stamps;
};

static const char usage_text[] =
    "Usage: orlop-consoled [options]\n"
    "\n"
    "The console daemon: gives every guest's console a terminal, named in the store at\n"
    "/local/domain/DOMID/console/tty, and keeps logs.\n"
    "\n"
    "  -i, --interactive             stay in the foreground\n"
    "      --log=none|guest|hv|all   what to log (default none)\n"
    "      --log-dir=DIR             where (default /var/log/xen/console)\n"
    "      --pid-file=FILE           write the process id (default /run/xen/xenconsoled.pid)\n"
    "  -t, --timestamp=none|guest|hv|all\n"
    "                                which logs get a time before every line\n"
    "  -o, --overflow-data=discard|keep\n"
    "                                when no one reads a terminal: lose the oldest output, or\n"
    "                                let the guest wait\n"
    "      --replace-escape          write ESC as a dot to logs\n"
    "  -v, --verbose                 log to stderr what is done\n"
    "  -V, --version                 print the version\n"
    "  -h, --help                    print this\n";

static const struct option long_options[] = {
    {"interactive", no_argument, NULL, 'i'},
    {"log", required_argument, NULL, 'l'},
    {"log-dir", required_argument, NULL, 'd'},
    {"pid-file", required_argument, NULL, 'p'},
    {"timestamp", required_argument, NULL, 't'},
    {"overflow-data", required_argument, NULL, 'o'},
    {"replace-escape", no_argument, NULL, 'e'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static volatile sig_atomic_t reopen_logs;

static void on_hangup(int sig)
{
    (void)sig;
    reopen_logs = 1;
}

static void usage_error(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

/* none, guest, hv or all */
static void parse_which(const char *text, bool *guest, bool *hv)
{
    *guest = !strcmp(text, "guest") || !strcmp(text, "all");
    *hv = !strcmp(text, "hv") || !strcmp(text, "all");
    if (!*guest && !*hv && strcmp(text, "none"))
        usage_error();
}

static void parse_overflow(const char *text)
{
    console_options.keep_old_data = !strcmp(text, "keep");
    if (!console_options.keep_old_data && strcmp(text, "discard"))
        usage_error();
}

static struct options parse_options(int argc, char **argv)
{
    struct options o = {.pid_file = "/run/xen/xenconsoled.pid"};
    int opt;

    console_options.log_dir = "/var/log/xen/console";
    while ((opt = getopt_long(argc, argv, "it:o:vVh", long_options, NULL)) != -1) {
        switch (opt) {
        case 'i': o.foreground = true; break;
        case 'l': parse_which(optarg, &console_options.log_guests, &o.log_hv); break;
        case 'd': console_options.log_dir = optarg; break;
        case 'p': o.pid_file = optarg; break;
        case 't': parse_which(optarg, &console_options.guest_stamps, &o.hv_stamps); break;
        case 'o': parse_overflow(optarg); break;
        case 'e': console_log_replace_escape = true; break;
        case 'v': log_traces = true; break;
        case 'V': puts("orlop-consoled, for Xen 4.17's interface"); exit(0);
        case 'h': fputs(usage_text, stdout); exit(0);
        default: usage_error();
        }
    }
    if (optind != argc)
        usage_error();
    return o;
}

/* Makes DIR and those above it. */
static void make_directories(const char *dir)
{
    char *path = xstrdup(dir), *end = path;

    do {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            log_error("cannot make %s: %s", path, strerror(errno));
        if (end)
            *end = '/';
    } while (end);
    free(path);
}

static void handle_xen(int hv_port)
{
    unsigned int i;

    for (i = 0; i < EVENTS_AT_ONCE; i++) {
        int port = xen_event_next();
        struct console *c;

        if (port < 0)
            return;
        if (port == hv_port) {
            xen_event_unmask(port);
            hv_log_collect();
            continue;
        }
        c = guests_by_port(port);
        if (c)
            console_event(c);
        else
            xen_event_unmask(port);
    }
}

static void epoll_add(int fd, void *tag)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = tag};

    if (epoll_ctl(console_epoll_fd, EPOLL_CTL_ADD, fd, &ev))
        die("epoll: %s", strerror(errno));
}

/* One period from now, unless that is set already. */
static void timer_arm(int timer)
{
    struct itimerspec when;

    if (!timerfd_gettime(timer, &when) && when.it_value.tv_nsec)
        return;
    when = (struct itimerspec){.it_value = {.tv_nsec = PERIOD_MS * 1000000L}};
    timerfd_settime(timer, 0, &when, NULL);
}

static void connect_store(void *tag)
{
    if (guests_fd() < 0 && guests_connect()) {
        epoll_add(guests_fd(), tag);
        guests_store_ready();
    }
}

/* The terminal of a console that is still there; events of one just freed are stale. */
static void handle_terminal(const void *tag)
{
    struct console *c;

    for (c = consoles; c && c != tag; c = c->next)
        ;
    if (c)
        console_terminal(c);
}

static void wait_and_handle(int hv_port, int timer, void *xen, void *store, void *period)
{
    struct epoll_event ev[32];
    int n = epoll_wait(console_epoll_fd, ev, 32, -1), i;
    uint64_t ticks;

    if (n < 0 && errno != EINTR)
        die("epoll: %s", strerror(errno));
    for (i = 0; i < n; i++) {
        if (ev[i].data.ptr == xen) {
            handle_xen(hv_port);
        } else if (ev[i].data.ptr == store) {
            guests_store_ready();
        } else if (ev[i].data.ptr == period) {
            if (read(timer, &ticks, sizeof(ticks)) == sizeof(ticks))
                guests_period();
            connect_store(store);
        } else {
            handle_terminal(ev[i].data.ptr);
        }
    }
}

static void loop(int hv_port)
{
    static char xen, store, period;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    epoll_add(xen_event_fd(), &xen);
    epoll_add(timer, &period);
    connect_store(&store);
    for (;;) {
        wait_and_handle(hv_port, timer, &xen, &store, &period);
        if (reopen_logs) {
            reopen_logs = 0;
            guests_reopen_logs();
            hv_log_reopen();
        }
        if (guests_fd() < 0 || guests_need_period())
            timer_arm(timer);
    }
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    int ready = -1, hv_port = -1;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, on_hangup);
    make_directories("/run/xen");
    if (console_options.log_guests || o.log_hv)
        make_directories(console_options.log_dir);
    if (log_traces)
        log_open("/dev/stderr");
    if (!o.foreground)
        ready = daemon_start();
    if (!xen_open())
        die("cannot reach Xen (%s): is this dom0?", strerror(errno));
    console_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (store_connect() < 0)
        die("cannot reach the store daemon: is it running?");
    store_disconnect();
    if (o.log_hv) {
        hv_port = hv_log_start(console_options.log_dir, o.hv_stamps);
        if (hv_port < 0)
            log_error("cannot follow the hypervisor's log: %s", strerror(errno));
    }
    daemon_write_pid(o.pid_file);
    daemon_ready(ready);
    loop(hv_port);
}
