/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC: registers in both modes, what it accepts and in which order it gives it to the CPU (Intel SDM
 * vol. 3, chapter 11 "Advanced Programmable Interrupt Controller"). It is one of the generation without directed EOI
 * and without the CMCI entry: version 0x14, six LVT entries. Ids are twice the vCPU's number, as on Xen.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/platform/private.h>

#define VLAPIC_VERSION     0x00050014
#define ESR_RECEIVE_VECTOR 0x40
#define ESR_REGISTER       0x80

enum { X_READ = 1, X2_READ = 2, READ = 3, X_WRITE = 4, X2_WRITE = 8, WRITE = 12 };

/* By number (offset / 16, or x2APIC MSR - 0x800): what can be done in xAPIC and x2APIC mode, and to which bits. */
#define REG(offset) ((offset) / 16)
static const struct {
    u8 access;
    u32 writable;
} registers[64] = {
    [REG(APIC_ID)] = {READ | X_WRITE, 0}, /* as hardware that does not allow it */
    [REG(APIC_VERSION)] = {READ, 0},
    [REG(APIC_TPR)] = {READ | WRITE, 0xff},
    [REG(APIC_PPR)] = {READ, 0},
    [REG(APIC_EOI)] = {WRITE, 0},
    [REG(APIC_LDR)] = {READ | X_WRITE, 0xff000000},
    [REG(APIC_DFR)] = {X_READ | X_WRITE, 0xf0000000},
    [REG(APIC_SPIV)] = {READ | WRITE, 0x3ff},
    [REG(APIC_ISR)... REG(APIC_ESR) - 1] = {READ, 0}, /* and TMR and IRR */
    [REG(APIC_ESR)] = {READ | WRITE, 0},
    [REG(APIC_ICR)] = {READ | WRITE, 0xccfff},
    [REG(APIC_ICR_HIGH)] = {X_READ | X_WRITE, 0xff000000},
    [REG(APIC_LVT_TIMER)] = {READ | WRITE, 0x700ff},
    [REG(APIC_LVT_THERMAL)... REG(APIC_LVT_PERF)] = {READ | WRITE, 0x107ff},
    [REG(APIC_LVT_LINT0)... REG(APIC_LVT_LINT1)] = {READ | WRITE, 0x1a7ff},
    [REG(APIC_LVT_ERROR)] = {READ | WRITE, 0x100ff},
    [REG(APIC_TIMER_INIT)] = {READ | WRITE, 0xffffffff},
    [REG(APIC_TIMER_COUNT)] = {READ, 0},
    [REG(APIC_TIMER_DIVIDE)] = {READ | WRITE, 0xb},
    [REG(APIC_SELF_IPI)] = {X2_WRITE, 0xff},
};

static bool allowed(unsigned int n, unsigned int access) { return n < 64 && registers[n].access & access; }
static bool is_lvt(unsigned int n) { return n >= REG(APIC_LVT_TIMER) && n <= REG(APIC_LVT_ERROR); }
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

    if (is_lvt(n) && !(vlapic_reg(l, APIC_SPIV) & APIC_SPIV_ENABLE))
        value |= APIC_LVT_MASKED;
    switch (reg) {
    case APIC_TPR:
        set_reg(l, reg, value);
        update_ppr(l);
        break;
    case APIC_EOI: end_of_interrupt(l); break;
    case APIC_ID: break;
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

    /* Registers are 4 bytes wide at 16-byte places; anything else is undefined (SDM vol. 3, 11.4.1). */
    if (write && (byte || bytes < 4))
        return HVM_IO_DONE;
    if (!allowed(n, write ? X_WRITE : X_READ)) {
        vlapic_error(l, ESR_REGISTER);
        *value = 0;
    } else if (write) {
        write_reg(l, n, *value & registers[n].writable, vlapic_reg(l, APIC_ICR_HIGH) >> 24);
    } else {
        *value = byte < 4 ? read_reg(l, n) >> byte * 8 & (bytes < 4 ? (1U << bytes * 8) - 1 : ~0U) : 0;
    }
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
    bool icr = n == REG(APIC_ICR); /* the one of 64 bits */

    if (!allowed(n, X2_WRITE))
        return -EINVAL;
    if ((icr ? (u32)value : value) & ~(u64)(registers[n].writable | (is_lvt(n) ? LVT_READ_ONLY : 0)))
        return -EINVAL;
    if (icr)
        set_reg(l, APIC_ICR_HIGH, value >> 32);
    write_reg(l, n, value & registers[n].writable, value >> 32);
    return 0;
}

int vlapic_read_msr(struct vcpu *v, u32 msr, u64 *value)
{
    const struct vlapic *l = v->arch.hvm.vlapic;

    if (msr == MSR_APIC_BASE)
        *value = l->hw.apic_base_msr;
    else if (msr == MSR_TSC_DEADLINE)
        *value = READ_ONCE(l->hw.tdt_msr);
    else if (!vlapic_x2(l) || !allowed(msr - MSR_X2APIC, X2_READ))
        return -EINVAL;
    else
        *value = read_reg(l, msr - MSR_X2APIC);
    if (msr == MSR_X2APIC + REG(APIC_ICR))
        *value |= (u64)vlapic_reg(l, APIC_ICR_HIGH) << 32;
    return 0;
}

int vlapic_write_msr(struct vcpu *v, u32 msr, u64 value)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    if (msr == MSR_APIC_BASE)
        return write_base(l, value);
    if (msr != MSR_TSC_DEADLINE)
        return vlapic_x2(l) ? x2apic_write(l, msr - MSR_X2APIC, value) : -EINVAL;
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

    l->hw.disabled = (vlapic_hw_enabled(l) ? 0 : 1) | (vlapic_reg(l, APIC_SPIV) & APIC_SPIV_ENABLE ? 0 : 2);
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

    for (unsigned int n = 0; n < 64; n++)
        if (registers[n].writable && n != REG(APIC_ICR_HIGH)) /* in x2APIC mode all of it is */
            l->regs[n * 4] &= registers[n].writable;
    for (unsigned int reg = APIC_ISR; reg < APIC_ESR; reg += 0x80)
        l->regs[reg / 4] &= ~0xffffU; /* no vectors below 16 */
    l->regs[APIC_ESR / 4] &= 0xff;
    l->regs[APIC_DFR / 4] |= 0x0fffffff;
    l->regs[APIC_VERSION / 4] = VLAPIC_VERSION;
    set_ids(l);
    l->errors = l->isr_words = 0;
    l->irr_words = 0xff;
    for (unsigned int i = 0; i < 8; i++)
        l->isr_words |= !!vlapic_reg(l, APIC_ISR + i * 16) << i;
    update_ppr(l);
    vlapic_timer_resume(l);
    return 0;
}
