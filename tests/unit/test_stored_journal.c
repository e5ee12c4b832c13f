/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon is killed and started again: nodes, domains, watches, transactions, and requests and
 * answers that are half way, all go on. Killing is forgetting everything but the journal and the
 * rings, which are the guests'.
 */
#include "stored/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/daemon_xen.h"
#include "stored/connection.h"
#include "stored/domain.h"
#include "stored/journal.h"
#include "stored/quota.h"
#include "stored/store.h"

#define HOME "/local/domain/1"

static char path[64];

static int start(void **state)
{
    snprintf(path, sizeof(path), "/tmp/stored-journal-%d", getpid());
    rig_start(state);
    journal_open(path);
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "/data\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "\0n0\0r1\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "/data\0n1\0"));
    return 0;
}

static int stop(void **state)
{
    unlink(path);
    return rig_stop(state);
}

static void again(void)
{
    rig_kill();
    rig_restart(path);
    rig_run();
}

static bool list_node(const struct node *n, const char *name, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%s=%.*s ", name, n->value ? (int)n->value->len : 0, n->value ? n->value->data : "");
    perms_format(n->perms, out);
    return true;
}

/* All of the store as text. */
static struct buf listing(void)
{
    struct buf name = {0}, out = {0};

    buf_add(&name, "/", 1);
    tree_walk(store_root, &name, list_node, &out);
    buf_free(&name);
    return out;
}

static void nodes_stay(void **state)
{
    struct buf before, after;
    struct usage usage;
    uint32_t tx;

    (void)state;
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/b\0value"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/c\0\0\1\2"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, "/a/c\0n0\0r1\0b2\0"));
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"));
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/gone/x\0v"));
    assert_ok(RIG_CALL(0, XS_RM, 0, "/gone\0"));
    tx = rig_transaction(0);
    assert_ok(RIG_CALL(0, XS_WRITE, tx, "/a/in/transaction\0v"));
    assert_ok(RIG_CALL(0, XS_RM, tx, "/a/b\0"));
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
    before = listing();
    usage = *usage_of(1);
    again();
    after = listing();
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_int_equal(usage.nodes, usage_of(1)->nodes);
    assert_int_equal(usage.bytes, usage_of(1)->bytes);
    again();
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/in/transaction\0"), "v");
    buf_free(&before);
    buf_free(&after);
}

static void domains_stay(void **state)
{
    (void)state;
    rig_introduce(2);
    rig_introduce(3);
    assert_ok(RIG_CALL(0, XS_SET_TARGET, 0, "2\0001\0"));
    assert_ok(RIG_CALL(0, XS_RELEASE, 0, "3\0"));
    again();
    assert_string_equal(RIG_CALL(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "T");
    assert_string_equal(RIG_CALL(0, XS_IS_DOMAIN_INTRODUCED, 0, "3\0"), "F");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"));
    assert_ok(RIG_CALL(2, XS_WRITE, 0, HOME "/data/x\0v")); /* still acts for 1 */
    /* One that died while the daemon was away is buried when it is back. */
    rig_kill();
    rig_set_state(1, 0);
    rig_restart(path);
    rig_run();
    assert_string_equal(RIG_CALL(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "F");
    assert_string_equal(RIG_CALL(0, XS_READ, 0, HOME "/data\0"), "ENOENT");
    assert_string_equal(RIG_CALL(2, XS_GET_DOMAIN_PATH, 0, "2\0"), "/local/domain/2");
}

static void watches_stay(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0rel\0"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, HOME "/data\0abs\0"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0gone\0"));
    assert_ok(RIG_CALL(1, XS_UNWATCH, 0, "data\0gone\0"));
    while (*rig_event(1))
        ;
    again();
    /* All fire once, in case a change was lost with the daemon. */
    assert_string_equal(rig_event(1), "data rel");
    assert_string_equal(rig_event(1), HOME "/data abs");
    assert_string_equal(rig_event(1), "");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, HOME "/data/x\0v"));
    assert_string_equal(rig_event(1), "data/x rel");
    assert_string_equal(rig_event(1), HOME "/data/x abs");
    assert_ok(RIG_CALL(1, XS_RESET_WATCHES, 0, "\0"));
    again();
    assert_string_equal(rig_event(1), "");
}

/* A transaction that was open can be gone on with, but it ends in "try again". */
static void transactions_end(void **state)
{
    uint32_t tx = rig_transaction(1), closed = rig_transaction(1);

    (void)state;
    assert_ok(RIG_CALL(1, XS_WRITE, tx, "data/x\0v"));
    assert_ok(RIG_CALL(1, XS_TRANSACTION_END, closed, "T\0"));
    again();
    assert_ok(RIG_CALL(1, XS_WRITE, tx, "data/y\0v"));
    assert_string_equal(RIG_CALL(1, XS_READ, tx, "data/y\0"), "v");
    assert_string_equal(RIG_CALL(1, XS_TRANSACTION_END, tx, "T\0"), "EAGAIN");
    assert_string_equal(RIG_CALL(1, XS_READ, 0, "data/y\0"), "ENOENT");
    assert_string_equal(RIG_CALL(1, XS_TRANSACTION_END, closed, "T\0"), "ENOENT");
    assert_true(rig_transaction(1) > closed);
}

static void put_request(int domid, uint32_t type, uint32_t req_id, const char *payload, size_t len)
{
    struct xsd_sockmsg hdr = {.type = type, .req_id = req_id, .len = len};

    assert_int_equal(rig_put(domid, &hdr, sizeof(hdr)), sizeof(hdr));
    assert_int_equal(rig_put(domid, payload, len), len);
}

/* A request that stands in the ring when the daemon dies is answered by the next one. */
static void request_waits(void **state)
{
    struct xsd_sockmsg hdr;
    char body[XENSTORE_PAYLOAD_MAX + 1];

    (void)state;
    put_request(1, XS_READ, 77, "data", 5);
    again();
    assert_true(rig_next(1, &hdr, body));
    assert_int_equal(hdr.type, XS_READ);
    assert_int_equal(hdr.req_id, 77);
}

/* Killed after the work and before the answer: answered, and not done twice. */
static void answer_lost(void **state)
{
    struct xenstore_domain_interface *page = &rig_page[1];
    XENSTORE_RING_IDX cons = page->req_cons, prod = page->rsp_prod;
    struct xsd_sockmsg hdr;
    char body[XENSTORE_PAYLOAD_MAX + 1];

    (void)state;
    put_request(1, XS_WATCH, 78, "data\0tok", 9);
    while (connection_run_all())
        ;
    assert_int_equal(usage_of(1)->watches, 1);
    /* As if neither the answer nor the index had got into the page. */
    page->req_cons = cons;
    page->rsp_prod = prod;
    /* And the next one dies too, just before it has a journal of its own. */
    rig_kill();
    store_init();
    domain_add_dom0();
    assert_true(journal_load(path));
    domain_attach_restored();
    again();
    assert_true(rig_next(1, &hdr, body));
    assert_int_equal(hdr.req_id, 78);
    assert_int_equal(hdr.type, XS_WATCH); /* and not EEXIST */
    assert_int_equal(usage_of(1)->watches, 1);
    assert_string_equal(rig_event(1), "data tok");
    assert_string_equal(rig_event(1), "");
    assert_int_equal(page->req_cons, page->req_prod);
}

/* The same for a commit that came to nothing: the next daemon does not know the transaction, but what became of it. */
static void failure_lost(void **state)
{
    struct xenstore_domain_interface *page = &rig_page[1];
    XENSTORE_RING_IDX cons, prod;
    struct xsd_sockmsg hdr = {.type = XS_TRANSACTION_END, .req_id = 79, .tx_id = rig_transaction(1), .len = 2};
    char body[XENSTORE_PAYLOAD_MAX + 1];

    (void)state;
    RIG_CALL(1, XS_READ, hdr.tx_id, "data/x\0");
    assert_ok(RIG_CALL(0, XS_WRITE, 0, HOME "/data/x\0v"));
    cons = page->req_cons;
    prod = page->rsp_prod;
    rig_put(1, &hdr, sizeof(hdr));
    rig_put(1, "T", 2);
    while (connection_run_all())
        ;
    page->req_cons = cons;
    page->rsp_prod = prod;
    again();
    assert_true(rig_next(1, &hdr, body));
    assert_int_equal(hdr.req_id, 79);
    assert_string_equal(body, "EAGAIN");
}

/* Killed in the middle of an answer that is longer than the ring. */
static void answer_torn(void **state)
{
    struct xenstore_domain_interface *page = &rig_page[1];
    char value[3000], body[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg hdr;

    (void)state;
    memset(value, 'v', sizeof(value));
    memcpy(value, HOME "/data/long", sizeof(HOME "/data/long"));
    assert_ok(rig_call(0, XS_WRITE, 0, value, sizeof(value)));
    put_request(1, XS_READ, 79, "data/long", 10);
    while (connection_run_all())
        ;
    assert_int_equal(page->rsp_prod - page->rsp_cons, XENSTORE_RING_SIZE);
    again();
    assert_true(rig_next(1, &hdr, body));
    assert_int_equal(hdr.req_id, 79);
    assert_int_equal(hdr.len, sizeof(value) - sizeof(HOME "/data/long"));
    assert_int_equal(strspn(body, "v"), hdr.len);
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"));
}

/* Killed in the middle of a request that is longer than the ring. */
static void request_torn(void **state)
{
    char payload[3000], body[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg hdr = {.type = XS_WRITE, .req_id = 80, .len = sizeof(payload)};
    size_t done = 0;

    (void)state;
    quotas[QUOTA_NODE_SIZE].limit = 4096;
    memset(payload, 'v', sizeof(payload));
    memcpy(payload, "data/long", 10);
    assert_int_equal(rig_put(1, &hdr, sizeof(hdr)), sizeof(hdr));
    while (done < sizeof(payload)) {
        size_t put = rig_put(1, payload + done, sizeof(payload) - done);

        assert_true(put > 0);
        done += put;
        rig_run();
        again();
    }
    assert_true(rig_next(1, &hdr, body));
    assert_int_equal(hdr.req_id, 80);
    assert_string_equal(body, "OK");
    RIG_CALL(1, XS_READ, 0, "data/long\0");
    assert_int_equal(rig_len, sizeof(payload) - 10);
}

/* A file that was cut off anywhere, or is no journal, is read as far as it goes. */
static void damaged(void **state)
{
    char copy[80];
    struct stat st;
    off_t cut;

    (void)state;
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/a/b\0value"));
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0t\0"));
    assert_int_equal(stat(path, &st), 0);
    snprintf(copy, sizeof(copy), "%s.copy", path);
    rig_kill();
    for (cut = 0; cut < st.st_size; cut += 37) {
        char data[65536];
        int from = open(path, O_RDONLY), to = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ssize_t len = read(from, data, sizeof(data));

        assert_int_equal(len, st.st_size);
        if (cut % 2)
            data[cut] ^= 0x40; /* damaged in the middle */
        else
            len = cut; /* cut off */
        assert_int_equal(write(to, data, len), len);
        close(from);
        close(to);
        store_init();
        domain_add_dom0();
        journal_load(copy);
        domain_attach_restored();
        assert_non_null(tree_find(store_root, "/tool"));
        rig_kill();
    }
    unlink(copy);
    rig_restart(path);
    rig_run();
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/a/b\0"), "value");
}

/* The file does not grow with the number of changes. */
static void renewed(void **state)
{
    char payload[1000];
    struct stat st;
    int i, len;

    (void)state;
    memset(payload, 'v', sizeof(payload));
    for (i = 0; i < 20000; i++) {
        len = snprintf(payload, sizeof(payload), "/a/%d", i % 10) + 1;
        assert_ok(rig_call(0, XS_WRITE, 0, payload, sizeof(payload)));
        payload[len - 1] = 'v';
    }
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 3 * 1024 * 1024);
    again();
    RIG_CALL(0, XS_READ, 0, "/a/7\0");
    assert_int_equal(rig_len, sizeof(payload) - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_stay, start, stop),
        cmocka_unit_test_setup_teardown(domains_stay, start, stop),
        cmocka_unit_test_setup_teardown(watches_stay, start, stop),
        cmocka_unit_test_setup_teardown(transactions_end, start, stop),
        cmocka_unit_test_setup_teardown(request_waits, start, stop),
        cmocka_unit_test_setup_teardown(answer_lost, start, stop),
        cmocka_unit_test_setup_teardown(failure_lost, start, stop),
        cmocka_unit_test_setup_teardown(answer_torn, start, stop),
        cmocka_unit_test_setup_teardown(request_torn, start, stop),
        cmocka_unit_test_setup_teardown(damaged, start, stop),
        cmocka_unit_test_setup_teardown(renewed, start, stop),
    };

    return cmocka_run_group_tests_name("stored: journal", tests, NULL, NULL);
}
