/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every hypercall: one row each. HYPERCALL(number's name, handler, number of arguments, which
 * guests have it, who may call it). The dispatch tables, the restart of long operations and
 * docs/abi/ are made from these rows. Numbers: xen/xen.h.
 *
 * Guests: PV, HVM, or ALL. Others get -ENOSYS.
 * Who: ANY guest kernel; PRIV: some operations are for a privileged domain only, checked by the
 * handler.
 */
HYPERCALL(set_trap_table, do_set_trap_table, 1, PV, ANY)
HYPERCALL(mmu_update, do_mmu_update, 4, PV, ANY)
HYPERCALL(set_gdt, do_set_gdt, 2, PV, ANY)
HYPERCALL(stack_switch, do_stack_switch, 2, PV, ANY)
HYPERCALL(set_callbacks, do_set_callbacks, 3, PV, ANY)
HYPERCALL(fpu_taskswitch, do_fpu_taskswitch, 1, PV, ANY)
HYPERCALL(platform_op, do_platform_op, 1, ALL, PRIV)
HYPERCALL(set_debugreg, do_set_debugreg, 2, PV, ANY)
HYPERCALL(get_debugreg, do_get_debugreg, 1, PV, ANY)
HYPERCALL(update_descriptor, do_update_descriptor, 2, PV, ANY)
HYPERCALL(memory_op, do_memory_op, 2, ALL, PRIV)
HYPERCALL(multicall, do_multicall, 2, ALL, ANY)
HYPERCALL(update_va_mapping, do_update_va_mapping, 3, PV, ANY)
HYPERCALL(set_timer_op, do_set_timer_op, 1, ALL, ANY)
HYPERCALL(xen_version, do_xen_version, 2, ALL, ANY)
HYPERCALL(console_io, do_console_io, 3, ALL, PRIV)
HYPERCALL(grant_table_op, do_grant_table_op, 3, ALL, ANY)
HYPERCALL(vm_assist, do_vm_assist, 2, ALL, ANY)
HYPERCALL(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain, 4, PV, ANY)
HYPERCALL(iret, do_iret, 0, PV, ANY)
HYPERCALL(vcpu_op, do_vcpu_op, 3, ALL, ANY)
HYPERCALL(set_segment_base, do_set_segment_base, 2, PV, ANY)
HYPERCALL(mmuext_op, do_mmuext_op, 4, ALL, ANY)
HYPERCALL(nmi_op, do_nmi_op, 2, PV, ANY)
HYPERCALL(sched_op, do_sched_op, 2, ALL, ANY)
HYPERCALL(callback_op, do_callback_op, 2, PV, ANY)
HYPERCALL(event_channel_op, do_event_channel_op, 2, ALL, ANY)
HYPERCALL(hvm_op, do_hvm_op, 2, ALL, ANY)
HYPERCALL(dm_op, do_dm_op, 3, ALL, PRIV)
HYPERCALL(physdev_op, do_physdev_op, 2, PV, PRIV)
HYPERCALL(sysctl, do_sysctl, 1, ALL, PRIV)
HYPERCALL(domctl, do_domctl, 1, ALL, PRIV)
HYPERCALL(arch_0, do_mca, 1, PV, PRIV)
