# The rule of page types and the operations on page tables, over a machine of their own (pv/machine.c).
CFLAGS_pv := $(OURS) -I $(TOP)/tests/unit/pv/include \
             -I $(TOP)/hypervisor/arch/x86/include -I $(TOP)/hypervisor -I $(TOP)/tests/unit
PV_BASE   := $(addprefix tests/unit/pv/,machine.c audit.c) \
             $(addprefix hypervisor/,lib/bitops.c lib/spinlock.c core/rangeset.c mm/frame.c mm/domain_memory.c mm/heap.c \
             mm/slab.c hypercall/memory_reservation.c) \
             $(addprefix hypervisor/arch/x86/pv/,types.c isolate.c mmu.c mmu_update.c mmuext.c roots.c descriptor.c grant_map.c)

UNITS += types_sim
types_sim_SRCS := tests/unit/pv/types_sim.c $(PV_BASE)
types_sim_KIND := pv

UNITS += p2m_sim
p2m_sim_SRCS   := tests/unit/pv/p2m_sim.c $(PV_BASE) $(addprefix hypervisor/arch/x86/,mm/p2m.c mm/p2m_dirty.c \
                  mm/physmap.c hvm/guest_memory.c)
p2m_sim_KIND   := pv
p2m_sim_CFLAGS := -DSIM_FRAMES=4096UL

# The real files of x86 as far as they execute nothing privileged.
CFLAGS_x86 := $(OURS) -I $(TOP)/hypervisor/arch/x86/include -I $(TOP)/hypervisor

UNITS += cpuid_fault
cpuid_fault_SRCS := tests/unit/test_cpuid_fault.c $(addprefix hypervisor/arch/x86/,pv/emulate_priv.c pv/msr.c \
                    $(addprefix emulate/,access.c alu.c decode.c emulate.c execute.c string.c system.c table.c vector.c))
cpuid_fault_KIND := x86

# The frame of saved contexts, over made-up records.
UNITS += hvm_save
hvm_save_SRCS := tests/unit/test_hvm_save.c hypervisor/arch/x86/hvm/save.c
hvm_save_KIND := pv
