/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted output into memory, for the console and for texts that go to guests.
 */
#include <lib/printf.h>
#include <lib/string.h>

/* Where the text goes: what does not fit is only counted. */
struct sink {
    char *buf;
    size_t size, length;
};

struct spec {
    bool left, zero, plus, space, alt, upper;
    int width, precision; /* precision -1: none */
    int size;             /* bytes of the argument */
};

static void put(struct sink *s, char c)
{
    if (s->length + 1 < s->size)
        s->buf[s->length] = c;
    s->length++;
}

static void pad(struct sink *s, char c, int n)
{
    for (; n > 0; n--)
        put(s, c);
}

static void put_text(struct sink *s, const struct spec *f, const char *text, int n)
{
    if (!f->left)
        pad(s, ' ', f->width - n);
    for (int i = 0; i < n; i++)
        put(s, text[i]);
    if (f->left)
        pad(s, ' ', f->width - n);
}

static void put_number(struct sink *s, const struct spec *f, u64 value, unsigned int base, char sign)
{
    const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    int n = 0, zeros, prefix = (sign != 0);
    bool hex_prefix = f->alt && base == 16 && value != 0;

    for (u64 v = value; v; v /= base)
        text[n++] = digits[v % base];
    zeros = (f->precision < 0 ? 1 : f->precision) - n;
    if (f->alt && base == 8 && zeros <= 0)
        zeros = 1;
    zeros = zeros < 0 ? 0 : zeros;
    prefix += hex_prefix ? 2 : 0;
    if (f->zero && !f->left && f->precision < 0 && f->width > prefix + zeros + n)
        zeros = f->width - prefix - n;

    if (!f->left)
        pad(s, ' ', f->width - prefix - zeros - n);
    if (sign)
        put(s, sign);
    if (hex_prefix) {
        put(s, '0');
        put(s, f->upper ? 'X' : 'x');
    }
    pad(s, '0', zeros);
    for (int i = n; i > 0; i--)
        put(s, text[i - 1]);
    if (f->left)
        pad(s, ' ', f->width - prefix - zeros - n);
}

static const char *parse_flags(const char *p, struct spec *f)
{
    for (;; p++) {
        switch (*p) {
        case '-': f->left = true; break;
        case '0': f->zero = true; break;
        case '+': f->plus = true; break;
        case ' ': f->space = true; break;
        case '#': f->alt = true; break;
        default: return p;
        }
    }
}

static const char *parse_count(const char *p, int *n, va_list *ap)
{
    if (*p == '*') {
        *n = va_arg(*ap, int);
        return p + 1;
    }
    for (*n = 0; *p >= '0' && *p <= '9' && *n < 100000; p++)
        *n = *n * 10 + *p - '0';
    return p;
}

static const char *parse_length(const char *p, struct spec *f)
{
    f->size = sizeof(int);
    switch (*p) {
    case 'h': f->size = p[1] == 'h' ? 1 : 2; return p + (p[1] == 'h' ? 2 : 1);
    case 'l': f->size = sizeof(long); return p + (p[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j': f->size = sizeof(long); return p + 1;
    default: return p;
    }
}

static u64 arg_unsigned(const struct spec *f, va_list *ap)
{
    switch (f->size) {
    case 1: return (u8)va_arg(*ap, unsigned int);
    case 2: return (u16)va_arg(*ap, unsigned int);
    case 4: return va_arg(*ap, unsigned int);
    default: return va_arg(*ap, unsigned long);
    }
}

static s64 arg_signed(const struct spec *f, va_list *ap)
{
    switch (f->size) {
    case 1: return (s8)va_arg(*ap, int);
    case 2: return (s16)va_arg(*ap, int);
    case 4: return va_arg(*ap, int);
    default: return va_arg(*ap, long);
    }
}

static void put_signed(struct sink *s, const struct spec *f, va_list *ap)
{
    s64 v = arg_signed(f, ap);
    char sign = v < 0 ? '-' : f->plus ? '+' : f->space ? ' ' : 0;

    put_number(s, f, v < 0 ? -(u64)v : (u64)v, 10, sign);
}

static void put_string(struct sink *s, const struct spec *f, const char *text)
{
    if (!text)
        text = "(null)";
    put_text(s, f, text, f->precision < 0 ? strlen(text) : strnlen(text, f->precision));
}

/* One conversion; p is behind its '%'. Returns behind its last character. */
static const char *convert(struct sink *s, const char *p, va_list *ap)
{
    struct spec f = {.precision = -1};
    char c;

    p = parse_flags(p, &f);
    p = parse_count(p, &f.width, ap);
    if (f.width < 0) {
        f.left = true;
        f.width = -f.width;
    }
    if (*p == '.')
        p = parse_count(p + 1, &f.precision, ap);
    p = parse_length(p, &f);
    switch (*p) {
    case 'd':
    case 'i': put_signed(s, &f, ap); break;
    case 'u': put_number(s, &f, arg_unsigned(&f, ap), 10, 0); break;
    case 'o': put_number(s, &f, arg_unsigned(&f, ap), 8, 0); break;
    case 'X': f.upper = true; /* fall through */
    case 'x': put_number(s, &f, arg_unsigned(&f, ap), 16, 0); break;
    case 'p':
        f.precision = 16;
        put_number(s, &f, (unsigned long)va_arg(*ap, void *), 16, 0);
        break;
    case 'c':
        c = va_arg(*ap, int);
        put_text(s, &f, &c, 1);
        break;
    case 's': put_string(s, &f, va_arg(*ap, const char *)); break;
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
