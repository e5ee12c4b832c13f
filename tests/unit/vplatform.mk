# The virtual platform of HVM guests, over arch/host with x86's HVM objects.
CFLAGS_hvm := $(OURS) -fms-extensions -I $(TOP)/tests/unit/hvm/include \
              -I $(TOP)/hypervisor/arch/host/include -I $(TOP)/hypervisor -I $(TOP)/tests/unit \
              -idirafter $(TOP)/hypervisor/arch/x86/include
PLATFORM := tests/unit/hvm/rig.c hypervisor/lib/date.c \
            $(addprefix hypervisor/arch/x86/hvm/platform/,platform.c lines.c vtimer.c vlapic.c vlapic_ipi.c \
            vlapic_timer.c ioapic.c pic.c pit.c hpet.c rtc.c pm.c)

UNITS += vlapic
vlapic_SRCS := tests/unit/test_vlapic.c $(PLATFORM) $(SCHED_BASE)
vlapic_KIND := hvm

UNITS += vplatform
vplatform_SRCS := tests/unit/test_vplatform.c $(PLATFORM) $(SCHED_BASE)
vplatform_KIND := hvm

# An access of an HVM guest, to a device model and back.
UNITS += ioreq
ioreq_SRCS := tests/unit/test_ioreq.c $(addprefix hypervisor/arch/x86/hvm/,io.c ioreq.c) hypervisor/core/rangeset.c \
              $(SCHED_BASE)
ioreq_KIND := hvm
