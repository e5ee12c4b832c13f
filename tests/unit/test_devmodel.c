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
#include <string.h>

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
    HAS("-device", "ahci,id=ctl0");
    HAS("-drive", "file=/dev/loop0,if=none,id=ide-768,format=raw,cache=writeback");
    HAS("-device", "ide-hd,drive=ide-768,bus=ctl0.0");
    HAS("-drive", "if=none,readonly=on,id=ide-5696,format=raw,media=cdrom,file=/x.iso");
    HAS("-device", "ide-cd,id=ide-5696,drive=ide-5696,bus=ide.1,unit=1");
    dm_args_free(argv);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full), cmocka_unit_test(other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
