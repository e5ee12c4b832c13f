/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block of hvm_start.h.
 */
#include "hvm_start.h"

#include <string.h>

#include <xen/arch-x86/hvm/start_info.h>

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t tables_size(const struct hvm_start *s)
{
    return sizeof(struct hvm_start_info) + (s->module_size ? sizeof(struct hvm_modlist_entry) : 0) +
           s->layout->nr_map * sizeof(struct hvm_memmap_table_entry);
}

size_t hvm_start_size(const struct hvm_start *s)
{
    return tables_size(s) + text_size(s->cmdline) + text_size(s->module_cmdline);
}

/* Copy a string behind what is there; its address, 0 for none. */
static uint64_t text_put(const char *text, uint64_t addr, uint8_t *to, size_t *at)
{
    size_t here = *at;

    if (!text)
        return 0;
    memcpy(to + here, text, text_size(text));
    *at += text_size(text);
    return addr + here;
}

void hvm_start_write(const struct hvm_start *s, uint64_t addr, uint8_t *to)
{
    struct hvm_start_info info = {.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .rsdp_paddr = s->rsdp};
    struct hvm_modlist_entry module = {.paddr = s->module_addr, .size = s->module_size};
    size_t at = tables_size(s), table = sizeof(info);

    info.cmdline_paddr = text_put(s->cmdline, addr, to, &at);
    if (s->module_size) {
        module.cmdline_paddr = text_put(s->module_cmdline, addr, to, &at);
        info.nr_modules = 1;
        info.modlist_paddr = addr + table;
        memcpy(to + table, &module, sizeof(module));
        table += sizeof(module);
    }
    info.memmap_paddr = addr + table;
    info.memmap_entries = s->layout->nr_map;
    for (unsigned int i = 0; i < s->layout->nr_map; i++) {
        const struct e820_entry *e = &s->layout->map[i];
        struct hvm_memmap_table_entry entry = {.addr = e->addr, .size = e->size, .type = e->type};

        memcpy(to + table, &entry, sizeof(entry));
        table += sizeof(entry);
    }
    memcpy(to, &info, sizeof(info));
}
