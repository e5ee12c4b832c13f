/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 timer (Intel 8254 data sheet; ports 0x40-0x43), and port 0x61 with the gate and the output of channel 2.
 * Channel 0 drives ISA irq 0, channel 1 nothing (memory refresh once), channel 2 a loudspeaker that is not there.
 * Counters are not decremented: they are computed from the time since they were loaded.
 */
#include <arch/x86/hvm/platform/private.h>

#define PIT_HZ 1193182U

enum { MODE_TERMINAL, MODE_ONE_SHOT, MODE_RATE, MODE_SQUARE, MODE_STROBE, MODE_HW_STROBE, MODE_NONE = 0xff };
enum { ACCESS_LOW = 1, ACCESS_HIGH, ACCESS_WORD }; /* rw_mode */

#define PORT61_GATE   0x01
#define PORT61_TOGGLE 0x10
#define PORT61_OUT    0x20
#define REFRESH_NS    15085

static bool is_periodic(const struct hvm_hw_pit_channel *c) { return c->mode == MODE_RATE || c->mode == MODE_SQUARE; }

/* Ticks counted since the count was loaded. Modes 1 and 5 start by an edge of the gate, others count while it is high.
 */
static u64 ticks(const struct platform *p, unsigned int n)
{
    const struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];
    bool counts = c->gate || c->mode == MODE_ONE_SHOT || c->mode == MODE_HW_STROBE;

    return counts ? ns_to_ticks(now() - p->pit.loaded[n], PIT_HZ) : p->pit.stopped;
}

/* The counting element, as the guest would read it. */
static u16 counter(const struct platform *p, unsigned int n)
{
    const struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];
    u64 t = ticks(p, n);

    if (is_periodic(c))
        return c->count - (c->mode == MODE_SQUARE ? 2 * t : t) % c->count;
    return c->count - t; /* wraps */
}

static bool output(const struct platform *p, unsigned int n)
{
    const struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];
    u64 t = ticks(p, n);

    switch (c->mode) {
    case MODE_TERMINAL:
    case MODE_ONE_SHOT: return t >= c->count;
    case MODE_RATE: return !c->gate || t % c->count != c->count - 1;
    case MODE_SQUARE: return !c->gate || t % c->count < (c->count + 1) / 2;
    default: return t != c->count;
    }
}

/* The count was loaded, or the gate starts it anew. */
static void begin(struct platform *p, unsigned int n)
{
    const struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];
    s_time_t length = ticks_to_ns(c->count, PIT_HZ);

    p->pit.loaded[n] = now();
    if (n == 2)
        p->pit.stopped = 0;
    if (n == 0)
        vtimer_arm(&p->timers[TIMER_PIT], is_periodic(c) || c->mode == MODE_TERMINAL || c->mode == MODE_STROBE,
                   now() + length, is_periodic(c) ? length : 0);
}

void vpit_fired(struct vtimer *t)
{
    struct platform *p = t->domain->arch.hvm->platform;

    if (!vhpet_legacy(p))
        own_line_pulse(p, 1UL << 0);
}

/* ---- registers ---- */

static void latch(struct platform *p, unsigned int n, bool count, bool status)
{
    struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];

    if (count && !c->count_latched) {
        c->latched_count = counter(p, n);
        c->count_latched = c->rw_mode;
    }
    if (status && !c->status_latched) {
        c->status = output(p, n) << 7 | c->rw_mode << 4 | (c->mode & 7) << 1 | c->bcd;
        c->status_latched = 1;
    }
}

static void write_control(struct platform *p, u8 value)
{
    unsigned int n = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
    struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];

    if (n == 3) { /* read-back command */
        for (n = 0; n < 3; n++)
            if (value & 2U << n)
                latch(p, n, !(value & 0x20), !(value & 0x10));
        return;
    }
    if (!access) {
        latch(p, n, true, false);
        return;
    }
    c->rw_mode = c->read_state = c->write_state = access;
    c->count_latched = c->status_latched = 0;
    c->mode = mode > MODE_HW_STROBE ? mode & 3 : mode; /* bit 2 of modes 2 and 3 is no matter */
    c->bcd = value & 1;                                /* kept for the status; it counts in binary, as on Xen */
    if (n == 0)
        vtimer_arm(&p->timers[TIMER_PIT], false, 0, 0); /* until a count is written */
}

/* One byte of 16 bits as `state` says; ACCESS_WORD: low byte first. Gives the shift, and goes on to the next. */
static unsigned int next_byte(u8 *state, u8 rw_mode)
{
    unsigned int shift = *state == ACCESS_HIGH ? 8 : 0;

    if (rw_mode == ACCESS_WORD)
        *state = *state == ACCESS_WORD ? ACCESS_HIGH : ACCESS_WORD;
    return shift;
}

u64 vpit_read(struct platform *p, unsigned int port)
{
    unsigned int n = port & 3, shift;
    struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];

    if (n == 3)
        return 0xff;
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    if (!c->count_latched)
        return counter(p, n) >> next_byte(&c->read_state, c->rw_mode);
    shift = next_byte(&c->count_latched, c->rw_mode);
    if (shift || c->rw_mode != ACCESS_WORD)
        c->count_latched = 0;
    return c->latched_count >> shift;
}

void vpit_write(struct platform *p, unsigned int port, u64 value, u64 mask __unused)
{
    unsigned int n = port & 3, shift;
    struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];

    if (n == 3) {
        write_control(p, value);
        return;
    }
    shift = next_byte(&c->write_state, c->rw_mode);
    if (c->rw_mode == ACCESS_WORD && !shift) {
        c->write_latch = value;
        return;
    }
    c->count = (value << shift | (c->rw_mode == ACCESS_WORD ? c->write_latch : 0)) ?: 65536;
    begin(p, n);
}

/* ---- port 0x61 ---- */

u64 vspeaker_read(struct platform *p, unsigned int port __unused)
{
    return p->pit.hw.channels[2].gate | p->pit.hw.speaker_data_on << 1 | (now() / REFRESH_NS % 2 ? PORT61_TOGGLE : 0) |
           (output(p, 2) ? PORT61_OUT : 0);
}

void vspeaker_write(struct platform *p, unsigned int port __unused, u64 value, u64 mask __unused)
{
    struct hvm_hw_pit_channel *c = &p->pit.hw.channels[2];
    bool gate = value & PORT61_GATE;

    p->pit.hw.speaker_data_on = value >> 1 & 1;
    if (c->gate == gate)
        return;
    if (!gate)
        p->pit.stopped = ticks(p, 2);
    else if (c->mode == MODE_TERMINAL || c->mode == MODE_STROBE)
        p->pit.loaded[2] = now() - ticks_to_ns(p->pit.stopped, PIT_HZ);
    else
        p->pit.loaded[2] = now(); /* an edge starts the others anew */
    c->gate = gate;
}

/* ---- life ---- */

void vpit_init(struct platform *p)
{
    p->pit.hw = (struct hvm_hw_pit){};
    for (unsigned int n = 0; n < 3; n++)
        p->pit.hw.channels[n] = (struct hvm_hw_pit_channel){.count = 65536,
                                                            .mode = MODE_NONE,
                                                            .gate = n != 2,
                                                            .rw_mode = ACCESS_WORD,
                                                            .read_state = ACCESS_WORD,
                                                            .write_state = ACCESS_WORD};
    vpit_resume(p, 0);
}

int vpit_resume(struct platform *p, unsigned int instance __unused)
{
    for (unsigned int n = 0; n < 3; n++) {
        const struct hvm_hw_pit_channel *c = &p->pit.hw.channels[n];

        if (!c->count || c->count > 65536 || (c->mode > MODE_HW_STROBE && c->mode != MODE_NONE) || !c->rw_mode ||
            c->rw_mode > ACCESS_WORD || c->gate > 1 || c->bcd > 1)
            return -EINVAL;
    }
    p->pit.hw.speaker_data_on &= 1;
    for (unsigned int n = 0; n < 3; n++)
        begin(p, n);
    return 0;
}
