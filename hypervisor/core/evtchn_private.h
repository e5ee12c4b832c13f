/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of event channels and the two ways to show events to a guest. Included by
 * core/evtchn*.c only.
 *
 * Locks. evtchn_lock: opening, closing, moving ports of any domain. port->lock: a port's state; held
 * while an event is sent through it, so that closing waits for senders; never two at once. VIRQs and
 * pirqs are sent without a lock, with interrupts off: before a table's FIFO pages go, every CPU has to
 * answer an interrupt (fifo_reset).
 */
#ifndef CORE_EVTCHN_PRIVATE_H
#define CORE_EVTCHN_PRIVATE_H

#include <core/domain.h>
#include <core/evtchn.h>
#include <sched/sched.h>

struct port {
    struct spinlock lock;
    u8 state;      /* EVTCHNSTAT_* */
    u8 priority;   /* FIFO: 0..15 */
    u16 vcpu;      /* who is told */
    u16 fifo_vcpu; /* FIFO: the queue where it was linked last */
    u8 fifo_priority;
    bool pending_early; /* FIFO: an event came before there was a word for it */
    bool internal;      /* our own end of a channel, in a domain that cannot close it */
    union port_use {
        struct {
            struct domain *domain; /* lives while the channel does: its end would close this first */
            u32 port;
        } remote;      /* EVTCHNSTAT_interdomain */
        domid_t allow; /* EVTCHNSTAT_unbound: who may bind */
        u32 virq;
        u32 pirq;
    } use;
};
_Static_assert(sizeof(struct port) == 32, "128 ports a page");

/* A state besides those of the ABI, which calls it interdomain: the other end is internal. */
#define PORT_TO_INTERNAL 0x80

static inline bool port_is_interdomain(const struct port *p)
{
    return p->state == EVTCHNSTAT_interdomain || p->state == PORT_TO_INTERNAL;
}

#define PORTS_SHIFT 7
#define PORTS_CHUNK (1U << PORTS_SHIFT) /* struct port, one page */

#define PIRQS_SHIFT  6
#define PIRQS_CHUNK  (1U << PIRQS_SHIFT)
#define PIRQS_CHUNKS 64U

#define CLOSED_DYING 1
#define CLOSED_RESET 2

#define FIFO_WORDS (PAGE_SIZE / sizeof(event_word_t))
#define FIFO_PAGES (EVTCHN_FIFO_NR_CHANNELS / FIFO_WORDS)

struct evtchn_fifo {
    unsigned int nr_pages;
    event_word_t *page[FIFO_PAGES]; /* the guest's, each with a reference */
};

extern struct spinlock evtchn_lock;

struct evtchn_table {
    u8 closed;                /* CLOSED_*: no new ports */
    u32 max_port;             /* highest number that the domain may have */
    u32 nr_ports;             /* ports that have a struct port; grows */
    u32 first_free;           /* no free port below */
    u32 close_next;           /* progress of evtchn_domain_destroy */
    struct evtchn_fifo *fifo; /* NULL: two-level ABI */
    u32 *pirq_ports[PIRQS_CHUNKS];
    struct port *chunk[];
};

/* NULL: not a number that was ever in use. */
static inline struct port *port_find(struct domain *d, u32 port)
{
    struct evtchn_table *t = d->evtchn;

    if (unlikely(port >= READ_ONCE(t->nr_ports)))
        return NULL;
    return t->chunk[port >> PORTS_SHIFT] + (port & (PORTS_CHUNK - 1));
}

/* The vCPU that port p of d tells. */
static inline struct vcpu *port_vcpu(struct domain *d, const struct port *p) { return d->vcpu[p->vcpu]; }

/* Wakes vCPUs that poll for this port (sched_op poll). */
void evtchn_wake_pollers(struct domain *d, u32 port);

/*
 * ---- FIFO ABI (core/evtchn_fifo.c)
 * ----------------------------------------------------------------
 *
 * The first four: interrupts off, or the port's lock or evtchn_lock held, so that fifo_reset waits
 * for them.
 */

void fifo_set_pending(struct domain *d, struct port *p, u32 port);
void fifo_unmask(struct domain *d, struct port *p, u32 port);
void fifo_clear_pending(struct domain *d, u32 port);
bool fifo_is_pending(struct domain *d, u32 port);
/* Control operations; evtchn_lock taken inside. */
long op_init_control(struct domain *d, void *op);
long op_expand_array(struct domain *d, void *op);
/* Back to the two-level ABI, all pages given back; no port is open or can be opened. Interrupts on. */
void fifo_reset(struct domain *d);

/* ---- two-level ABI: words of shared_info ---- */

/* A 32-bit guest's: evtchn_pending is where it is for others, evtchn_mask right behind its 1024 bits; a word of
 * evtchn_pending_sel stands for 32 ports, and right behind the upcall's flags. */
static inline unsigned long *port_mask_words(struct domain *d)
{
    return d->narrow_info ? d->shared_info->evtchn_pending + 1024 / BITS_PER_LONG : d->shared_info->evtchn_mask;
}

void narrow_notify(struct domain *d, struct vcpu *v, u32 port);

static inline void two_level_notify(struct domain *d, struct vcpu *v, u32 port)
{
    if (unlikely(d->narrow_info))
        narrow_notify(d, v, port);
    else if (!test_bit(port, d->shared_info->evtchn_mask) &&
             !test_and_set_bit(port / BITS_PER_LONG, &v->info->evtchn_pending_sel))
        vcpu_mark_events_pending(v);
}

/* An event arrives at port p of d. p->lock held, or interrupts off. */
static inline void port_set_pending(struct domain *d, struct port *p, u32 port)
{
    if (READ_ONCE(d->evtchn->fifo)) {
        fifo_set_pending(d, p, port);
        return;
    }
    if (test_and_set_bit(port, d->shared_info->evtchn_pending))
        return;
    two_level_notify(d, port_vcpu(d, p), port);
    if (unlikely(READ_ONCE(d->nr_polling)))
        evtchn_wake_pollers(d, port);
}

#endif
