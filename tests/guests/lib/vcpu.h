/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vCPUs of a test guest: each one's stack with its own data at the bottom, starting a second
 * one, and time as the hypervisor's time page gives it.
 */
#ifndef GUEST_VCPU_H
#define GUEST_VCPU_H

#define STACK_SIZE 32768ul
#define TRAP_STACK 12288ul /* offset in the stack area where traps from user mode begin */

/* At the bottom of each stack area. */
struct vcpu {
    unsigned int id;
    struct regs *user_regs;  /* where user_run() wants the state at the next trap, else NULL */
    unsigned long user_save; /* its kernel stack */
    bool user_mask;
    void (*function)(void *);
    void *arg;
    volatile bool finished;
};

extern uint8_t stacks[MAX_VCPUS][STACK_SIZE];

static inline struct vcpu *this_vcpu(void)
{
    unsigned long sp = (unsigned long)__builtin_frame_address(0);

    return (struct vcpu *)((sp - 1) & ~(STACK_SIZE - 1));
}

static inline unsigned int vcpu_id(void) { return this_vcpu()->id; }

/* This vCPU's part of the shared info page. */
struct vcpu_info *vcpu_info(void);

void vcpu_init(void);
struct vcpu *vcpu_of(unsigned int id);
void vcpu_main(struct vcpu *v); /* by the entry code */

/*
 * Start vCPU id, which has not run before, at function(arg) with events masked and the traps of
 * vCPU 0; returns what VCPUOP_initialise or VCPUOP_up answered.  When the function returns, the
 * vCPU takes itself down.
 */
long vcpu_start(unsigned int id, void (*function)(void *), void *arg);
/* Wait until its function has returned; false after the given time in ms. */
bool vcpu_wait(unsigned int id, unsigned int ms);
#ifdef GUEST_PV
/* The context that vcpu_start() uses, for tests that change it. */
void vcpu_context_fill(struct vcpu_guest_context *c, unsigned int id);
#endif

uint64_t rdtsc(void);
/* Nanoseconds of system time on this vCPU. */
uint64_t now(void);
void delay_us(unsigned int us);

#endif
