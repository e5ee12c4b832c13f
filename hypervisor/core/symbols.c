/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions that the build puts into the image (scripts/build/symbols.py tells its
 * layout). Used by panic and debug keys.
 */
#include <core/panic.h>
#include <lib/printf.h>

extern const u32 __start_symbols[];
extern const char __image_start[], __init_text_end[], __text_start[], __text_end[];

static bool init_gone;

void symbols_forget_init(void) { init_gone = true; }

bool is_code(unsigned long addr)
{
    if (addr >= (unsigned long)__text_start && addr < (unsigned long)__text_end)
        return true;
    return !init_gone && addr >= (unsigned long)__image_start && addr < (unsigned long)__init_text_end;
}

/* The function that addr is in, and how far; NULL when addr is not code of ours. Any context. */
static const char *symbol_find(unsigned long addr, unsigned long *offset)
{
    u32 count = __start_symbols[0], low = 0, high = count;
    const u32 *offsets = &__start_symbols[1], *names = offsets + count;
    unsigned long at = addr - (unsigned long)__image_start;

    if (!is_code(addr) || count == 0)
        return NULL;
    /* offsets[low] <= at < offsets[high] */
    while (high - low > 1) {
        u32 mid = (low + high) / 2;

        if (offsets[mid] <= at)
            low = mid;
        else
            high = mid;
    }
    if (offsets[low] > at)
        return NULL;
    *offset = at - offsets[low];
    return (const char *)(names + count) + names[low];
}

const char *symbol_format(char *buf, size_t size, unsigned long addr)
{
    unsigned long offset;
    const char *name = symbol_find(addr, &offset);

    if (name)
        snprintf(buf, size, "%s+%#lx", name, offset);
    else
        snprintf(buf, size, "%#lx", addr);
    return buf;
}
