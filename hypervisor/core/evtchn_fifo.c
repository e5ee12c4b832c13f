/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FIFO ABI of event channels (xen/event_channel.h, "FIFO ABI"): a word for each port in pages
 * of the guest, and for each vCPU a control block with the heads of 16 queues, one a priority. We
 * link words at the tail, the guest takes them off at the head. All of it is the guest's memory and
 * may change under us: whatever it holds is used as a number to write back, never as an index of
 * ours. Called by evtchn.c.
 *
 * A word is linked by whoever sets its LINKED bit, under the lock of the queue that it goes to. The tail of a queue is
 * ours; it is believed only while the tail's word is still LINKED in this queue:
 *
 *     us (queue locked)                       the guest
 *     tail = q->tail                          head = control->head
 *     cmpxchg word[tail]: if LINKED,          cmpxchg word[head]: clears LINKED and takes LINK
 *         LINK = port                         LINK 0: the queue is empty
 *     else head = port, set ready
 */
#include <core/evtchn_private.h>
#include <mm/heap.h>

#define WORD_PENDING (1U << EVTCHN_FIFO_PENDING)
#define WORD_MASKED  (1U << EVTCHN_FIFO_MASKED)
#define WORD_LINKED  (1U << EVTCHN_FIFO_LINKED)
#define WORD_BUSY    (1U << EVTCHN_FIFO_BUSY)

struct fifo_queue {
    struct spinlock lock; /* taken with interrupts off */
    u32 tail;             /* 0: empty, as far as we know */
};

struct evtchn_fifo_vcpu {
    struct evtchn_fifo_control_block *control; /* in a page of the guest, with a reference */
    struct fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

/* NULL: the array does not reach so far, or it is just being given back. */
static inline event_word_t *word_of(struct domain *d, u32 port)
{
    struct evtchn_fifo *f = READ_ONCE(d->evtchn->fifo);

    if (unlikely(!f || port / FIFO_WORDS >= READ_ONCE(f->nr_pages)))
        return NULL;
    return f->page[port / FIFO_WORDS] + port % FIFO_WORDS;
}

/* ---- queues ---- */

#define LINK_TRIES 4

/*
 * Lets the tail's word point to port. False: the guest has taken the tail off already, so the queue
 * is empty. A guest that keeps changing the word is told by BUSY to wait; one that goes on has its
 * event treated as the first of an empty queue.
 */
static bool tail_link(event_word_t *tail, u32 port)
{
    event_word_t w = __atomic_load_n(tail, __ATOMIC_SEQ_CST), new;
    bool linked = false;

    for (unsigned int tries = 0; tries < 2 * LINK_TRIES && !linked; tries++) {
        if (tries == LINK_TRIES)
            w = __atomic_fetch_or(tail, WORD_BUSY, __ATOMIC_SEQ_CST) | WORD_BUSY;
        if (!(w & WORD_LINKED))
            break;
        new = (w & ~(WORD_BUSY | EVTCHN_FIFO_LINK_MASK)) | port;
        linked = __atomic_compare_exchange_n(tail, &w, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (!linked && (w & WORD_BUSY))
        __atomic_fetch_and(tail, ~WORD_BUSY, __ATOMIC_SEQ_CST);
    return linked;
}

/* The word's LINKED bit was set under the queue's lock, which is held: puts port at its end. True: the vCPU must be
 * told. */
static bool queue_append(struct domain *d, struct evtchn_fifo_vcpu *fv, u8 priority, u32 port)
{
    struct fifo_queue *q = &fv->queue[priority];
    /* A port that is the tail itself was taken off, or it could not be linked now: empty. */
    event_word_t *tail = q->tail && q->tail != port ? word_of(d, q->tail) : NULL;
    bool first = !tail || !tail_link(tail, port);

    if (first)
        WRITE_ONCE(fv->control->head[priority], port);
    q->tail = port;
    /* The head is written before the guest may look for it. */
    return first && !(__atomic_fetch_or(&fv->control->ready, 1U << priority, __ATOMIC_SEQ_CST) & 1U << priority);
}

/*
 * One try, in the queue that the port was in last: its word is linked there, or the port leaves for the queue where it
 * belongs now. LINKED is set under that queue's lock only: whoever appends to the queue meanwhile would take a tail
 * that is LINKED, but not yet at the end, for the end, and both words would be lost to the guest. For the same reason a
 * port that is still LINKED does not leave, and one that leaves is no queue's tail. False: try again.
 */
static bool queue_try(struct domain *d, struct port *p, event_word_t *word, u32 port)
{
    u16 vcpu = READ_ONCE(p->vcpu), last = READ_ONCE(p->fifo_vcpu);
    u8 priority = READ_ONCE(p->priority), last_priority = READ_ONCE(p->fifo_priority);
    bool stays = last == vcpu && last_priority == priority, tell = false;
    struct evtchn_fifo_vcpu *fv = d->vcpu[last]->fifo;

    if (fv) {
        struct fifo_queue *q = &fv->queue[last_priority];

        spin_guard_irqsave(&q->lock);
        if (p->fifo_vcpu != last || p->fifo_priority != last_priority)
            return false;
        if (stays)
            tell = !(__atomic_fetch_or(word, WORD_LINKED, __ATOMIC_SEQ_CST) & WORD_LINKED) &&
                   queue_append(d, fv, last_priority, port);
        else if (__atomic_load_n(word, __ATOMIC_SEQ_CST) & WORD_LINKED)
            return true; /* the guest finds it there */
        else if (q->tail == port)
            q->tail = 0;
        if (!stays) {
            p->fifo_vcpu = vcpu;
            p->fifo_priority = priority;
        }
    } else if (!stays) {
        p->fifo_vcpu = vcpu;
        p->fifo_priority = priority;
    } /* else no control block: it stays pending until the guest gives one and looks */
    if (tell)
        vcpu_mark_events_pending(d->vcpu[last]);
    return stays;
}

static void word_link(struct domain *d, struct port *p, event_word_t *word, u32 port)
{
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) & (WORD_MASKED | WORD_LINKED))
        return;
    while (!queue_try(d, p, word, port))
        cpu_relax();
}

/* ---- events ---- */

void fifo_set_pending(struct domain *d, struct port *p, u32 port)
{
    event_word_t *word = word_of(d, port);
    bool was;

    if (unlikely(!word)) {
        p->pending_early = true;
        return;
    }
    was = __atomic_fetch_or(word, WORD_PENDING, __ATOMIC_SEQ_CST) & WORD_PENDING;
    word_link(d, p, word, port);
    if (!was && unlikely(READ_ONCE(d->nr_polling)))
        evtchn_wake_pollers(d, port);
}

void fifo_unmask(struct domain *d, struct port *p, u32 port)
{
    event_word_t *word = word_of(d, port);

    if (!word)
        return;
    if (__atomic_fetch_and(word, ~WORD_MASKED, __ATOMIC_SEQ_CST) & WORD_PENDING)
        word_link(d, p, word, port);
}

void fifo_clear_pending(struct domain *d, u32 port)
{
    event_word_t *word = word_of(d, port);

    if (word)
        __atomic_fetch_and(word, ~WORD_PENDING, __ATOMIC_SEQ_CST);
}

bool fifo_is_pending(struct domain *d, u32 port)
{
    event_word_t *word = word_of(d, port);

    return word && (READ_ONCE(*word) & WORD_PENDING);
}

/* ---- control ---- */

/* A page that the guest gives for us to write to; NULL when it is not one of its own. */
static void *guest_page_get(struct domain *d, u64 gfn)
{
    struct frame *f = mfn_get_writable(arch_gfn_to_mfn(d, _gfn(gfn)), d);

    return f ? mfn_to_virt(frame_mfn(f)) : NULL;
}

static void guest_page_put(void *page) { frame_put_and_type(virt_frame(page)); }

/* From now on d uses this ABI. Events that were pending are taken along when their words come.
 * evtchn_lock held. */
static int fifo_start(struct domain *d)
{
    struct evtchn_table *t = d->evtchn;
    struct evtchn_fifo *f;

    if (t->fifo)
        return 0;
    f = mem_alloc_object(struct evtchn_fifo);
    if (!f)
        return -ENOMEM;
    for (u32 port = 1; port < min(t->nr_ports, (u32)EVTCHN_2L_NR_CHANNELS); port++)
        if (test_and_clear_bit(port, d->shared_info->evtchn_pending))
            port_find(d, port)->pending_early = true;
    __atomic_store_n(&t->fifo, f, __ATOMIC_RELEASE);
    return 0;
}

long op_init_control(struct domain *d, void *op)
{
    struct evtchn_init_control *c = op;
    struct vcpu *v = domain_vcpu(d, c->vcpu);
    struct evtchn_fifo_vcpu *fv;
    char *page;
    int rc;

    if (!v)
        return -ENOENT;
    if (c->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || (c->offset & 7))
        return -EINVAL;
    page = guest_page_get(d, c->control_gfn);
    if (!page)
        return -EINVAL;
    spin_guard(&evtchn_lock);
    fv = mem_alloc_object(struct evtchn_fifo_vcpu);
    rc = v->fifo ? -EINVAL : !fv ? -ENOMEM : fifo_start(d);
    if (rc) {
        mem_free(fv);
        guest_page_put(page);
        return rc;
    }
    fv->control = (void *)(page + c->offset);
    for (unsigned int i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        spin_lock_init(&fv->queue[i].lock, LOCK_EVTCHN_FIFO);
    __atomic_store_n(&v->fifo, fv, __ATOMIC_RELEASE);
    c->link_bits = EVTCHN_FIFO_LINK_BITS;
    return 0;
}

long op_expand_array(struct domain *d, void *op)
{
    struct evtchn_expand_array *e = op;
    struct evtchn_fifo *f;
    event_word_t *page;
    u32 port, end;

    spin_guard(&evtchn_lock);
    f = d->evtchn->fifo;
    if (!f || f->nr_pages == FIFO_PAGES)
        return f ? -ENOSPC : -EOPNOTSUPP;
    page = guest_page_get(d, e->array_gfn);
    if (!page)
        return -EINVAL;
    port = f->nr_pages * FIFO_WORDS;
    end = min(port + (u32)FIFO_WORDS, d->evtchn->nr_ports);
    f->page[f->nr_pages] = page;
    __atomic_store_n(&f->nr_pages, f->nr_pages + 1, __ATOMIC_RELEASE);
    for (; port < end; port++) {
        struct port *p = port_find(d, port);

        spin_guard(&p->lock);
        if (p->pending_early && p->state != EVTCHNSTAT_closed)
            fifo_set_pending(d, p, port);
        p->pending_early = false;
    }
    return 0;
}

static void answer(void *arg) { (void)arg; }

void evtchn_vcpu_free(struct vcpu *v)
{
    struct evtchn_fifo_vcpu *fv = v->fifo;

    if (!fv)
        return;
    v->fifo = NULL;
    guest_page_put((void *)((unsigned long)fv->control & PAGE_MASK));
    mem_free(fv);
}

void fifo_reset(struct domain *d)
{
    struct evtchn_table *t = d->evtchn;
    struct evtchn_fifo *f;
    struct vcpu *v;

    spin_lock(&evtchn_lock);
    f = t->fifo;
    WRITE_ONCE(t->fifo, NULL);
    spin_unlock(&evtchn_lock);
    if (!f)
        return;
    /* Senders of VIRQs and pirqs use the pages without a lock, but with interrupts off: once each
     * CPU answered, they are through. */
    arch_call_on(&cpu_online_map, answer, NULL);
    for_each_vcpu (d, v)
        evtchn_vcpu_free(v);
    for (unsigned int i = 0; i < f->nr_pages; i++)
        guest_page_put(f->page[i]);
    mem_free(f);
}
