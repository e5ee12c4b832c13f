/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark of whole systems runs in dom0 and in its Linux guests: one static program. It tells the emulator's
 * plugin (tests/bench/plugin/events.c) by marks where a measured stretch begins (an even number) and ends (the next
 * one).
 *
 *   macro run ID COMMAND...            marks around a command; its status
 *   macro work ID COUNT                processes, pipes, files and page faults: four stretches, COUNT of each kind of
 * work macro disk ID DEVICE BYTES         writes, then reads, past the page cache: two stretches macro serve PORT BYTES
 * dom0's end of TCP: takes what one connection sends, gives BYTES to a second one (0: none) macro send ID ADDRESS PORT
 * BYTES   a guest's end: sends, until the other end has all of it macro take ID ADDRESS PORT BYTES   a guest's end:
 * takes so many macro nothing Called bench-init it is a guest's first process: marks the moment and goes on as /init.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define INIT      3
#define CHUNK     (1u << 20)
#define PATIENCE  600 /* seconds that the other end may take */
#define FILE_SIZE 4096
/* How many of each kind of work there are for one process (tests/bench/systems.py knows). */
#define PINGS 16
#define FILES 8
#define PAGES 64

/* 256 no-ops, one of which tells the number; 7 bytes each, and a return. */
__asm__(".text\n"
        "marks:\n"
        ".set n, 0\n"
        ".rept 256\n"
        ".byte 0x0f, 0x1f, 0x80, n\n.ascii \"lro\"\nret\n"
        ".set n, n + 1\n"
        ".endr");
extern char marks[];

static void mark(unsigned int number) { ((void (*)(void))(marks + 8 * (number & 255)))(); }

static void fail(const char *what)
{
    fprintf(stderr, "macro: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void check(bool good, const char *what)
{
    if (!good)
        fail(what);
}

/* Starts a program as a shell does and waits for it; gives its status. */
static int spawn(char **argv)
{
    int status;
    pid_t child = fork();

    check(child >= 0, "fork");
    if (!child) {
        execvp(argv[0], argv);
        _exit(127);
    }
    check(waitpid(child, &status, 0) == child, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int run(int argc, char **argv)
{
    unsigned int id = atoi(argv[0]);
    int status;

    (void)argc;
    mark(id);
    status = spawn(argv + 1);
    mark(id + 1);
    return status;
}

/* What goes through disks and networks; page-aligned, and there before anything is measured. */
static char data[CHUNK] __attribute__((aligned(4096)));

static void fill(void)
{
    for (unsigned int i = 0; i < CHUNK; i++)
        data[i] = (char)(i * 2654435761u >> 24);
}

/* The four kinds of work; each does one unit of it. */
static void start_process(void)
{
    static char *argv[] = {"/proc/self/exe", "nothing", NULL};

    check(spawn(argv) == 0, "a process's end");
}

static int there[2], back[2];

static void echo(void)
{
    char byte;

    while (read(there[0], &byte, 1) == 1)
        if (write(back[1], &byte, 1) != 1)
            break;
    _exit(0);
}

static void ping_pong(void)
{
    char byte = 1;

    check(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "a pipe");
}

static void make_file(void)
{
    int fd = open("/tmp/bench", O_CREAT | O_EXCL | O_WRONLY, 0600);

    check(fd >= 0 && write(fd, data, FILE_SIZE) == FILE_SIZE && close(fd) == 0 && unlink("/tmp/bench") == 0, "a file");
}

/* New memory, each page of it touched. */
static void touch_pages(void)
{
    const size_t page = 4096, size = PAGES * page;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(memory != MAP_FAILED, "mmap");
    for (size_t i = 0; i < size; i += page)
        ((volatile char *)memory)[i] = 1;
    check(munmap(memory, size) == 0, "munmap");
}

static void measure(unsigned int id, void (*one)(void), unsigned int count)
{
    for (unsigned int i = 0; i < count / 4; i++)
        one();
    mark(id);
    for (unsigned int i = 0; i < count; i++)
        one();
    mark(id + 1);
}

static int work(int argc, char **argv)
{
    unsigned int id = atoi(argv[0]), count = atoi(argv[1]);
    pid_t child;

    (void)argc;
    measure(id, start_process, count);
    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    child = fork();
    check(child >= 0, "fork");
    if (!child) {
        close(there[1]);
        echo();
    }
    measure(id + 2, ping_pong, count * PINGS);
    close(there[1]);
    waitpid(child, NULL, 0);
    measure(id + 4, make_file, count * FILES);
    measure(id + 6, touch_pages, count);
    return 0;
}

static int disk(int argc, char **argv)
{
    unsigned int id = atoi(argv[0]), bytes = atoi(argv[2]);
    int fd = open(argv[1], O_RDWR | O_DIRECT);
    static char again[CHUNK] __attribute__((aligned(4096)));

    (void)argc;
    check(fd >= 0, argv[1]);
    fill();
    check(write(fd, data, CHUNK) == CHUNK && fsync(fd) == 0 && lseek(fd, 0, SEEK_SET) == 0, "write");
    mark(id);
    for (unsigned int done = 0; done < bytes; done += CHUNK)
        check(write(fd, data, CHUNK) == CHUNK, "write");
    check(fsync(fd) == 0, "fsync");
    mark(id + 1);
    check(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    memset(again, 1, CHUNK);
    mark(id + 2);
    for (unsigned int done = 0; done < bytes; done += CHUNK)
        check(read(fd, again, CHUNK) == CHUNK, "read");
    mark(id + 3);
    errno = EIO;
    check(memcmp(data, again, CHUNK) == 0, "what was written");
    return 0;
}

static void send_all(int fd, unsigned int bytes)
{
    while (bytes) {
        ssize_t n = write(fd, data, bytes < CHUNK ? bytes : CHUNK);

        check(n > 0, "send");
        bytes -= n;
    }
}

/* Until the other end sends no more. */
static unsigned long take_all(int fd)
{
    unsigned long total = 0;
    ssize_t n;

    while ((n = read(fd, data, CHUNK)) > 0)
        total += n;
    check(n == 0, "receive");
    return total;
}

static int accepted(int listener)
{
    int fd = accept(listener, NULL, NULL);

    check(fd >= 0, "accept");
    return fd;
}

static int serve(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[0]))};
    unsigned int bytes = atoi(argv[1]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1, fd;

    (void)argc;
    alarm(PATIENCE);
    fill();
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    check(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 2) == 0, "listen");
    fd = accepted(listener);
    take_all(fd);
    check(write(fd, "", 1) == 1, "answer");
    close(fd);
    if (bytes) {
        fd = accepted(listener);
        send_all(fd, bytes);
        shutdown(fd, SHUT_WR);
        take_all(fd);
        close(fd);
    }
    return 0;
}

static int connected(char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    errno = EINVAL;
    check(inet_pton(AF_INET, argv[0], &to.sin_addr) == 1, argv[0]);
    check(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    return fd;
}

static int send_to(int argc, char **argv)
{
    unsigned int id = atoi(argv[0]);
    int fd = connected(argv + 1);

    (void)argc;
    fill();
    mark(id);
    send_all(fd, atoi(argv[3]));
    shutdown(fd, SHUT_WR);
    errno = EPIPE;
    check(take_all(fd) == 1, "the answer");
    mark(id + 1);
    return 0;
}

static int take_from(int argc, char **argv)
{
    unsigned int id = atoi(argv[0]);
    int fd = connected(argv + 1);
    unsigned long total;

    fill();
    mark(id);
    total = take_all(fd);
    mark(id + 1);
    errno = EPIPE;
    check(argc == 4 && total == strtoul(argv[3], NULL, 10), "what came");
    return 0;
}

static int nothing(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(int argc, char **argv);
} commands[] = {{"run", 2, run},      {"work", 2, work},      {"disk", 3, disk},      {"serve", 2, serve},
                {"send", 4, send_to}, {"take", 4, take_from}, {"nothing", 0, nothing}};

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');

    if (!strcmp(name ? name + 1 : argv[0], "bench-init")) {
        mark(INIT);
        argv[0] = "/init";
        execv(argv[0], argv);
        fail(argv[0]);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && argc > 1; i++)
        if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].arguments)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "macro: see the head of tests/bench/programs/macro.c\n");
    return 2;
}
