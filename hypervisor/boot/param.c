/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the options that the command line names among those declared with BOOT_PARAM_* and sets
 * them. What it cannot make sense of is kept and told once the console works.
 */
#include <boot/param.h>

#define CMDLINE_SIZE 2048

static char saved_cmdline[CMDLINE_SIZE];
static char complaints[512] __initdata;

const char *boot_cmdline(void) { return saved_cmdline; }

int param_parse_bool(const char *s)
{
    static const char *const yes[] = {"yes", "on", "true", "1", "enable"};
    static const char *const no[] = {"no", "off", "false", "0", "disable"};

    for (unsigned int i = 0; i < ARRAY_SIZE(yes); i++) {
        if (strcmp(s, yes[i]) == 0)
            return 1;
        if (strcmp(s, no[i]) == 0)
            return 0;
    }
    return -EINVAL;
}

int param_parse_size(const char *s, const char **end, u64 *bytes)
{
    const char *p;
    u64 n = str_to_u64(s, &p, 0);
    unsigned int shift = 10;

    if (p == s)
        return -EINVAL;
    switch (*p | 0x20) {
    case 't': shift = 40; break;
    case 'g': shift = 30; break;
    case 'm': shift = 20; break;
    case 'k': shift = 10; break;
    case 'b': shift = 0; break;
    default: p--;
    }
    p++;
    if (n > ~0UL >> shift)
        return -EINVAL;
    *bytes = n << shift;
    if (end)
        *end = p;
    return end || *p == '\0' ? 0 : -EINVAL;
}

static int set_uint(unsigned int *var, const char *value)
{
    const char *end;
    u64 n = str_to_u64(value, &end, 0);

    if (end == value || *end || n > ~0U)
        return -EINVAL;
    *var = n;
    return 0;
}

/* value: NULL when the option stands without "=". */
static int param_set(const struct boot_param *p, const char *value)
{
    int on;

    switch (p->type) {
    case PARAM_STRING: strlcpy(p->var, value ? value : "", p->len); return 0;
    case PARAM_BOOL:
        on = value ? param_parse_bool(value) : 1;
        if (on >= 0)
            *(bool *)p->var = on;
        return on < 0 ? on : 0;
    case PARAM_UINT: return value ? set_uint(p->var, value) : -EINVAL;
    case PARAM_CUSTOM: return p->parse(value ? value : "");
    case PARAM_IGNORED: return 0;
    }
    return -EINVAL;
}

static const struct boot_param *param_find(const struct boot_param *start, const struct boot_param *stop,
                                           const char *name)
{
    for (const struct boot_param *p = start; p < stop; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* option: one word, changed in place. */
static int option_parse(const struct boot_param *start, const struct boot_param *stop, char *option)
{
    char *equals = strchr(option, '=');
    const char *value = equals ? equals + 1 : NULL;
    const struct boot_param *p;

    if (equals)
        *equals = '\0';
    p = param_find(start, stop, option);
    if (!p && !value && strncmp(option, "no-", 3) == 0) {
        p = param_find(start, stop, option + 3);
        value = "no";
    }
    return p ? param_set(p, value) : -ENOENT;
}

int params_parse_table(const struct boot_param *start, const struct boot_param *stop, const char *cmdline, char *bad,
                       size_t bad_size)
{
    char word[256];
    int nr_bad = 0;

    if (bad_size)
        bad[0] = '\0';
    for (;;) {
        size_t n = 0;

        while (*cmdline == ' ' || *cmdline == '\t')
            cmdline++;
        while (cmdline[n] && cmdline[n] != ' ' && cmdline[n] != '\t')
            n++;
        if (n == 0 || (n == 2 && cmdline[0] == '-' && cmdline[1] == '-'))
            return nr_bad;
        strlcpy(word, cmdline, min(n + 1, sizeof(word)));
        if (option_parse(start, stop, word) < 0) {
            size_t used = strlen(bad);

            nr_bad++;
            if (used + n + 2 <= bad_size) {
                bad[used] = ' ';
                strlcpy(bad + used + 1, cmdline, n + 1);
            }
        }
        cmdline += n;
    }
}

void __init boot_params_parse(const char *cmdline)
{
    extern const struct boot_param __start_params[], __stop_params[];

    strlcpy(saved_cmdline, cmdline, sizeof(saved_cmdline));
    params_parse_table(__start_params, __stop_params, saved_cmdline, complaints, sizeof(complaints));
}

void __init boot_params_report(void)
{
    log_info("command line: %s\n", saved_cmdline);
    if (complaints[0])
        log_warning("options that are unknown or badly written:%s\n", complaints);
}

BOOT_PARAM_IGNORED("placeholder", placeholder);
BOOT_PARAM_IGNORED("no-real-mode", no_real_mode);
BOOT_PARAM_IGNORED("edd", edd);
