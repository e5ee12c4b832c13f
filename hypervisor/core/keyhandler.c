/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of debug keys. Filled at boot by those who have something to show; used by the
 * console's input and by sysctl.
 */
#include <core/keyhandler.h>
#include <lib/lib.h>

#define FIRST_KEY ' '
#define LAST_KEY  '~'

static struct {
    void (*fn)(void);
    const char *help;
} keys[LAST_KEY - FIRST_KEY + 1];

void __init register_key(char key, void (*fn)(void), const char *help)
{
    ASSERT(key >= FIRST_KEY && key <= LAST_KEY && !keys[key - FIRST_KEY].fn);
    keys[key - FIRST_KEY].fn = fn;
    keys[key - FIRST_KEY].help = help;
}

void key_handle(char key)
{
    if (key < FIRST_KEY || key > LAST_KEY || !keys[key - FIRST_KEY].fn) {
        log_info("no debug key %#x ('h' lists them)\n", (u8)key);
        return;
    }
    log_info("'%c' pressed -> %s\n", key, keys[key - FIRST_KEY].help);
    keys[key - FIRST_KEY].fn();
}

static void show_help(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].fn)
            log_info(" key '%c' -> %s\n", FIRST_KEY + i, keys[i].help);
}

void __init keyhandler_init(void) { register_key('h', show_help, "list the keys"); }
