/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of an HVM domain's saved context (arch/x86/hvm/save.c): what is written is read again, and no stream,
 * however broken, reaches a record's loader unless all of it is well-formed. Records of a made-up domain.
 */
#include <arch/x86/hvm/save.h>
#include <asm/current.h>
#include <core/domain.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/domctl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static struct domain d = {.is_hvm = true, .max_vcpus = 3};
static struct vcpu vcpus[2], caller;
static struct domain caller_domain;
__thread unsigned int sim_cpu;
struct vcpu *sim_current[1] = {&caller};
static unsigned int loads;
static u8 cpu_value[3], device_value[2];

/* ---- the made-up records: one byte of a vCPU, two instances of a device of 4 to 8 bytes ---- */

static int cpu_save(struct domain *dom, unsigned int instance, void *record)
{
    (void)dom;
    *(u8 *)record = cpu_value[instance];
    return 1;
}

static int cpu_load(struct domain *dom, unsigned int instance, const void *record, u32 length)
{
    (void)dom;
    assert_int_equal(length, 1);
    loads++;
    cpu_value[instance] = *(const u8 *)record;
    return 0;
}

static int device_save(struct domain *dom, unsigned int instance, void *record)
{
    (void)dom;
    memset(record, device_value[instance], 4 + 4 * instance);
    return device_value[instance] ? (int)(4 + 4 * instance) : -ENODEV;
}

static int device_load(struct domain *dom, unsigned int instance, const void *record, u32 length)
{
    (void)dom;
    assert_in_range(length, 4, 8);
    loads++;
    device_value[instance] = *(const u8 *)record;
    return device_value[instance] == 0xee ? -EINVAL : 0;
}

const struct hvm_record cpu_records[] = {{2, 0, 1, 0, cpu_save, cpu_load}};
const unsigned int cpu_nr_records = 1;
const struct hvm_record platform_records[] = {{5, 2, 8, 4, device_save, device_load}};
const unsigned int platform_nr_records = 1;

/* ---- what save.c calls ---- */

void *page_alloc(unsigned int order) { return calloc(PAGE_SIZE, 1U << order); }
void page_free(void *va, unsigned int order)
{
    (void)order;
    free(va);
}
void vcpu_sleep_nosync(struct vcpu *v) { assert_ptr_equal(v, &vcpus[v->id]); }
void domain_pause(struct domain *dom) { (void)dom; }
void domain_unpause(struct domain *dom) { (void)dom; }
void printk_level(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}
size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    memcpy(dst, (const void *)src, n);
    return 0;
}
size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    memcpy((void *)dst, src, n);
    return 0;
}

/* ---- the tests ---- */

static u8 stream[4096];

static long op(u32 cmd, u32 *size)
{
    struct xen_domctl c = {.cmd = cmd, .u.hvmcontext.size = *size};
    long rc;

    c.u.hvmcontext.buffer.p = stream;
    rc = hvm_context_op(&d, &c);
    *size = c.u.hvmcontext.size;
    return rc;
}

static u32 saved(void)
{
    u32 size = sizeof(stream);

    memset(stream, 0, sizeof(stream));
    cpu_value[0] = 1, cpu_value[1] = 2, device_value[0] = 3, device_value[1] = 4;
    assert_int_equal(op(XEN_DOMCTL_gethvmcontext, &size), 0);
    return size;
}

static int setup(void **state)
{
    (void)state;
    static struct vcpu *list[3] = {&vcpus[0], &vcpus[1], NULL};

    d.vcpu = list;
    vcpus[1].id = 1;
    vcpus[0].pause_flags = vcpus[1].pause_flags = 0;
    caller.domain = &caller_domain;
    loads = 0;
    return 0;
}

static void test_round_trip(void **state)
{
    u32 size = saved(), small = size - 1;

    (void)state;
    /* HEADER, two vCPUs, the device twice, END */
    assert_int_equal(size, 6 * 8 + sizeof(struct hvm_save_header) + 2 * 1 + 4 + 8);
    assert_int_equal(op(XEN_DOMCTL_gethvmcontext, &small), -ENOSPC);
    memset(cpu_value, 0, sizeof(cpu_value));
    memset(device_value, 0, sizeof(device_value));
    assert_int_equal(op(XEN_DOMCTL_sethvmcontext, &size), 0);
    assert_int_equal(loads, 4);
    assert_true(test_bit(_VPF_DOWN, &vcpus[1].pause_flags)); /* unless its record starts it */
    assert_int_equal(cpu_value[1] << 8 | device_value[1], 0x204);
    d.is_hvm = false;
    assert_int_equal(op(XEN_DOMCTL_sethvmcontext, &size), -EINVAL);
    d.is_hvm = true;
}

/* Every length but the whole: nothing is loaded. */
static void test_truncated(void **state)
{
    u32 size = saved();

    (void)state;
    for (u32 n = 0; n < size; n++) {
        u32 part = n;

        assert_int_equal(op(XEN_DOMCTL_sethvmcontext, &part), -EINVAL);
        assert_int_equal(loads, 0);
        assert_false(test_bit(_VPF_DOWN, &vcpus[0].pause_flags));
    }
}

/* One byte of any descriptor or of the header's magic differs: nothing is loaded, or what is has its shape. */
static void test_damaged(void **state)
{
    u32 size = saved();

    (void)state;
    for (unsigned int round = 0; round < 200000; round++) {
        u32 n = size;

        saved();
        for (unsigned int i = rand() % 3 + 1; i; i--)
            stream[rand() % size] = rand();
        loads = 0;
        if (op(XEN_DOMCTL_sethvmcontext, &n))
            assert_true(loads == 0 || device_value[0] == 0xee || device_value[1] == 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round_trip, setup),
        cmocka_unit_test_setup(test_truncated, setup),
        cmocka_unit_test_setup(test_damaged, setup),
    };

    return cmocka_run_group_tests_name("hvm_save", tests, NULL, NULL);
}
