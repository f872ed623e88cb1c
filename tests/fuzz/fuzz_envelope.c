/* The AMQP envelope: the properties and headers of a message as they come off the wire, and what
 * the worker and the operator's tools make of message and envelope together. The input is two
 * bytes of length (big-endian), so many bytes of properties, and the body. */
#include "tests/fuzz/fuzz.h"

#include "backend/ctl/dead.h"
#include "backend/worker/item.h"
#include "common/base/mem.h"
#include "common/broker/broker-private.h"

#include <amqp_framing.h>
#include <stdlib.h>
#include <string.h>

static struct broker_delivery *new_delivery(const uint8_t *body, size_t len)
{
    struct broker_delivery *d = mem_zalloc(sizeof *d);

    d->queue = mem_strdup("solution.litecoin");
    d->routing_key = mem_strdup("solution.litecoin");
    d->body = mem_zalloc(len);
    memcpy(d->body, body, len);
    d->len = len;
    return d;
}

/* What was decoded is read without harm. False when the library refuses the bytes. */
static bool read_properties(amqp_bytes_t encoded, struct broker_delivery *d)
{
    amqp_pool_t pool;
    void *decoded;

    init_amqp_pool(&pool, 4096);
    const bool good =
        amqp_decode_properties(AMQP_BASIC_CLASS, &pool, encoded, &decoded) == AMQP_STATUS_OK;
    if (good)
        broker_properties_read(decoded, d);
    empty_amqp_pool(&pool);
    return good;
}

static void check_texts(const struct broker_delivery *d)
{
    if (!d->death)
        return;
    assert(d->death->reason && d->death->queue && d->death->exchange);
}

/* For people: printable, and never without an id. */
static void check_letter(const struct broker_delivery *d)
{
    struct dead_letter letter;

    dead_letter_read(&letter, d);
    assert(letter.id[0] != '\0' && strlen(letter.id) <= DEAD_TEXT_MAX);
    for (const char *p = letter.id; *p; p++)
        assert(*p > ' ' - 1 && *p < 0x7f);
    json_t *json = dead_body_json(d);
    assert(json);
    char *text = json_dumps(json, 0);
    assert(text);
    free(text);
    json_decref(json);
}

/* *D is NULL afterwards when it became an item. */
static void check_item(struct broker_delivery **d, bool of_jobs)
{
    const char *wrong = NULL;
    struct item *item = item_new(*d, "litecoin", of_jobs, &wrong);

    assert((item == NULL) == (wrong != NULL));
    if (!item)
        return;
    *d = NULL;
    assert(strcmp(item->in.msg.network, "litecoin") == 0 && item->in.of_job == of_jobs);
    item_free(&item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const size_t announced = (size_t)data[0] << 8 | data[1];
    const size_t n = announced < size - 2 ? announced : size - 2;
    const amqp_bytes_t encoded = {n, (void *)(uintptr_t)(data + 2)};
    struct broker_delivery *d = new_delivery(data + 2 + n, size - 2 - n);

    if (read_properties(encoded, d)) {
        check_texts(d);
        check_letter(d);
        check_item(&d, false);
        if (d)
            check_item(&d, true);
    }
    if (d)
        broker_delivery_free(&d);
    return 0;
}
