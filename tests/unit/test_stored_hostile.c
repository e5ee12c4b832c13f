/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does what it wants with its ring: nonsense in indices and headers, endless floods,
 * random requests. The daemon must stay whole, other clients must be served, and the guest must
 * find its way back by the reconnection protocol (xenstore-ring document).
 */
#include "stored/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stored/connection.h"
#include "stored/domain.h"
#include "stored/quota.h"

#define HOME "/local/domain/1"

static int start(void **state)
{
    rig_start(state);
    rig_introduce(1);
    assert_ok(RIG_CALL(0, XS_MKDIR, 0, HOME "/data\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "\0n0\0r1\0"));
    assert_ok(RIG_CALL(0, XS_SET_PERMS, 0, HOME "/data\0n1\0"));
    return 0;
}

static void others_are_served(void)
{
    assert_ok(RIG_CALL(0, XS_WRITE, 0, "/alive\0v"));
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/alive\0"), "v");
    assert_ok(RIG_CALL(0, XS_CONTROL, 0, "check\0"));
}

static void reconnect(int domid)
{
    rig_page[domid].connection = XENSTORE_RECONNECT;
    domain_event(100 + domid);
    rig_run();
    assert_int_equal(rig_page[domid].connection, XENSTORE_CONNECTED);
    assert_int_equal(rig_page[domid].error, XENSTORE_ERROR_NONE);
    assert_int_equal(rig_page[domid].req_prod, 0);
    assert_int_equal(rig_page[domid].rsp_prod, 0);
    assert_ok(RIG_CALL(domid, XS_WRITE, 0, "data/back\0v"));
}

static void bad_request_index(void **state)
{
    (void)state;
    rig_page[1].req_prod = rig_page[1].req_cons + XENSTORE_RING_SIZE + 1;
    domain_event(101);
    rig_run();
    assert_int_equal(rig_page[1].error, XENSTORE_ERROR_RINGIDX);
    others_are_served();
    reconnect(1);
}

/* The producer index goes back behind bytes that were looked at already. */
static void shrinking_request(void **state)
{
    (void)state;
    rig_put(1, "\0\0\0\0\0\0\0\0", 8);
    rig_run();
    rig_page[1].req_prod -= 4;
    domain_event(101);
    rig_run();
    assert_int_equal(rig_page[1].error, XENSTORE_ERROR_RINGIDX);
    others_are_served();
    reconnect(1);
}

static void bad_reply_index(void **state)
{
    struct xsd_sockmsg hdr = {.type = XS_READ, .req_id = 1, .len = 2};

    (void)state;
    rig_page[1].rsp_cons = rig_page[1].rsp_prod + 5;
    rig_put(1, &hdr, sizeof(hdr));
    rig_put(1, "/", 2);
    connection_run_all();
    assert_int_equal(rig_page[1].error, XENSTORE_ERROR_RINGIDX);
    rig_page[1].rsp_cons = rig_page[1].rsp_prod;
    others_are_served();
    reconnect(1);
}

static void too_long(void **state)
{
    struct xsd_sockmsg hdr = {.type = XS_READ, .req_id = 1, .len = XENSTORE_PAYLOAD_MAX + 1};

    (void)state;
    rig_put(1, &hdr, sizeof(hdr));
    rig_run();
    assert_int_equal(rig_page[1].error, XENSTORE_ERROR_PROTO);
    others_are_served();
    reconnect(1);
    hdr.len = 0xffffffff;
    rig_put(1, &hdr, sizeof(hdr));
    rig_run();
    assert_int_equal(rig_page[1].error, XENSTORE_ERROR_PROTO);
    reconnect(1);
}

/* The longest message there is goes through a ring that is a quarter of it. */
static void longest(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX];

    (void)state;
    memset(payload, 'v', sizeof(payload));
    memcpy(payload, "/long", 6);
    assert_ok(rig_call(0, XS_WRITE, 0, payload, sizeof(payload)));
    RIG_CALL(0, XS_READ, 0, "/long\0");
    assert_int_equal(rig_len, sizeof(payload) - 6);
}

static void reconnect_drops_all(void **state)
{
    (void)state;
    assert_ok(RIG_CALL(1, XS_WATCH, 0, "data\0t\0"));
    rig_event(1);
    assert_true(rig_transaction(1) > 0);
    reconnect(1);
    assert_string_equal(rig_event(1), "");
    assert_int_equal(usage_of(1)->watches, 0);
    assert_int_equal(usage_of(1)->transactions, 0);
    assert_int_equal(usage_of(1)->queued, 0);
}

/* However many requests a guest has in line, dom0's waits for one of them and not for all. */
static void flood(void **state)
{
    struct xsd_sockmsg hdr = {.type = XS_READ, .len = 2};
    struct xenstore_domain_interface *page = &rig_page[1];
    int i;

    (void)state;
    for (i = 0; i < 40; i++) {
        rig_put(1, &hdr, sizeof(hdr));
        rig_put(1, "/", 2);
    }
    hdr.type = XS_GET_DOMAIN_PATH;
    rig_put(0, &hdr, sizeof(hdr));
    rig_put(0, "1", 2);
    connection_run_all();
    assert_true(rig_page[0].rsp_prod != rig_page[0].rsp_cons);
    assert_true(page->req_prod - page->req_cons >= 39 * 18);
}

/* A guest that spoils dom0's transactions has to wait; dom0 gets done, and the guest goes on. */
static void spoiler(void **state)
{
    struct xsd_sockmsg hdr;
    char body[XENSTORE_PAYLOAD_MAX + 1];
    uint32_t tx = rig_transaction(0);

    (void)state;
    assert_string_equal(RIG_CALL(0, XS_READ, tx, HOME "/data/x\0"), "ENOENT");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0v"));
    assert_string_equal(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"), "EAGAIN");
    assert_string_equal(RIG_CALL(1, XS_WRITE, 0, "data/x\0w"), "(no answer)");
    tx = rig_transaction(0);
    assert_string_equal(RIG_CALL(0, XS_READ, tx, HOME "/data/x\0"), "v");
    assert_ok(RIG_CALL(0, XS_TRANSACTION_END, tx, "T\0"));
    assert_in_range(connection_resume_due(), 1, 100);
    usleep(120000);
    connection_resume_due();
    rig_run();
    assert_true(rig_next(1, &hdr, body));
    assert_string_equal(body, "OK");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0x"));
    /* What guests do to each other is not dom0's to judge. */
    rig_introduce(2);
    tx = rig_transaction(2);
    RIG_CALL(2, XS_READ, tx, HOME "/data/x\0");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0y"));
    assert_string_equal(RIG_CALL(2, XS_TRANSACTION_END, tx, "T\0"), "EAGAIN");
    assert_ok(RIG_CALL(1, XS_WRITE, 0, "data/x\0z"));
}

static uint32_t pick(uint32_t below) { return random() % below; }

/* A plausible payload, sometimes damaged. */
static size_t random_payload(char *out)
{
    static const char *const words[] = {
        "/",      "data",  "data/a", "data/a/b", HOME "/data", HOME,   "/tool", "@releaseDomain",
        "x",      "n1",    "r2",     "b1",       "w0",         "T",    "F",     "1",
        "0",      "token", "99999",  "-1",       "data//",     "/a/b", "",      "check",
        "data/c", "quota", "n0",     "65536",    "help",       "log",  "on",    "data/a/b/c/d/e",
    };
    size_t len = 0, count = pick(5), i;

    for (i = 0; i < count; i++) {
        const char *word = words[pick(sizeof(words) / sizeof(words[0]))];

        memcpy(out + len, word, strlen(word) + 1);
        len += strlen(word) + 1;
    }
    if (len && pick(8) == 0)
        out[pick(len)] = random();
    if (len && pick(8) == 0)
        len--;
    if (pick(50) == 0) {
        memset(out + len, random(), 2000);
        len += 2000;
    }
    return len;
}

static void random_requests(void **state)
{
    char payload[4096];
    unsigned long i;

    (void)state;
    srandom(7);
    rig_introduce(2);
    for (i = 0; i < 60000; i++) {
        int domid = 1 + pick(2);
        uint32_t type = pick(12) ? pick(XS_TYPE_COUNT) : (uint32_t)random();
        uint32_t tx = pick(3) ? 0 : pick(12);
        size_t len = random_payload(payload);
        const char *answer = rig_call(domid, type, tx, payload, len);

        assert_string_not_equal(answer, "(no answer)");
        while (*rig_event(1) || *rig_event(2))
            ;
        if (i % 5000 == 0)
            others_are_served();
    }
    /* Whatever they did, they did it to themselves. */
    assert_string_equal(RIG_CALL(0, XS_READ, 0, "/tool\0"), "");
    assert_ok(RIG_CALL(0, XS_RELEASE, 0, "1\0"));
    assert_ok(RIG_CALL(0, XS_RELEASE, 0, "2\0"));
    assert_ok(RIG_CALL(0, XS_RM, 0, "/local\0"));
    assert_int_equal(usage_of(1)->nodes, 0);
    assert_int_equal(usage_of(1)->bytes, 0);
    assert_int_equal(usage_of(2)->nodes, 0);
    assert_int_equal(usage_of(2)->bytes, 0);
    assert_int_equal(usage_of(2)->transactions, 0);
    assert_int_equal(usage_of(2)->watches, 0);
}

/* Not even messages: any bytes, any indices, at any time. */
static void random_bytes(void **state)
{
    struct xenstore_domain_interface *page = &rig_page[1];
    unsigned long i, j;

    (void)state;
    srandom(11);
    for (i = 0; i < 20000; i++) {
        switch (pick(8)) {
        case 0: page->req_prod = random(); break;
        case 1: page->rsp_cons = random(); break;
        case 2: page->connection = pick(3); break;
        case 3: page->req_cons = page->req_prod; break;
        default:
            for (j = 0; j < 64; j++)
                page->req[pick(XENSTORE_RING_SIZE)] = pick(3) ? 0 : random();
            page->req_prod = page->req_cons + pick(XENSTORE_RING_SIZE + 1);
        }
        domain_event(101);
        for (j = 0; j < 20 && connection_run_all(); j++)
            ;
        page->rsp_cons = page->rsp_prod;
    }
    others_are_served();
    reconnect(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bad_request_index, start, rig_stop),
        cmocka_unit_test_setup_teardown(shrinking_request, start, rig_stop),
        cmocka_unit_test_setup_teardown(bad_reply_index, start, rig_stop),
        cmocka_unit_test_setup_teardown(too_long, start, rig_stop),
        cmocka_unit_test_setup_teardown(longest, start, rig_stop),
        cmocka_unit_test_setup_teardown(reconnect_drops_all, start, rig_stop),
        cmocka_unit_test_setup_teardown(flood, start, rig_stop),
        cmocka_unit_test_setup_teardown(spoiler, start, rig_stop),
        cmocka_unit_test_setup_teardown(random_requests, start, rig_stop),
        cmocka_unit_test_setup_teardown(random_bytes, start, rig_stop),
    };

    return cmocka_run_group_tests_name("stored: hostile guests", tests, NULL, NULL);
}
