# Scheduler, timers and softirqs over arch/host.
SCHED_BASE := hypervisor/arch/host/host.c hypervisor/lib/bitops.c hypervisor/lib/spinlock.c \
              hypervisor/sched/softirq.c hypervisor/time/timer.c hypervisor/sched/core.c hypervisor/sched/fair.c \
              hypervisor/core/operation.c tests/unit/world.c \
              tests/unit/machine.c

UNITS += timer sched
timer_SRCS := tests/unit/test_timer.c $(SCHED_BASE)
sched_SRCS := tests/unit/test_sched.c $(SCHED_BASE)

# ./check sched-sim: the fairness that the scheduler promises, in simulated time.
PROGRAMS += sched_sim
sched_sim_SRCS   := tests/unit/sched_sim.c $(SCHED_BASE)
sched_sim_CFLAGS := -O2

# Grant tables, whole hypercalls, in two domains.
UNITS += grant
grant_SRCS := tests/unit/test_grant.c hypervisor/core/grant.c hypervisor/core/grant_map.c \
              hypervisor/core/grant_copy.c $(SCHED_BASE)

# Event channels, and what a guest says to the scheduler, whole hypercalls; sets of ranges.
UNITS += evtchn sched_op rangeset
EVTCHN      := hypervisor/core/evtchn.c hypervisor/core/evtchn_fifo.c hypervisor/core/rangeset.c
evtchn_SRCS := tests/unit/test_evtchn.c $(EVTCHN) $(SCHED_BASE)
rangeset_SRCS := tests/unit/test_rangeset.c hypervisor/core/rangeset.c $(SCHED_BASE)
sched_op_SRCS := tests/unit/test_sched_op.c hypervisor/hypercall/sched_op.c hypervisor/hypercall/vcpu_op.c \
                 $(EVTCHN) $(SCHED_BASE)
