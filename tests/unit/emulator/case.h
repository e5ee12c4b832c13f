/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's differential test: a case (an instruction with the state before it), an outcome, and who makes them.
 * The same case is run by our emulator and by an oracle, the CPU of this machine (native.c) or Unicorn (unicorn.c).
 */
#ifndef TEST_EMULATOR_CASE_H
#define TEST_EMULATOR_CASE_H

#include <arch/x86/emulate/alu.h>
#include <arch/x86/emulate/emulate.h>
#include <arch/x86/emulate/table.h>

/* Memory, at fixed low addresses: code, read-only; data, writable; a page of it that is read-only; then nothing. */
#define CODE       0x10000000UL
#define CODE_BYTES 0x2000UL
#define DATA       0x10010000UL
#define DATA_BYTES 0x4000UL
#define RO         (DATA + DATA_BYTES)
#define RO_BYTES   0x1000UL
#define BREAK      0xcc /* INT3, what the code pages are full of */

/* Segments that cases use: numbers of descriptors (segments.c). */
enum {
    D_NULL,
    D_CODE64,
    D_CODE32,
    D_CODE16,
    D_FLAT,
    D_DATA,
    D_DATA16,
    D_READ_ONLY,
    D_DOWN,
    D_DOWN16,
    D_ODD,
    D_EXECUTE,
    D_STACK64,
    D_CODE_FLAT,
    D_REAL_CODE,
    D_REAL_DATA,
    DESCRIPTORS
};
extern const struct hvm_segment descriptors[DESCRIPTORS];

/* What the run of a case may touch. */
struct state {
    struct cpu_user_regs r; /* general registers, rip, rflags */
    u64 xmm[16][2];
    u64 fs_base, gs_base; /* 64-bit code */
    u64 cr[16], dr[8];
};

enum mode { MODE_64, MODE_32, MODE_16, MODE_REAL, MODES };

struct tcase {
    enum mode mode;
    unsigned int cpl;
    u8 bytes[32], n; /* may be more than an instruction can have */
    u8 seg[6];       /* descriptors */
    struct state before;
    u64 linear_rip;
};

struct outcome {
    int rc; /* enum emu_result: DONE or EXCEPTION, ours also others */
    u8 vector;
    u32 error;
    u64 cr2;
    struct state after;
    u8 data[DATA_BYTES];
    u32 io_hash; /* what went to ports */
    bool by_unicorn;
};

static inline unsigned int code_bytes(enum mode m) { return m == MODE_64 ? 8 : m == MODE_32 ? 4 : 2; }

/* What IN reads from a port. */
static inline u32 port_value(u16 port) { return (port + 1) * 0x9e3779b1u; }

static inline u32 hash_io(u32 h, u16 port, unsigned int bytes, u32 val)
{
    return (h ^ port ^ bytes << 16 ^ val) * 0x85ebca6bu + 1;
}

/* ---- rnd.c: a generator of its own, so that a seed tells a run ---- */
extern u64 rnd_state;
static inline u64 rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;
    return rnd_state * 0x2545f4914f6cdd1dUL;
}
static inline unsigned int below(unsigned int n) { return (u32)(rnd() >> 33) % n; }
/* True p times of 100. */
static inline bool chance(unsigned int p) { return below(100) < p; }

/* ---- generate.c ---- */

/* One way to name an operation: its opcode and, for groups, ModRM. */
struct claim {
    u8 map, opcode;
    u8 modrm; /* with bits that are fixed */
    bool reg_fixed, modrm_fixed;
    u8 op;
    const struct insn_row *row;
};
extern struct claim claims[];
extern unsigned int claims_count;
void claims_make(void);
const char *op_name(enum insn_op op);
/* A random case of claim k. data: the memory at DATA, of which values may be taken into registers. */
/* privileged: for CPL 0 and flat segments. */
void generate(struct tcase *c, const struct claim *k, enum mode mode, bool privileged, const u8 *data);

/* ---- emulated.c ---- */
/* data: DATA before, DATA_BYTES + RO_BYTES of it. replay: every access is refused once with EMU_RETRY before it is
 * done. */
void run_emulated(const struct tcase *c, const u8 *data, bool replay, struct outcome *o, struct insn *insn);

/* ---- native.c ---- */
void native_init(void);
/* Data pages as the CPU sees them: DATA_BYTES + RO_BYTES. */
extern u8 *native_data;
void run_native(const struct tcase *c, struct outcome *o);

/* ---- unicorn.c ---- */
/* One mode at a time. */
void unicorn_open(enum mode mode);
void unicorn_close(void);
/* Control and debug registers that a case in this mode starts with. */
void unicorn_system(enum mode mode, struct state *s);
/* jump: the instruction goes elsewhere. */
void run_unicorn(const struct tcase *c, const u8 *data, bool jump, struct outcome *o);
/* A case of which is known that Unicorn is wrong: each has a rule with its reason. */
bool unicorn_known_fault(const struct tcase *c, const struct insn *i, const struct outcome *ours);

#endif
