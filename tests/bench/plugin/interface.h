/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both plugins of the emulator use of its interface (QEMU's documentation of TCG plugins, version 1; Debian ships
 * no header), and what they have in common: where the hypervisor is, which no-ops are marks, and what is executed below
 * one of its functions.
 */
#ifndef BENCH_PLUGIN_INTERFACE_H
#define BENCH_PLUGIN_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST  0xffff800000000000ull /* addresses that the ABI leaves to the hypervisor */
#define LAST   0xffff87ffffffffffull
#define PUBLIC __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { FLAGS_NONE = 0, INLINE_ADD = 0 };
typedef void exec_cb(unsigned int cpu, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb *cb, int flags, void *data);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb *cb, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *at, uint64_t add);
PUBLIC int qemu_plugin_version = 1;
PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

static inline bool hypervisors(uint64_t address) { return address >= FIRST && address <= LAST; }

/* A guest's mark (tests/guests/bench/bench.h): a no-op with a number in it, which this gives; -1 of any other
 * instruction. */
static inline int mark_of(const uint8_t *code, size_t size)
{
    static const uint8_t mark[7] = {0x0f, 0x1f, 0x80, 0, 'l', 'r', 'o'};

    return size == sizeof(mark) && !memcmp(code, mark, 3) && !memcmp(code + 4, mark + 4, 3) ? code[3] : -1;
}

static inline bool is_call(const uint8_t *code, size_t size)
{
    return code[0] == 0xe8 || (size > 1 && code[0] == 0xff && (code[1] >> 3 & 7) == 2) ||
           (size > 2 && code[0] >> 4 == 4 && code[1] == 0xff && (code[2] >> 3 & 7) == 2);
}

/*
 * What is executed below the function at apart.entry (none if that is 0), interrupts within it included: apart.sum
 * grows by what apart.counted does until the caller is reached again.
 */
static struct {
    uint64_t entry, last_return, inside_return, begin;
    uint64_t *counted, *sum;
    bool inside;
} apart;

static void apart_on_call(unsigned int cpu, void *data)
{
    (void)cpu;
    apart.last_return = (uintptr_t)data;
}

static void apart_on_entry(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (apart.inside)
        return;
    apart.inside = true;
    apart.inside_return = apart.last_return;
    apart.begin = *apart.counted;
}

static void apart_on_block(unsigned int cpu, void *data)
{
    (void)cpu;
    if (apart.inside && (uintptr_t)data == apart.inside_return) {
        *apart.sum += *apart.counted - apart.begin;
        apart.inside = false;
    }
}

static inline void apart_watch_block(struct qemu_plugin_tb *tb)
{
    uint64_t start = qemu_plugin_tb_vaddr(tb);

    if (apart.entry && hypervisors(start))
        qemu_plugin_register_vcpu_tb_exec_cb(tb, apart_on_block, FLAGS_NONE, (void *)(uintptr_t)start);
}

/* The arguments of both: out=FILE, which is opened, and apart=ADDRESS; false: another one. */
static inline bool common_argument(const char *argument, FILE **out)
{
    if (!strncmp(argument, "out=", 4))
        *out = fopen(argument + 4, "w");
    else if (!strncmp(argument, "apart=", 6))
        apart.entry = strtoul(argument + 6, NULL, 16);
    else
        return false;
    return true;
}

/* An instruction of the hypervisor. */
static inline void apart_watch(struct qemu_plugin_insn *insn, const uint8_t *code, size_t size)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);

    if (apart.entry && is_call(code, size))
        qemu_plugin_register_vcpu_insn_exec_cb(insn, apart_on_call, FLAGS_NONE, (void *)(uintptr_t)(address + size));
    if (apart.entry && address == apart.entry)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, apart_on_entry, FLAGS_NONE, NULL);
}

#endif
