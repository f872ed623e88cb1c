/* What `penstockctl dead` says of a message, whatever is in it. */
#include "backend/ctl/dead.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct broker_death death = {(char *)"rejected", (char *)"solution.a", (char *)"penstock",
                                    1700000000, 1};

static struct broker_delivery message(const char *body, const char *id, const char *key)
{
    return (struct broker_delivery){.queue = (char *)DEAD_QUEUE,
                                    .routing_key = (char *)key,
                                    .message_id = (char *)id,
                                    .type = (char *)"solution",
                                    .timestamp_s = 1700000000,
                                    .body = (void *)body,
                                    .len = strlen(body),
                                    .death = &death};
}

static char *solution(const char *network)
{
    struct solution_message m = {.network = network, .received_us = INT64_C(1600000000000000)};
    size_t len;

    uuid_v7(&m.id);
    for (size_t i = 0; i < SOLUTION_FIELDS; i++)
        m.field[i] = (struct text){"1", 1};
    char *body = solution_build(&m, &len);
    assert_non_null(body);
    return body;
}

static void test_sound_message(void **state)
{
    char *body = solution("litecoin");
    struct broker_delivery d = message(body, "some-id", "solution.litecoin");
    struct dead_letter letter;

    (void)state;
    dead_letter_read(&letter, &d);
    assert_string_equal(letter.id, "some-id");
    assert_string_equal(letter.kind, "solution");
    assert_string_equal(letter.network, "litecoin");
    assert_string_equal(letter.reason, "rejected");
    assert_int_equal(letter.received_s, 1600000000); /* the frontend's, not the property's */
    assert_null(letter.wrong);
    d.routing_key = (char *)"solution.other";
    dead_letter_read(&letter, &d);
    assert_string_equal(letter.wrong, "its network is not that of its queue");
    free(body);
}

static void test_hostile_message(void **state)
{
    char id[DEAD_TEXT_MAX + 2];
    struct broker_delivery d = message("no\x1b[1m JSON", "\x1b]0;\xff", "nodot");
    struct dead_letter letter;

    (void)state;
    d.type = NULL;
    d.death = NULL;
    d.timestamp_s = UINT64_MAX;
    dead_letter_read(&letter, &d);
    assert_string_equal(letter.id, "?]0;?");
    assert_string_equal(letter.kind, "-");
    assert_string_equal(letter.network, "-");
    assert_string_equal(letter.reason, "-");
    assert_string_equal(letter.wrong, "not JSON");
    assert_true(letter.received_s >= 0);
    /* no id, an empty one, one too long: its body names it, the same each time */
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    for (const char *const *p = (const char *const[]){"", id, NULL}; *p != NULL; p++) {
        d.message_id = (char *)*p;
        dead_letter_read(&letter, &d);
        assert_int_equal(strncmp(letter.id, "sha256-", 7), 0);
        assert_int_equal(strlen(letter.id), 7 + 24);
    }
    id[DEAD_TEXT_MAX] = '\0';
    dead_letter_read(&letter, &d);
    assert_string_equal(letter.id, id);
}

static void test_route(void **state)
{
    struct broker_delivery d = message("x", NULL, "solution.litecoin");
    char route[DEAD_ROUTE_SIZE];

    (void)state;
    dead_route(&d, route);
    assert_string_equal(route, "solution.litecoin");
    d.len = SOLUTION_SMALL_MAX + 1; /* as an older frontend queued it */
    dead_route(&d, route);
    assert_string_equal(route, "solution.litecoin.large");
    d.routing_key = (char *)"solution.litecoin.large";
    dead_route(&d, route);
    assert_string_equal(route, "solution.litecoin.large");
    d.len = 5;
    dead_route(&d, route);
    assert_string_equal(route, "solution.litecoin");
    d.routing_key = (char *)"share.litecoin";
    dead_route(&d, route);
    assert_string_equal(route, "share.litecoin");
}

static void test_json(void **state)
{
    struct broker_delivery d = message("\xff", NULL, "solution.litecoin");
    json_t *json = dead_body_json(&d);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "body_hex")), "ff");
    assert_null(json_object_get(json, "body"));
    json_decref(json);
    d = message("a\n\x01", NULL, "\xfe.\xfe");
    d.death = NULL;
    json = dead_body_json(&d);
    assert_string_equal(json_string_value(json_object_get(json, "body")), "a\n\x01");
    assert_string_equal(json_string_value(json_object_get(json, "routing_key")), "?.?");
    assert_true(json_is_null(json_object_get(json, "died")));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_message),
        cmocka_unit_test(test_hostile_message),
        cmocka_unit_test(test_route),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
