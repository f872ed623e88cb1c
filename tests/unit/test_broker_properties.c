/* What common/broker makes of a message's properties, honest and hostile ones. */
#include "common/broker/broker-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY(k) amqp_cstring_bytes(k)
#define TEXT(s)                                                                                    \
    {                                                                                              \
        AMQP_FIELD_KIND_UTF8,                                                                      \
        {                                                                                          \
            .bytes = amqp_cstring_bytes(s)                                                         \
        }                                                                                          \
    }
#define NUMBER(n)                                                                                  \
    {                                                                                              \
        AMQP_FIELD_KIND_I64,                                                                       \
        {                                                                                          \
            .i64 = (n)                                                                             \
        }                                                                                          \
    }

static struct broker_delivery *read(amqp_table_entry_t *headers, int n)
{
    struct broker_delivery *d = calloc(1, sizeof *d);
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {n, headers}};

    broker_properties_read(&p, d);
    return d;
}

static void test_death(void **state)
{
    amqp_table_entry_t latest[] = {
        {KEY("count"), NUMBER(2)},
        {KEY("reason"), TEXT("delivery_limit")},
        {KEY("queue"), TEXT("solution.litecoin")},
        {KEY("time"), {AMQP_FIELD_KIND_TIMESTAMP, {.u64 = 1700000000}}},
        {KEY("exchange"), TEXT("penstock")},
    };
    amqp_table_entry_t first[] = {{KEY("reason"), TEXT("rejected")}};
    amqp_field_value_t deaths[] = {{AMQP_FIELD_KIND_TABLE, {.table = {5, latest}}},
                                   {AMQP_FIELD_KIND_TABLE, {.table = {1, first}}}};
    amqp_table_entry_t headers[] = {
        {KEY("x-delivery-count"), NUMBER(7)},
        {KEY("x-death"), {AMQP_FIELD_KIND_ARRAY, {.array = {2, deaths}}}},
    };
    struct broker_delivery *d = read(headers, 2);

    (void)state;
    assert_int_equal(d->delivery_count, 7);
    assert_string_equal(d->death->reason, "delivery_limit");
    assert_string_equal(d->death->queue, "solution.litecoin");
    assert_string_equal(d->death->exchange, "penstock");
    assert_int_equal(d->death->time_s, 1700000000);
    assert_int_equal(d->death->count, 2);
    broker_delivery_free(&d);
}

static void test_hostile_headers(void **state)
{
    amqp_table_entry_t odd[] = {{KEY("reason"), NUMBER(1)},
                                {KEY("count"), TEXT("many")},
                                {KEY("time"), NUMBER(-5)},
                                {KEY("queue"), TEXT("")}};
    /* cppcheck-suppress legacyUninitvar; it is being initialized */
    amqp_field_value_t table = {AMQP_FIELD_KIND_TABLE, {.table = {4, odd}}};
    amqp_field_value_t text = TEXT("x");
    amqp_table_entry_t deaths[] = {
        {KEY("x-death"), TEXT("soon")},
        {KEY("x-death"), {AMQP_FIELD_KIND_ARRAY, {.array = {0, NULL}}}},
        {KEY("x-death"), {AMQP_FIELD_KIND_ARRAY, {.array = {1, &text}}}},
        {KEY("x-death"), {AMQP_FIELD_KIND_ARRAY, {.array = {1, &table}}}},
    };
    struct broker_delivery *d;

    (void)state;
    for (int i = 0; i < 3; i++) {
        d = read(&deaths[i], 1);
        assert_null(d->death);
        broker_delivery_free(&d);
    }
    d = read(&deaths[3], 1);
    assert_string_equal(d->death->reason, "");
    assert_string_equal(d->death->queue, "");
    assert_string_equal(d->death->exchange, "");
    assert_int_equal(d->death->time_s, 0);
    assert_int_equal(d->death->count, 0);
    broker_delivery_free(&d);
}

static void test_properties(void **state)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG |
                                           AMQP_BASIC_TIMESTAMP_FLAG,
                                 .message_id = amqp_cstring_bytes("id"),
                                 .type = amqp_empty_bytes,
                                 .timestamp = UINT64_MAX};
    struct broker_delivery *d = calloc(1, sizeof *d);

    (void)state;
    broker_properties_read(&p, d);
    assert_string_equal(d->message_id, "id");
    assert_string_equal(d->type, "");
    assert_true(d->timestamp_s == UINT64_MAX);
    assert_null(d->death);
    broker_delivery_free(&d);
    d = calloc(1, sizeof *d);
    p._flags = 0;
    broker_properties_read(&p, d);
    assert_null(d->message_id);
    assert_null(d->type);
    assert_int_equal(d->timestamp_s, 0);
    broker_delivery_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_death),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_properties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
