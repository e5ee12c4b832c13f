/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rig of the store daemon's unit tests: see rig.h. It stands in for lib/daemon_xen.c.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/daemon_xen.h"
#include "stored/connection.h"
#include "stored/domain.h"
#include "stored/journal.h"
#include "stored/quota.h"
#include "stored/ring.h"
#include "stored/store.h"
#include "stored/watch.h"

struct xenstore_domain_interface rig_page[RIG_DOMAINS];
bool rig_deaf[RIG_DOMAINS];
size_t rig_len;

static unsigned int states[RIG_DOMAINS];
static struct buf incoming[RIG_DOMAINS]; /* taken from the rings, not looked at yet */
static struct buf events[RIG_DOMAINS];   /* whole event messages */
static char answer[XENSTORE_PAYLOAD_MAX + 1];
static uint32_t next_req = 1;

unsigned int xen_domain_state(int domid) { return domid >= 0 && domid < RIG_DOMAINS ? states[domid] : 0; }

void *xen_map_ring(int domid, unsigned int reserved_grant, unsigned long mfn)
{
    (void)reserved_grant;
    (void)mfn;
    return &rig_page[domid];
}

void xen_unmap_ring(void *page) { (void)page; }

void *xen_map_dom0_ring(void) { return &rig_page[0]; }

void xen_unmap_dom0_ring(void *page) { (void)page; }

int xen_dom0_port(void) { return 3; }

int xen_event_bind(int domid, unsigned int remote_port)
{
    (void)remote_port;
    return 100 + domid;
}

void xen_event_unbind(int port) { (void)port; }

void xen_event_notify(int port) { (void)port; }

static void forget_clients(void)
{
    int i;

    for (i = 0; i < RIG_DOMAINS; i++) {
        buf_free(&incoming[i]);
        buf_free(&events[i]);
    }
}

int rig_start(void **state)
{
    int i;

    (void)state;
    memset(rig_page, 0, sizeof(rig_page));
    memset(states, 0, sizeof(states));
    memset(rig_deaf, 0, sizeof(rig_deaf));
    forget_clients();
    states[0] = XEN_DOMAIN_EXISTS;
    store_init();
    domain_add_dom0();
    domain_attach_restored();
    for (i = 0; i < QUOTA_COUNT; i++)
        quotas[i].limit = (unsigned int[]){1000, 128, 10, 256, 1024, 2621440, 2048, 2048, 5}[i];
    return 0;
}

void rig_kill(void)
{
    journal_close();
    while (domains) {
        struct domain *d = domains;

        domains = d->next;
        connection_free(d->conn);
        usage_forget(d->domid);
        free(d);
    }
    usage_forget(0);
    store_free();
}

void rig_restart(const char *journal)
{
    store_init();
    domain_add_dom0();
    assert_true(journal_load(journal));
    domain_attach_restored();
    journal_open(journal);
}

int rig_stop(void **state)
{
    (void)state;
    rig_kill();
    forget_clients();
    return 0;
}

void rig_set_state(int domid, unsigned int state) { states[domid] = state; }

void rig_exception(void)
{
    domain_scan();
    rig_run();
}

void rig_introduce(int domid)
{
    char text[32];
    int len;

    states[domid] = XEN_DOMAIN_EXISTS;
    len = snprintf(text, sizeof(text), "%d%c100%c1", domid, 0, 0) + 1;
    assert_ok(rig_call(0, XS_INTRODUCE, 0, text, len));
}

size_t rig_put(int domid, const void *data, size_t len)
{
    struct xenstore_domain_interface *page = &rig_page[domid];
    size_t room = XENSTORE_RING_SIZE - (page->req_prod - page->req_cons), i;
    bool notify = page->req_prod == page->req_cons; /* as Linux does: only if all was consumed */

    if (len > room)
        len = room;
    for (i = 0; i < len; i++)
        page->req[MASK_XENSTORE_IDX(page->req_prod + i)] = ((const char *)data)[i];
    page->req_prod += len;
    if (notify)
        domain_event(100 + domid);
    return len;
}

/* Empties a guest's side of the ring. True if there was anything. */
static bool take(int domid)
{
    struct xenstore_domain_interface *page = &rig_page[domid];
    bool any = false, full = page->rsp_prod - page->rsp_cons >= XENSTORE_RING_SIZE;

    while (!rig_deaf[domid] && page->rsp_cons != page->rsp_prod) {
        buf_add(&incoming[domid], &page->rsp[MASK_XENSTORE_IDX(page->rsp_cons)], 1);
        page->rsp_cons++;
        any = true;
    }
    if (any && full)
        domain_event(100 + domid); /* as Linux does: only if there was no room */
    return any;
}

void rig_run(void)
{
    bool any;
    int i;

    do {
        while (connection_run_all())
            ;
        any = false;
        for (i = 0; i < RIG_DOMAINS; i++)
            any |= take(i);
    } while (any);
}

static void buf_drop(struct buf *b, size_t len)
{
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

bool rig_next(int domid, struct xsd_sockmsg *hdr, char body[XENSTORE_PAYLOAD_MAX + 1])
{
    struct buf *b = &incoming[domid];

    if (b->len < sizeof(*hdr))
        return false;
    memcpy(hdr, b->data, sizeof(*hdr));
    assert_true(hdr->len <= XENSTORE_PAYLOAD_MAX);
    if (b->len < sizeof(*hdr) + hdr->len)
        return false;
    memcpy(body, b->data + sizeof(*hdr), hdr->len);
    body[hdr->len] = '\0';
    buf_drop(b, sizeof(*hdr) + hdr->len);
    return true;
}

const char *rig_call(int domid, uint32_t type, uint32_t tx, const char *payload, size_t len)
{
    struct xsd_sockmsg hdr = {.type = type, .req_id = next_req++, .tx_id = tx, .len = len}, got;
    struct buf out = {0};
    size_t done = 0;

    buf_add(&out, &hdr, sizeof(hdr));
    buf_add(&out, payload, len);
    while (done < out.len) {
        size_t put = rig_put(domid, out.data + done, out.len - done);

        assert_true(put > 0);
        done += put;
        rig_run();
    }
    buf_free(&out);
    while (rig_next(domid, &got, answer)) {
        if (got.type == XS_WATCH_EVENT) {
            buf_add(&events[domid], &got.len, sizeof(got.len));
            buf_add(&events[domid], answer, got.len);
            continue;
        }
        assert_int_equal(got.req_id, hdr.req_id);
        assert_int_equal(got.tx_id, tx);
        assert_true(got.type == type || got.type == XS_ERROR);
        rig_len = got.len;
        return answer;
    }
    return "(no answer)";
}

const char *rig_event(int domid)
{
    static char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg got;
    uint32_t len;

    while (rig_next(domid, &got, text)) {
        assert_int_equal(got.type, XS_WATCH_EVENT);
        buf_add(&events[domid], &got.len, sizeof(got.len));
        buf_add(&events[domid], text, got.len);
    }
    if (!events[domid].len)
        return "";
    memcpy(&len, events[domid].data, sizeof(len));
    memcpy(text, events[domid].data + sizeof(len), len);
    buf_drop(&events[domid], sizeof(len) + len);
    text[strlen(text)] = ' ';
    return text;
}

uint32_t rig_transaction(int domid) { return strtoul(RIG_CALL(domid, XS_TRANSACTION_START, 0, "\0"), NULL, 10); }
