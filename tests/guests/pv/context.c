/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved context of an HVM domain, as a tool uses it: which records there are and what the guest of
 * hvm/context-client.c, which set its registers, has in them; each by itself is what it is among the others; saved,
 * loaded and saved again it is the same, but for what time moves; what cannot be is refused, by the answers of
 * Xen 4.17; after all that the guest goes on with its registers as they were. <xen/hvm/save.h>,
 * <xen/arch-x86/hvm/save.h>.
 */
#include "hvm/context.h"

const char test_title[] = "the saved context of an HVM domain";

#define SECONDS 1000000000ul
#define VCPUS   2 /* the second is never started */

static struct built_domain d;
static struct context {
    uint32_t size;
    uint8_t bytes[60000];
} first, second, made;

static long save(struct context *c)
{
    struct xen_domctl op = {.u.hvmcontext.size = sizeof(c->bytes)};
    long rc;

    set_xen_guest_handle(op.u.hvmcontext.buffer, c->bytes);
    rc = domctl(&op, XEN_DOMCTL_gethvmcontext, d.id);
    c->size = op.u.hvmcontext.size;
    return rc;
}

static long load(struct context *c)
{
    struct xen_domctl op = {.u.hvmcontext.size = c->size};

    set_xen_guest_handle(op.u.hvmcontext.buffer, c->bytes);
    return domctl(&op, XEN_DOMCTL_sethvmcontext, d.id);
}

/* The record behind s, or the first one; NULL behind the last. */
static struct hvm_save_descriptor *next(struct context *c, struct hvm_save_descriptor *s)
{
    s = s ? (void *)((uint8_t *)(s + 1) + s->length) : (void *)c->bytes;
    return s->typecode == HVM_SAVE_CODE(END) ? NULL : s;
}

/* A record's content, NULL: there is none. */
static void *record(struct context *c, unsigned int type, unsigned int instance, unsigned int *length)
{
    for (struct hvm_save_descriptor *s = next(c, NULL); s; s = next(c, s))
        if (s->typecode == type && s->instance == instance) {
            *length = s->length;
            return s + 1;
        }
    return NULL;
}

static void wait_line(const char *word)
{
    uint64_t end = now() + 20 * SECONDS;
    bool found = false;
    char line[256];

    while (!found && now() < end)
        while (domain_console_line(&d, line, sizeof(line))) {
            printk("d%u| %s\n", d.id, line);
            check(!strstr(line, "FAILED"));
            found = found || strstr(line, word);
        }
    check(found);
}

static long pause(void)
{
    struct xen_domctl op = {0};

    return domctl(&op, XEN_DOMCTL_pausedomain, d.id);
}

/* ---- what is there ---- */

/* Instances of each type: bits. Of the vCPU that is down all but its registers, and what it never set. */
static const uint8_t present[HVM_SAVE_CODE_MAX + 1] = {
    [1] = 1,  [2] = 1,  [3] = 3,  [4] = 1,  [5] = 3,  [6] = 3,  [7] = 1,  [8] = 1, [9] = 1,
    [10] = 1, [11] = 1, [12] = 1, [13] = 1, [14] = 3, [18] = 3, [19] = 3, [20] = 1};

static void check_present(void)
{
    bool xsave = false;
    unsigned int n;

    for (unsigned int type = 1; type < ARRAY_SIZE(present); type++)
        for (unsigned int i = 0; i < VCPUS + 1; i++)
            if (type == CPU_XSAVE_CODE)
                xsave = xsave || record(&first, type, i, &n);
            else if (!record(&first, type, i, &n) != !(present[type] >> i & 1))
                printk("record %u.%u is%s there\n", type, i, record(&first, type, i, &n) ? "" : " not"), check(false);
    printk("CPU_XSAVE: %d\n", xsave);
}

static void check_cpu(void)
{
    unsigned int n;
    struct hvm_hw_cpu *c = record(&first, HVM_SAVE_CODE(CPU), 0, &n);
    const uint64_t *dr = &c->dr0;

    if (!c)
        return;
    check_eq(n, sizeof(*c));
    check_eq(c->r8, 0x1111222233334444);
    check_eq(c->r15, (long)0x9999aaaabbbbcccc);
    check_eq(c->fpu_regs[0] | c->fpu_regs[1] << 8, CONTEXT_FCW);
    check_eq(*(uint32_t *)(c->fpu_regs + 24), CONTEXT_MXCSR);
    for (unsigned int i = 0; i < 16; i++)
        check_eq(c->fpu_regs[160 + 16 * i], CONTEXT_XMM + i);
    for (unsigned int i = 0; i < 4; i++)
        check_eq(dr[i], CONTEXT_DR(i));
    check_eq(c->dr6, CONTEXT_DR6);
    check_eq(c->dr7, CONTEXT_DR7);
    check_eq(c->sysenter_cs, context_msr(0x174));
    check_eq(c->sysenter_esp, context_msr(0x175));
    check_eq(c->sysenter_eip, context_msr(0x176));
    check_eq(c->msr_star, context_msr(0xc0000081));
    check_eq(c->msr_lstar, context_msr(0xc0000082));
    check_eq(c->msr_cstar, context_msr(0xc0000083));
    check_eq(c->msr_syscall_mask, context_msr(0xc0000084));
    check_eq(c->fs_base, context_msr(0xc0000100));
    check_eq(c->gs_base, context_msr(0xc0000101));
    check_eq(c->shadow_gs, context_msr(0xc0000102));
    check_eq(c->flags, XEN_X86_FPU_INITIALISED);
}

/* Not PAT: AMD's guest sets that one itself, and Xen 4.17 saves what it was before. */
static void check_others(void)
{
    unsigned int n;
    const struct hvm_hw_mtrr *mtrr = record(&first, HVM_SAVE_CODE(MTRR), 0, &n);
    const struct hvm_vmce_vcpu *banks = record(&first, HVM_SAVE_CODE(VMCE_VCPU), 0, &n);
    const struct hvm_tsc_adjust *adjust = record(&first, HVM_SAVE_CODE(TSC_ADJUST), 0, &n);
    const struct hvm_hw_lapic *lapic = record(&first, HVM_SAVE_CODE(LAPIC), 1, &n);
    const struct hvm_msr *msrs = record(&first, CPU_MSR_CODE, 0, &n);

    check_eq(mtrr->msr_mtrr_var[0], context_msr(0x200));
    check_eq(mtrr->msr_mtrr_fixed[0], context_msr(0x250));
    check_eq(mtrr->msr_mtrr_def_type, context_msr(0x2ff));
    check_eq(banks->caps, 2);
    check_eq(banks->mci_ctl2_bank0 | banks->mci_ctl2_bank1 | banks->mcg_ext_ctl, 0);
    check_eq(adjust->tsc_adjust, context_msr(0x3b));
    check_eq(lapic->disabled, 2); /* by its spurious interrupt register, not by APIC_BASE */
    if (!msrs)
        return;
    check_eq(n, sizeof(*msrs) + sizeof(msrs->msr[0]));
    check_eq(msrs->count, 1);
    check_eq(msrs->msr[0].index, MSR_MISC_FEATURES);
    check_eq(msrs->msr[0].val, CPUID_FAULTING);
}

/* ---- one by itself ---- */

static long partial(unsigned int type, unsigned int instance, void *buf, uint64_t *size)
{
    struct xen_domctl op = {.u.hvmcontext_partial = {.type = type, .instance = instance, .bufsz = *size}};
    long rc;

    set_xen_guest_handle(op.u.hvmcontext_partial.buffer, (uint8_t *)buf);
    rc = domctl(&op, XEN_DOMCTL_gethvmcontext_partial, d.id);
    *size = op.u.hvmcontext_partial.bufsz;
    return rc;
}

/* From one look to the next: the TSC, the PM timer, the seconds of the clock. */
static void still(unsigned int type, void *content)
{
    if (type == HVM_SAVE_CODE(CPU))
        ((struct hvm_hw_cpu *)content)->tsc = 0;
    else if (type == HVM_SAVE_CODE(PMTIMER))
        ((struct hvm_hw_pmtimer *)content)->tmr_val = 0;
    else if (type == HVM_SAVE_CODE(RTC))
        memset(((struct hvm_hw_rtc *)content)->cmos_data, 0, 10);
}

static void check_equal(const struct hvm_save_descriptor *s, const void *content, unsigned int length)
{
    check_eq(length, s->length);
    for (unsigned int i = 0; i < s->length; i++)
        if (((const uint8_t *)content)[i] != ((const uint8_t *)(s + 1))[i]) {
            printk("record %u.%u differs at byte %u\n", s->typecode, s->instance, i);
            check(false);
            return;
        }
}

/* first has no moving fields any more. */
static void check_partial(void)
{
    static uint8_t buf[16384];
    uint64_t size;

    for (struct hvm_save_descriptor *s = next(&first, NULL); s; s = next(&first, s)) {
        size = sizeof(buf);
        if (s->typecode == HVM_SAVE_CODE(HEADER)) {
            check_eq(partial(s->typecode, 0, buf, &size), -XEN_EINVAL);
            continue;
        }
        check_eq(partial(s->typecode, s->instance, buf, &size), 0);
        still(s->typecode, buf);
        check_equal(s, buf, (unsigned int)size);
        size = 0;
        check_eq(partial(s->typecode, s->instance, NULL, &size), 0); /* how long is it? */
        check_eq(size, s->length);
        size--;
        check_eq(partial(s->typecode, s->instance, buf, &size), -XEN_ENOBUFS);
    }
    size = sizeof(buf);
    check_eq(partial(HVM_SAVE_CODE(CPU), 1, buf, &size), -XEN_ENODATA);
    check_eq(partial(CPU_MSR_CODE, 1, buf, &size), -XEN_ENODATA);
    check_eq(partial(HVM_SAVE_CODE(VMCE_VCPU), VCPUS, buf, &size), -XEN_ENOENT);
    check_eq(partial(HVM_SAVE_CODE_MAX + 1, 0, buf, &size), -XEN_EINVAL);
}

/* ---- there and back ---- */

static void still_all(struct context *c)
{
    for (struct hvm_save_descriptor *s = next(c, NULL); s; s = next(c, s))
        still(s->typecode, s + 1);
}

static uint64_t tsc_of(struct context *c)
{
    unsigned int n;
    struct hvm_hw_cpu *cpu = record(c, HVM_SAVE_CODE(CPU), 0, &n);

    return cpu ? cpu->tsc : 0;
}

static void check_round_trip(void)
{
    unsigned int n;

    made = first;
    check_eq(load(&made), 0);
    check_eq(save(&second), 0);
    check(tsc_of(&second) - tsc_of(&made) < 10 * SECONDS); /* it goes on where it was */
    still_all(&second);
    still_all(&first);
    check_eq(second.size, first.size);
    for (struct hvm_save_descriptor *s = next(&first, NULL); s; s = next(&first, s)) {
        void *content = record(&second, s->typecode, s->instance, &n);

        if (!content)
            printk("record %u.%u is lost\n", s->typecode, s->instance), check(false);
        else
            check_equal(s, content, n);
    }
}

/* ---- what is refused ---- */

/* The header and one record. */
static long load_one(unsigned int type, unsigned int instance, const void *content, unsigned int length)
{
    struct hvm_save_descriptor *s = (void *)(first.bytes + 8 + sizeof(struct hvm_save_header));
    uint8_t *at = made.bytes + ((uint8_t *)s - first.bytes);

    memset(&made, 0, sizeof(made));
    memcpy(made.bytes, first.bytes, (size_t)((uint8_t *)s - first.bytes));
    *(struct hvm_save_descriptor *)at = (struct hvm_save_descriptor){(uint16_t)type, (uint16_t)instance, length};
    memcpy(at + sizeof(*s), content, length);
    made.size = (uint32_t)(at - made.bytes) + 2 * (uint32_t)sizeof(*s) + length;
    return load(&made);
}

static long load_msr(uint32_t count, uint32_t msr, uint32_t reserved, uint64_t value, unsigned int length)
{
    struct {
        uint32_t count, pad;
        struct hvm_one_msr msr[2];
    } m = {count, 0, {{msr, reserved, value}, {0}}};

    return load_one(CPU_MSR_CODE, 0, &m, length);
}

static void check_refused(void)
{
    struct hvm_vmce_vcpu banks = {.caps = 1};
    uint64_t size = sizeof(banks);

    check_eq(load_msr(1, MSR_MISC_FEATURES, 0, 0, 24), 0);
    check_eq(load_msr(1, MSR_MISC_FEATURES, 0, 1, 24), 0);
    check_eq(load_msr(1, MSR_MISC_FEATURES, 0, 2, 24), -XEN_ENXIO);
    check_eq(load_msr(1, 0xdead, 0, 0, 24), -XEN_ENXIO);
    check_eq(load_msr(1, 0x10, 0, 0, 24), -XEN_ENXIO); /* there, but of another record */
    check_eq(load_msr(1, MSR_MISC_FEATURES, 1, 0, 24), -XEN_EOPNOTSUPP);
    check_eq(load_msr(2, MSR_MISC_FEATURES, 0, 0, 24), -XEN_EOPNOTSUPP);
    check_eq(load_msr(1, MSR_MISC_FEATURES, 0, 0, 40), -XEN_EOPNOTSUPP);
    check_eq(load_msr(0, 0, 0, 0, 8), -XEN_EINVAL);
    check_eq(load_msr(1, 0, 0, 0, 4), -XEN_EINVAL);
    check_eq(load_one(HVM_SAVE_CODE(VMCE_VCPU), VCPUS, &banks, sizeof(banks)), -XEN_EINVAL);
    check_eq(load_one(HVM_SAVE_CODE(VMCE_VCPU), 1, &banks, 8), 0); /* as older ones wrote it */
    check_eq(partial(HVM_SAVE_CODE(VMCE_VCPU), 1, &banks, &size), 0);
    check_eq(banks.caps, 1);
    banks.caps = 1 << 24 | 2; /* software recovery */
    check_eq(load_one(HVM_SAVE_CODE(VMCE_VCPU), 1, &banks, sizeof(banks)), -XEN_EINVAL);
    size = sizeof(made.bytes); /* a vCPU that a context does not have is down after it */
    check_eq(partial(HVM_SAVE_CODE(CPU), 0, made.bytes, &size), -XEN_ENODATA);
}

void test_main(void)
{
    struct domain_plan plan = {.args = "domu", .pages = 4096, .vcpus = VCPUS, .board = true};
    struct xen_domctl size = {0};
    struct context *kept = &second;

    plan.elf = module_find(&plan.elf_size);
    if (!plan.elf)
        test_error("no guest was given as module");
    if (domain_build(&plan, &d))
        test_error("the domain could not be built");
    check_eq(domain_unpause(&d), 0);
    wait_line("ready");
    check_eq(pause(), 0);
    check_eq(save(&first), 0);
    check_eq(domctl(&size, XEN_DOMCTL_gethvmcontext, d.id), 0);
    check(size.u.hvmcontext.size >= first.size);
    check_present();
    check_cpu();
    check_others();
    check_round_trip();
    check_partial();
    save(kept);
    check_refused();
    check_eq(load(kept), 0);
    check_eq(domain_unpause(&d), 0);
    d.console->in_prod++;
    wait_line("Test result: SUCCESS");
    check(domain_destroy(&d));
}
