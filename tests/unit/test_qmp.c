/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of QEMU's machine protocol against a server of this test: who does not listen yet, who greets,
 * who answers with an event before it or with an error, and who goes away.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "domain/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"
#define DONE     "{\"return\": {}}\n"

/* No other domain's, nor another run's of this test. */
static uint32_t domid;

static int bound_socket(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char *path = qmp_path(domid);

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    unlink(path);
    free(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void forget(void)
{
    char *path = qmp_path(domid);

    unlink(path);
    free(path);
}

/* A device model that says each text of the list after one line from the client, the first at once. */
static pid_t serve(int fd, const char *const *texts)
{
    pid_t pid = fork();
    char line[4096];
    int peer;

    if (pid)
        return pid;
    peer = accept(fd, NULL, NULL);
    for (int i = 0; texts[i]; i++)
        if ((i && read(peer, line, sizeof(line)) <= 0) || write(peer, texts[i], strlen(texts[i])) < 0)
            break;
    _exit(0);
}

static void not_listening_yet(void **state)
{
    struct err *err = NULL;
    int fd, got;

    (void)state;
    assert_int_equal(qmp_connect(domid), -1);
    assert_int_equal(errno, ENOENT);
    fd = bound_socket();
    assert_int_equal(qmp_connect(domid), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_null(qmp_open(domid, 1, &err));
    assert_non_null(err);
    err_drop(&err);
    assert_int_equal(listen(fd, 1), 0);
    got = qmp_connect(domid);
    assert_true(got >= 0);
    close(got);
    close(fd);
    forget();
}

static void answers(void **state)
{
    const char *const texts[] = {GREETING, DONE,
                                 "{\"timestamp\": {}, \"event\": \"RESUME\"}\n{\"return\": {\"host\": \"there\"}}\n",
                                 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such drive\"}}\n", NULL};
    struct json_object *o = NULL;
    struct err *err = NULL;
    int fd = bound_socket();
    struct qmp *q;
    pid_t pid;

    (void)state;
    listen(fd, 1);
    pid = serve(fd, texts);
    q = qmp_open(domid, 10, &err);
    assert_non_null(q);
    assert_int_equal(qmp_run(q, "query-vnc", NULL, -1, &o, &err), 0);
    assert_string_equal(json_object_get_string(json_object_object_get(o, "host")), "there");
    json_object_put(o);
    assert_true(qmp_run(q, "eject", NULL, -1, NULL, &err) < 0);
    assert_non_null(strstr(err->cause->what, "no such drive"));
    err_drop(&err);
    assert_true(qmp_run(q, "eject", NULL, -1, NULL, &err) < 0);
    assert_non_null(err);
    err_drop(&err);
    qmp_close(q);
    waitpid(pid, NULL, 0);
    close(fd);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_listening_yet), cmocka_unit_test(answers)};

    domid = getpid();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
