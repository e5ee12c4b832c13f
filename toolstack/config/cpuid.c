/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpuid= in its two forms (xl.cfg(5)): "host,name=value,..." with the names of features that
 * <xen/arch-x86/cpufeatureset.h> lists and a few fields of more than one bit, or a list of
 * "leaf[,subleaf]:reg=bits,...". Both end as rules of 32 characters for one register.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

enum { EAX, EBX, ECX, EDX };

/* Which register each word of the feature set is. */
static const struct {
    uint32_t leaf, subleaf;
    unsigned int reg;
} words[] = {{1, 0, EDX}, {1, 0, ECX},          {0x80000001, 0, EDX}, {0x80000001, 0, ECX}, {0xd, 1, EAX},
             {7, 0, EBX}, {7, 0, ECX},          {0x80000007, 0, EDX}, {0x80000008, 0, EBX}, {7, 0, EDX},
             {7, 1, EAX}, {0x80000021, 0, EAX}, {7, 1, EBX}};

static const struct {
    const char *name;
    unsigned int bit;
} features[] = {
#define XEN_CPUFEATURE(name, bit) {#name, bit},
#include <xen/arch-x86/cpufeatureset.h>
};

static const struct {
    const char *name;
    uint32_t leaf;
    unsigned int reg, shift, width;
} fields[] = {
    {"maxleaf", 0, EAX, 0, 32},          {"stepping", 1, EAX, 0, 4},    {"brandid", 1, EBX, 0, 8},
    {"clflush", 1, EBX, 8, 8},           {"proccount", 1, EBX, 16, 8},  {"localapicid", 1, EBX, 24, 8},
    {"procpkg", 4, EAX, 26, 6},          {"nc", 0x80000008, ECX, 0, 8}, {"apicidsize", 0x80000008, ECX, 12, 4},
    {"maxhvleaf", 0x40000000, EAX, 0, 8}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The rule for a register: the one that is there, or a new one of nothing but x. */
static struct cpuid_rule *rule_for(struct guest_config *c, uint32_t leaf, uint32_t subleaf, unsigned int reg)
{
    struct cpuid_rule *r;

    for (unsigned int i = 0; i < c->nr_cpuid; i++) {
        r = &c->cpuid[i];
        if (r->leaf == leaf && r->subleaf == subleaf && r->reg == reg)
            return r;
    }
    c->cpuid = realloc(c->cpuid, (c->nr_cpuid + 1) * sizeof(*r));
    if (!c->cpuid)
        abort();
    r = &c->cpuid[c->nr_cpuid++];
    *r = (struct cpuid_rule){.leaf = leaf, .subleaf = subleaf, .reg = reg};
    memset(r->bits, 'x', 32);
    return r;
}

/* "LAHF_LM" is written lahf-lm. */
static bool is_feature(const char *text, const char *name)
{
    if (!strcmp(text, "clfsh"))
        text = "clflush";
    for (; *text && *name; text++, name++)
        if ((*text == '-' ? '_' : toupper((unsigned char)*text)) != *name)
            return false;
    return !*text && !*name;
}

static int take_setting(struct parse *p, const char *name, const char *value)
{
    struct cpuid_rule *r;
    char *end, why[128];
    size_t i;

    for (i = 0; i < COUNT(fields); i++) {
        unsigned long v = strtoul(value, &end, 0);

        if (strcmp(name, fields[i].name))
            continue;
        if (end == value || *end || (fields[i].width < 32 && v >> fields[i].width))
            break;
        r = rule_for(p->c, fields[i].leaf, 0, fields[i].reg);
        for (unsigned int b = 0; b < fields[i].width; b++)
            r->bits[31 - fields[i].shift - b] = v >> b & 1 ? '1' : '0';
        return 0;
    }
    for (i = 0; i < COUNT(features); i++) {
        unsigned int word = features[i].bit / 32;

        if (!is_feature(name, features[i].name) || word >= COUNT(words))
            continue;
        if (strlen(value) != 1 || !strchr("01xks", *value))
            break;
        r = rule_for(p->c, words[word].leaf, words[word].subleaf, words[word].reg);
        r->bits[31 - features[i].bit % 32] = *value;
        return 0;
    }
    snprintf(why, sizeof(why), "`%.30s=%.30s' is no setting of a known feature", name, value);
    return parse_bad(p, "cpuid", why);
}

static int take_names(struct parse *p, char *text)
{
    char *save = NULL, *part = strtok_r(text, ",", &save), *eq;

    if (!part || strcmp(part, "host"))
        return parse_bad(p, "cpuid", "must begin with \"host\"");
    while ((part = strtok_r(NULL, ",", &save))) {
        part += strspn(part, " \t");
        eq = strchr(part, '=');
        if (!eq)
            return parse_bad(p, "cpuid", "settings are name=value");
        *eq = '\0';
        if (take_setting(p, part, eq + 1) < 0)
            return -1;
    }
    return 0;
}

static int take_leaf(struct parse *p, const char *text)
{
    static const char *const regs[] = {"eax=", "ebx=", "ecx=", "edx="};
    uint32_t leaf, subleaf = 0;
    char *end;

    leaf = strtoul(text, &end, 0);
    if (*end == ',')
        subleaf = strtoul(end + 1, &end, 0);
    while (*end == ':' || *end == ',') {
        const char *at = end + 1;
        unsigned int reg = 0;

        while (reg < COUNT(regs) && strncmp(at, regs[reg], 4))
            reg++;
        if (reg == COUNT(regs) || strspn(at + 4, "01xks") != 32)
            break;
        memcpy(rule_for(p->c, leaf, subleaf, reg)->bits, at + 4, 32);
        end = (char *)at + 36;
    }
    return *end ? parse_bad(p, "cpuid", "must be \"leaf[,subleaf]:reg=BITS,...\" with 32 bits of 0, 1, x, k, s") : 0;
}

int cpuid_take(struct parse *p)
{
    XLU_ConfigList *list;
    char *text = NULL;
    int entries, i, rc = xlu_cfg_get_list(p->x, "cpuid", &list, &entries, 1);

    if (!rc) {
        for (i = 0; i < entries; i++)
            if (take_leaf(p, xlu_cfg_get_listitem(list, i)) < 0)
                return -1;
        return 0;
    }
    rc = parse_string(p, "cpuid", &text);
    if (rc > 0)
        rc = take_names(p, text);
    free(text);
    return rc;
}
