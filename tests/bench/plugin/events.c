/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for the emulator: what a whole machine has executed when something happens.
 *
 * Whenever a mark is executed, by a program or by a kernel, one line is written: its number, and how many instructions
 * there have been since the start, by where they are: in the hypervisor, in kernels, in programs (and whatever else
 * runs at low addresses). Two more figures are parts of these: what string instructions repeated (each repetition
 * counts as an instruction), and what was executed below one function of the hypervisor. An instruction at one of the
 * given addresses, such as the kernels' entries, is a mark as well, of the number ENTRY.
 *
 * Instructions are counted by blocks of code, as a block begins: one that a fault leaves early counts whole (well below
 * 1 % too many); with exact=1 each by itself, at a third of the speed.
 *
 * With from=NUMBER and blocks=FILE, what each block of code executed from a mark of that number to the next one is
 * added up and written there, as lines of address and instructions.
 *
 * Arguments: out=FILE, apart=ADDRESS, entry=ADDRESS (any number of them), exact=1, from=NUMBER, blocks=FILE.
 */
#include <stdio.h>
#include <stdlib.h>

#include "interface.h"

#define ENTRY      2
#define ENTRIES    8
#define KERNEL     0xffff880000000000ull
#define TABLE_SIZE (1u << 20) /* of blocks of code, more than a machine has */

enum { IN_HYPERVISOR, IN_KERNEL, IN_PROGRAM, COPIED, APART, COUNTERS };

static uint64_t counts[COUNTERS], entries[ENTRIES];
static size_t nr_entries;
static FILE *out;
static int from = -1;
static const char *blocks_path;
static struct block {
    uint64_t address, executed, before, sum;
} * blocks;
static bool between, exact;

static struct block *block_at(uint64_t address)
{
    size_t i = (address * 0x9e3779b97f4a7c15ull) >> 44;

    while (blocks[i].address && blocks[i].address != address)
        i = (i + 1) % TABLE_SIZE;
    blocks[i].address = address;
    return &blocks[i];
}

static void write_blocks(void)
{
    FILE *file = fopen(blocks_path, "w");

    if (!file)
        return;
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (blocks[i].sum)
            fprintf(file, "%lx %lu\n", blocks[i].address, blocks[i].sum);
    fclose(file);
}

static void profile(int number)
{
    bool begins = number == from;

    if (!between && !begins)
        return;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (between)
            blocks[i].sum += blocks[i].executed - blocks[i].before;
        blocks[i].before = blocks[i].executed;
    }
    if (between)
        write_blocks();
    between = begins;
}

static void on_mark(unsigned int cpu, void *data)
{
    int number = (int)(uintptr_t)data;

    (void)cpu;
    fprintf(out, "%d", number);
    for (unsigned int i = 0; i < COUNTERS; i++)
        fprintf(out, " %lu", counts[i]);
    fputc('\n', out);
    fflush(out);
    if (blocks)
        profile(number);
}

/* MOVS and STOS with a repeat prefix. */
static bool repeats(const uint8_t *code, size_t size)
{
    bool repeat = false;
    size_t i = 0;

    for (; i + 1 < size && (code[i] == 0xf2 || code[i] == 0xf3 || code[i] == 0x66 || code[i] >> 4 == 4); i++)
        repeat |= code[i] == 0xf2 || code[i] == 0xf3;
    return repeat && ((code[i] | 1) == 0xa5 || (code[i] | 1) == 0xab);
}

static void watch_others(struct qemu_plugin_insn *insn, const uint8_t *code, size_t size, uint64_t address)
{
    int mark = mark_of(code, size);

    for (size_t i = 0; i < nr_entries; i++)
        if (entries[i] == address)
            mark = ENTRY;
    if (mark >= 0)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, FLAGS_NONE, (void *)(uintptr_t)mark);
}

static unsigned int place_of(uint64_t address)
{
    return hypervisors(address) ? IN_HYPERVISOR : address >= KERNEL ? IN_KERNEL : IN_PROGRAM;
}

static void watch(struct qemu_plugin_insn *insn)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);
    const uint8_t *code = qemu_plugin_insn_data(insn);
    size_t size = qemu_plugin_insn_size(insn);

    if (hypervisors(address))
        apart_watch(insn, code, size);
    else
        watch_others(insn, code, size, address);
    if (repeats(code, size))
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[COPIED], 1);
    if (exact)
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[place_of(address)], 1);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t address = qemu_plugin_tb_vaddr(tb);

    (void)id;
    if (!exact)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &counts[place_of(address)], n);
    if (blocks)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &block_at(address)->executed, n);
    apart_watch_block(tb);
    for (size_t i = 0; i < n; i++)
        watch(qemu_plugin_tb_get_insn(tb, i));
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (common_argument(argv[i], &out))
            continue;
        if (!strncmp(argv[i], "entry=", 6) && nr_entries < ENTRIES)
            entries[nr_entries++] = strtoul(argv[i] + 6, NULL, 16);
        else if (!strcmp(argv[i], "exact=1"))
            exact = true;
        else if (!strncmp(argv[i], "from=", 5))
            from = atoi(argv[i] + 5);
        else if (!strncmp(argv[i], "blocks=", 7))
            blocks_path = strdup(argv[i] + 7);
        else
            return -1;
    }
    if (!out || (blocks_path && !(blocks = calloc(TABLE_SIZE, sizeof(*blocks)))))
        return -1;
    apart.counted = &counts[IN_HYPERVISOR];
    apart.sum = &counts[APART];
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
