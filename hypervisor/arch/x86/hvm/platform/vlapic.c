/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC: registers in both modes, what it accepts and in which order it gives it to the CPU (Intel SDM
 * vol. 3, chapter 11 "Advanced Programmable Interrupt Controller"). It is one of the generation without directed EOI
 * and without the CMCI entry: version 0x14, six LVT entries. Ids are twice the vCPU's number, as on Xen.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/platform/private.h>

#define VLAPIC_VERSION     0x00050014
#define ESR_SEND_VECTOR    0x20
#define ESR_RECEIVE_VECTOR 0x40
#define ESR_REGISTER       0x80

/* Registers by number: offset / 16, or x2APIC MSR - 0x800. */
#define REG(offset)  ((offset) / 16)
#define BIT(offset)  (1UL << REG(offset))
#define EIGHT(first) (0xffUL << REG(first))
#define LVTS         (0x3fUL << REG(APIC_LVT_TIMER))
static const u64 both_read = BIT(APIC_ID) | BIT(APIC_VERSION) | BIT(APIC_TPR) | BIT(APIC_PPR) | BIT(APIC_LDR) |
                             BIT(APIC_SPIV) | EIGHT(APIC_ISR) | EIGHT(APIC_TMR) | EIGHT(APIC_IRR) | BIT(APIC_ESR) |
                             BIT(APIC_ICR) | LVTS | BIT(APIC_TIMER_INIT) | BIT(APIC_TIMER_COUNT) |
                             BIT(APIC_TIMER_DIVIDE);
static const u64 both_write = BIT(APIC_TPR) | BIT(APIC_EOI) | BIT(APIC_SPIV) | BIT(APIC_ESR) | BIT(APIC_ICR) | LVTS |
                              BIT(APIC_TIMER_INIT) | BIT(APIC_TIMER_DIVIDE);
static const u64 xapic_too = BIT(APIC_DFR) | BIT(APIC_ICR_HIGH), xapic_write = BIT(APIC_LDR) | BIT(APIC_ID);

/* Bits that can be written. */
static const u32 writable[64] = {
    [REG(APIC_TPR)] = 0xff,
    [REG(APIC_LDR)] = 0xff000000,
    [REG(APIC_DFR)] = 0xf0000000,
    [REG(APIC_SPIV)] = 0x3ff,
    [REG(APIC_ICR)] = 0xccfff,
    [REG(APIC_ICR_HIGH)] = 0xff000000,
    [REG(APIC_LVT_TIMER)] = 0x700ff,
    [REG(APIC_LVT_THERMAL)] = 0x107ff,
    [REG(APIC_LVT_PERF)] = 0x107ff,
    [REG(APIC_LVT_LINT0)] = 0x1a7ff,
    [REG(APIC_LVT_LINT1)] = 0x1a7ff,
    [REG(APIC_LVT_ERROR)] = 0x100ff,
    [REG(APIC_TIMER_INIT)] = 0xffffffff,
    [REG(APIC_TIMER_DIVIDE)] = 0xb,
    [REG(APIC_SELF_IPI)] = 0xff,
};
#define LVT_READ_ONLY 0x5000 /* delivery status, remote IRR: written back by who changes an entry */

static inline void set_reg(struct vlapic *l, unsigned int reg, u32 value) { WRITE_ONCE(l->regs[reg / 4], value); }

/* ---- IRR, ISR, TMR ---- */

/* The word of one of the three that has the bit of a vector. */
static inline u32 *vector_word(struct vlapic *l, unsigned int reg, u8 vector)
{
    return &l->regs[reg / 4 + vector / 32 * 4];
}

/* The highest vector in service, -1: none. */
static inline int highest_isr(const struct vlapic *l)
{
    unsigned int i;

    if (!l->isr_words)
        return -1;
    i = fls64(l->isr_words);
    return i * 32 + fls64(l->regs[APIC_ISR / 4 + i * 4]);
}

static inline int highest_irr(struct vlapic *l)
{
    u8 words;

    while ((words = READ_ONCE(l->irr_words))) {
        unsigned int i = fls64(words);
        u32 word = READ_ONCE(l->regs[APIC_IRR / 4 + i * 4]);

        if (word)
            return i * 32 + fls64(word);
        /* The word's bit goes first, then another look: who set IRR before that is seen, after that sets the bit. */
        __atomic_fetch_and(&l->irr_words, (u8) ~(1U << i), __ATOMIC_SEQ_CST);
        if (READ_ONCE(l->regs[APIC_IRR / 4 + i * 4]))
            __atomic_fetch_or(&l->irr_words, (u8)(1U << i), __ATOMIC_SEQ_CST);
    }
    return -1;
}

static void update_ppr(struct vlapic *l)
{
    u32 tpr = vlapic_reg(l, APIC_TPR);
    int isr = highest_isr(l);

    set_reg(l, APIC_PPR, isr >= 0 && (u32)isr >> 4 > tpr >> 4 ? (u32)isr & 0xf0 : tpr);
    /* What waited may be let through now. */
    if (l->irr_words)
        hvm_set_work(l->v, HVM_WORK_EVENT);
}

void vlapic_accept(struct vlapic *l, u8 vector, bool level)
{
    u32 bit = 1U << vector % 32, *tmr = vector_word(l, APIC_TMR, vector);

    if (!vlapic_sw_enabled(l))
        return;
    if (vector < 16) {
        vlapic_error(l, ESR_RECEIVE_VECTOR);
        return;
    }
    if (level)
        __atomic_fetch_or(tmr, bit, __ATOMIC_RELAXED);
    else if (READ_ONCE(*tmr) & bit)
        __atomic_fetch_and(tmr, ~bit, __ATOMIC_RELAXED);
    if (__atomic_fetch_or(vector_word(l, APIC_IRR, vector), bit, __ATOMIC_SEQ_CST) & bit)
        return;
    __atomic_fetch_or(&l->irr_words, (u8)(1U << vector / 32), __ATOMIC_SEQ_CST); /* see highest_irr */
    hvm_wake(l->v);
}

int vlapic_pending(struct vlapic *l)
{
    int irr = vlapic_sw_enabled(l) ? highest_irr(l) : -1;

    return irr >> 4 > (int)(vlapic_reg(l, APIC_PPR) >> 4) ? irr : -1;
}

void vlapic_take(struct vlapic *l, u8 vector)
{
    u32 bit = 1U << vector % 32;

    __atomic_fetch_and(vector_word(l, APIC_IRR, vector), ~bit, __ATOMIC_SEQ_CST);
    *vector_word(l, APIC_ISR, vector) |= bit;
    l->isr_words |= 1U << vector / 32;
    set_reg(l, APIC_PPR, vector & 0xf0);
}

static void end_of_interrupt(struct vlapic *l)
{
    int isr = highest_isr(l);
    u32 bit, *word;

    if (isr < 0)
        return;
    bit = 1U << isr % 32;
    word = vector_word(l, APIC_ISR, isr);
    *word &= ~bit;
    if (!*word)
        l->isr_words &= ~(1U << isr / 32);
    if (*vector_word(l, APIC_TMR, isr) & bit)
        vioapic_eoi(l->v->domain, isr);
    update_ppr(l);
}

void vlapic_error(struct vlapic *l, u32 bits)
{
    u32 lvt = vlapic_reg(l, APIC_LVT_ERROR);

    if (__atomic_fetch_or(&l->errors, bits, __ATOMIC_SEQ_CST) & bits)
        return;
    if (!(lvt & APIC_LVT_MASKED) && (u8)lvt >= 16)
        vlapic_accept(l, lvt, false);
}

/* ---- LINT0 and the 8259 pair ---- */

static bool lint0_is(const struct vlapic *l, unsigned int mode)
{
    return (vlapic_reg(l, APIC_LVT_LINT0) & (APIC_LVT_MASKED | 0x700)) == mode << 8;
}

bool vlapic_extint(const struct vlapic *l)
{
    /* Without its APIC a CPU has the plain INTR pin of old. */
    if (!vlapic_hw_enabled(l))
        return l->v->id == 0;
    /* Either of the two virtual wire modes: Debian's hvmloader has the one through the IO-APIC's pin 0. */
    return lint0_is(l, AM_EXTINT) || vioapic_extint(l->v->domain->arch.hvm->platform, l->v->id * 2);
}

void vlapic_pic_edge(struct vlapic *l)
{
    if (vlapic_extint(l))
        hvm_wake(l->v);
    else if (lint0_is(l, AM_FIXED))
        vlapic_accept(l, vlapic_reg(l, APIC_LVT_LINT0), false);
}

/* ---- registers ---- */

static void set_ids(struct vlapic *l)
{
    u32 id = l->v->id * 2;

    set_reg(l, APIC_ID, vlapic_x2(l) ? id : id << 24);
    if (vlapic_x2(l))
        set_reg(l, APIC_LDR, id >> 4 << 16 | 1U << (id & 0xf));
}

void vlapic_init_regs(struct vlapic *l)
{
    spin_guard_irqsave(&l->lock);

    vlapic_timer_stop(l);
    memset(l->regs, 0, sizeof(l->regs));
    l->irr_words = l->isr_words = 0;
    l->errors = 0;
    set_reg(l, APIC_VERSION, VLAPIC_VERSION);
    set_reg(l, APIC_SPIV, 0xff);
    set_reg(l, APIC_DFR, 0xffffffff);
    for (unsigned int reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16)
        set_reg(l, reg, APIC_LVT_MASKED);
    set_ids(l);
}

static u32 read_reg(const struct vlapic *l, unsigned int n)
{
    return n == REG(APIC_TIMER_COUNT) ? vlapic_timer_count(l) : vlapic_reg(l, n * 16);
}

static void write_spiv(struct vlapic *l, u32 value)
{
    set_reg(l, APIC_SPIV, value);
    if (!(value & APIC_SPIV_ENABLE))
        for (unsigned int reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16)
            set_reg(l, reg, vlapic_reg(l, reg) | APIC_LVT_MASKED);
    update_ppr(l);
}

/* value has only bits that can be written; dest: of ICR. */
static void write_reg(struct vlapic *l, unsigned int n, u32 value, u32 dest)
{
    unsigned int reg = n * 16;

    if (BIT(reg) & LVTS && !(vlapic_reg(l, APIC_SPIV) & APIC_SPIV_ENABLE))
        value |= APIC_LVT_MASKED;
    switch (reg) {
    case APIC_TPR:
        set_reg(l, reg, value);
        update_ppr(l);
        break;
    case APIC_EOI: end_of_interrupt(l); break;
    case APIC_ID: break; /* as hardware that does not allow it */
    case APIC_DFR: set_reg(l, reg, value | 0x0fffffff); break;
    case APIC_SPIV: write_spiv(l, value); break;
    case APIC_ESR: set_reg(l, reg, __atomic_exchange_n(&l->errors, 0, __ATOMIC_SEQ_CST)); break;
    case APIC_ICR:
        set_reg(l, reg, value & ~0x1000U); /* delivered before anybody looks */
        vlapic_icr_written(l, value, dest);
        break;
    case APIC_LVT_TIMER:
    case APIC_TIMER_INIT:
    case APIC_TIMER_DIVIDE: vlapic_timer_write(l, reg, value); break;
    case APIC_SELF_IPI: vlapic_icr_written(l, value | 1U << 18, 0); break;
    case APIC_LVT_LINT0:
        set_reg(l, reg, value);
        hvm_set_work(l->v, HVM_WORK_EVENT); /* the 8259 pair may be let through now */
        break;
    default: set_reg(l, reg, value); break; /* LDR, ICR_HIGH, the other LVT entries */
    }
}

enum hvm_io_result vlapic_mmio(struct vcpu *v, u64 address, unsigned int bytes, bool write, u64 *value)
{
    struct vlapic *l = v->arch.hvm.vlapic;
    unsigned int n = (address & 0xfff) / 16, byte = address & 15;
    u64 allowed = n < 64 ? 1UL << n : 0;

    /* Registers are 4 bytes wide at 16-byte places; anything else is undefined (SDM vol. 3, 11.4.1). */
    if (write) {
        if (byte || bytes < 4)
            return HVM_IO_DONE;
        if (allowed & (both_write | xapic_too | xapic_write))
            write_reg(l, n, *value & writable[n], vlapic_reg(l, APIC_ICR_HIGH) >> 24);
        else
            vlapic_error(l, ESR_REGISTER);
        return HVM_IO_DONE;
    }
    *value = 0;
    if (allowed & (both_read | xapic_too))
        *value = byte < 4 ? read_reg(l, n) >> byte * 8 & (bytes < 4 ? (1U << bytes * 8) - 1 : ~0U) : 0;
    else
        vlapic_error(l, ESR_REGISTER);
    return HVM_IO_DONE;
}

/* ---- MSRs ---- */

static int write_base(struct vlapic *l, u64 value)
{
    u64 allowed = APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE;
    u64 address = ((1UL << arch_gpaddr_bits(l->v->domain)) - 1) & PAGE_MASK;
    u64 modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC, old = l->hw.apic_base_msr & modes, new = value &modes;

    /* x2APIC mode is entered from xAPIC mode and left by way of off (SDM vol. 3, 11.12.5). */
    if (value & ~(allowed | address) || new == APIC_BASE_X2APIC || (new == modes &&old == 0) ||
        (new == APIC_BASE_ENABLE &&old == modes))
        return -EINVAL;
    l->hw.apic_base_msr = value;
    if (!new &&old)
        vlapic_init_regs(l);
    if (new != old)
        set_ids(l);
    hvm_set_work(l->v, HVM_WORK_EVENT);
    return 0;
}

static int x2apic_write(struct vlapic *l, unsigned int n, u64 value)
{
    u64 allowed = n < 64 ? 1UL << n : 0;
    u32 bits = allowed ? writable[n] : 0;

    if (!(allowed & (both_write | BIT(APIC_SELF_IPI))))
        return -EINVAL;
    if (n == REG(APIC_ICR)) {
        if ((u32)value & ~bits)
            return -EINVAL;
        set_reg(l, APIC_ICR_HIGH, value >> 32);
        write_reg(l, n, value, value >> 32);
        return 0;
    }
    if (value & ~(u64)(bits | (allowed & LVTS ? LVT_READ_ONLY : 0)))
        return -EINVAL;
    write_reg(l, n, value & bits, 0);
    return 0;
}

static int x2apic_read(const struct vlapic *l, unsigned int n, u64 *value)
{
    if (n >= 64 || !(1UL << n & both_read))
        return -EINVAL;
    *value = read_reg(l, n);
    if (n == REG(APIC_ICR))
        *value |= (u64)vlapic_reg(l, APIC_ICR_HIGH) << 32;
    return 0;
}

int vlapic_read_msr(struct vcpu *v, u32 msr, u64 *value)
{
    const struct vlapic *l = v->arch.hvm.vlapic;

    if (msr - MSR_X2APIC < 0x100)
        return vlapic_x2(l) ? x2apic_read(l, msr - MSR_X2APIC, value) : -EINVAL;
    if (msr == MSR_APIC_BASE)
        *value = l->hw.apic_base_msr;
    else if (msr == MSR_TSC_DEADLINE)
        *value = READ_ONCE(l->hw.tdt_msr);
    else
        return -ENOENT;
    return 0;
}

int vlapic_write_msr(struct vcpu *v, u32 msr, u64 value)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    if (msr - MSR_X2APIC < 0x100)
        return vlapic_x2(l) ? x2apic_write(l, msr - MSR_X2APIC, value) : -EINVAL;
    if (msr == MSR_APIC_BASE)
        return write_base(l, value);
    if (msr != MSR_TSC_DEADLINE)
        return -ENOENT;
    vlapic_deadline_write(l, value);
    return 0;
}

bool vlapic_enabled(const struct vcpu *v) { return vlapic_hw_enabled(v->arch.hvm.vlapic); }

unsigned int vlapic_get_cr8(const struct vcpu *v) { return vlapic_reg(v->arch.hvm.vlapic, APIC_TPR) >> 4; }

void vlapic_set_cr8(struct vcpu *v, unsigned int cr8) { write_reg(v->arch.hvm.vlapic, REG(APIC_TPR), cr8 << 4, 0); }

void vlapic_interrupt(struct vcpu *v, u8 vector) { vlapic_accept(v->arch.hvm.vlapic, vector, false); }

/* ---- context ---- */

static struct vlapic *vlapic_of(const struct platform *p, unsigned int n) { return p->d->vcpu[n]->arch.hvm.vlapic; }

struct hvm_hw_lapic *vlapic_state(struct platform *p, unsigned int n)
{
    struct vlapic *l = vlapic_of(p, n);

    l->hw.disabled = (vlapic_reg(l, APIC_SPIV) & APIC_SPIV_ENABLE ? 0 : 1) | (vlapic_hw_enabled(l) ? 0 : 2);
    l->hw.timer_divisor = vlapic_timer_divisor(l);
    return &l->hw;
}

int vlapic_resume(struct platform *p, unsigned int n)
{
    struct vlapic *l = vlapic_of(p, n);
    u64 base = l->hw.apic_base_msr;

    /* Any mode may follow now. */
    l->hw.apic_base_msr = base & APIC_BASE_X2APIC ? APIC_BASE_ENABLE : 0;
    if (write_base(l, base))
        return -EINVAL;
    vlapic_timer_resume(l);
    return 0;
}

struct hvm_hw_lapic_regs *vlapic_regs_state(struct platform *p, unsigned int n)
{
    struct vlapic *l = vlapic_of(p, n);

    set_reg(l, APIC_TIMER_COUNT, vlapic_timer_count(l));
    return (struct hvm_hw_lapic_regs *)l->regs;
}

int vlapic_regs_resume(struct platform *p, unsigned int instance)
{
    struct vlapic *l = vlapic_of(p, instance);
    u32 from[ARRAY_SIZE(l->regs)];

    memcpy(from, l->regs, sizeof(from));
    vlapic_init_regs(l);
    for (unsigned int n = 0; n < 64; n++)
        if (writable[n] && 1UL << n != BIT(APIC_SELF_IPI))
            set_reg(l, n * 16, from[n * 4] & writable[n]);
    set_reg(l, APIC_DFR, vlapic_reg(l, APIC_DFR) | 0x0fffffff);
    set_reg(l, APIC_ICR_HIGH, from[APIC_ICR_HIGH / 4]);
    set_reg(l, APIC_ESR, from[APIC_ESR / 4] & 0xff);
    for (unsigned int reg = APIC_ISR; reg < APIC_ESR; reg += 16)
        set_reg(l, reg, from[reg / 4] & (reg & 0x70 ? ~0U : ~0xffffU)); /* no vectors below 16 */
    set_reg(l, APIC_TIMER_COUNT, from[APIC_TIMER_COUNT / 4]);
    set_ids(l);
    l->irr_words = 0xff;
    for (unsigned int i = 0; i < 8; i++)
        l->isr_words |= !!vlapic_reg(l, APIC_ISR + i * 16) << i;
    update_ppr(l);
    vlapic_timer_resume(l);
    return 0;
}
