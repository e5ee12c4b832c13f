/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console: messages with their levels, the devices, the log ring, lines of guests, and typed
 * characters. Devices are drivers of the architecture; the hypercalls over this are
 * hypercall/console_io.c and sysctl.
 */
#include <boot/param.h>
#include <core/console.h>
#include <core/domain.h>
#include <core/evtchn.h>
#include <sched/softirq.h>
#include <lib/printf.h>

static DEFINE_SPINLOCK(console_lock, LOCK_CONSOLE);
static bool forced;

/* ---- devices and the ring: under console_lock ---- */

#define RING_SIZE 32768U /* a power of two */
static char ring[RING_SIZE];
static u32 ring_prod, ring_cleared; /* positions in the whole log */

static struct console_device *devices;
static bool tell_dom0; /* of new text in the ring: once there are softirqs */
static char wanted[64] __initdata = "default";
BOOT_PARAM_STRING("console", console, wanted);

void __init console_register(struct console_device *dev)
{
    dev->next = devices;
    devices = dev;
}

/* Is name one of the words of list, which commas separate? */
static bool __init named_in(const char *name, const char *list)
{
    size_t n = strlen(name);

    for (; list; list = strchr(list, ',')) {
        list += *list == ',';
        if (strncmp(list, name, n) == 0 && (list[n] == ',' || list[n] == '\0'))
            return true;
    }
    return false;
}

void __init console_init(void)
{
    bool by_default = strcmp(wanted, "default") == 0;

    for (struct console_device *d = devices; d; d = d->next) {
        if (by_default ? !d->by_default : !named_in(d->name, wanted))
            continue;
        d->active = d->init(d);
        if (d->active && ring_prod)
            d->write(d, ring, min(ring_prod, RING_SIZE));
    }
}

static void show(const char *text, size_t n)
{
    for (struct console_device *d = devices; d; d = d->next)
        if (d->active)
            d->write(d, text, n);
}

static void emit(const char *text, size_t n)
{
    show(text, n);
    for (size_t i = 0; i < n; i++)
        ring[ring_prod++ & (RING_SIZE - 1)] = text[i];
    if (tell_dom0)
        softirq_raise(SOFTIRQ_CONSOLE);
}

/* Events cannot be sent from where messages can. */
static void console_softirq(void) { evtchn_send_global_virq(VIRQ_CON_RING); }

void __init console_softirq_init(void)
{
    softirq_register(SOFTIRQ_CONSOLE, console_softirq);
    tell_dom0 = true;
}

static struct irq_guard console_enter(void)
{
    if (forced)
        return (struct irq_guard){NULL, irq_save()};
    return (struct irq_guard){&console_lock, spin_lock_irqsave(&console_lock)};
}
/* Holds console_lock to the end of the block; a panic does without. */
#define console_guard() \
    __attribute__((cleanup(irq_guard_leave), unused)) const struct irq_guard console_held = console_enter()

void console_write(const char *text, size_t n)
{
    console_guard();
    show(text, n);
}

static u32 ring_oldest(void)
{
    u32 oldest = ring_prod > RING_SIZE ? ring_prod - RING_SIZE : 0;

    return max(oldest, ring_cleared);
}

size_t console_ring_read(u32 *pos, char *buf, size_t n)
{
    size_t done = 0;

    console_guard();
    if (*pos < ring_oldest() || *pos > ring_prod)
        *pos = ring_oldest();
    while (done < n && *pos != ring_prod)
        buf[done++] = ring[(*pos)++ & (RING_SIZE - 1)];
    return done;
}

void console_ring_clear(void)
{
    console_guard();
    ring_cleared = ring_prod;
}

void console_force(void) { forced = true; }

/* ---- messages ---- */

/* Messages of ours, and lines of guests (as LOG_INFO), are shown up to these. -1: none. */
static int host_level = LOG_INFO, guest_level = LOG_WARNING;

/* <level>[/<rate-limited level>]: nothing here comes at such a rate, so the last word counts. */
static int __init level_parse(const char *s, int *level)
{
    static const char *const names[] = {"none", "error", "warning", "info", "debug", "all"};
    const char *slash = strchr(s, '/');

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(slash ? slash + 1 : s, names[i]) == 0) {
            *level = min((int)i - 1, (int)LOG_DEBUG);
            return 0;
        }
    return -EINVAL;
}

static int __init loglvl_parse(const char *s) { return level_parse(s, &host_level); }

static int __init guest_loglvl_parse(const char *s) { return level_parse(s, &guest_level); }
BOOT_PARAM_CUSTOM("loglvl", loglvl, loglvl_parse);
BOOT_PARAM_CUSTOM("guest_loglvl", guest_loglvl, guest_loglvl_parse);

/* Text with our prefix at each start of a line. */
static void say(const char *text)
{
    static bool in_line;

    while (*text) {
        const char *newline = strchr(text, '\n');
        size_t n = newline ? (size_t)(newline - text) + 1 : strlen(text);

        if (!in_line)
            emit("(orlop) ", 8);
        emit(text, n);
        in_line = !newline;
        text += n;
    }
}

void printk_level(enum log_level level, const char *fmt, ...)
{
    static char text[1024];
    va_list ap;

    if ((int)level > host_level && !forced)
        return;
    console_guard();
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    say(text);
}

/* ---- lines of guests ---- */

/* Under console_lock. */
static void guest_line_end(struct domain *d)
{
    char head[16];

    if (guest_level >= LOG_INFO) {
        emit(head, snprintf(head, sizeof(head), "(d%u) ", d->id));
        emit(d->console_line, d->console_used);
        emit("\n", 1);
    }
    d->console_used = 0;
}

void console_write_guest(struct domain *d, const char *text, size_t n)
{
    console_guard();
    for (; n; n--, text++) {
        /* Nothing that moves the cursor or hides what others said. */
        if ((u8)*text >= ' ' || *text == '\t')
            d->console_line[d->console_used++] = *text;
        if (*text == '\n' || d->console_used == sizeof(d->console_line))
            guest_line_end(d);
    }
}

/* ---- input: under input_lock ---- */

#define INPUT_SIZE 1024U
static DEFINE_SPINLOCK(input_lock, LOCK_CONSOLE);
static char input[INPUT_SIZE];
static u32 input_prod, input_cons;
static bool input_to_dom0;
static unsigned int switch_count;

#define SWITCH_KEY   1 /* Ctrl-a */
#define SWITCH_TIMES 3

static void input_told(void)
{
    log_info("*** Serial input to %s (type 'CTRL-a' three times to switch input)\n", input_to_dom0 ? "DOM0" : "Orlop");
}

void console_give_to_dom0(void)
{
    input_to_dom0 = true;
    input_told();
}

void console_input(char c)
{
    unsigned long flags;

    if (c == SWITCH_KEY && ++switch_count == SWITCH_TIMES) {
        switch_count = 0;
        input_to_dom0 = !input_to_dom0;
        input_told();
        return;
    }
    if (c != SWITCH_KEY)
        switch_count = 0;
    if (!input_to_dom0) {
        key_handle(c);
        return;
    }
    flags = spin_lock_irqsave(&input_lock);
    if (input_prod - input_cons < INPUT_SIZE)
        input[input_prod++ & (INPUT_SIZE - 1)] = c;
    spin_unlock_irqrestore(&input_lock, flags);
    evtchn_send_global_virq(VIRQ_CONSOLE);
}

size_t console_read_input(char *buf, size_t n)
{
    size_t done = 0;

    spin_guard_irqsave(&input_lock);
    while (done < n && input_cons != input_prod)
        buf[done++] = input[input_cons++ & (INPUT_SIZE - 1)];
    return done;
}
