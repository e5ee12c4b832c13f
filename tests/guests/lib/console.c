/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text out of a test guest: a small printf, the console of dom0 by hypercall and that of a domU by
 * its ring.  Who runs as what is known from the start info (guest.h).  Knows nothing of results.
 */
#include "guest.h"

struct out {
    char *buf;
    size_t size, used;
};

static void put(struct out *o, char c)
{
    if (o->used + 1 < o->size)
        o->buf[o->used++] = c;
}

static void put_number(struct out *o, uint64_t n, unsigned int base, int width, char pad, bool neg)
{
    char digits[24];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    if (neg && pad == '0')
        put(o, '-');
    for (int i = count + neg; i < width; i++)
        put(o, pad);
    if (neg && pad != '0')
        put(o, '-');
    while (count)
        put(o, digits[--count]);
}

static uint64_t take_number(va_list *args, int longs, bool is_signed)
{
    if (longs == 1)
        return is_signed ? (uint64_t)va_arg(*args, long) : va_arg(*args, unsigned long);
    if (longs)
        return va_arg(*args, uint64_t);
    if (is_signed)
        return (uint64_t)(int64_t)va_arg(*args, int);
    return va_arg(*args, unsigned int);
}

static void put_string(struct out *o, const char *s, int width, int precision)
{
    int n = 0;

    for (; s[n] && (precision < 0 || n < precision); n++)
        put(o, s[n]);
    for (; n < width; n++)
        put(o, ' ');
}

/* One conversion, fmt behind the percent sign; returns where the text goes on. */
static const char *convert(struct out *o, const char *fmt, va_list *args)
{
    int width = 0, precision = -1, longs = 0;
    char pad = ' ';
    uint64_t n;

    if (*fmt == '-')
        fmt++;
    if (*fmt == '0')
        pad = *fmt++;
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        width = width * 10 + *fmt - '0';
    if (fmt[0] == '.' && fmt[1] == '*') {
        precision = va_arg(*args, int);
        fmt += 2;
    }
    for (; *fmt == 'l' || *fmt == 'z'; fmt++)
        longs++;
    switch (*fmt) {
    case 'd':
        n = take_number(args, longs, true);
        put_number(o, (int64_t)n < 0 ? -n : n, 10, width, pad, (int64_t)n < 0);
        break;
    case 'u': put_number(o, take_number(args, longs, false), 10, width, pad, false); break;
    case 'x': put_number(o, take_number(args, longs, false), 16, width, pad, false); break;
    case 'p': put_number(o, (unsigned long)va_arg(*args, void *), 16, 16, '0', false); break;
    case 's': put_string(o, va_arg(*args, const char *), width, precision); break;
    case 'c': put(o, (char)va_arg(*args, int)); break;
    default: put(o, *fmt); break;
    }
    return fmt + 1;
}

int vformat(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {.buf = buf, .size = size};
    va_list copy;

    va_copy(copy, args);
    while (*fmt) {
        if (*fmt == '%')
            fmt = convert(&o, fmt + 1, &copy);
        else
            put(&o, *fmt++);
    }
    va_end(copy);
    if (size)
        buf[o.used] = 0;
    return (int)o.used;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vformat(buf, size, fmt, args);
    va_end(args);
    return n;
}

static void ring_write(const char *text, size_t n)
{
    struct xencons_interface *ring = guest.console_ring;

    while (n) {
        XENCONS_RING_IDX prod = ring->out_prod, cons = ring->out_cons;
        struct evtchn_send send = {.port = guest.console_port};

        if (prod - cons >= sizeof(ring->out)) {
            hc_sched_op(SCHEDOP_yield, 0);
            barrier();
            continue;
        }
        ring->out[MASK_XENCONS_IDX(prod, ring->out)] = *text++;
        n--;
        barrier();
        ring->out_prod = prod + 1;
        if (!n || prod + 1 - cons == sizeof(ring->out))
            hc_event_channel_op(EVTCHNOP_send, &send);
    }
}

void console_write(const char *text, size_t n)
{
    if (guest.is_dom0)
        hc_console_io(CONSOLEIO_write, n, text);
    else if (guest.console_ring)
        ring_write(text, n);
#ifdef GUEST_HVM
    else
        while (n--)
            outb(0xe9, (uint8_t)*text++);
#endif
}

void printk(const char *fmt, ...)
{
    char text[512];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vformat(text, sizeof(text), fmt, args);
    va_end(args);
    console_write(text, n);
}

void *memset(void *to, int byte, size_t n)
{
    void *at = to;

    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *at = to;

    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] || !a[i])
            return (uint8_t)a[i] - (uint8_t)b[i];
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

const char *strstr(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (; *text; text++)
        if (!strncmp(text, word, n))
            return text;
    return n ? NULL : text;
}
