/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of a test guest: the frame, expected faults, hooks, and runs of guest user mode.  A fault
 * of the guest's kernel that nobody expects is an ERROR with a register dump.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

enum {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
    VEC_XM = 19,
    VEC_EVENT = 256, /* from here: callbacks of a PV guest, numbered as in its entry code */
#ifdef GUEST_PV
    VEC_NMI,
#else
    VEC_NMI = 2,
#endif
    VEC_SYSCALL = 258,
    VEC_SYSENTER,
    VEC_FAILSAFE,
    VEC_COUNT,
    NO_FAULT = -1
};

/* The order of the pushes in the entry code. In a PV guest cs carries the saved upcall mask in bits 32 to 39. */
#ifdef __x86_64__
struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
#define EXTABLE_WORD ".quad"
#else
struct regs {
    uint32_t rdi, rsi, rbp, unused, rbx, rdx, rcx, rax;
    uint32_t vector, error;
    uint32_t rip, cs, rflags;
    uint32_t rsp, ss; /* only of a trap from user mode */
};
#define EXTABLE_WORD ".long"
#endif

/* The last fault that an instruction marked EX() took; vector is NO_FAULT if it took none. */
struct fault {
    int vector;
    uint32_t error;
    unsigned long cr2, rip;
};
extern struct fault last_fault;

/* Around one instruction in an asm statement: if it faults, go on behind it. */
#define EX(insn)                                              \
    "1: " insn "\n2:\n"                                       \
    ".pushsection .extable, \"a\"\n" EXTABLE_WORD " 1b, 2b\n" \
    ".popsection\n"

/* Run a statement, and give the fault of the EX() instruction in it. */
#define FAULT_OF(statement)                              \
    ({                                                   \
        last_fault = (struct fault){.vector = NO_FAULT}; \
        barrier();                                       \
        statement;                                       \
        barrier();                                       \
        last_fault;                                      \
    })
#define FAULT_VECTOR(statement) (FAULT_OF(statement).vector)

/* A hook sees each trap of its vector first, and says whether it dealt with it. */
typedef bool trap_hook_t(struct regs *regs);
void trap_hook(unsigned int vector, trap_hook_t *hook);

/* Let traps through to the stubs and callbacks. */
void trap_init(void);
extern uint8_t trap_stubs[256][16];
/* Where the last page fault of this vCPU was. */
unsigned long fault_address(void);

#ifdef GUEST_PV
#define KERNEL_CS FLAT_KERNEL_CS
#define KERNEL_SS FLAT_KERNEL_SS
#define USER_CS   FLAT_USER_CS
#define USER_SS   FLAT_USER_SS
/* Fill one entry for use with hc_set_trap_table. */
void trap_entry(struct trap_info *info, unsigned int vector, unsigned int flags);
extern char event_callback[], nmi_callback[], syscall_callback[], sysenter_callback[];
extern char failsafe_callback[];
extern uint64_t failsafe_selectors[4]; /* ds, es, fs, gs as the failsafe frame gave them */
#endif

/* Whether upcalls are masked on this vCPU, and setting that without delivering any. */
bool events_masked(void);
void events_mask_set(bool masked);

/* Print the registers. */
void regs_dump(const struct regs *regs);

/*
 * Run guest user mode from the state in regs (rip, rsp and what the code needs; selectors and flags
 * of zero are filled in) until its next trap, system call or callback that no hook deals with; regs
 * is then the state at that point, vector says why.
 */
void user_run(struct regs *regs);

/* Accesses that may fault, to use within FAULT_OF(). */
static inline unsigned long try_read(const volatile void *at)
{
    unsigned long value = 0;

    __asm__ volatile(EX("mov (%1), %0") : "+r"(value) : "r"(at) : "memory");
    return value;
}

static inline void try_write(volatile void *at, unsigned long value)
{
    __asm__ volatile(EX("mov %0, (%1)") : : "r"(value), "r"(at) : "memory");
}

#define read_fault(at)     FAULT_VECTOR(try_read((const void *)(at)))
#define write_fault(at, v) FAULT_VECTOR(try_write((void *)(at), v))

#endif
