/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, buffers, the log, the background: see daemon.h. Called from every file of the daemons.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

bool log_traces;
uint32_t hash_seed;
static FILE *log_file;

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        die("out of memory (%zu bytes)", size);
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (!p)
        die("out of memory (%zu times %zu bytes)", count, size);
    return p;
}

char *xstrdup(const char *s)
{
    size_t size = strlen(s) + 1;

    return memcpy(xmalloc(size), s, size);
}

static void buf_reserve(struct buf *b, size_t more)
{
    size_t need = b->len + more + 1;

    if (need <= b->cap)
        return;
    b->cap = need < 128 ? 128 : need + need / 2;
    b->data = realloc(b->data, b->cap);
    if (!b->data)
        die("out of memory (%zu bytes)", b->cap);
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    buf_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    buf_add(b, text, len);
}

void buf_u32(struct buf *b, uint32_t value) { buf_add(b, &value, sizeof(value)); }

void buf_free(struct buf *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

/* Sends the log to `path` from now on. Gives 0 or an errno value. */
int log_open(const char *path)
{
    FILE *f = fopen(path, "ae");

    if (!f)
        return errno;
    if (log_file)
        fclose(log_file);
    log_file = f;
    setlinebuf(f);
    return 0;
}

static void log_line(FILE *f, const char *fmt, va_list ap)
{
    struct timespec now;
    struct tm tm;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(f, "%s.%03ld ", stamp, now.tv_nsec / 1000000);
    vfprintf(f, fmt, ap);
    fputc('\n', f);
}

void log_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    if (log_file) {
        va_start(ap, fmt);
        log_line(log_file, fmt, ap);
        va_end(ap);
    }
}

void log_trace(const char *fmt, ...)
{
    va_list ap;

    if (!log_traces || !log_file)
        return;
    va_start(ap, fmt);
    log_line(log_file, fmt, ap);
    va_end(ap);
}

void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

uint32_t hash_string(const char *s, size_t len)
{
    uint32_t h = 2166136261u ^ hash_seed;
    size_t i;

    for (i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    h ^= h >> 15;
    return h * 2246822519u;
}

/* No terminal and no directory are held any more. */
static void let_go(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (chdir("/"))
        log_error("chdir: %s", strerror(errno));
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
}

/* Did the worker that had the other end get ready? It said so twice: to who started us, and to us. */
static bool was_ready(int handle)
{
    char byte;

    return read(handle, &byte, 1) == 1;
}

/*
 * In the process that watches over the daemon: makes the process that is the daemon, and another
 * whenever one dies without having been asked to. Returns in those, with the handle for
 * daemon_ready. One that never got ready is not tried again: who started us is told.
 */
static int supervise(int ready[2])
{
    int status, handle = ready[1];
    pid_t pid;

    while ((pid = fork())) {
        let_go();
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            _exit(1);
        if (WIFEXITED(status) && !WEXITSTATUS(status))
            _exit(0);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
            _exit(0);
        if (handle >= 0) {
            close(handle);
            if (!was_ready(ready[0]))
                _exit(1);
            handle = -1;
        }
        syslog(LOG_DAEMON | LOG_ERR, "%s died (wait status %#x): started again", program_invocation_short_name, status);
        sleep(1);
    }
    close(ready[0]);
    return handle;
}

int daemon_start(void)
{
    int ready[2];
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid) {
        close(ready[1]);
        _exit(was_ready(ready[0]) ? 0 : 1);
    }
    setsid();
    return supervise(ready);
}

void daemon_ready(int handle)
{
    fflush(stdout);
    if (handle < 0)
        return;
    if (write(handle, "++", 2) != 2)
        log_error("nobody waits for the daemon to be ready");
    close(handle);
    let_go();
}

void daemon_write_pid(const char *path)
{
    int fd;

    if (!path)
        return;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        die("cannot write %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB))
        die("%s is locked: another daemon is running", path);
    if (ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0)
        die("cannot write %s: %s", path, strerror(errno));
}
