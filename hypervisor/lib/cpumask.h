/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of physical CPUs.
 */
#ifndef LIB_CPUMASK_H
#define LIB_CPUMASK_H

#define NR_CPUS 256

struct cpumask {
    unsigned long bits[BITS_TO_LONGS(NR_CPUS)];
};

/* CPUs that run hypervisor code and schedule; how many there are; one past the highest. */
extern struct cpumask cpu_online_map;
extern unsigned int nr_cpu_ids;

#define cpumask_all ((struct cpumask){.bits = {[0 ... BITS_TO_LONGS(NR_CPUS) - 1] = ~0UL}})

static inline void cpumask_clear(struct cpumask *m) { *m = (struct cpumask){}; }

static inline bool cpumask_test(const struct cpumask *m, unsigned int cpu) { return test_bit(cpu, m->bits); }

static inline void cpumask_set(struct cpumask *m, unsigned int cpu) { set_bit(cpu, m->bits); }

static inline void cpumask_unset(struct cpumask *m, unsigned int cpu) { clear_bit(cpu, m->bits); }

static inline struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
    struct cpumask r;

    for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
        r.bits[i] = a->bits[i] & b->bits[i];
    return r;
}

static inline bool cpumask_intersects(const struct cpumask *a, const struct cpumask *b)
{
    for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
        if (a->bits[i] & b->bits[i])
            return true;
    return false;
}

static inline bool cpumask_empty(const struct cpumask *m) { return !cpumask_intersects(m, m); }

static inline unsigned int cpumask_weight(const struct cpumask *m)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
        n += popcount64(m->bits[i]);
    return n;
}

/* First CPU of the set at or after start; NR_CPUS or more when there is none. */
static inline unsigned int cpumask_next(const struct cpumask *m, unsigned int start)
{
    return find_next_bit(m->bits, NR_CPUS, start);
}

/* The same, and from the beginning when there is none. */
static inline unsigned int cpumask_next_wrap(const struct cpumask *m, unsigned int start)
{
    unsigned int cpu = cpumask_next(m, start);

    return cpu < NR_CPUS ? cpu : cpumask_next(m, 0);
}

#define for_each_cpu(cpu, m)     for ((cpu) = cpumask_next(m, 0); (cpu) < NR_CPUS; (cpu) = cpumask_next(m, (cpu) + 1))
#define for_each_online_cpu(cpu) for_each_cpu (cpu, &cpu_online_map)

#endif
