/* What a message's properties and headers say. Any of it may be missing or of another type: a
 * publisher in enemy hands writes what it likes. */
#include "common/base/mem.h"
#include "common/broker/broker-private.h"

#include <stdlib.h>
#include <string.h>

char *broker_bytes_dup(amqp_bytes_t bytes)
{
    return mem_strndup(bytes.len ? bytes.bytes : "", bytes.len);
}

/* RabbitMQ writes a long, but any integer is one. */
static uint64_t integer(const amqp_field_value_t *v)
{
    int64_t i;

    switch (v->kind) {
    case AMQP_FIELD_KIND_U8:
        return v->value.u8;
    case AMQP_FIELD_KIND_U16:
        return v->value.u16;
    case AMQP_FIELD_KIND_U32:
        return v->value.u32;
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        return v->value.u64;
    case AMQP_FIELD_KIND_I8:
        i = v->value.i8;
        break;
    case AMQP_FIELD_KIND_I16:
        i = v->value.i16;
        break;
    case AMQP_FIELD_KIND_I32:
        i = v->value.i32;
        break;
    case AMQP_FIELD_KIND_I64:
        i = v->value.i64;
        break;
    default:
        i = 0;
    }
    return i > 0 ? (uint64_t)i : 0;
}

static const amqp_field_value_t *find(const amqp_table_t *table, const char *name)
{
    size_t len = strlen(name);

    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *e = &table->entries[i];

        if (e->key.len == len && memcmp(e->key.bytes, name, len) == 0)
            return &e->value;
    }
    return NULL;
}

static uint64_t find_integer(const amqp_table_t *table, const char *name)
{
    const amqp_field_value_t *v = find(table, name);

    return v ? integer(v) : 0;
}

static char *find_text(const amqp_table_t *table, const char *name)
{
    const amqp_field_value_t *v = find(table, name);

    return mem_strndup(
        v && v->kind == AMQP_FIELD_KIND_UTF8 && v->value.bytes.len ? v->value.bytes.bytes : "",
        v && v->kind == AMQP_FIELD_KIND_UTF8 ? v->value.bytes.len : 0);
}

/* x-death lists the deaths, latest first; a message that was published anew died once. */
static struct broker_death *read_death(const amqp_table_t *headers)
{
    const amqp_field_value_t *list = find(headers, "x-death");
    const amqp_table_t *death;

    if (!list || list->kind != AMQP_FIELD_KIND_ARRAY || list->value.array.num_entries < 1 ||
        list->value.array.entries[0].kind != AMQP_FIELD_KIND_TABLE)
        return NULL;
    death = &list->value.array.entries[0].value.table;
    struct broker_death *d = mem_zalloc(sizeof(*d));
    d->reason = find_text(death, "reason");
    d->queue = find_text(death, "queue");
    d->exchange = find_text(death, "exchange");
    d->time_s = find_integer(death, "time");
    d->count = find_integer(death, "count");
    return d;
}

void broker_death_free(struct broker_death **d)
{
    if (!*d)
        return;
    free((*d)->reason);
    free((*d)->queue);
    free((*d)->exchange);
    free(*d);
    *d = NULL;
}

void broker_properties_read(const amqp_basic_properties_t *p, struct broker_delivery *d)
{
    if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        d->message_id = broker_bytes_dup(p->message_id);
    if (p->_flags & AMQP_BASIC_TYPE_FLAG)
        d->type = broker_bytes_dup(p->type);
    if (p->_flags & AMQP_BASIC_TIMESTAMP_FLAG)
        d->timestamp_s = p->timestamp;
    if (!(p->_flags & AMQP_BASIC_HEADERS_FLAG))
        return;
    d->delivery_count = find_integer(&p->headers, "x-delivery-count");
    d->death = read_death(&p->headers);
}
