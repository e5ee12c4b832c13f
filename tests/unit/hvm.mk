# HVM and PVH guests: what executes nothing privileged.
UNITS += vmx_controls
vmx_controls_SRCS := tests/unit/test_vmx_controls.c hypervisor/arch/x86/hvm/vmx/controls.c
vmx_controls_KIND := x86
