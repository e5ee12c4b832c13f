/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the hypervisor's command line. An option is declared beside the code that it steers
 * and found by boot/param.c through a linker section; names are Xen's where Xen has one. Unknown
 * options are named in the log.
 */
#ifndef BOOT_PARAM_H
#define BOOT_PARAM_H

struct boot_param {
    const char *name;
    enum { PARAM_STRING, PARAM_BOOL, PARAM_UINT, PARAM_CUSTOM, PARAM_IGNORED } type;
    void *var; /* char[len], bool, unsigned int */
    size_t len;
    int (*parse)(const char *value); /* PARAM_CUSTOM: 0 or -EINVAL; an option without "=" gives "" */
};

#define BOOT_PARAM_ENTRY(ident, ...) \
    static const struct boot_param __used __section(".init.params") __aligned(8) boot_param_##ident = {__VA_ARGS__}
#define BOOT_PARAM_STRING(nm, ident, array) \
    BOOT_PARAM_ENTRY(ident, .name = nm, .type = PARAM_STRING, .var = array, .len = sizeof(array))
/* `name`, `name=yes|on|true|1|enable`, `name=no|...`, `no-name` */
#define BOOT_PARAM_BOOL(nm, ident, v)    BOOT_PARAM_ENTRY(ident, .name = nm, .type = PARAM_BOOL, .var = &(v))
#define BOOT_PARAM_UINT(nm, ident, v)    BOOT_PARAM_ENTRY(ident, .name = nm, .type = PARAM_UINT, .var = &(v))
#define BOOT_PARAM_CUSTOM(nm, ident, fn) BOOT_PARAM_ENTRY(ident, .name = nm, .type = PARAM_CUSTOM, .parse = fn)
/* Accepted and without effect here (placeholder, no-real-mode, edd=...). */
#define BOOT_PARAM_IGNORED(nm, ident) BOOT_PARAM_ENTRY(ident, .name = nm, .type = PARAM_IGNORED)

/* Yes or no as people write it: 1, 0 or -EINVAL. */
int param_parse_bool(const char *s);
/*
 * A size with its suffix B K M G T, kilobytes when there is none, as Xen has it; *end: behind it
 * (for options that go on), NULL: the text must end there. 0 or -EINVAL.
 */
int param_parse_size(const char *s, const char **end, u64 *bytes);

/*
 * The parser itself over any table: sets what cmdline names (up to "--"), collects words that are
 * unknown or badly written in bad. Returns their number.
 */
int params_parse_table(const struct boot_param *start, const struct boot_param *stop, const char *cmdline, char *bad,
                       size_t bad_size);

/* Parses the whole command line once, early; the text is kept for XENVER_commandline. */
void boot_params_parse(const char *cmdline);
const char *boot_cmdline(void);
/* Says the command line and what was not understood of it. */
void boot_params_report(void);

#endif
