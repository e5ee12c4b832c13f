/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted output into memory, for the console and for texts that go to guests.
 */
#include <lib/printf.h>

/* Where the text goes: what does not fit is only counted. */
struct sink {
    char *buf;
    size_t size, length;
};

static void put(struct sink *s, char c)
{
    if (s->length + 1 < s->size)
        s->buf[s->length] = c;
    s->length++;
}

static void put_text(struct sink *s, const char *text)
{
    while (*text)
        put(s, *text++);
}

static void pad(struct sink *s, char c, int n)
{
    for (; n > 0; n--)
        put(s, c);
}

/* prefix: what stands before the digits, which is behind blanks and before zeros. */
static void put_number(struct sink *s, u64 value, unsigned int base, const char *prefix, int width, bool zeros)
{
    char digits[20];
    int n = 0;

    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    width -= n + strlen(prefix);
    if (!zeros)
        pad(s, ' ', width);
    put_text(s, prefix);
    if (zeros)
        pad(s, '0', width);
    while (n)
        put(s, digits[--n]);
}

/* One conversion; p is behind its '%'. Returns behind its last character. */
static const char *convert(struct sink *s, const char *p, va_list *ap)
{
    bool hash = false, zeros = false, wide = false;
    const char *text;
    int width = 0;
    s64 v;

    for (; *p == '#' || *p == '0'; p++)
        *(*p == '#' ? &hash : &zeros) = true;
    for (; *p >= '0' && *p <= '9'; p++)
        width = width * 10 + *p - '0';
    for (; *p == 'l' || *p == 'z'; p++)
        wide = true;
    switch (*p) {
    case 'd':
        v = wide ? va_arg(*ap, long) : va_arg(*ap, int);
        put_number(s, v < 0 ? -(u64)v : (u64)v, 10, v < 0 ? "-" : "", width, zeros);
        break;
    case 'u':
    case 'x':
        v = wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);
        put_number(s, v, *p == 'u' ? 10 : 16, hash && v ? "0x" : "", width, zeros);
        break;
    case 'p': put_number(s, (unsigned long)va_arg(*ap, void *), 16, "", 16, true); break;
    case 'c': put(s, va_arg(*ap, int)); break;
    case 's':
        text = va_arg(*ap, const char *);
        put_text(s, text ? text : "(null)");
        break;
    case '%': put(s, '%'); break;
    case '\0': return p;
    default: /* not ours: shown as it stands */ put(s, '%'); put(s, *p);
    }
    return p + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct sink s = {.buf = buf, .size = size};
    va_list args;

    va_copy(args, ap);
    while (*fmt) {
        if (*fmt != '%')
            put(&s, *fmt++);
        else
            fmt = convert(&s, fmt + 1, &args);
    }
    va_end(args);
    if (size)
        buf[s.length < size ? s.length : size - 1] = '\0';
    return s.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
