/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration parser: what xl 4.17 printed for the same files (config/NAME.json) is printed
 * here, too; wrong values are complained about with file, line and key; names of disks give the
 * numbers of xen-vbd-interface(7); text that is cut or garbled anywhere neither crashes nor leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "config/config.h"
#include "lib/json.h"

/* libxlutil forgets what it has read so far when the grammar fails: not ours to mend. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:xlu__cfg"; }

static char *read_all(const char *name)
{
    char path[512], *text = calloc(1, 1 << 16);
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

static char *to_text(const struct guest_config *cfg)
{
    struct json_object *o = config_to_json(cfg, false);
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    json_print(f, o);
    fclose(f);
    json_object_put(o);
    return text;
}

static void test_golden(void **state)
{
    static const char *const names[] = {"core", "minimal"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char cfg_name[64], json_name[64], *text, *want, *got;
        struct guest_config cfg;
        struct err *err = NULL;

        snprintf(cfg_name, sizeof(cfg_name), "%s.cfg", names[i]);
        snprintf(json_name, sizeof(json_name), "%s.json", names[i]);
        text = read_all(cfg_name);
        want = read_all(json_name);
        assert_int_equal(config_parse(cfg_name, text, NULL, 2, stderr, &cfg, &err), 0);
        got = to_text(&cfg);
        assert_string_equal(got, want);
        config_free(&cfg);
        free(got);
        free(want);
        free(text);
    }
}

/* Parse lines behind a good beginning; the complaint, or "" when there is none. */
static const char *complaint(const char *lines, const char *extra)
{
    static char out[1024];
    struct guest_config cfg;
    struct err *err = NULL;
    char text[2048];
    FILE *f = fmemopen(out, sizeof(out), "w");

    snprintf(text, sizeof(text), "name='g'\nkernel='/k'\n%s", lines);
    if (config_parse("f.cfg", text, extra, 4, f, &cfg, &err) == 0)
        config_free(&cfg);
    else
        err_print(f, err);
    err_drop(&err);
    fputc('\0', f);
    fclose(f);
    return out;
}

static void test_complaints(void **state)
{
    static const struct {
        const char *lines, *want;
    } cases[] = {
        {"memory='abc'", "f.cfg:3: memory: is not a valid number\n"},
        {"\n# x\nmemory=[1]", "f.cfg:5: memory: is not a valid number\n"},
        {"memory=0", "f.cfg:3: memory: must be from 1 to 8796093022207\n"},
        {"memory=64\nmaxmem=32", "f.cfg:4: maxmem: is less than memory\n"},
        {"vcpus=0", "f.cfg:3: vcpus: must be from 1 to 8192\n"},
        {"vcpus=3\nmaxvcpus=2", "f.cfg:4: maxvcpus: maxvcpus < vcpus\n"},
        {"uuid='zzz'", "f.cfg:3: uuid: Failed to parse UUID: zzz\n"},
        {"cpus='9-'", "f.cfg:3: cpus: Invalid pcpu range: 9-.\n"},
        {"cpus='4-2'", "f.cfg:3: cpus: Invalid pcpu range: 4-2.\n"},
        {"cpus='512'", "f.cfg:3: cpus: Invalid pcpu range: 512.\n"},
        {"on_crash='foo'", "f.cfg:3: on_crash: Unknown on_crash action \"foo\" specified\n"},
        {"on_crash='coredump-restart'",
         "f.cfg:3: on_crash: on_crash action \"coredump-restart\": core dumps are not supported by "
         "this version\n"},
        {"type='x'", "f.cfg:3: type: `x' is not known or not supported by this version\n"},
        {"cpuid='host,sse3=0'", "f.cfg:3: cpuid: CPUID settings of PV guests are not supported by this version\n"},
        {"type='hvm'\nnestedhvm=1", "f.cfg:4: nestedhvm: nested virtualization is not supported by this version\n"},
        {"type='hvm'\nviridian=['all']",
         "f.cfg:4: viridian: Hyper-V (viridian) interfaces are not supported by this version\n"},
        {"type='hvm'\nsdl=1", "f.cfg:4: sdl: SDL displays are not supported: use vnc=1\n"},
        {"type='hvm'\nspice=1", "f.cfg:4: spice: SPICE displays are not supported: use vnc=1\n"},
        {"type='hvm'\nbios='ovmf'", "f.cfg:4: bios: `ovmf' is not known or not supported by this version\n"},
        {"type='hvm'\nhap=0", "f.cfg:4: hap: shadow paging is not supported: only hap=1\n"},
        {"type='hvm'\nstdvga=1\nvideoram=8", "f.cfg:5: videoram: the standard card needs 16 MB\n"},
        {"type='pvh'\nvcpus=129", "f.cfg:4: vcpus: a guest of this type can have 128 vCPUs at most\n"},
        {"type='pvh'\nmaxmem=512", "f.cfg:4: maxmem: more than memory= needs populate-on-demand, which is not "
                                   "supported: leave it out or make them equal\n"},
        {"type='pvh'\ncpuid='sse3=0'", "f.cfg:4: cpuid: must begin with \"host\"\n"},
        {"type='pvh'\ncpuid='host,sse9=0'", "f.cfg:4: cpuid: `sse9=0' is no setting of a known feature\n"},
        {"type='pvh'\ntimer_mode=4", "f.cfg:4: timer_mode: must be from 0 to 3\n"},
        {"disk=['foo']", "f.cfg:3: disk: config parsing error in disk specification: no vdev specified in `foo'\n"},
        {"disk=['/a,raw,foo,w']", "f.cfg:3: disk: there is no disk called `foo' in `/a,raw,foo,w'\n"},
        {"disk=['/a,raw,xvda,w','/b,raw,xvda,w']", "f.cfg:3: disk: two disks have the same name\n"},
        {"disk='/a,raw,xvda,w'", "f.cfg:3: disk: must be a list: [ '...' ]\n"},
        {"vif=['mac=zz']", "f.cfg:3: vif: in `mac=zz': invalid MAC address `zz'\n"},
        {"vif='bridge=x'", "f.cfg:3: vif: must be a list: [ '...' ]\n"},
        {"bootloader='pygrub'", "f.cfg:3: bootloader: bootloaders are not supported by this "
                                "version: name kernel= and ramdisk=\n"},
        {"pci=['01:00.0']", "f.cfg:3: pci: passing PCI devices through is not supported by this version\n"},
        {"memory 64", "f.cfg:3: config parsing error near `64': syntax error, unexpected NUMBER, "
                      "expecting += or '='\n"},
        /* What is harmless stays so. */
        {"pci=[]\nvfb=[]\nbootloader=''\ne820_host=0", ""},
        {"unknown_key='x'\nvnc=1\nserial='pty'", ""},
        {"vif=['frob=1,bridge=x']", "f.cfg:3: warning: vif: unrecognized argument `frob'\n"},
        {"builder='generic'\ntype='pv'", ""},
        {"cpus='0-3,^1'\ncpus_soft=['0','all']", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(complaint(cases[i].lines, NULL), cases[i].want);
    assert_string_equal(complaint("", "memory='q'"), "f.cfg:4: memory: is not a valid number\n");
}

/* The command line's settings win over the file's. */
static void test_extra(void **state)
{
    struct guest_config cfg;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(
        config_parse("f", "name='a'\nkernel='/k'\nmemory=1", "memory=7\nname=\"z\"", 1, stderr, &cfg, &err), 0);
    assert_int_equal(cfg.memory_kb, 7 * 1024);
    assert_string_equal(cfg.name, "z");
    config_free(&cfg);
    assert_int_equal(config_parse("f", "kernel='/k'", NULL, 1, stderr, &cfg, &err), -1);
    assert_string_equal(err->what, "Domain name must be specified.");
    err_drop(&err);
}

static void test_disk_numbers(void **state)
{
    static const struct {
        const char *name;
        long devid;
    } cases[] = {
        {"xvda", 51712},
        {"xvda1", 51713},
        {"xvdb", 51728},
        {"xvdp15", 51967},
        {"xvdq", 268439552},
        {"xvdaa", 268442112},
        {"xvda16", 268435472},
        {"d0", 51712},
        {"d1p2", 51730},
        {"hda", 768},
        {"hdb1", 833},
        {"hdc", 5632},
        {"hdd", 5696},
        {"sda", 2048},
        {"sdb3", 2067},
        {"51712", 51712},
        {"0x301", 769},
        {"xvda0", -1},
        {"xvd", -1},
        {"foo", -1},
        {"", -1},
        {"hde", -1},
        {"sda16", -1},
        {"xvda1x", -1},
        {"d", -1},
        {"xvda999", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(disk_devid(cases[i].name), cases[i].devid);
}

/* Every prefix of a good file, and the file with each byte changed in turn. */
static void test_garbled(void **state)
{
    char *text = read_all("core.cfg"), *copy;
    size_t len = strlen(text), i;
    FILE *null = fopen("/dev/null", "w");
    struct guest_config cfg;
    struct err *err = NULL;

    (void)state;
    for (i = 0; i < len; i++) {
        copy = strndup(text, i);
        if (config_parse("g", copy, NULL, 2, null, &cfg, &err) == 0)
            config_free(&cfg);
        err_drop(&err);
        free(copy);
        copy = strdup(text);
        copy[i] = "'\",=[]#\n;\\x0\xff"[i % 13];
        if (config_parse("g", copy, NULL, 2, null, &cfg, &err) == 0)
            config_free(&cfg);
        err_drop(&err);
        free(copy);
    }
    fclose(null);
    free(text);
}

static void hvm(void **state)
{
    static const char text[] = "name='h'\nbuilder='hvm'\nmemory=512\nvcpus=2\nstdvga=1\nboot='dc'\nserial='pty'\n"
                               "vnc=1\nvnclisten='0.0.0.0'\nvncpasswd='x'\nusbdevice='tablet'\nhpet=0\n"
                               "cpuid='host,sse3=0,lahf-lm=k,procpkg=3'\ntimer_mode='no_missed_ticks_pending'\n"
                               "disk=['/x.iso,raw,hdc,ro,cdrom', '/d.img,raw,hda,rw']\n";
    struct guest_config c;
    struct err *err = NULL;

    (void)state;
    assert_int_equal(config_parse("h.cfg", text, NULL, 4, stderr, &c, &err), 0);
    assert_int_equal(c.type, GUEST_HVM);
    assert_int_equal(c.hvm.vga, VGA_STD);
    assert_int_equal(c.hvm.video_kb, 16384);
    assert_int_equal(c.hvm.timer_mode, 2);
    assert_string_equal(c.hvm.boot, "dc");
    assert_string_equal(c.hvm.vnc_listen, "0.0.0.0");
    assert_int_equal(c.hvm.nr_serial, 1);
    assert_int_equal(c.hvm.nr_usb_devices, 1);
    assert_true(c.hvm.vnc && c.hvm.acpi && c.hvm.apic && !c.hvm.hpet);
    assert_int_equal(c.nr_cpuid, 3);
    assert_int_equal(c.cpuid[0].leaf, 1);
    assert_int_equal(c.cpuid[0].reg, 2);
    assert_int_equal(c.cpuid[0].bits[31], '0');
    assert_int_equal(c.cpuid[1].leaf, 0x80000001);
    assert_int_equal(c.cpuid[1].bits[31], 'k');
    assert_int_equal(c.cpuid[2].leaf, 4);
    assert_memory_equal(c.cpuid[2].bits, "000011xx", 8);
    config_free(&c);
    assert_int_equal(config_parse("h.cfg",
                                  "name='h'\ntype='pvh'\nkernel='/k'\ncpuid=['7,0:ebx="
                                  "x0xxxxxxxxxxxxxxxxxxxxxxxxxxxxx1']\n",
                                  NULL, 4, stderr, &c, &err),
                     0);
    assert_int_equal(c.type, GUEST_PVH);
    assert_int_equal(c.nr_cpuid, 1);
    assert_int_equal(c.cpuid[0].reg, 1);
    assert_int_equal(c.hvm.video_kb, 0);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hvm),        cmocka_unit_test(test_golden),       cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_extra), cmocka_unit_test(test_disk_numbers), cmocka_unit_test(test_garbled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
