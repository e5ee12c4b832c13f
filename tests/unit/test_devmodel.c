/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device model's command line for configurations: each device where the configuration says, and the
 * restrictions unless it says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "domain/devmodel.h"

static char **args_for(const char *text, char *const *nodes, const char *root, struct guest_config *c)
{
    struct dm_launch l = {.domid = 7, .cfg = c, .disk_nodes = nodes, .qmp = "/q", .root = root, .uid = 1234};
    struct err *err = NULL;

    assert_int_equal(config_parse("d.cfg", text, NULL, 4, stderr, c, &err), 0);
    return dm_args(&l);
}

/* The position of an argument, or of an option with this value. */
static int at(char **argv, const char *first, const char *second)
{
    for (int i = 0; argv[i]; i++)
        if (!strcmp(argv[i], first) && (!second || (argv[i + 1] && !strcmp(argv[i + 1], second))))
            return i;
    return -1;
}

#define HAS(first, second)     assert_true(at(argv, first, second) >= 0)
#define HAS_NOT(first, second) assert_int_equal(at(argv, first, second), -1)

static void full(void **state)
{
    char *nodes[] = {"/dev/loop0", NULL, "/dev/a,b"};
    struct guest_config c;
    char **argv = args_for("name='g'\ntype='hvm'\nmemory=512\nvcpus=2\nmaxvcpus=4\nboot='dc'\nserial='pty'\nusb=1\n"
                           "usbdevice=['tablet']\nvnclisten='0.0.0.0'\nvncpasswd='x'\nstdvga=1\nkeymap='de'\n"
                           "disk=['/d.img,raw,hda,rw','vdev=hdc,devtype=cdrom,access=ro','/e.img,raw,xvdb,rw']\n"
                           "vif=['mac=00:16:3e:01:02:03,model=e1000,bridge=b','type=vif']\n"
                           "device_model_args=['-foo','bar']\n",
                           nodes, "/root", &c);

    (void)state;
    assert_string_equal(argv[0], DM_PATH);
    HAS("-xen-domid", "7");
    HAS("-xen-domid-restrict", NULL);
    HAS("-chroot", "/root");
    HAS("-runas", "1234:1234");
    HAS("-vnc", "0.0.0.0:0,password=on,to=99");
    HAS("-device", "VGA,vgamem_mb=16");
    HAS("-m", "496");
    HAS("-k", "de");
    HAS("-smp", "2,maxcpus=4");
    HAS("-serial", "pty");
    HAS("-usb", NULL);
    HAS("-usbdevice", "tablet");
    HAS("-boot", "order=dc");
    HAS("-machine", "xenfv,suppress-vmdesc=on");
    HAS("-drive", "file=/dev/loop0,if=ide,index=0,media=disk,format=raw,cache=writeback");
    HAS("-drive", "if=none,readonly=on,id=ide-5632");
    HAS("-device", "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0");
    HAS("-drive", "file=/dev/a,,b,if=ide,index=1,media=disk,format=raw,cache=writeback");
    HAS("-device", "e1000,id=nic0,netdev=net0,mac=00:16:3e:01:02:03");
    HAS("-netdev", "type=tap,id=net0,ifname=vif7.0-emu,script=no,downscript=no");
    HAS_NOT("-netdev", "type=tap,id=net1,ifname=vif7.1-emu,script=no,downscript=no");
    HAS("-foo", "bar");
    HAS_NOT("-sandbox", NULL);
    dm_args_free(argv);
    config_free(&c);
}

static void other(void **state)
{
    char *nodes[] = {"/dev/loop0", "/dev/loop1", "/x.iso"};
    struct guest_config c;
    char **argv = args_for("name='g'\nbuilder='hvm'\nmemory=256\nhdtype='ahci'\nvga='none'\nxen_platform_pci=0\n"
                           "disk=['/d.img,raw,hda,rw','/e.img,raw,xvdz,rw','/x.iso,raw,hdd,ro,cdrom']\n",
                           nodes, NULL, &c);

    (void)state;
    HAS_NOT("-xen-domid-restrict", NULL);
    HAS_NOT("-chroot", NULL);
    HAS_NOT("-vnc", NULL);
    HAS("-boot", "order=cda");
    HAS("-m", "256");
    HAS("-machine", "pc,accel=xen,suppress-vmdesc=on");
    HAS("-device", "ahci,id=ahci0");
    HAS("-drive", "file=/dev/loop0,if=none,id=ide-768,format=raw,cache=writeback");
    HAS("-device", "ide-hd,drive=ide-768,bus=ahci0.0");
    HAS("-drive", "if=none,readonly=on,id=ide-5696,format=raw,media=cdrom,file=/x.iso");
    HAS("-device", "ide-cd,id=ide-5696,drive=ide-5696,bus=ide.1,unit=1");
    dm_args_free(argv);
    config_free(&c);
}

/* Controllers are one of each kind, whatever the order of the disks; names beyond them have no drive. */
static void controllers(void **state)
{
    char *nodes[] = {"/a", "/b", "/c", "/d", "/e", "/f"};
    struct guest_config c;
    char **argv = args_for("name='g'\ntype='hvm'\nmemory=256\nhdtype='ahci'\n"
                           "disk=['/a,raw,hda,rw','/b,raw,sda,r','/c,raw,xvdf,rw','/d,raw,sdg,rw','/e,raw,sdh,rw',"
                           "'/f,raw,xvdg,rw']\n",
                           nodes, NULL, &c);
    int devices = 0;

    (void)state;
    HAS("-device", "ahci,id=ahci0");
    HAS("-device", "lsi53c895a,id=scsi0");
    HAS("-device", "ide-hd,drive=ide-768,bus=ahci0.0");
    HAS("-device", "scsi-hd,drive=ide-2048,bus=scsi0.0,scsi-id=0");
    HAS("-drive", "file=/b,if=none,id=ide-2048,format=raw,cache=writeback,readonly=on");
    HAS("-device", "ide-hd,drive=ide-51792,bus=ahci0.5");
    HAS("-device", "scsi-hd,drive=ide-2144,bus=scsi0.0,scsi-id=6");
    for (int i = 0; argv[i]; i++)
        devices +=
            !strcmp(argv[i], "-drive") || !strcmp(argv[i], "ahci,id=ahci0") || !strcmp(argv[i], "lsi53c895a,id=scsi0");
    assert_int_equal(devices, 6);
    dm_args_free(argv);
    config_free(&c);
}

/* The filter comes with the other restrictions, and only where the program has one. */
static void filtered(void **state)
{
    struct guest_config c;
    struct err *err = NULL;
    struct dm_launch l = {.domid = 7, .cfg = &c, .qmp = "/q", .root = "/root", .uid = 1234, .filter = true};
    char **argv;

    (void)state;
    assert_int_equal(config_parse("d.cfg", "name='g'\ntype='hvm'\nmemory=256\n", NULL, 4, stderr, &c, &err), 0);
    argv = dm_args(&l);
    HAS("-sandbox", "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny");
    dm_args_free(argv);
    l.root = NULL;
    argv = dm_args(&l);
    HAS_NOT("-sandbox", NULL);
    dm_args_free(argv);
    config_free(&c);
}

/* A program that answers as the shell text says. */
static void write_program(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "#!/bin/sh\n%s\n", text) > 0, 1);
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
}

/* What dm_check says of a configuration whose device model is this shell text. */
static int check_with(const char *text, const char *more, char *said, size_t room)
{
    char path[] = "/tmp/orlop-test-dm-XXXXXX", config[512];
    struct guest_config c;
    struct err *err = NULL;
    FILE *to = fmemopen(said, room, "w");
    int rc;

    *said = '\0';
    write_program(path, text);
    snprintf(config, sizeof(config), "name='g'\ntype='hvm'\nmemory=256\ndevice_model_override='%s'\n%s\n", path, more);
    assert_int_equal(config_parse("d.cfg", config, NULL, 4, stderr, &c, &err), 0);
    rc = dm_check(&c, &err);
    err_print(to, err);
    fclose(to);
    err_drop(&err);
    assert_int_equal(dm_has_filter(path, &err), !strstr(text, "exit 1"));
    unlink(path);
    config_free(&c);
    return rc;
}

static void checked(void **state)
{
    char said[512];

    (void)state;
    /* Nothing is asked of it without a password. */
    assert_int_equal(check_with("exit 1", "", said, sizeof(said)), 0);
    assert_int_equal(check_with("read quit; test $quit = quit", "vncpasswd='x'", said, sizeof(said)), 0);
    assert_int_equal(check_with("exit 1", "vncpasswd='x'\nvnc=0", said, sizeof(said)), 0);
    assert_int_equal(check_with("echo 'qemu: -vnc none: no DES' >&2; exit 1", "vncpasswd='x'", said, sizeof(said)), -1);
    assert_non_null(strstr(said, "vncpasswd: "));
    assert_non_null(strstr(said, "was built without VNC passwords (no DES)"));
}

/* What the guest could write to all the same is refused; SCSI disks and those of PV drivers only can be read-only. */
static void read_only(void **state)
{
    static const struct {
        const char *text;
        int rc;
    } cases[] = {{"disk=['/a,raw,hda,r']", -1},
                 {"disk=['/a,raw,xvdb,r']", -1},
                 {"disk=['/a,raw,sda,r']", 0},
                 {"disk=['/a,raw,xvdz,r']", 0},
                 {"disk=['/a,raw,hdc,ro,cdrom']", 0},
                 {"disk=['/a,raw,hda,rw','/b,raw,hdb,r']", -1},
                 {"hdtype='ahci'\ndisk=['/a,raw,hda,r']", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char said[512];

        assert_int_equal(check_with("exit 1", cases[i].text, said, sizeof(said)), cases[i].rc);
        assert_int_equal(!!strstr(said, "cannot be read-only"), cases[i].rc < 0);
    }
}

/* A device model that is not there is told before there is a domain. */
static void missing(void **state)
{
    struct guest_config c;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(config_parse("d.cfg", "name='g'\ntype='hvm'\nmemory=256\ndevice_model_override='/none'\n", NULL, 4,
                                  stderr, &c, &err),
                     0);
    assert_int_equal(dm_check(&c, &err), -1);
    assert_non_null(strstr(err->what, "/none"));
    err_drop(&err);
    config_free(&c);
}

/*
 * The same command line for a machine that needs no hypervisor and runs nothing, its monitor on standard input. `argv`
 * keeps what is not said anew.
 */
static char **without_xen(char **argv)
{
    static char *const drop[] = {"-xen-domid", "-machine", "-chardev", "-mon"};
    static char *const more[] = {"-machine", "pc", "-accel", "qtest", "-monitor", "stdio", NULL};
    char **out = calloc(128, sizeof(*out));
    int n = 0;

    for (int i = 0; argv[i]; i++) {
        bool dropped = false;

        for (size_t k = 0; k < sizeof(drop) / sizeof(drop[0]); k++)
            dropped |= !strcmp(argv[i], drop[k]);
        if (dropped)
            i++;
        else
            out[n++] = argv[i];
    }
    memcpy(out + n, more, sizeof(more));
    return out;
}

/* What a program says to its input. */
static void converse(char **argv, const char *input, char *said, size_t room)
{
    int in[2], out[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(in) | pipe(out), 0);
    assert_int_equal(write(in[1], input, strlen(input)), strlen(input));
    pid = fork();
    if (!pid) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(in[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(in[1]);
    close(out[1]);
    while ((n = read(out[0], said + len, room - 1 - len)) > 0)
        len += n;
    said[len] = '\0';
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status)
        fail_msg("%s ended with %#x: %s", argv[0], status, said);
}

/* The distribution's QEMU takes the arguments and has the devices. */
static void accepted(void **state)
{
    static const char *const wanted[] = {"QEMU USB Tablet",
                                         "PCI device 1000:0012",
                                         "PCI device 1234:1111",
                                         "PCI device 8086:2922",
                                         "ide-2048 (",
                                         "ide-768 (",
                                         "ide-5632",
                                         "serial0: filename=file",
                                         "serial1: filename=pty:"};
    char disk[] = "/tmp/orlop-test-disk-XXXXXX", said[16384], *nodes[] = {disk, "/dev/null", NULL};
    struct guest_config c;
    char **argv, **plain;
    int fd = mkstemp(disk);

    (void)state;
    if (access(DM_PATH, X_OK) < 0)
        skip();
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    argv = args_for("name='g'\ntype='hvm'\nmemory=64\nhdtype='ahci'\nvga='stdvga'\nvnc=0\nusb=1\nusbdevice=['tablet']\n"
                    "serial=['file:/dev/null','pty']\n"
                    "disk=['/a,raw,sda,r','/b,raw,hda,rw','vdev=hdc,devtype=cdrom,access=ro']\n",
                    nodes, NULL, &c);
    plain = without_xen(argv);
    converse(plain, "info usb\ninfo pci\ninfo block\ninfo chardev\nquit\n", said, sizeof(said));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strstr(said, wanted[i]))
            fail_msg("no `%s' in: %s", wanted[i], said);
    unlink(disk);
    close(fd);
    free(plain);
    dm_args_free(argv);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full),        cmocka_unit_test(other),
                                       cmocka_unit_test(controllers), cmocka_unit_test(filtered),
                                       cmocka_unit_test(checked),     cmocka_unit_test(missing),
                                       cmocka_unit_test(read_only),   cmocka_unit_test(accepted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
