/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for the emulator: what a benchmark's samples are spent on.
 *
 * Counts, in each sample, instructions by function of the hypervisor, its expensive instructions by kind, and those
 * executed below one function apart. The guest says where samples are by no-ops with a number in them
 * (tests/guests/bench/bench.h); a sample is from the first RDTSC of the guest behind the first mark to the last one
 * before the second, as the guest measures it. For each operation one sample is written, that with the median total.
 *
 * Interface: QEMU's documentation of TCG plugins, version 1; Debian ships no header. Instructions: AMD64 manual,
 * volume 3. Arguments: out=FILE, symbols=FILE (lines of address and name, rising), apart=ADDRESS.
 */
#include <stdio.h>
#include <stdlib.h>

#include "interface.h"

#define SAMPLES      25
#define BEHIND       0x10000 /* farther behind the last symbol no function is */
#define GUEST        0
#define NO_NAME      1
#define SYMBOL_FIRST 2

enum kind {
    CR3_WRITE,
    CR_WRITE,
    INVLPG,
    INVPCID,
    WRMSR,
    RDMSR,
    IRET,
    SYSRET,
    VMRUN,
    VMLOAD_SAVE,
    GIF,
    LOCKED,
    PORT,
    FPU_STATE,
    CPUID,
    FENCE,
    VERW,
    TABLE_LOAD,
    KINDS
};
static const char *const kind_names[KINDS] = {
    "cr3_write",     "cr_write",  "invlpg", "invpcid", "wrmsr",     "rdmsr", "iret",  "sysret", "vmrun",
    "vmload_vmsave", "stgi_clgi", "locked", "port_io", "fpu_state", "cpuid", "fence", "verw",   "table_load"};

/* All that is counted, in a row, so that it is copied at once: total, apart, kinds, functions. */
enum { TOTAL, APART, KIND_FIRST, FUNCTION_FIRST = KIND_FIRST + KINDS };
static uint64_t *counts, *sample_begin, *sample_end, *samples[SAMPLES];
static size_t width, symbols;
static uint64_t *addresses;
static char **names;
static FILE *out;
static unsigned int taken, operation;
static bool armed, begun;

/* The place of the counter of the function that an address is in. */
static size_t function_of(uint64_t address)
{
    size_t low = 0, high = symbols;

    if (!hypervisors(address))
        return FUNCTION_FIRST + GUEST;
    if (!symbols || address < addresses[0] || address > addresses[symbols - 1] + BEHIND)
        return FUNCTION_FIRST + NO_NAME;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (addresses[middle] <= address)
            low = middle;
        else
            high = middle;
    }
    return FUNCTION_FIRST + SYMBOL_FIRST + low;
}

/* Two-byte opcodes, by what follows 0F. */
static int kind_of_0f(const uint8_t *at, bool size_prefix)
{
    uint8_t modrm = at[1], reg = modrm >> 3 & 7;
    bool memory = modrm < 0xc0;

    switch (at[0]) {
    case 0x00: return reg == 5 ? VERW : reg == 2 || reg == 3 ? TABLE_LOAD : -1;
    case 0x01:
        if (memory)
            return reg == 7 ? INVLPG : reg == 2 || reg == 3 ? TABLE_LOAD : -1;
        return modrm == 0xd8 || modrm == 0xc2 || modrm == 0xc3 ? VMRUN
               : modrm == 0xda || modrm == 0xdb                ? VMLOAD_SAVE
               : modrm == 0xdc || modrm == 0xdd                ? GIF
               : modrm == 0xdf                                 ? INVLPG
                                                               : -1;
    case 0x06: return CR_WRITE;
    case 0x07: return SYSRET;
    case 0x22: return reg == 3 ? CR3_WRITE : CR_WRITE;
    case 0x30: return WRMSR;
    case 0x32: return RDMSR;
    case 0x38: return size_prefix && at[1] == 0x82 ? INVPCID : -1;
    case 0xa2: return CPUID;
    case 0xae:
        return memory ? (reg < 2 || (reg > 3 && reg < 7 && !size_prefix) ? FPU_STATE : -1) : reg >= 5 ? FENCE : -1;
    case 0xc7: return memory && (reg == 3 || reg == 4 || reg == 5) ? FPU_STATE : -1;
    default: return -1;
    }
}

/* Which of the expensive instructions this one is, or -1; of 64-bit code. */
static int kind_of(const uint8_t *code, size_t size)
{
    uint8_t bytes[18] = {0};
    const uint8_t *at = bytes;
    bool size_prefix = false, repeat = false;

    memcpy(bytes, code, size < 15 ? size : 15);
    for (;; at++) {
        if (*at == 0xf0)
            return LOCKED;
        if (*at == 0x66)
            size_prefix = true;
        else if (*at == 0xf2 || *at == 0xf3)
            repeat = true;
        else if (*at != 0x67 && *at != 0x2e && *at != 0x36 && *at != 0x3e && *at != 0x26 && *at != 0x64 && *at != 0x65)
            break;
    }
    if (*at >> 4 == 4)
        at++;
    if (*at == 0x0f)
        return repeat && at[1] == 0xae ? -1 : kind_of_0f(at + 1, size_prefix);
    if (*at == 0xcf)
        return IRET;
    if ((*at == 0x86 || *at == 0x87) && at[1] < 0xc0)
        return LOCKED;
    return (*at >= 0xe4 && *at <= 0xe7) || (*at >= 0xec && *at <= 0xef) || (*at >= 0x6c && *at <= 0x6f) ? PORT : -1;
}

/* A guest's RDTSC begins a sample that is armed, and ends it until the next one does. */
static void on_rdtsc(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (!armed)
        return;
    memcpy(begun ? sample_end : sample_begin, counts, width * sizeof(*counts));
    begun = true;
}

static int by_total(const void *a, const void *b)
{
    const uint64_t *x = *(uint64_t *const *)a, *y = *(uint64_t *const *)b;

    return (x[TOTAL] > y[TOTAL]) - (x[TOTAL] < y[TOTAL]);
}

static void write_operation(void)
{
    uint64_t *sorted[SAMPLES];
    const uint64_t *s;

    memcpy(sorted, samples, sizeof(sorted));
    qsort(sorted, SAMPLES, sizeof(sorted[0]), by_total);
    s = sorted[SAMPLES / 2];
    fprintf(out, "operation %u %lu %lu\n", operation++, s[TOTAL], s[APART]);
    for (unsigned int i = 0; i < KINDS; i++)
        if (s[KIND_FIRST + i])
            fprintf(out, "kind %s %lu\n", kind_names[i], s[KIND_FIRST + i]);
    for (size_t i = 0; i < symbols + SYMBOL_FIRST; i++)
        if (s[FUNCTION_FIRST + i])
            fprintf(out, "function %s %lu\n",
                    i == GUEST     ? "(guest)"
                    : i == NO_NAME ? "(stub)"
                                   : names[i - SYMBOL_FIRST],
                    s[FUNCTION_FIRST + i]);
    fflush(out);
}

/* The guest's marks: 1 a sample begins, 2 it has ended, 3 the operation's figure is being printed. */
static void on_mark(unsigned int cpu, void *data)
{
    uintptr_t mark = (uintptr_t)data;

    (void)cpu;
    if (mark == 1) {
        armed = true;
        begun = false;
    } else if (mark == 2 && armed) {
        uint64_t *sample = samples[taken++ % SAMPLES];

        for (size_t i = 0; i < width; i++)
            sample[i] = sample_end[i] - sample_begin[i];
        armed = false;
    } else if (mark == 3)
        write_operation();
}

static void instrument_guest(struct qemu_plugin_insn *insn, const uint8_t *code, size_t size)
{
    int mark = mark_of(code, size);

    if (size == 2 && code[0] == 0x0f && code[1] == 0x31)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_rdtsc, FLAGS_NONE, NULL);
    if (mark >= 0)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, FLAGS_NONE, (void *)(uintptr_t)mark);
}

static void instrument_hypervisor(struct qemu_plugin_insn *insn, const uint8_t *code, size_t size)
{
    int kind = kind_of(code, size);

    if (kind >= 0)
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[KIND_FIRST + kind], 1);
    apart_watch(insn, code, size);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    apart_watch_block(tb);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        (hypervisors(address) ? instrument_hypervisor : instrument_guest)(insn, qemu_plugin_insn_data(insn),
                                                                          qemu_plugin_insn_size(insn));
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[TOTAL], 1);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[function_of(address)], 1);
    }
}

static bool read_symbols(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned long address;
    char name[256];

    if (!file)
        return false;
    while (fscanf(file, "%lx %255s", &address, name) == 2) {
        addresses = realloc(addresses, (symbols + 1) * sizeof(*addresses));
        names = realloc(names, (symbols + 1) * sizeof(*names));
        addresses[symbols] = address;
        names[symbols++] = strdup(name);
    }
    fclose(file);
    return true;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!common_argument(argv[i], &out) && (strncmp(argv[i], "symbols=", 8) || !read_symbols(argv[i] + 8)))
            return -1;
    }
    if (!out)
        return -1;
    width = FUNCTION_FIRST + SYMBOL_FIRST + symbols;
    counts = calloc(width, sizeof(*counts));
    apart.counted = &counts[TOTAL];
    apart.sum = &counts[APART];
    sample_begin = calloc(width, sizeof(*counts));
    sample_end = calloc(width, sizeof(*counts));
    for (unsigned int i = 0; i < SAMPLES; i++)
        samples[i] = calloc(width, sizeof(*counts));
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
