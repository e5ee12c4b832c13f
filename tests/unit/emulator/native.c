/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case by the CPU of this machine. All registers are put into a signal frame, from which rt_sigreturn starts the
 * instruction; behind it, and wherever it may jump to, stands INT3, so that a signal comes back in any case. 16- and
 * 32-bit code run in segments of the LDT. The signal's frame has the registers after it, the exception and its error
 * code.
 */
#include "case.h"
#include <asm/ldt.h>
#include <asm/trapnr.h>
#include <err.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ALTSTACK (1 << 16)

u8 *native_data;
static u8 *code;
static ucontext_t frame;
/* FXSAVE's image, as a frame has it: without the marks of an XSAVE area behind it. */
static struct {
    u8 head[32];
    u8 st[128];
    u64 xmm[16][2];
    u8 rest[96];
} fx __attribute__((aligned(64)));

/* For the assembly: what to load last, and where to go on. */
struct {
    u64 rsp, fs_base;     /* ours */
    u64 test_fs, test_gs; /* bases for 64-bit code */
    ucontext_t *came;     /* the signal's */
    u32 armed;
    u16 ds, es, fs, gs;
} native __attribute__((used));

void native_enter(ucontext_t *to, bool bases);
void native_handler(int, siginfo_t *, void *);

/* native_enter: rdi is the frame; native_handler leaves the signal for good, back to who called native_enter. */
__asm__(".text\n"
        "native_enter:\n"
        "    push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "    lea native(%rip), %rax\n"
        "    mov %rsp, 0(%rax)\n"
        "    rdfsbase %rcx\n mov %rcx, 8(%rax)\n"
        "    movl $1, 40(%rax)\n"
        "    mov 44(%rax), %ds\n mov 46(%rax), %es\n mov 48(%rax), %fs\n mov 50(%rax), %gs\n"
        "    test %esi, %esi\n jz 1f\n"
        "    mov 16(%rax), %rcx\n wrfsbase %rcx\n mov 24(%rax), %rcx\n wrgsbase %rcx\n"
        "1:  mov %rdi, %rsp\n"
        "    mov $15, %eax\n syscall\n"
        "native_handler:\n"
        "    lea native(%rip), %rax\n"
        "    cmpl $0, 40(%rax)\n je native_crash\n"
        "    xor %ecx, %ecx\n mov %ecx, %ds\n mov %ecx, %es\n mov %ecx, %fs\n mov %ecx, %gs\n"
        "    mov 8(%rax), %rcx\n wrfsbase %rcx\n"
        "    movl $0, 40(%rax)\n"
        "    mov %rdx, 32(%rax)\n"
        "    cld\n"
        "    mov 0(%rax), %rsp\n"
        "    pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "    ret\n");

/* A signal that is no case's: the program itself is wrong. */
__attribute__((used)) static void native_crash(int sig)
{
    signal(sig, SIG_DFL);
    raise(sig);
}

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};

static void capture(int sig __unused, siginfo_t *info __unused, void *uc) { frame = *(ucontext_t *)uc; }

static void *map(int fd, u64 at, size_t bytes, int prot, off_t offset)
{
    void *p = mmap((void *)at, bytes, prot, MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), fd, offset);

    if (p == MAP_FAILED)
        err(1, "mmap at %#lx", at);
    return p;
}

static void load_ldt(void)
{
    for (unsigned int n = D_CODE32; n <= D_EXECUTE; n++) {
        const struct hvm_segment *s = &descriptors[n];
        bool pages = s->attr & HVM_ATTR_G, is_code = s->attr & HVM_ATTR_CODE;
        struct user_desc d = {.entry_number = n, .base_addr = s->base, .limit = pages ? s->limit >> 12 : s->limit};

        d.seg_32bit = !!(s->attr & HVM_ATTR_DB);
        d.contents = is_code ? 2 : s->attr & HVM_ATTR_DOWN ? 1 : 0;
        d.read_exec_only = !(s->attr & HVM_ATTR_WRITE);
        d.limit_in_pages = pages;
        d.useable = 1;
        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
            err(1, "modify_ldt %u", n);
    }
}

void native_init(void)
{
    int fd = memfd_create("emulator", 0);
    struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t stack = {.ss_size = ALTSTACK,
                     .ss_sp = mmap(NULL, ALTSTACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};

    if (fd < 0 || ftruncate(fd, CODE_BYTES + DATA_BYTES + RO_BYTES) || sigaltstack(&stack, NULL))
        err(1, "memory for cases");
    code = map(fd, 0, CODE_BYTES, PROT_READ | PROT_WRITE, 0);
    map(fd, CODE, CODE_BYTES, PROT_READ | PROT_EXEC, 0);
    native_data = map(fd, 0, DATA_BYTES + RO_BYTES, PROT_READ | PROT_WRITE, CODE_BYTES);
    map(fd, DATA, DATA_BYTES, PROT_READ | PROT_WRITE, CODE_BYTES);
    map(fd, RO, RO_BYTES, PROT_READ, CODE_BYTES + DATA_BYTES);
    memset(code, BREAK, CODE_BYTES);
    for (u64 at = DATA; at < RO + RO_BYTES; at += PAGE_SIZE) /* or a first access would fault as to an absent page */
        READ_ONCE(*(u8 *)at);
    load_ldt();
    act.sa_sigaction = capture;
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    sigemptyset(&frame.uc_sigmask);
    frame.uc_mcontext.fpregs = (void *)&fx;
    frame.uc_stack = stack;
    act.sa_sigaction = native_handler;
    for (unsigned int n = 0; n < ARRAY_SIZE(signals); n++)
        sigaction(signals[n], &act, NULL);
}

/* Positions of general registers in a frame. */
static const u8 gregs[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void set_frame(const struct tcase *c)
{
    greg_t *g = frame.uc_mcontext.gregs;
    u64 ss = descriptors[c->seg[SEG_SS]].sel;

    for (unsigned int n = 0; n < 16; n++)
        g[gregs[n]] = *insn_reg((struct cpu_user_regs *)&c->before.r, n);
    g[REG_RIP] = c->before.r.rip;
    g[REG_EFL] = c->before.r.rflags;
    g[REG_CSGSFS] = descriptors[c->seg[SEG_CS]].sel | ss << 48;
    memset(&fx, 0, sizeof(fx));
    fx.head[0] = 0x7f; /* FCW, MXCSR: all exceptions masked */
    fx.head[1] = 0x03;
    fx.head[24] = 0x80;
    fx.head[25] = 0x1f;
    memcpy(fx.xmm, c->before.xmm, sizeof(fx.xmm));
    native.test_fs = c->before.fs_base;
    native.test_gs = c->before.gs_base;
    native.ds = descriptors[c->seg[SEG_DS]].sel;
    native.es = descriptors[c->seg[SEG_ES]].sel;
    native.fs = c->mode == MODE_64 ? 0 : descriptors[c->seg[SEG_FS]].sel;
    native.gs = c->mode == MODE_64 ? 0 : descriptors[c->seg[SEG_GS]].sel;
}

void run_native(const struct tcase *c, struct outcome *o)
{
    u64 at = c->linear_rip - CODE;
    size_t n = at + c->n > CODE_BYTES ? CODE_BYTES - at : c->n;
    greg_t *g;

    memcpy(code + at, c->bytes, n);
    set_frame(c);
    native_enter(&frame, c->mode == MODE_64);
    memset(code + at, BREAK, n);
    g = native.came->uc_mcontext.gregs;
    o->after = c->before;
    for (unsigned int k = 0; k < 16; k++)
        *insn_reg(&o->after.r, k) = g[gregs[k]];
    o->after.r.rip = g[REG_RIP];
    o->after.r.rflags = g[REG_EFL];
    memcpy(o->after.xmm, native.came->uc_mcontext.fpregs->_xmm, sizeof(o->after.xmm));
    memcpy(o->data, native_data, DATA_BYTES);
    o->vector = g[REG_TRAPNO];
    o->error = g[REG_ERR];
    o->cr2 = g[REG_CR2];
    o->rc = o->vector == TRAP_BP ? EMU_DONE : EMU_EXCEPTION;
    o->io_hash = 0;
    o->by_unicorn = false;
    if (o->rc == EMU_DONE)
        o->after.r.rip--;
}
