# Scheduler, timers and softirqs over arch/host.
SCHED_BASE := hypervisor/arch/host/host.c hypervisor/lib/bitops.c hypervisor/lib/spinlock.c \
              hypervisor/core/softirq.c hypervisor/time/timer.c hypervisor/sched/core.c hypervisor/sched/fair.c \
              tests/unit/world.c tests/unit/machine.c

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
