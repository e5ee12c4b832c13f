/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading the extended state of vCPUs (fpu.h). Sources: Intel SDM vol. 1, chapter 13;
 * AMD APM vol. 2, 11.5.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/fpu.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <mm/heap.h>
#include <xen/hvm/save.h>

#define XCR0_X87    1UL
#define XCR0_SSE    2UL
#define XCR0_AVX    4UL
#define XCR0_BND    (3UL << 3)
#define XCR0_AVX512 (7UL << 5)

#define FCW_DEFAULT   0x037f
#define MXCSR_DEFAULT 0x1f80

struct xsave_area {
    u16 fcw, fsw;
    u32 ftw_fop;
    u64 fip, fdp;
    u32 mxcsr, mxcsr_mask;
    u8 regs[480];
    u64 xstate_bv, xcomp_bv, reserved[6];
};
_Static_assert(sizeof(struct xsave_area) == 576, "XSAVE: legacy region and header");

static bool use_xsave(void) { return boot_cpu.xcr0_mask; }

static unsigned int area_order(void) { return size_order(max(boot_cpu.xsave_size, (u32)sizeof(struct xsave_area))); }

static void set_xcr0(u64 v) { __asm__ __volatile__("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32))); }

void fpu_cpu_init(void)
{
    if (use_xsave())
        set_xcr0(XCR0_X87 | XCR0_SSE);
}

int fpu_vcpu_create(struct vcpu *v)
{
    struct xsave_area *area = page_alloc(area_order());

    if (!area)
        return -ENOMEM;
    area->fcw = FCW_DEFAULT;
    area->mxcsr = MXCSR_DEFAULT;
    area->xstate_bv = XCR0_X87 | XCR0_SSE;
    v->arch.xsave_area = area;
    v->arch.xcr0 = v->arch.xcr0_accum = XCR0_X87 | XCR0_SSE;
    return 0;
}

void fpu_vcpu_free(struct vcpu *v)
{
    if (v->arch.xsave_area)
        page_free(v->arch.xsave_area, area_order());
    v->arch.xsave_area = NULL;
}

/* Not every CPU tells us of an HVM guest's XSETBV (QEMU's does not). */
static void take_xcr0(struct vcpu *v)
{
    u32 lo, hi;

    __asm__ __volatile__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    v->arch.xcr0 = lo | (u64)hi << 32;
    v->arch.xcr0_accum |= v->arch.xcr0;
}

void fpu_save(struct vcpu *v)
{
    struct xsave_area *area = v->arch.xsave_area;

    __asm__ __volatile__("clts");
    if (!use_xsave()) {
        __asm__ __volatile__("fxsaveq %0" : "=m"(*area));
        return;
    }
    if (v->is_hvm)
        take_xcr0(v);
    if (v->arch.xcr0 != v->arch.xcr0_accum)
        set_xcr0(v->arch.xcr0_accum);
    __asm__ __volatile__("xsaveq %0" : "+m"(*area) : "a"(~0U), "d"(~0U));
}

void fpu_load(struct vcpu *v)
{
    struct xsave_area *area = v->arch.xsave_area;

    __asm__ __volatile__("clts");
    if (use_xsave()) {
        set_xcr0(v->arch.xcr0_accum);
        __asm__ __volatile__("xrstorq %0" ::"m"(*area), "a"(~0U), "d"(~0U));
        if (v->arch.xcr0 != v->arch.xcr0_accum)
            set_xcr0(v->arch.xcr0);
    } else {
        __asm__ __volatile__("fxrstorq %0" ::"m"(*area));
    }
    if (!v->is_hvm && v->arch.pv.ctrlreg[0] & X86_CR0_TS)
        write_cr0(read_cr0() | X86_CR0_TS);
}

/* Which combinations are valid: Intel SDM vol. 1, 13.3. */
static bool xcr0_valid(u64 xcr0)
{
    if (xcr0 & ~boot_cpu.xcr0_mask || !(xcr0 & XCR0_X87))
        return false;
    if (xcr0 & XCR0_AVX && !(xcr0 & XCR0_SSE))
        return false;
    if (xcr0 & XCR0_BND && (xcr0 & XCR0_BND) != XCR0_BND)
        return false;
    return !(xcr0 & XCR0_AVX512) || ((xcr0 & XCR0_AVX512) == XCR0_AVX512 && xcr0 & XCR0_AVX);
}

int fpu_set_xcr0(struct vcpu *v, u64 xcr0)
{
    if (!use_xsave() || !xcr0_valid(xcr0))
        return -EINVAL;
    v->arch.xcr0 = xcr0;
    v->arch.xcr0_accum |= xcr0;
    set_xcr0(xcr0);
    return 0;
}

void fpu_set_legacy(struct vcpu *v, const void *fxsave)
{
    struct xsave_area *area = v->arch.xsave_area;

    memcpy(area, fxsave, 512);
    area->mxcsr &= area->mxcsr_mask ? area->mxcsr_mask : 0xffbf;
    memset(&area->xstate_bv, 0, 64);
    area->xstate_bv = XCR0_X87 | XCR0_SSE;
}

void fpu_get_legacy(struct vcpu *v, void *fxsave) { memcpy(fxsave, v->arch.xsave_area, 512); }

int fpu_save_record(const struct vcpu *v, struct hvm_hw_cpu_xsave *out)
{
    if (!use_xsave())
        return 0;
    out->xfeature_mask = boot_cpu.xcr0_mask;
    out->xcr0 = v->arch.xcr0;
    out->xcr0_accum = v->arch.xcr0_accum;
    memcpy(&out->save_area, v->arch.xsave_area, boot_cpu.xsave_size);
    return offsetof(struct hvm_hw_cpu_xsave, save_area) + boot_cpu.xsave_size;
}

int fpu_load_record(struct vcpu *v, const struct hvm_hw_cpu_xsave *in, u32 length)
{
    u32 bytes = length - offsetof(struct hvm_hw_cpu_xsave, save_area);
    const struct xsave_area *area = (const void *)&in->save_area;

    if (!use_xsave() || bytes > boot_cpu.xsave_size || !xcr0_valid(in->xcr0) || !xcr0_valid(in->xcr0_accum) ||
        in->xcr0 & ~in->xcr0_accum)
        return -EINVAL;
    /* Intel SDM vol. 1, 13.8.1: what XRSTOR faults on. */
    if (area->xstate_bv & ~in->xcr0_accum || area->xcomp_bv || area->mxcsr >> 16)
        return -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(area->reserved); i++)
        if (area->reserved[i])
            return -EINVAL;
    memset(v->arch.xsave_area, 0, boot_cpu.xsave_size);
    memcpy(v->arch.xsave_area, area, bytes);
    v->arch.xcr0 = in->xcr0;
    v->arch.xcr0_accum = in->xcr0_accum;
    return 0;
}
