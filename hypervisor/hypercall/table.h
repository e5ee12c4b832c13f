/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every hypercall: one row each. HYPERCALL(number's name, handler, number of arguments, who may
 * call it). The dispatch table, the restart of long operations and docs/abi/ are made from these
 * rows. Numbers: xen/xen.h.
 *
 * Who: ANY guest kernel; PRIV: some operations are for a privileged domain only, checked by the
 * handler.
 */
HYPERCALL(set_trap_table, do_set_trap_table, 1, ANY)
HYPERCALL(mmu_update, do_mmu_update, 4, ANY)
HYPERCALL(set_gdt, do_set_gdt, 2, ANY)
HYPERCALL(stack_switch, do_stack_switch, 2, ANY)
HYPERCALL(set_callbacks, do_set_callbacks, 3, ANY)
HYPERCALL(fpu_taskswitch, do_fpu_taskswitch, 1, ANY)
HYPERCALL(platform_op, do_platform_op, 1, PRIV)
HYPERCALL(set_debugreg, do_set_debugreg, 2, ANY)
HYPERCALL(get_debugreg, do_get_debugreg, 1, ANY)
HYPERCALL(update_descriptor, do_update_descriptor, 2, ANY)
HYPERCALL(memory_op, do_memory_op, 2, PRIV)
HYPERCALL(multicall, do_multicall, 2, ANY)
HYPERCALL(update_va_mapping, do_update_va_mapping, 3, ANY)
HYPERCALL(set_timer_op, do_set_timer_op, 1, ANY)
HYPERCALL(xen_version, do_xen_version, 2, ANY)
HYPERCALL(console_io, do_console_io, 3, PRIV)
HYPERCALL(grant_table_op, do_grant_table_op, 3, ANY)
HYPERCALL(vm_assist, do_vm_assist, 2, ANY)
HYPERCALL(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain, 4, ANY)
HYPERCALL(iret, do_iret, 0, ANY)
HYPERCALL(vcpu_op, do_vcpu_op, 3, ANY)
HYPERCALL(set_segment_base, do_set_segment_base, 2, ANY)
HYPERCALL(mmuext_op, do_mmuext_op, 4, ANY)
HYPERCALL(nmi_op, do_nmi_op, 2, ANY)
HYPERCALL(sched_op, do_sched_op, 2, ANY)
HYPERCALL(callback_op, do_callback_op, 2, ANY)
HYPERCALL(event_channel_op, do_event_channel_op, 2, ANY)
HYPERCALL(physdev_op, do_physdev_op, 2, PRIV)
HYPERCALL(sysctl, do_sysctl, 1, PRIV)
HYPERCALL(domctl, do_domctl, 1, PRIV)
HYPERCALL(arch_0, do_mca, 1, PRIV)
