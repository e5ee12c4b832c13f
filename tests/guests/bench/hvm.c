/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The micro-benchmark of an HVM guest's exits, in instructions.
 *
 * Prints one line "bench NAME VALUE" for each operation of the table that Orlop is measured by; names
 * and meaning are those of the PVH table of Xen's costs. The emulator's AMD-V does not tell where the
 * next instruction is, so the hypervisor decodes at each intercept: that is in the figures here, and
 * apart in the table. wrmsr_efer_same and the writes of control registers are a read and a write.
 */
#include "bench.h"

const char test_title[] = "cost of exits in instructions";

#define VECTOR_OWN 0x72
#define VECTOR_IPI 0x41
#define HOLE       0x80000000ul
#define REF        20

extern char bench_upcall_eoi_xapic[], bench_upcall_eoi_x2apic[], bench_eoi_xapic[], bench_eoi_x2apic[];
extern char bench_eoi_xapic_stamp[], bench_eoi_x2apic_stamp[];

/* One asm statement: its text, then its operands and what it changes. */
#define INSN(name, insn, ...) BENCH(name, __asm__ volatile(insn : : __VA_ARGS__))

static inline void cpuid_leaf(uint32_t leaf)
{
    uint32_t ecx = 0;

    __asm__ volatile("cpuid" : "+a"(leaf), "+c"(ecx) : : "rbx", "rdx");
}

static inline void rdmsr_only(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
}

static inline void wrmsr_only(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* The time from before a statement to a stamping handler. */
#define BENCH_ENTRY(name, statement)                              \
    do {                                                          \
        for (int run_ = -BENCH_WARM; run_ < BENCH_RUNS; run_++) { \
            uint64_t begin_;                                      \
                                                                  \
            BENCH_BEGINS();                                       \
            begin_ = ticks();                                     \
            statement;                                            \
            BENCH_ENDED();                                        \
            if (run_ >= 0)                                        \
                bench_samples[run_] = bench_entry_ticks - begin_; \
        }                                                         \
        bench_report(name, 1);                                    \
    } while (0)

static void instructions(void)
{
    BENCH("cpuid_leaf0", cpuid_leaf(0));
    BENCH("cpuid_leaf1", cpuid_leaf(1));
    BENCH("cpuid_leaf7", cpuid_leaf(7));
    BENCH("cpuid_leaf40000000", cpuid_leaf(0x40000000));
    BENCH("rdmsr_apic_base", rdmsr_only(MSR_APIC_BASE));
    BENCH("rdmsr_efer", rdmsr_only(MSR_EFER));
    BENCH("rdmsr_mtrrcap", rdmsr_only(0xfe));
    BENCH("rdmsr_tsc", rdmsr_only(0x10));
    bench_trap(VEC_GP, bench_skip_error2, 0);
    BENCH("rdmsr_unknown_gp_rt", rdmsr_only(0xdeadbeef));
    bench_trap(VEC_GP, bench_stamp_error, 0);
    BENCH_ENTRY("rdmsr_unknown_gp_entry", rdmsr_only(0xdeadbeef));
    bench_trap(VEC_GP, NULL, 0);
    BENCH("wrmsr_efer_same", __asm__ volatile("rdmsr; wrmsr" : : "c"(MSR_EFER) : "rax", "rdx", "memory"));
    INSN("outb_0x88", "outb %b0, %w1", "a"(0), "d"(0x88));
    BENCH("inb_0x88", inb(0x88));
    BENCH("inl_0xcf8", inl(0xcf8));
    INSN("wbinvd", "wbinvd", "i"(0));
}

static void control_registers(void)
{
    unsigned long cr0;

    BENCH("mov_from_cr0", __asm__ volatile("mov %%cr0, %0" : "=r"(cr0)));
    INSN("mov_to_cr0_same", "mov %%cr0, %%rax; mov %%rax, %%cr0", "i"(0) : "rax");
    INSN("mov_to_cr0_ts_toggle", "mov %%cr0, %%rax; xor %0, %%rax; mov %%rax, %%cr0", "r"(CR0_TS) : "rax");
    INSN("mov_to_cr4_pge_toggle", "mov %%cr4, %%rax; xor %0, %%rax; mov %%rax, %%cr4", "r"(CR4_PGE) : "rax");
    __asm__ volatile("clts");
    write_cr4(read_cr4() | CR4_PGE);
}

static void memory(void)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};
    uint64_t value;

    BENCH("hvmop_get_param", hc_hvm_op(HVMOP_get_param, &param));
    BENCH("mmio_hole_read", __asm__ volatile("mov (%1), %k0" : "=r"(value) : "r"(HOLE) : "memory"));
    INSN("mmio_hole_write", "mov %k0, (%1)", "r"(0), "r"(HOLE));
    BENCH("lapic_mmio_read_id", __asm__ volatile("mov (%1), %k0"
                                                 : "=r"(value)
                                                 : "r"(LAPIC_BASE + LAPIC_ID)
                                                 : "memory"));
    INSN("lapic_mmio_write_tpr", "mov %k0, (%1)", "r"(0), "r"(LAPIC_BASE + LAPIC_TPR));
}

static void own_upcalls(const char *name, void *handler)
{
    struct xen_hvm_evtchn_upcall_vector op = {.vcpu = 0, .vector = VECTOR_OWN};
    evtchn_port_t from, to;
    struct evtchn_send send;

    event_alloc(DOMID_SELF, DOMID_SELF, &from);
    event_bind_interdomain(DOMID_SELF, from, &to);
    send.port = from;
    bench_pending_word = &guest.shared->evtchn_pending[to / 64];
    bench_pending_mask = ~(1ul << to % 64);
    port_clear(to);
    vcpu_info()->evtchn_upcall_pending = 0;
    vcpu_info()->evtchn_pending_sel = 0;
    check_eq(hc_hvm_op(HVMOP_set_evtchn_upcall_vector, &op), 0);
    bench_trap(VECTOR_OWN, handler, 0);
    event_unmask(to);
    irqs_on();
    BENCH(name, hc_event_channel_op(EVTCHNOP_send, &send));
    irqs_off();
    event_close(from);
    event_close(to);
}

static void xapic(void)
{
    own_upcalls("evtchn_self_upcallvec_xapic_eoi_rt", bench_upcall_eoi_xapic);
    bench_trap(VECTOR_IPI, bench_eoi_xapic, 0);
    irqs_on();
    INSN("xapic_self_ipi_rt", "mov %k0, (%1)", "r"(ICR_SELF | VECTOR_IPI), "r"(LAPIC_BASE + LAPIC_ICR));
    bench_trap(VECTOR_IPI, bench_eoi_xapic_stamp, 0);
    BENCH_ENTRY("xapic_self_ipi_entry", *(volatile uint32_t *)(LAPIC_BASE + LAPIC_ICR) = ICR_SELF | VECTOR_IPI);
    irqs_off();
}

static void x2apic(void)
{
    lapic_x2_enable();
    BENCH("x2apic_rdmsr_id", rdmsr_only(0x802));
    BENCH("x2apic_wrmsr_tpr", wrmsr_only(0x808, 0));
    own_upcalls("evtchn_self_upcallvec_x2apic_eoi_rt", bench_upcall_eoi_x2apic);
    bench_trap(VECTOR_IPI, bench_eoi_x2apic, 0);
    irqs_on();
    BENCH("x2apic_self_ipi_rt", wrmsr_only(0x83f, VECTOR_IPI));
    bench_trap(VECTOR_IPI, bench_eoi_x2apic_stamp, 0);
    BENCH_ENTRY("x2apic_self_ipi_entry", wrmsr_only(0x83f, VECTOR_IPI));
    irqs_off();
}

static void grants(void)
{
    uint64_t from = virt_to_mfn(page_alloc());

    grant_init();
    grant_access(REF, domid_self(), from, 0);
    bench_copies(REF, from, virt_to_mfn(page_alloc()));
}

void test_main(void)
{
    bench_begin();
    lapic_enable();
    bench_hypercalls();
    bench_reservations();
    grants();
    instructions();
    control_registers();
    memory();
    xapic();
    x2apic();
}
