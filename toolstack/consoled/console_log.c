/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing console logs: see console_log.h. A log that cannot be written is told once and does not
 * stop the console. Called from console.c for guests and from hv_log.c for the hypervisor.
 */
#include "console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool console_log_replace_escape;

static void log_failed(struct console_log *l)
{
    if (!l->failed)
        log_error("cannot write %s: %s", l->path, strerror(errno));
    l->failed = true;
}

void console_log_reopen(struct console_log *l)
{
    if (!l->path)
        return;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    l->failed = false;
    if (l->fd < 0)
        log_failed(l);
}

void console_log_open(struct console_log *l, const char *dir, const char *name, bool stamps)
{
    struct buf path = {0};

    buf_addf(&path, "%s/%s.log", dir, name);
    l->path = path.data;
    l->fd = -1;
    l->stamps = stamps;
    l->line_start = true;
    console_log_reopen(l);
}

static void put(struct console_log *l, const char *data, size_t len)
{
    while (len) {
        ssize_t done = write(l->fd, data, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            log_failed(l);
            return;
        }
        data += done;
        len -= done;
    }
}

static void add_stamp(struct buf *out)
{
    time_t now = time(NULL);
    char text[32];
    struct tm tm;

    localtime_r(&now, &tm);
    buf_add(out, text, strftime(text, sizeof(text), "[%Y-%m-%d %H:%M:%S] ", &tm));
}

void console_log_write(struct console_log *l, const char *data, size_t len)
{
    struct buf out = {0};
    size_t i;

    if (l->fd < 0)
        return;
    if (!l->stamps && !console_log_replace_escape) {
        put(l, data, len);
        return;
    }
    for (i = 0; i < len; i++) {
        char c = data[i] == '\033' && console_log_replace_escape ? '.' : data[i];

        if (l->stamps && l->line_start)
            add_stamp(&out);
        l->line_start = c == '\n';
        buf_add(&out, &c, 1);
    }
    put(l, out.data, out.len);
    buf_free(&out);
}

void console_log_close(struct console_log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    free(l->path);
    l->path = NULL;
}
