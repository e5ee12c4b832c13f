/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA text screen as console device vga: scrolls, nothing else. Given up when dom0 starts,
 * unless vga=keep: it drives the adapter itself then.
 */
#include <arch/x86/platform/console_devices.h>
#include <asm/mm.h>
#include <asm/system.h>
#include <boot/boot.h>
#include <boot/param.h>
#include <core/console.h>

#define VGA_TEXT_PADDR 0xb8000
#define ATTRIBUTE      0x0700 /* grey on black */
#define CRTC_INDEX     0x3d4
#define CRTC_DATA      0x3d5
#define CRTC_CURSOR    0x0e

static u16 *screen;
static unsigned int columns, rows, column, row;
static bool keep;

static int __init vga_parse(const char *s)
{
    size_t n = strlen(s);

    keep = n >= 4 && strcmp(s + n - 4, "keep") == 0;
    return 0;
}
BOOT_PARAM_CUSTOM("vga", vga, vga_parse);

static bool __init vga_init(struct console_device *dev __unused)
{
    if (boot_info.video.video_type != XEN_VGATYPE_TEXT_MODE_3)
        return false;
    columns = boot_info.video.u.text_mode_3.columns;
    rows = boot_info.video.u.text_mode_3.rows;
    if (columns < 40 || columns > 160 || rows < 20 || rows > 60)
        return false;
    screen = paddr_to_virt(VGA_TEXT_PADDR);
    for (unsigned int i = 0; i < columns * rows; i++)
        screen[i] = ATTRIBUTE | ' ';
    return true;
}

static void new_line(void)
{
    column = 0;
    if (row + 1 < rows) {
        row++;
        return;
    }
    memcpy(screen, screen + columns, (rows - 1) * columns * sizeof(*screen));
    for (unsigned int i = 0; i < columns; i++)
        screen[(rows - 1) * columns + i] = ATTRIBUTE | ' ';
}

static void cursor_show(void)
{
    u16 at = row * columns + column;

    outb(CRTC_INDEX, CRTC_CURSOR);
    outb(CRTC_DATA, at >> 8);
    outb(CRTC_INDEX, CRTC_CURSOR + 1);
    outb(CRTC_DATA, at);
}

static void vga_write(struct console_device *dev __unused, const char *text, size_t n)
{
    for (; n; n--, text++) {
        if (*text == '\n') {
            new_line();
        } else if (*text == '\r') {
            column = 0;
        } else if ((u8)*text >= ' ') {
            if (column == columns)
                new_line();
            screen[row * columns + column++] = ATTRIBUTE | (u8)*text;
        }
    }
    cursor_show();
}

static struct console_device vga = {
    .name = "vga",
    .by_default = true,
    .init = vga_init,
    .write = vga_write,
};

void __init vga_register(void) { console_register(&vga); }

void vga_give_up(void)
{
    if (!keep)
        vga.active = false;
}
