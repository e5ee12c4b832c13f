/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store daemon: options, start, and the loop that waits for sockets and event channels and
 * gives connections their turns. One thread; what it waits for is all in one epoll set.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/xen.h>

#include "connection.h"
#include "domain.h"
#include "journal.h"
#include "quota.h"
#include "socket.h"
#include "store.h"
#include "lib/daemon_xen.h"

/* Event channels handled before sockets get their turn again. */
#define EVENTS_AT_ONCE 64

struct options {
    const char *pid_file;
    const char *trace_file;
    bool foreground;
    bool fresh;
    bool no_domains;
    bool print_pid;
};

static const char usage_text[] =
    "Usage: orlop-stored [options]\n"
    "\n"
    "The XenStore daemon. It keeps its state in the run directory ($XENSTORED_RUNDIR, by default\n"
    "/run/xenstored) and goes on from there when it is started again.\n"
    "\n"
    "  -D, --no-domain-init    serve no domains, only the socket\n"
    "  -F, --pid-file FILE     write the daemon's process id to FILE\n"
    "  -N, --no-fork           stay in the foreground\n"
    "  -P, --output-pid        print the daemon's process id\n"
    "  -T, --trace-file FILE   log to FILE\n"
    "  -V, --verbose           log every request (to the trace file)\n"
    "      --fresh             forget what an earlier daemon left\n"
    "  -E, --entry-nb N        nodes that a domain may own\n"
    "  -S, --entry-size N      bytes that a node may have\n"
    "  -W, --watch-nb N        watches that a domain may have\n"
    "  -t, --transaction N     transactions that a domain may have open\n"
    "  -A, --perm-nb N         permissions that a node may have\n"
    "  -M, --path-max N        characters that a path may have\n"
    "  -Q, --quota WHAT=N      set any of the quotas that `xenstore-control quota` lists\n"
    "  -H, --help              print this\n";

static const struct option long_options[] = {
    {"no-domain-init", no_argument, NULL, 'D'},
    {"pid-file", required_argument, NULL, 'F'},
    {"no-fork", no_argument, NULL, 'N'},
    {"output-pid", no_argument, NULL, 'P'},
    {"trace-file", required_argument, NULL, 'T'},
    {"verbose", no_argument, NULL, 'V'},
    {"fresh", no_argument, NULL, 'f'},
    {"entry-nb", required_argument, NULL, 'E'},
    {"entry-size", required_argument, NULL, 'S'},
    {"watch-nb", required_argument, NULL, 'W'},
    {"transaction", required_argument, NULL, 't'},
    {"perm-nb", required_argument, NULL, 'A'},
    {"path-max", required_argument, NULL, 'M'},
    {"quota", required_argument, NULL, 'Q'},
    {"help", no_argument, NULL, 'H'},
    {NULL, 0, NULL, 0},
};

static void set_quota_option(char *text)
{
    char *value = strchr(text, '=');

    if (value)
        *value++ = '\0';
    if (!value || !quota_set(text, strtoul(value, NULL, 10)))
        die("no such quota: %s", text);
}

static void set_limit(enum quota_id id, const char *text) { quotas[id].limit = strtoul(text, NULL, 10); }

static struct options parse_options(int argc, char **argv)
{
    struct options o = {0};
    int opt;

    while ((opt = getopt_long(argc, argv, "DF:NPT:VE:S:W:t:A:M:Q:H", long_options, NULL)) != -1) {
        switch (opt) {
        case 'D': o.no_domains = true; break;
        case 'F': o.pid_file = optarg; break;
        case 'N': o.foreground = true; break;
        case 'P': o.print_pid = true; break;
        case 'T': o.trace_file = optarg; break;
        case 'V': log_traces = true; break;
        case 'f': o.fresh = true; break;
        case 'E': set_limit(QUOTA_NODES, optarg); break;
        case 'S': set_limit(QUOTA_NODE_SIZE, optarg); break;
        case 'W': set_limit(QUOTA_WATCHES, optarg); break;
        case 't': set_limit(QUOTA_TRANSACTIONS, optarg); break;
        case 'A': set_limit(QUOTA_PERMS, optarg); break;
        case 'M': set_limit(QUOTA_PATH_MAX, optarg); break;
        case 'Q': set_quota_option(optarg); break;
        case 'H': fputs(usage_text, stdout); exit(0);
        default: fputs(usage_text, stderr); exit(2);
        }
    }
    if (optind != argc) {
        fputs(usage_text, stderr);
        exit(2);
    }
    return o;
}

static void handle_events(int exception_port)
{
    unsigned int i;

    for (i = 0; i < EVENTS_AT_ONCE; i++) {
        int port = xen_event_next();

        if (port < 0)
            return;
        xen_event_unmask(port);
        if (port == exception_port)
            domain_scan();
        else
            domain_event(port);
    }
}

static void epoll_add(int epoll_fd, int fd, void *tag)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = tag};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev))
        die("epoll: %s", strerror(errno));
}

static void loop(int listen_fd, int exception_port)
{
    static char listener, xen;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool more = connection_run_all();

    epoll_add(epoll_fd, listen_fd, &listener);
    if (xen_event_fd() >= 0)
        epoll_add(epoll_fd, xen_event_fd(), &xen);
    for (;;) {
        struct epoll_event ev[32];
        int pause = connection_resume_due();
        int n = epoll_wait(epoll_fd, ev, 32, more ? 0 : pause), i;

        if (n < 0 && errno != EINTR)
            die("epoll: %s", strerror(errno));
        for (i = 0; i < n; i++) {
            if (ev[i].data.ptr == &listener)
                socket_accept(listen_fd, epoll_fd);
            else if (ev[i].data.ptr == &xen)
                handle_events(exception_port);
            else
                connection_wake(ev[i].data.ptr);
        }
        connection_resume_due();
        more = connection_run_all();
    }
}

static int open_domains(void)
{
    int port;

    if (!xen_open())
        die("cannot reach Xen (%s): is this dom0? (--no-domain-init serves the socket alone)", strerror(errno));
    port = xen_event_bind_virq(VIRQ_DOM_EXC);
    if (port < 0)
        die("cannot bind the domain exception VIRQ: %s", strerror(errno));
    return port;
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    const char *dir = getenv("XENSTORED_RUNDIR");
    int ready = -1, listen_fd, exception_port = -1;
    char path[256];

    signal(SIGPIPE, SIG_IGN);
    if (o.trace_file && log_open(o.trace_file))
        die("cannot log to %s: %s", o.trace_file, strerror(errno));
    if (getrandom(&hash_seed, sizeof(hash_seed), 0) != sizeof(hash_seed))
        die("getrandom: %s", strerror(errno));
    if (!dir)
        dir = "/run/xenstored";
    if (mkdir(dir, 0755) && errno != EEXIST)
        die("cannot make %s: %s", dir, strerror(errno));
    if (!o.foreground)
        ready = daemon_start();
    snprintf(path, sizeof(path), "%s/lock", dir);
    daemon_write_pid(path);
    if (!o.no_domains)
        exception_port = open_domains();

    store_init();
    domain_add_dom0();
    snprintf(path, sizeof(path), "%s/journal", dir);
    if (!o.fresh && journal_load(path))
        log_trace("goes on from %s", path);
    if (!o.no_domains)
        domain_attach_restored();
    journal_open(path);

    snprintf(path, sizeof(path), "%s/socket", dir);
    listen_fd = socket_listen(path);
    if (listen_fd < 0)
        die("cannot listen on %s: %s", path, strerror(errno));
    if (o.print_pid)
        printf("%d\n", getpid());
    daemon_write_pid(o.pid_file);
    daemon_ready(ready);
    loop(listen_fd, exception_port);
}
